/* fuzz_changes.h - mutants of the dumps of a model of a few hundred weights */
#ifndef PLUMB_FUZZ_CHANGES_H
#define PLUMB_FUZZ_CHANGES_H

#include <stddef.h>
#include <stdint.h>

#include "dump/dump.h"
#include "model.h"

typedef struct {
    Model *model;
    Inputs inputs;
} Tiny;

Tiny *fuzz_tiny(void); /* opened once */

/* Each six bytes are one change: of which array, what, where, by what. NULL: the mutant is refused */
Dump *fuzz_changed_dump(bool decoded, const uint8_t *data, size_t size);

#endif
