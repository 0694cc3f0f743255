/* arithmetic_class.h - all that is known of a dtype: how it rounds, what passes in it, what is proven of it
 *
 * A class is the arithmetic that a backend declares. The noise of a step is measured, on the backend's own values: the
 * reference's float build runs the same pass with every result rounded as Hugging Face rounds it in that class, and
 * its deviation from the double build is what honesty looks like there. */
#ifndef PLUMB_ARITHMETIC_CLASS_H
#define PLUMB_ARITHMETIC_CLASS_H

#include <stdbool.h>

#include "run/tap.h"

/* The most that passes in a class: verdict.h says what is measured. */
typedef struct {
    double ratio, row, channel, element, bias;
    double tie; /* gap between the scores of two candidates, in noise units, that may change places */
    const char *reason;
} Limits;

/* The most that passes at the end of a part, in units of what free replays of the class are off by there */
typedef struct {
    double ratio, row, root; /* of the whole tap, of a row, and of the root of the divergence of logits */
    const char *reason;
} EndLimits;

/* Unit roundoffs that hold for every backend of a class: the bounds of explain/rounding_bound.h rest on them. */
typedef struct {
    double sum, factor, result; /* of a sum, of a factor on its way into a product, of a result */
    double least;               /* normal number: below it, rounding is absolute */
    double flushed;             /* results below it may become 0 */
    bool rounded_weights;       /* weights are rounded as factors are */
    const char *assumes;
} Roundoffs;

typedef struct {
    const char *name;           /* "bf16", "bf16+norms-in-dtype" */
    const char *dtype;          /* "bf16" */
    Rounding results;           /* of the replay */
    Rounding second;            /* of the second replay: what hardware of the class may do as well */
    Rounding weights;           /* of the weights, in the oracle too: the backend holds them so */
    double output_rounding;     /* relative L2 of the least that an honest result is off by */
    double random_over_nearest; /* squared deviation of a replay that rounds at random over that of one to nearest */
    Limits limits;
    EndLimits ends;
    Roundoffs roundoffs;
    unsigned features; /* of Feature (run/tap.h): what the replays compute as ports may choose to */
} ArithmeticClass;

/* A dtype, with features: "bf16+norms-in-dtype+constants-in-dtype"; or the preset of an engine: "ggml-f16". NULL if
 * there is none of that name. Classes live as long as the program. */
const ArithmeticClass *class_find(const char *name);
const ArithmeticClass *class_with(const ArithmeticClass *class, unsigned features); /* besides those that it has */
/* The dtype of the next wider noise, without features; NULL after the widest */
const ArithmeticClass *class_wider(const ArithmeticClass *class);
extern const char *const class_names; /* all of them, for a message */

/* The noise of a value whose replay deviates by `deviation` from the oracle's value, whose norm is `norm`: never less
 * than one rounding of the result, because a step that happens to be exact in the replay (a clamp, a copy) may be
 * computed from unrounded intermediates elsewhere. */
double noise_floored(const ArithmeticClass *class, double deviation, double norm);
bool class_is_narrow(const ArithmeticClass *class); /* every result is rounded to 16 bits; tf32's are float32 */

#endif
