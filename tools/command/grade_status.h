/* grade_status.h - the exit status that a grade ends in */
#ifndef PLUMB_GRADE_STATUS_H
#define PLUMB_GRADE_STATUS_H

#include "command/grade_arguments.h"
#include "grade/grade.h"

/* Fills in what --strict does not let pass, and why the grade is incomplete. */
Status grade_status(Grade *grade, const Dump *dump, GradeCommand *command);

/* After an error of the judge: where no array of the dump is known, they are listed with their nearest taps, and the
 * status is that nothing was graded; where all that are known have other shapes, these are. Else bad input */
Status refused_status(GradeCommand *command, const Dump *dump);

/* Prints what is left over of the names, after the report's own words. */
void names_left_text(FILE *out, const GradeCommand *command, const Grade *grade, const Dump *dump);

/* An error where no array of the dump has a name that --only asks for */
void check_only(const GradeCommand *command, const Dump *dump, Error *error);

#endif
