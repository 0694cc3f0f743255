/* class_check.h - whether a dump's arithmetic is what its backend declares
 *
 * Errors have a size in each class. A dump that is bent in the declared class may be straight in one of wider noise:
 * then what it says of itself is wrong, and no step is. A dump that is straight may err far less than its class does
 * where a step has several operations: then something computes in a wider dtype and rounds at the end.
 */
#ifndef PLUMB_CLASS_CHECK_H
#define PLUMB_CLASS_CHECK_H

#include <jansson.h>
#include <stdio.h>

#include "readings/cache_check.h"

typedef struct {
    const ArithmeticClass *declared;
    const ArithmeticClass
        *fits;        /* the tightest in which every step is straight and errs as in that class; NULL: none */
    int telling;      /* steps of which honest errors are well above the rounding of their results */
    int rounded_once; /* of these, steps that err as if nothing but their results had been rounded */
    int inexact;      /* steps that err at all */
    int unrounded;    /* of these, steps that err less than the rounding of their results makes them */
    bool wider;       /* so many of either that it computes in a wider dtype than it declares */
    CacheCheck cache; /* what else it declares of its numbers */
} ClassCheck;

/* grade: the trial's, in the declared class. Only where many steps are bent, and bent as a class bends them, that class
 * costs a grade. */
ClassCheck class_check(const Trial *trial, const Grade *grade, Error *error);
void class_check_text(FILE *out, const ClassCheck *check); /* lines, or nothing */
json_t *class_check_json(const ClassCheck *check); /* an object: fits, computes_wider, .., kv_cache */

#endif
