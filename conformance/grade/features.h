/* features.h - arithmetic that a port may choose beside its dtype, by name
 *
 * Hugging Face computes otherwise, and a port that does so is right. Each is a rule of the reference's operations
 * (run/tap.h), which replays follow and the oracle does not: docs/tolerances.md has what honest dumps with it show.
 */
#ifndef PLUMB_FEATURES_H
#define PLUMB_FEATURES_H

#include <stddef.h>

#include "run/tap.h"

typedef struct {
    Feature flag;
    const char *name;     /* "gelu-table-f16" */
    const char *sentence; /* what a backend with it does */
} FeatureName;

extern const FeatureName features_all[]; /* ends with a NULL name */
enum { FEATURE_NAMES_SIZE = 256 };       /* bytes that all names need, each with a "+" before it */

unsigned feature_flag(const char *name, size_t length); /* 0 if there is none of that name */

#endif
