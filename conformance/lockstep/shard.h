/* shard.h - the part of one dump's grade that a process computes
 *
 * Where the dump holds the output of a layer, what follows needs nothing else of it, so that a shard leaves out layers
 * that are another's: their outputs are the dump's. Replays that round at random draw as many bits for a layer in every
 * pass; the pass that lists the steps counts them, and a layer that is left out leaves the count where it would have
 * been. So each step has the same bits as in a whole grade.
 *
 * Layers are shared out whole, in all of their runs, because a decode step asks for the keys and values of those before
 * it, and in the order of the pass: the free pass, which totals are measured from, goes no further than a shard's last
 * layer. So are logits. The free passes of the ends are the last shard's, and so is what is in none of these. Each
 * shard plans alike.
 */
#ifndef PLUMB_SHARD_H
#define PLUMB_SHARD_H

#include <jansson.h>

#include "lockstep/trial.h"
#include "noise/step_sums.h"

typedef struct Shard Shard;

/* samples: replays of the grade; config: of the model, which stays the caller's */
Shard *shard_new(ShardNumber of, int samples, const json_t *config);
void shard_free(Shard *shard); /* NULL is fine */

void shard_begin(Shard *shard);                /* before the pass that lists the steps */
void shard_note(Shard *shard, const Tap *tap); /* each of its taps */
/* Behind it. What is chosen in the model: nothing; all as the dump has it; or something by values that another layer's
 * steps decide about, so that nothing is shared out */
typedef enum { SHARD_NO_CHOICES, SHARD_CHOICES_HELD, SHARD_CHOICES_OPEN } ShardChoices;
void shard_plan(Shard *shard, const Grade *grade, const StepSums *sums, ShardChoices choices);

bool shard_has_steps(const Shard *shard, int steps); /* any of so many */
bool shard_has_step(const Shard *shard, int step);
bool shard_has_ends(const Shard *shard);
/* The layer's name, which lives as long as the shard, where it is left out; NULL: it must be computed */
const char *shard_leaves_out(const Shard *shard, const char *layer);
const char *shard_needs_no_more(const Shard *shard, const char *layer); /* the same, in the free pass */
void shard_pass_over(const Shard *shard, const Tap *output);            /* of a layer that is left out */

#endif
