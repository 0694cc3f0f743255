/* verdict.c - the one table of limits */
#include "verdict.h"

#include <math.h>
#include <string.h>

/* Honest: the largest ratios of Hugging Face's own dumps, eager and sdpa, on the models of `make check-hf`, which
 * prints them (docs/tolerances.md). */
static const Limits limits[] = {
    { "fp32", 10, 30,
      "honest: 7.5 and 13, for attention weights of one query, sums of 512 products that torch adds up in few parts "
      "and OpenBLAS in many; a plain sum of 4304 products stands at 3.2, of 21504 at 7; bugs stand at 100 and up" },
    { "tf32", 10, 30, "as fp32, which it is in all steps without a product; not calibrated on hardware that has it" },
    { "fp16", 2, 8, "honest: 1.2 and 4.6, of one or two rows 2.1; otherwise as bf16" },
    { "bf16", 2, 8,
      "honest: 1.1 and 3.5, of one or two rows 2.8; rounding three times where Hugging Face rounds once makes 1.7; a "
      "5 % wrong residual, 2.1" },
};

const Limits *limits_of(const Class *class)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].class, class->name) == 0) return &limits[i];
    return NULL;
}

double limits_ratio(const Limits *limits, int64_t rows)
{
    double row = limits->worst_row_ratio;
    return fmax(limits->ratio, rows > 0 ? sqrt(1 + (row * row - 1) / (double)rows) : 0);
}

/* PASS is earned: a NaN fails every comparison here. */
Verdict verdict_of(const Class *class, Measurement measurement)
{
    const Limits *limits = limits_of(class);
    if (measurement.non_finite == 0 && measurement.ratio <= limits_ratio(limits, measurement.rows) &&
        measurement.worst_row_ratio <= limits->worst_row_ratio)
        return VERDICT_PASS;
    return VERDICT_FAIL;
}

const char *verdict_name(Verdict verdict) { return verdict == VERDICT_PASS ? "pass" : "FAIL"; }
