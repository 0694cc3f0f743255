/* arithmetic_class.c - the classes */
#include "grade/arithmetic_class.h"

#include <math.h>
#include <string.h>

/* Rounding to p significant bits errs by at most 2^-p of the power of two below the value, uniformly: rms 2^-p/sqrt(3)
 * for significands whose rms is sqrt(7/3), that is 0.378 * 2^-p of the value. */
#define ROUNDED_TO(bits) (0.378 / (double)(1 << (bits)))

/* A narrow class computes exp, tanh, erf and 1/sqrt in float32 and rounds once. In float32 itself their error is the
 * result's: libraries promise 1 to 4 ulp for them, and they come one after another. */
#define FLOAT32_FUNCTION (4 * ROUNDED_TO(24))

/* Rounding at random is off by 1/6 of a squared unit on average, rounding to nearest by 1/12. In float32 most of the
 * error is in how products are added up, which is the same in each replay. */
#define OF_A_ROUNDING 2
#define OF_SUMS 1

static const ArithmeticClass classes[] = {
    { "fp32", ROUNDING_NONE, ROUNDING_NONE, ROUNDING_NONE, FLOAT32_FUNCTION, OF_SUMS },
    { "tf32", ROUNDING_TF32, ROUNDING_TF32_CUT, ROUNDING_NONE, FLOAT32_FUNCTION, OF_A_ROUNDING }, /* only factors */
    { "fp16", ROUNDING_FP16, ROUNDING_FP16, ROUNDING_FP16, ROUNDED_TO(11), OF_A_ROUNDING },
    { "bf16", ROUNDING_BF16, ROUNDING_BF16, ROUNDING_BF16, ROUNDED_TO(8), OF_A_ROUNDING },
};
const char *const class_names = "fp32, tf32, fp16, bf16";

const ArithmeticClass *class_find(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(name, classes[i].name) == 0) return &classes[i];
    return NULL;
}

double noise_floored(const ArithmeticClass *class, double deviation, double norm)
{
    return fmax(deviation, class->output_rounding * norm);
}
