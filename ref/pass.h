/* pass.h - what a forward pass is asked for besides its inputs */
#ifndef PLUMB_PASS_H
#define PLUMB_PASS_H

#include <stdbool.h>

#include "checkpoint/input_codes.h"

typedef struct {
    Rounding results;  /* how every operation's result is rounded */
    Rounding weights;  /* how the weights are */
    bool exact_codes;  /* whether those that codes and scales stand for are not */
    InputCodes cache;  /* what keys and values become in the cache; 0: they stay what they are */
    unsigned features; /* of Feature (run/tap.h): arithmetic that ports choose; 0: as Hugging Face computes */
    uint32_t seed;     /* results and factors are rounded at random, from this seed; 0: to nearest. Float only */
    bool near_ties;    /* at random only what is near the middle of its two neighbours (run/run.h) */
    Hook *hook;        /* NULL: nobody looks */
    Known *known;      /* NULL: everything is computed */
    void *hook_context;
    /* 0: one forward pass over the inputs. N: Hugging Face's greedy generate, a prefill and up to N - 1 decode steps,
     * whose taps end in "@1", "@2", ..; the new tokens are the taps input_ids@1 to input_ids@N, [batch, 1]. */
    int max_new_tokens;
    bool ignore_eos;    /* go on after an end-of-sequence token */
    int logits_to_keep; /* positions, from the end, that go on to the logits; 0: all of them */
} Pass;

#endif
