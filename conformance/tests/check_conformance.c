/* check_conformance.c - the tests of conformance/; run from the repository root */
#include "helpers.h"

/* clang-format off */
#define SUITES(X) X(npy) X(dump) X(names) X(tap_name) X(rows) X(extent) X(generation) X(noise) X(scores) X(ties) \
                  X(contests) X(choices) X(choices_open) X(suppressed) X(verdict) X(scales) X(gates) X(lockstep) \
                  X(lockstep_bent) X(lockstep_text) X(lockstep_steps) X(vision_mask) X(report) X(bugs) X(diagnose) \
                  X(unknown_defects) X(evidence) X(bound) X(class_check) X(explain) X(dry_run) X(resampling) \
                  X(preprocessing) X(patch_steps) X(diagnose_patches) X(judged_inputs)
/* clang-format on */

#define DECLARE(name) Suite *name##_suite(void);
#define NAME(name) name##_suite,
SUITES(DECLARE)
static MakeSuite *const suites[] = { SUITES(NAME) };

int main(void) { return run_suites(suites, COUNT(suites)); }
