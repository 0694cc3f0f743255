/* matched_filter.c - the matched filter's sums */
#include "diagnose/matched_filter.h"

#include <math.h>
#include <stdlib.h>

#include "noise/scales.h"
#include "dump/tap_name.h"

/* An effect below this many noise units in a whole step is what double rounds. */
static const double NEGLIGIBLE = 1e-6;

/* Float32 rounds so large a share of a value. It adds up inside of a step as the dtype's own rounding does, and so is
 * the same share of the step's noise that it is of one rounding in that dtype. */
static const double ROUNDED_BY_FLOAT = 16 * 0x1p-24;

/* An element that is not finite adds this, where a bug foretells it and where the dump holds it: the square of so many
 * standard deviations that one will do. A row with such an element has no residuals. */
static const double NONFINITE_POWER = 400;

typedef struct {
    double residual;
    bool filtered; /* numbers that are names are not */
    float *honest; /* what the nearest replay deviates by */
    float *plain;  /* what passes of bugs are compared with; NULL: the oracle's values */
} StepNoise;

struct MatchedFilter {
    const Lockstep *base;
    const ArithmeticClass *class;
    StepNoise *steps;
    int step_count;
};

static double square(double x) { return x * x; }

static double variance(const MatchedFilter *e, const StepSums *sums, int64_t row, int64_t column, double expected)
{
    return fmax(noise_of_element(sums, e->class, row, column, expected), 1e-300);
}

bool coefficient_is_one(double coefficient, double z) { return fabs(coefficient - 1) <= 0.2 + 4 / z; }

double match_coefficient(Match match) { return match.power > 0 ? match.product / match.power : 0; }

static double variance_of(Match m)
{
    double c = match_coefficient(m);
    return fmax(m.power, m.product_product - 2 * c * m.product_power + c * c * m.power_power);
}

double match_z(Match m)
{
    double least = fmin(m.honest, 0), most = fmax(m.honest, 0);
    double excess = m.product > most ? m.product - most : m.product < least ? m.product - least : 0;
    return m.power > 0 ? excess / sqrt(variance_of(m)) : 0;
}

double match_expected_z(Match m) { return m.power > 0 ? fmax(m.power - fmax(m.honest, 0), 0) / sqrt(m.power) : 0; }

void match_add(Match *sum, Match match)
{
    sum->product += match.product;
    sum->power += match.power;
    sum->honest += match.honest;
    sum->product_product += match.product_product;
    sum->product_power += match.product_power;
    sum->power_power += match.power_power;
}

static double row_residual(const MatchedFilter *e, const StepSums *sums, int64_t row)
{
    int64_t width = sums->row_map.width;
    double sum = 0;
    for (int64_t i = row * width; i < (row + 1) * width; i++)
        if (!isfinite(step_sums_found(sums, i)))
            sum += NONFINITE_POWER;
        else if (sums->row_norm[row] >= 0)
            sum += square(sums->residual[i]) / variance(e, sums, row, i % width, step_sums_expected(sums, i));
    return sum;
}

static void keep_honest_row(void *context, int n, int64_t row, const double *replay)
{
    const MatchedFilter *e = context;
    const StepSums *sums = lockstep_sums(e->base, n);
    int64_t width = sums->row_map.width;
    if (!e->steps[n].filtered) return;
    for (int64_t j = 0; j < width; j++) {
        float deviation = (float)(replay[j] - step_sums_expected(sums, row * width + j));
        e->steps[n].honest[row * width + j] = isfinite(deviation) ? deviation : 0;
    }
}

MatchedFilter *matched_filter_new(Lockstep *base, const ArithmeticClass *class)
{
    MatchedFilter *e = allocate_zeroed(1, sizeof *e);
    const Grade *grade = lockstep_grade_so_far(base);
    e->base = base;
    e->class = class;
    e->step_count = grade->step_count;
    e->steps = allocate_zeroed((size_t)e->step_count + 1, sizeof *e->steps);
    for (int n = 0; n < e->step_count; n++) {
        const StepSums *sums = lockstep_sums(base, n);
        StepNoise *noise = &e->steps[n];
        noise->filtered = !tap_is_choice(grade->steps[n].tap);
        if (!noise->filtered) continue;
        int64_t rows = row_map_rows(&sums->row_map);
        for (int64_t row = 0; row < rows; row++) noise->residual += row_residual(e, sums, row);
        noise->honest = allocate_zeroed(checked_size(rows, sums->row_map.width, 1), sizeof(float));
    }
    lockstep_visit_replay(base, class, keep_honest_row, e);
    return e;
}

static void keep_plain_row(void *context, int n, int64_t row, const double *plain)
{
    const MatchedFilter *e = context;
    int64_t width = lockstep_sums(e->base, n)->row_map.width;
    for (int64_t j = 0; e->steps[n].filtered && j < width; j++) e->steps[n].plain[row * width + j] = (float)plain[j];
}

void matched_filter_set_plain(MatchedFilter *e, Lockstep *base, Subject plain)
{
    bool is_narrow = lockstep_visits_are_narrow(base);
    for (int n = 0; is_narrow && n < e->step_count; n++)
        if (e->steps[n].filtered && !e->steps[n].plain)
            e->steps[n].plain = allocate_zeroed((size_t)matched_filter_elements(e, n), sizeof(float));
    lockstep_remember(base, plain, is_narrow ? keep_plain_row : NULL, e);
}

