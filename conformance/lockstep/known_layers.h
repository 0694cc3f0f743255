/* known_layers.h - layers that a pass need not compute, and logits
 *
 * A layer that a bug leaves alone gives what the honest one gives, as long as all that it is given is the same. So one
 * honest pass is remembered: a digest of each value that flows from layer to layer, and the few rows of layers' outputs
 * that the dump does not replace. A later pass is compared with it, tap by tap, as it runs; a layer that is given
 * nothing that differs is known, and its output is the dump's, and those rows. So are logits of which the dump has all
 * rows: of a large vocabulary they cost a fifth of a pass.
 */
#ifndef PLUMB_KNOWN_LAYERS_H
#define PLUMB_KNOWN_LAYERS_H

#include <jansson.h>

#include "noise/step_sums.h"

typedef struct KnownLayers KnownLayers;

KnownLayers *known_layers_new(const json_t *config);        /* which stays the caller's */
void known_layers_free(KnownLayers *known);                 /* NULL is fine */
KnownLayers *known_layers_beside(const KnownLayers *known); /* for a pass beside others; NULL of NULL */
void known_layers_free_beside(KnownLayers *known);

void known_layers_begin(KnownLayers *known, bool remember); /* before each pass; remember: the honest one, once */
/* Each tap of the pass, as it goes on from the hook; sums: of its step; NULL: it is none */
void known_layers_observe(KnownLayers *known, const Tap *tap, const StepSums *sums);
/* Asked where the pass comes to the layer: its name, which lives as long as `known`; NULL: it must be computed. */
const char *known_layers_have(KnownLayers *known, const char *layer);
void known_layers_fill(KnownLayers *known, const Tap *tap); /* the rows that the dump does not replace */

#endif
