/* verdict.c - the one table of limits */
#include "grade/verdict.h"

#include <math.h>
#include <string.h>

/* Honest: the largest of Hugging Face's own dumps, eager and sdpa, on the models of `make check-hf`, which prints them;
 * legal: products summed up in other ways, in the same models (docs/tolerances.md). In the order of the columns, but
 * for ties, which are as rows. */
static const Limits limits[] = {
    { "fp32", 10, 30, 30, 100, 2, 30,
      "honest: 4.2, 7.3, 9.2, 38, 1.4; legal: a plain sum of products, 4.3, 6.7, 9.7, 9.7, 1.1, and as the square root "
      "of their number, 7 for 21504; tails of GELU, where float32 cancels, are the elements; bugs stand at 100 and "
      "up" },
    { "tf32", 10, 30, 30, 100, 2, 30,
      "as fp32, which it is in all steps without a product; legal: factors cut off at 10 bits, 3.9, 3.9, 6.2, 19, 3.7 "
      "where replays have a bias too; emulated, not calibrated on hardware" },
    { "fp16", 2, 8, 5, 8, 0.5, 8, "honest: 1.7, 2.5, 5.5 of one row, 5.5, 1.0; otherwise as bf16" },
    { "bf16", 2, 8, 5, 8, 0.5, 8,
      "honest: 1.8 of one row, 2.4, 3.9 of one row, 4.8, 1.0 where replays have a bias too; legal: three roundings "
      "where Hugging Face has one, 1.7, 5.4, 4.3, 6.6; cutting off instead of rounding has a bias of 1.7" },
};

/* How many times the spread of honest biases a bias may be off besides its limit. */
static const double BIAS_SPREAD = 4;

const Limits *limits_of(const ArithmeticClass *class)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].class, class->dtype) == 0) return &limits[i];
    return NULL;
}

/* One of so many parts at its own limit, the others honest */
static double one_of(double limit, int64_t parts)
{
    return parts > 0 ? sqrt(1 + (limit * limit - 1) / (double)parts) : 0;
}

/* How much less sharp so few samples are than those that the limits were calibrated with: an element's scale is pooled
 * from them and from as many that only say what to expect. */
static double blur(int samples)
{
    const double calibrated = 8;
    return samples > 0 ? fmax(1, sqrt((1 + calibrated / samples) / 2)) : INFINITY;
}

double limit_of(const ArithmeticClass *class, const Measurement *m, Gate gate)
{
    const Limits *limits = limits_of(class);
    switch (gate) {
    case GATE_FINITE: return 0;
    case GATE_TAP: return fmax(limits->ratio, one_of(limits->row, m->rows));
    case GATE_ROW: return limits->row;
    case GATE_CHANNEL: return blur(m->samples) * fmax(limits->channel, one_of(limits->element, m->rows));
    case GATE_ELEMENT: return blur(m->samples) * limits->element;
    case GATE_BIAS: return blur(m->samples) * limits->bias + BIAS_SPREAD * m->honest_bias;
    case GATE_COUNT: break;
    }
    return -1;
}

double measurement_at(const Measurement *m, Gate gate)
{
    switch (gate) {
    case GATE_FINITE: return (double)m->non_finite;
    case GATE_TAP: return m->ratio;
    case GATE_ROW: return m->row;
    case GATE_CHANNEL: return m->channel;
    case GATE_ELEMENT: return m->element;
    case GATE_BIAS: return fabs(m->bias);
    case GATE_COUNT: break;
    }
    return NAN;
}

/* PASS is earned: a NaN fails every comparison here. */
Verdict verdict_of(const ArithmeticClass *class, Measurement measurement)
{
    for (Gate gate = 0; gate < GATE_COUNT; gate++)
        if (!(measurement_at(&measurement, gate) <= limit_of(class, &measurement, gate))) return VERDICT_FAIL;
    return VERDICT_PASS;
}

const char *gate_name(Gate gate)
{
    static const char *const names[GATE_COUNT] = { "not finite", "ratio", "row", "channel", "element", "bias" };
    return names[gate];
}

const char *verdict_name(Verdict verdict) { return verdict == VERDICT_PASS ? "pass" : "FAIL"; }