void matched_filter_free(MatchedFilter *e)
{
    if (!e) return;
    for (int n = 0; n < e->step_count; n++) {
        free(e->steps[n].honest);
        free(e->steps[n].plain);
    }
    free(e->steps);
    free(e);
}

double matched_filter_residual(const MatchedFilter *e, int step) { return e->steps[step].residual; }

typedef struct {
    const MatchedFilter *filter;
    Match *matches;
    double *found; /* a row of the widest step */
} Matching;

typedef struct {
    double difference; /* of the buggy value from the one without the bug */
    double variance;   /* only where there is a difference */
} Change;

/* No difference is what double and a residual that is held as a float leave, or what rounding to float32 leaves. */
static Change change_of(const MatchedFilter *e, int n, int64_t i, double buggy, double expected)
{
    const StepSums *sums = lockstep_sums(e->base, n);
    const float *plain = e->steps[n].plain;
    int64_t width = sums->row_map.width;
    double d = buggy - (plain ? (double)plain[i] : expected);
    double lost = plain ? 0 : 1e-6 * fabs(sums->residual[i]) + 1e-15 * fabs(expected);
    if (!isfinite(d) || fabs(d) <= lost) return (Change){ 0 };
    double v = variance(e, sums, i / width, i % width, expected);
    if (plain && square(d) <= square(ROUNDED_BY_FLOAT / e->class->output_rounding) * v) return (Change){ 0 };
    return (Change){ d, v };
}

/* Most rows of most bugs are the honest reference's, so that is found out first. */
static void match_row(void *context, int n, int64_t row, const double *buggy)
{
    const Matching *m = context;
    const MatchedFilter *e = m->filter;
    const StepSums *sums = lockstep_sums(e->base, n);
    if (!e->steps[n].filtered) return;
    int64_t width = sums->row_map.width;
    const float *residual = sums->residual + row * width, *honest = e->steps[n].honest + row * width;
    Match match = { 0 };
    step_sums_read_found(sums, row, m->found);
    for (int64_t j = 0; j < width; j++) {
        bool lost = !isfinite(m->found[j]) || !isfinite(residual[j]), foretold = !isfinite(buggy[j]);
        match.power += foretold ? NONFINITE_POWER : 0;
        match.product += foretold && lost ? NONFINITE_POWER : 0;
        if (lost || foretold || sums->row_norm[row] < 0) continue;
        Change change = change_of(e, n, row * width + j, buggy[j], m->found[j] - residual[j]);
        if (change.difference == 0) continue;
        double d = change.difference, v = change.variance;
        match.product += residual[j] * d / v;
        match.power += d * d / v;
        match.honest += honest[j] * d / v;
    }
    match.product_product = square(match.product);
    match.product_power = match.product * match.power;
    match.power_power = square(match.power);
    match_add(&m->matches[n], match);
}

void matched_filter_match(const MatchedFilter *e, Lockstep *base, Subject subject, Match *matches)
{
    int64_t widest = 0;
    for (int n = 0; n < e->step_count; n++)
        if (lockstep_sums(base, n)->row_map.width > widest) widest = lockstep_sums(base, n)->row_map.width;
    Matching matching = { e, matches, allocate_zeroed((size_t)widest + 1, sizeof(double)) };
    lockstep_visit(base, subject, match_row, &matching);
    free(matching.found);
    for (int n = 0; n < e->step_count; n++)
        if (matches[n].power < NEGLIGIBLE) matches[n] = (Match){ 0 };
}

/* ---------------------------------------------------------------- one step, element by element */

int64_t matched_filter_elements(const MatchedFilter *e, int step)
{
    const RowMap *row_map = &lockstep_sums(e->base, step)->row_map;
    return row_map_rows(row_map) * row_map->width;
}

void matched_filter_residuals(const MatchedFilter *e, int step, float *residual)
{
    const StepSums *sums = lockstep_sums(e->base, step);
    int64_t width = sums->row_map.width;
    for (int64_t i = 0; i < matched_filter_elements(e, step); i++) {
        bool counts = e->steps[step].filtered && sums->row_norm[i / width] >= 0 && isfinite(step_sums_found(sums, i));
        double v = counts ? variance(e, sums, i / width, i % width, step_sums_expected(sums, i)) : 1;
        residual[i] = counts ? (float)(sums->residual[i] / sqrt(v)) : 0;
    }
}

typedef struct {
    const MatchedFilter *filter;
    int step;
    float *difference;
} Differing;

static void keep_difference(void *context, int n, int64_t row, const double *buggy)
{
    const Differing *to = context;
    const StepSums *sums = lockstep_sums(to->filter->base, n);
    if (n != to->step || !to->filter->steps[n].filtered || sums->row_norm[row] < 0) return;
    int64_t width = sums->row_map.width;
    for (int64_t j = 0; j < width; j++) {
        int64_t i = row * width + j;
        if (!isfinite(buggy[j]) || !isfinite(step_sums_found(sums, i))) continue;
        Change change = change_of(to->filter, n, i, buggy[j], step_sums_expected(sums, i));
        if (change.difference != 0) to->difference[i] = (float)(change.difference / sqrt(change.variance));
    }
}

void matched_filter_differences(const MatchedFilter *e, Lockstep *base, Subject subject, int step, float *difference)
{
    Differing to = { e, step, difference };
    lockstep_visit(base, subject, keep_difference, &to);
}
