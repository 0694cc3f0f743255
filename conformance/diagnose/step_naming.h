/* step_naming.h - bent steps one after the other, each with the bugs that make it straight */
#ifndef PLUMB_STEP_NAMING_H
#define PLUMB_STEP_NAMING_H

#include "diagnose/diagnosis.h"
#include "diagnose/suspects.h"

void name_one_after_the_other(Diagnosis *d, Suspects *suspects);
int add_named(Diagnosis *d, const Bug *bug);                                      /* returns its place */
void list_equals(Diagnosis *d, const Suspects *suspects, const Suspect *named); /* its rivals */
void mark_explained(const Suspects *suspects, const bool *straight); /* the bent steps that are straight then */
void show_candidates(Diagnosis *d, const Suspects *suspects);

bool is_unexplained(const Suspects *suspects, int step); /* bent, and no bug that is named makes it straight */
int first_unexplained(const Suspects *suspects);         /* -1: there is none */

#endif
