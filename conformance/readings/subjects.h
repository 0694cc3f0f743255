/* subjects.h - models with bugs, models that are read otherwise, and dry runs, in the honest model's place */
#ifndef PLUMB_SUBJECTS_H
#define PLUMB_SUBJECTS_H

#include "bugs/switch/dry_run.h"
#include "lockstep/trial.h"

/* All follow the reading of the masks that the options say. Models and dry runs stay the caller's. */
Subject subject_of(const Trial *trial); /* the honest model, in that reading */
Subject subject_with_bugs(BuggyModel *model, const GradeOptions *options);
Subject subject_of_dry_run(DryRun *dry, const GradeOptions *options);

#endif
