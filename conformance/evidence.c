/* evidence.c - the matched filter's sums */
#include "evidence.h"

#include <math.h>
#include <stdlib.h>

#include "scales.h"
#include "tap_name.h"

/* An effect below this many noise units in a whole step is what double rounds. */
static const double NOTHING = 1e-6;

typedef struct {
    double residual;
    bool filtered; /* numbers that are names are not */
} StepNoise;

struct Evidence {
    const Lockstep *base;
    const Class *class;
    StepNoise *steps;
    int step_count;
};

static double square(double x) { return x * x; }

static double variance(const Evidence *e, const Sums *sums, int64_t row, int64_t column, double expected)
{
    return fmax(noise_of_element(sums, e->class, row, column, expected), 1e-300);
}

double match_coefficient(Match match) { return match.power > 0 ? match.product / match.power : 0; }

double match_z(Match m)
{
    double c = match_coefficient(m);
    double variance = m.product_product - 2 * c * m.product_power + c * c * m.power_power;
    return m.power > 0 ? m.product / sqrt(fmax(m.power, variance)) : 0;
}

void match_add(Match *sum, Match match)
{
    sum->product += match.product;
    sum->power += match.power;
    sum->product_product += match.product_product;
    sum->product_power += match.product_power;
    sum->power_power += match.power_power;
}

Evidence *evidence_new(const Lockstep *base, const Class *class)
{
    Evidence *e = allocate_zeroed(1, sizeof *e);
    const Grade *grade = lockstep_grade_so_far(base);
    e->base = base;
    e->class = class;
    e->step_count = grade->step_count;
    e->steps = allocate_zeroed((size_t)e->step_count + 1, sizeof *e->steps);
    for (int n = 0; n < e->step_count; n++) {
        const Sums *sums = lockstep_sums(base, n);
        StepNoise *noise = &e->steps[n];
        noise->filtered = !tap_is_choice(grade->steps[n].tap);
        if (!noise->filtered) continue;
        int64_t width = sums->extent.width;
        for (int64_t row = 0; row < extent_rows(&sums->extent); row++)
            for (int64_t j = 0; sums->row_norm[row] >= 0 && j < width; j++)
                noise->residual += square(sums->residual[row * width + j]) /
                                   variance(e, sums, row, j, sums_expected(sums, row * width + j));
    }
    return e;
}

void evidence_free(Evidence *e)
{
    if (!e) return;
    free(e->steps);
    free(e);
}

double evidence_residual(const Evidence *e, int step) { return e->steps[step].residual; }

typedef struct {
    const Evidence *evidence;
    Match *matches;
} Matching;

static void match_row(void *context, int n, int64_t row, const double *buggy)
{
    const Matching *m = context;
    const Evidence *e = m->evidence;
    const Sums *sums = lockstep_sums(e->base, n);
    if (!e->steps[n].filtered) return;
    int64_t width = sums->extent.width;
    double product = 0, power = 0;
    for (int64_t j = 0; j < width; j++) {
        int64_t i = row * width + j;
        double expected = sums_expected(sums, i), d = buggy[j] - expected;
        if (!isfinite(d)) continue;
        double v = variance(e, sums, row, j, expected);
        product += sums->residual[i] * d / v;
        power += d * d / v;
    }
    match_add(&m->matches[n], (Match){ product, power, product * product, product * power, power * power });
}

void evidence_match(const Evidence *e, Lockstep *base, BuggyModel *buggy, Match *matches)
{
    Matching matching = { e, matches };
    lockstep_visit(base, (Subject){ .buggy = buggy }, match_row, &matching);
    for (int n = 0; n < e->step_count; n++)
        if (matches[n].power < NOTHING) matches[n] = (Match){ 0 };
}
