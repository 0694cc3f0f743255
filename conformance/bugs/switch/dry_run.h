/* dry_run.h - bugs that are hooks alone, tried on copies of the taps of one honest pass
 *
 * A hook that changes no tap of the honest pass would change nothing in a pass of its own either: up to its first
 * change that pass is the honest one. So what a case does not show is known without a pass for each bug.
 */
#ifndef PLUMB_DRY_RUN_H
#define PLUMB_DRY_RUN_H

#include "bugs/bug.h"

typedef struct DryRun DryRun;

/* A bug, before it has a pass of its own */
typedef struct {
    bool unexposed; /* it changes nothing here */
    TouchedLayers touched;
} Foreseen;
void foreseen_free(Foreseen *foreseen); /* of each bug of the catalogue; NULL is fine */
/* Whether it may change what layers compute: a bug that changes nothing but inputs does not. */
bool touches_layers(const Bug *bug);

bool dry_run_is_enough_for(const Bug *bug); /* it is a hook of taps, and nothing else */

DryRun *dry_run_new(Model *model, const Bug *const *bugs, int count);
void dry_run_free(DryRun *dry);
void dry_run_set_mask_reading(DryRun *dry, const Bug *reading); /* as buggy_model_set_mask_reading */
void dry_run_forward(DryRun *dry, const Reference *reference, const Inputs *inputs, const Pass *pass);
bool dry_run_changes(const DryRun *dry, int index); /* whether that bug changed anything */
/* In which layers it did: the caller frees it. A bug that remembers something from layer to layer touches all. */
TouchedLayers dry_run_touched(DryRun *dry, int index);

#endif
