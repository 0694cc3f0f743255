/* version.c - what the Makefile says */
#include "report/version.h"

#ifndef PLUMB_VERSION
#error "the Makefile defines PLUMB_VERSION and PLUMB_COMMIT"
#endif

const char plumb_version[] = PLUMB_VERSION;
const char plumb_commit[] = PLUMB_COMMIT;
