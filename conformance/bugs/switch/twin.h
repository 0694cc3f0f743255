/* twin.h - another model's pass beside one that runs, tap by tap
 *
 * A bug of configuration, weights or inputs is in every operation of its pass. What each of them would be without the
 * bug, from the same values, a twin computes: a model without it, on a thread of its own that goes on only while the
 * first one waits. So at each tap both values are there, and what becomes of them is what both go on with.
 */
#ifndef PLUMB_TWIN_H
#define PLUMB_TWIN_H

#include "reference.h"

typedef struct Twin Twin;

/* known_layer: the layer that the first model leaves out, as long as it does; the twin leaves out the same */
Twin *twin_begin(Model *model, const Reference *reference, const Inputs *inputs, const Pass *pass,
                 const char *known_layer);
/* The twin's values of the tap that the first model is at; NULL where it has come to another one, from which on it goes
 * its own way. */
const void *twin_values(Twin *twin, const Tap *tap);
void twin_go_on(Twin *twin, const Tap *tap); /* with the tap's values */
void twin_end(Twin *twin);                   /* the first model's pass is over */

#endif
