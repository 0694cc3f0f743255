/* report_inputs.h - what the steps of a report are of: pictures to draw rows over, and the tokens of the prompt */
#ifndef PLUMB_REPORT_INPUTS_H
#define PLUMB_REPORT_INPUTS_H

#include <jansson.h>

#include "inputs.h"

/* {"pictures": .., "prompt": ..}; config: the model's config.json. A picture is drawn from its patches, small: half as
 * wide and high, a quarter where patches are many. */
json_t *report_inputs_json(const Inputs *inputs, const json_t *config);

#endif
