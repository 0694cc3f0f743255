/* step_layers.h - the layers that a step's values come from
 *
 * In lockstep a layer goes on from the dump's output of the layer before it. So what a bug does to a step is known from
 * few layers: the step's own, and those before it up to the last one whose output the dump holds whole.
 */
#ifndef PLUMB_STEP_LAYERS_H
#define PLUMB_STEP_LAYERS_H

#include "bugs/bug.h"
#include "grade/grade.h"

/* In the step's run and those before it, whose keys and values it may see. All of them: for a step of no layer, and for
 * one of a layer that takes another's keys and values. The caller frees them. */
TouchedLayers step_layers(const Grade *grade, int step, const json_t *config);

#endif
