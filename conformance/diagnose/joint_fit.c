/* joint_fit.c - normal equations of a few bugs, solved again with each one more */
#include "diagnose/joint_fit.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_STANDING_OUT = 12 };

/* A bug that takes less than this off the squares belongs to the noise, or to what sums leave out. */
static const double WORTH = 0.01;
static const double LEAST_COEFFICIENT = 0.5, LARGEST_COEFFICIENT = 1.5;

typedef struct {
    int places[MOST_STANDING_OUT]; /* in the suspects' list */
    int count;
    double squares;                                      /* r r */
    double products[MOST_STANDING_OUT];                  /* r d */
    double powers[MOST_STANDING_OUT][MOST_STANDING_OUT]; /* d d' */
} Equations;

static double gain(Match match) { return match.power > 0 ? match.product * match.product / match.power : 0; }

/* The suspects that explain most of the step, each by itself */
static void list_standing_out(const Suspects *s, int step, Equations *e)
{
    for (int i = 0; i < s->count; i++) {
        Match match = s->list[i].matches[step];
        if (match.product <= 0 || gain(match) < WORTH * matched_filter_residual(s->filter, step)) continue;
        int at = e->count < MOST_STANDING_OUT ? e->count++ : MOST_STANDING_OUT;
        for (; at > 0 && gain(s->list[e->places[at - 1]].matches[step]) < gain(match); at--)
            if (at < MOST_STANDING_OUT) e->places[at] = e->places[at - 1];
        if (at < MOST_STANDING_OUT) e->places[at] = i;
    }
}

static double dot(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void set_up(const Suspects *s, int step, Equations *e)
{
    float *differences[MOST_STANDING_OUT];
    int64_t count = matched_filter_elements(s->filter, step);
    float *residual = allocate_zeroed((size_t)count, sizeof *residual);
    matched_filter_residuals(s->filter, step, residual);
    e->squares = dot(residual, residual, count);
    for (int i = 0; i < e->count; i++) {
        differences[i] = allocate_zeroed((size_t)count, sizeof *differences[i]);
        suspects_differences(s, &s->list[e->places[i]], step, differences[i]);
        e->products[i] = dot(residual, differences[i], count);
        for (int j = 0; j <= i; j++) e->powers[i][j] = e->powers[j][i] = dot(differences[i], differences[j], count);
    }
    for (int i = 0; i < e->count; i++) free(differences[i]);
    free(residual);
}

/* The coefficients of the chosen bugs, by elimination; returns what they take off the squares, -1 where two of them
 * change the same. */
static double solve(const Equations *e, const int *chosen, int count, double coefficients[MOST_TOGETHER])
{
    double a[MOST_TOGETHER][MOST_TOGETHER + 1], taken = 0;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) a[i][j] = e->powers[chosen[i]][chosen[j]];
        a[i][count] = e->products[chosen[i]];
    }
    for (int i = 0; i < count; i++) {
        if (a[i][i] <= 1e-6 * e->powers[chosen[i]][chosen[i]]) return -1;
        for (int k = i + 1; k < count; k++)
            for (int j = count; j >= i; j--) a[k][j] -= a[i][j] * a[k][i] / a[i][i];
    }
    for (int i = count - 1; i >= 0; i--) {
        coefficients[i] = a[i][count];
        for (int j = i + 1; j < count; j++) coefficients[i] -= a[i][j] * coefficients[j];
        coefficients[i] /= a[i][i];
        taken += coefficients[i] * e->products[chosen[i]];
    }
    return taken;
}

static bool is_among(const int *chosen, int count, int one)
{
    for (int i = 0; i < count; i++)
        if (chosen[i] == one) return true;
    return false;
}

/* Adds the bug that takes most off what the chosen ones leave. */
static bool choose_next(const Equations *e, int *chosen, int count, double *taken, double *coefficients)
{
    int best = -1;
    double most = *taken + WORTH * e->squares, tried[MOST_TOGETHER];
    for (int i = 0; i < e->count; i++) {
        if (is_among(chosen, count, i)) continue;
        chosen[count] = i;
        double with = solve(e, chosen, count + 1, tried);
        if (with <= most) continue;
        most = with;
        best = i;
    }
    if (best < 0) return false;
    chosen[count] = best;
    *taken = solve(e, chosen, count + 1, coefficients);
    return true;
}

int joint_fit(const Suspects *s, int step, int together[MOST_TOGETHER])
{
    Equations *e = allocate_zeroed(1, sizeof *e);
    int chosen[MOST_TOGETHER], count = 0;
    double taken = 0, coefficients[MOST_TOGETHER];
    list_standing_out(s, step, e);
    if (e->count > 1) {
        set_up(s, step, e);
        while (count < MOST_TOGETHER && choose_next(e, chosen, count, &taken, coefficients)) count++;
    }
    bool all_are_one = count > 1;
    for (int i = 0; i < count; i++) {
        all_are_one &= coefficients[i] >= LEAST_COEFFICIENT && coefficients[i] <= LARGEST_COEFFICIENT;
        together[i] = e->places[chosen[i]];
    }
    free(e);
    return all_are_one ? count : 0;
}
