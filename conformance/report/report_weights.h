/* report_weights.h - which weights of a model are quantised, and what is said of the inputs of their products */
#ifndef PLUMB_REPORT_WEIGHTS_H
#define PLUMB_REPORT_WEIGHTS_H

#include <jansson.h>
#include <stdio.h>

#include "checkpoint/checkpoint.h"

/* A line; nothing of a checkpoint without codes */
void report_weights_text(FILE *out, const Checkpoint *checkpoint);
/* {"schemes": {"Q8_0": 40}, "inputs": {"q8_0": 40}, "declared": true}; null without codes */
json_t *report_weights_json(const Checkpoint *checkpoint);

#endif
