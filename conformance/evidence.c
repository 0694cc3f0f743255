/* evidence.c - the matched filter's sums */
#include "evidence.h"

#include <math.h>
#include <stdlib.h>

#include "steps.h"
#include "tap_name.h"

/* How many samples the common variance counts for beside those of a row or a column: a single one says nothing. */
static const double PRIOR = 8;

/* An effect below this many noise units in a whole step is what double rounds. */
static const double NOTHING = 1e-6;

typedef struct {
    double *row, *column; /* mean squares of the replay's deviation */
    double all, residual;
    bool filtered; /* numbers that are names are not */
} StepNoise;

struct Evidence {
    const Lockstep *base;
    const Class *class;
    StepNoise *steps;
    int step_count;
};

static double square(double x) { return x * x; }

/* The variance of an element's noise */
static double variance(const Evidence *e, int n, int64_t row, int64_t column, double expected, double row_rms)
{
    const StepNoise *noise = &e->steps[n];
    double spread = noise->all > 0 ? noise->row[row] * noise->column[column] / noise->all : 0;
    double rounding = e->class->output_rounding * (fabs(expected) + 0.1 * row_rms);
    return fmax(fmax(spread, square(rounding)), 1e-300);
}

static double row_rms(const Sums *sums, int64_t row) { return sqrt(sums->row_norm[row] / (double)sums->extent.width); }

static double expected_at(const Sums *sums, int64_t i)
{
    double found;
    array_read_f64(sums->backend, i, 1, &found);
    return found - sums->residual[i];
}

static void measure_noise(StepNoise *noise, const Sums *sums)
{
    int64_t rows = extent_rows(&sums->extent), width = sums->extent.width, graded = 0;
    noise->row = allocate_zeroed((size_t)rows + 1, sizeof *noise->row);
    noise->column = allocate_zeroed((size_t)width + 1, sizeof *noise->column);
    for (int64_t row = 0; row < rows; row++) {
        if (sums->row_norm[row] < 0) continue;
        graded++;
        for (int64_t j = 0; j < width; j++) {
            double deviation = square(sums->replay[row * width + j] - expected_at(sums, row * width + j));
            noise->row[row] += deviation / (double)width;
            noise->column[j] += deviation;
        }
        noise->all += noise->row[row];
    }
    noise->all /= (double)(graded ? graded : 1);
    for (int64_t j = 0; j < width; j++)
        noise->column[j] = (noise->column[j] + PRIOR * noise->all) / ((double)graded + PRIOR);
    for (int64_t row = 0; row < rows; row++)
        noise->row[row] = (noise->row[row] * (double)width + PRIOR * noise->all) / ((double)width + PRIOR);
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
        measure_noise(noise, sums);
        int64_t width = sums->extent.width;
        for (int64_t row = 0; row < extent_rows(&sums->extent); row++)
            for (int64_t j = 0; sums->row_norm[row] >= 0 && j < width; j++)
                noise->residual += square(sums->residual[row * width + j]) /
                                   variance(e, n, row, j, expected_at(sums, row * width + j), row_rms(sums, row));
    }
    return e;
}

void evidence_free(Evidence *e)
{
    if (!e) return;
    for (int n = 0; n < e->step_count; n++) {
        free(e->steps[n].row);
        free(e->steps[n].column);
    }
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
    for (int64_t j = 0; j < width; j++) {
        int64_t i = row * width + j;
        double expected = expected_at(sums, i), d = buggy[j] - expected;
        if (!isfinite(d)) continue;
        double v = variance(e, n, row, j, expected, row_rms(sums, row));
        m->matches[n].product += sums->residual[i] * d / v;
        m->matches[n].power += d * d / v;
    }
}

void evidence_match(const Evidence *e, Lockstep *base, BuggyModel *buggy, Match *matches)
{
    Matching matching = { e, matches };
    lockstep_visit(base, buggy, match_row, &matching);
    for (int n = 0; n < e->step_count; n++)
        if (matches[n].power < NOTHING) matches[n] = (Match){ 0 };
}
