/* check_conformance.c - the tests of conformance/; run from the repository root */
#include "helpers.h"

#define SUITES(X) X(npy) X(dump) X(names) X(rows) X(noise) X(verdict) X(lockstep) X(lockstep_bent) X(report)

#define DECLARE(name) Suite *name##_suite(void);
#define NAME(name) name##_suite,
SUITES(DECLARE)
static MakeSuite *const suites[] = { SUITES(NAME) };

int main(void) { return run_suites(suites, COUNT(suites)); }
