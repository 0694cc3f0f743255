/* reference.h - the forward pass, in float and in double
 *
 *     reference_f64.forward(model, &inputs, &(Pass){ .hook = hook, .hook_context = context });
 *
 * The same sources compiled with another real (run/real.h). inputs must have passed model_check.
 */
#ifndef PLUMB_REFERENCE_H
#define PLUMB_REFERENCE_H

#include "model.h"
#include "run/tap.h"

typedef struct {
    Rounding results; /* how every operation's result is rounded */
    Rounding weights; /* how the weights are */
    unsigned features; /* of Feature (run/tap.h): arithmetic that ports choose; 0: as Hugging Face computes */
    uint32_t seed;    /* results and factors are rounded at random, from this seed; 0: to nearest. Float only */
    Hook *hook;       /* NULL: nobody looks */
    void *hook_context;
    /* 0: one forward pass over the inputs. N: Hugging Face's greedy generate, a prefill and up to N - 1 decode steps,
     * whose taps end in "@1", "@2", ..; the new tokens are the taps input_ids@1 to input_ids@N, [batch, 1]. */
    int max_new_tokens;
    bool ignore_eos;    /* go on after an end-of-sequence token */
    int logits_to_keep; /* positions, from the end, that go on to the logits; 0: all of them */
} Pass;

typedef struct {
    size_t value_size; /* of Tap.values: sizeof(float) or sizeof(double) */
    void (*forward)(Model *model, const Inputs *inputs, const Pass *pass);
} Reference;

extern const Reference reference_f32, reference_f64;

void reference_set_threads(int threads); /* of matrix products, in both; 1 unless set */

#endif
