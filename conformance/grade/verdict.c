/* verdict.c - each gate in turn */
#include "grade/verdict.h"

#include <math.h>

/* How many times the spread of honest biases a bias may be off besides its limit. */
static const double BIAS_SPREAD = 4;

/* The ratio of a whole of which one part stands at its own limit and the others are honest */
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

static double square(double x) { return x * x; }

/* A whole may be at its limit besides what one part of it has beyond honest noise. */
static double besides(double excess, double limit) { return sqrt(square(limit) + excess); }

double limit_of(const ArithmeticClass *class, const Measurement *m, Gate gate)
{
    const Limits *limits = &class->limits;
    switch (gate) {
    case GATE_FINITE: return 0;
    case GATE_TAP: return fmax(besides(m->row_excess, limits->ratio), one_of(limits->row, m->rows));
    case GATE_ROW: return limits->row;
    case GATE_CHANNEL:
        return blur(m->samples) * fmax(besides(m->channel_excess, limits->channel), one_of(limits->element, m->rows));
    case GATE_ELEMENT: return blur(m->samples) * limits->element;
    case GATE_BIAS: return blur(m->samples) * limits->bias + BIAS_SPREAD * m->honest_bias;
    case GATE_COUNT: break;
    }
    return -1;
}

double widening_by_few_rows(const ArithmeticClass *class, const Measurement *m, Gate gate)
{
    const Limits *limits = &class->limits;
    if (gate == GATE_TAP) return fmax(1, one_of(limits->row, m->rows) / limits->ratio);
    if (gate == GATE_CHANNEL) return fmax(1, one_of(limits->element, m->rows) / limits->channel);
    return 1;
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
