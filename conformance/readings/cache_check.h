/* cache_check.h - whether a dump's cache holds keys and values as its backend declares
 *
 * Which codes they become is declared and never guessed, as everything that narrows a backend's numbers. But a dump
 * that is bent where attention first reads them, and straight everywhere by another rule, tells which it follows.
 */
#ifndef PLUMB_CACHE_CHECK_H
#define PLUMB_CACHE_CHECK_H

#include <jansson.h>
#include <stdio.h>

#include "lockstep/lockstep.h"

typedef struct {
    InputCodes declared, fits; /* the same where no other rule makes every step straight */
    bool has_unused_scales;    /* attention is bent, and the checkpoint has scales of a cache that nobody declares */
} CacheCheck;

CacheCheck cache_check(const Trial *trial, const Grade *grade, Error *error); /* grade: the trial's */
void cache_check_text(FILE *out, const CacheCheck *check);                    /* up to three lines */
json_t *cache_check_json(const CacheCheck *check);                            /* an object: declared, fits */

#endif
