/* findings.h - what diagnose says of a dump */
#ifndef PLUMB_FINDINGS_H
#define PLUMB_FINDINGS_H

#include "diagnose/diagnose.h"
#include "dumps.h"

typedef struct {
    Diagnosis *diagnosis;
    Grade *grade;
} Finding;

/* only: globs or NULL */
Finding find(const char *folder, const char *dump_file, const char *class, const char *const *only);
/* The same of a backend that caches keys and values as these codes */
Finding find_cached(const char *folder, const char *dump_file, const char *class, InputCodes cache);
void finding_free(Finding finding);
const char *first_name(Finding finding); /* "none" */

#endif
