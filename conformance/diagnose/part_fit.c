/* part_fit.c - normal equations of a few parts */
#include "diagnose/part_fit.h"

#include <math.h>

#include "diagnose/matched_filter.h"

/* The parts that have the bug explain so much of the residual, before a grade is asked. */
static const double MOST_OF_IT = 0.5;

/* The coefficient that a part without the bug may seem to have */
static const double NEARLY_NONE = 0.2;

typedef struct {
    double matrix[MOST_PARTS][MOST_PARTS], right[MOST_PARTS];
    int place[MOST_PARTS]; /* of the parts that would show the bug */
    int count;
    double squares; /* of the residual */
} Equations;

static double dot(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

static Equations set_up(const PartFit *fit)
{
    Equations e = { .squares = dot(fit->residual, fit->residual, fit->elements) };
    for (int i = 0; i < fit->count; i++)
        if (dot(fit->differences[i], fit->differences[i], fit->elements) >= SEEN * SEEN) e.place[e.count++] = i;
    for (int i = 0; i < e.count; i++) {
        const float *own = fit->differences[e.place[i]];
        e.right[i] = dot(fit->residual, own, fit->elements);
        for (int j = 0; j < e.count; j++) e.matrix[i][j] = dot(own, fit->differences[e.place[j]], fit->elements);
    }
    return e;
}

/* By Gauss and Jordan: false where two parts change nearly the same. */
static bool solve(Equations e, double coefficients[MOST_PARTS])
{
    double own[MOST_PARTS];
    for (int i = 0; i < e.count; i++) own[i] = e.matrix[i][i];
    for (int i = 0; i < e.count; i++) {
        if (e.matrix[i][i] <= 1e-6 * own[i]) return false;
        for (int k = 0; k < e.count; k++) {
            double factor = k == i ? 0 : e.matrix[k][i] / e.matrix[i][i];
            for (int j = i; j < e.count; j++) e.matrix[k][j] -= factor * e.matrix[i][j];
            e.right[k] -= factor * e.right[i];
        }
    }
    for (int i = 0; i < e.count; i++) coefficients[i] = e.right[i] / e.matrix[i][i];
    return true;
}

/* That the parts together take off the squares, each of them whole */
static double explained_by(const Equations *e, const bool *has)
{
    double taken = 0;
    for (int i = 0; i < e->count; i++) {
        if (!has[i]) continue;
        taken += 2 * e->right[i];
        for (int j = 0; j < e->count; j++) taken -= has[j] ? e->matrix[i][j] : 0;
    }
    return taken;
}

uint64_t part_fit_solve(const PartFit *fit)
{
    Equations e = set_up(fit);
    double coefficients[MOST_PARTS];
    bool has[MOST_PARTS] = { false };
    uint64_t parts = 0;
    int having = 0;
    if (e.count < 2 || !solve(e, coefficients)) return 0;
    for (int i = 0; i < e.count; i++) {
        has[i] = coefficient_is_one(coefficients[i], sqrt(e.matrix[i][i]));
        if (!has[i] && fabs(coefficients[i]) > NEARLY_NONE) return 0;
        if (has[i]) parts |= (uint64_t)1 << e.place[i];
        having += has[i];
    }
    return having < e.count && explained_by(&e, has) >= MOST_OF_IT * e.squares ? parts : 0;
}
