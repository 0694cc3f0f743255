/* product_factors.h - which taps and which weight a step is the product of */
#ifndef PLUMB_PRODUCT_FACTORS_H
#define PLUMB_PRODUCT_FACTORS_H

#include "lockstep/lockstep.h"

typedef enum {
    PRODUCT_NONE,
    PRODUCT_LINEAR,  /* x weight^T + bias */
    PRODUCT_GATED,   /* (x times other, element by element) weight^T */
    PRODUCT_SOFTMAX, /* softmax(x other^T), heads by heads */
    PRODUCT_HEADS,   /* x other, heads by heads */
} Product;

typedef struct {
    Product kind;
    const char *missing; /* of PRODUCT_NONE: a tap that would be a factor, but the dump lacks it; NULL: there is none */
    const char *x_tap, *other_tap;
    const StepSums *x, *other;
    const Array *weight, *bias;  /* bias NULL: none */
    double input_min, input_max; /* that x is clamped to before the product; infinite: it is not */
} ProductFactors;

ProductFactors product_factors_of(const Lockstep *lockstep, const Model *model, int step, Arena *arena);

#endif
