/* manifest.h - manifest.json: what is in a package, what came of it, and who says so */
#ifndef PLUMB_MANIFEST_H
#define PLUMB_MANIFEST_H

#include "submission/mustpass.h"
#include "submission/package.h"

enum { SUBMISSION_FORMAT = 1 };

/* Adds the manifest to the package, of all that is in it already. results is not taken over. */
void manifest_add(Package *package, const Mustpass *list, const json_t *results, const char *kernel);

/* Every member is in the manifest with its size and sum, and nothing else is; the list is ours. */
void manifest_check(const json_t *manifest, const Package *package, const char *path, Error *error);
void manifest_check_list(const json_t *manifest, const Mustpass *list, const char *path, Error *error);

/* Two reports on the same dump: the same bytes, outcome, steps and verdicts, and ratios within a tenth, as between
 * machines. NULL: they agree; otherwise why not. */
const char *reports_differ(const json_t *first, const json_t *second, Arena *arena);

#endif
