/* merged_grade.h - numbers of shards held against the dump and the command, which takes no pass
 *
 * Reports of shards come from other machines. What a step's numbers are nobody knows who does not grade it; but which
 * steps there are, how many rows of the dump they have, how many samples they say and which ends belong to them.
 */
#ifndef PLUMB_MERGED_GRADE_H
#define PLUMB_MERGED_GRADE_H

#include "command/grade_arguments.h"

/* An error where the steps are not the dump's. Its class is set; limits of ends become the class's. */
void merged_grade_check(Grade *grade, const Dump *dump, const GradeCommand *command, Error *error);

#endif
