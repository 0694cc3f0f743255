/* rounding_bound.c - products of absolute values, element by element */
#include "explain/rounding_bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/product_factors.h"
#include "run/run.h"

typedef struct {
    const StepSums *sums;
    const Step *step;
    const ArithmeticClass *class;
    ProductFactors factors;
    double relative;   /* of the sum of absolute products: gamma, and what the factors' rounding adds */
    double *x, *other; /* a row of the factors, as the product takes them */
    double nearest;    /* the largest error over what is allowed */
    bool another;      /* what was found is not the reference's value: another product */
    RoundingBound bound;
} Proof;

/* ---------------------------------------------------------------- one element */

/* expected: what this file makes of the factors; it must be the reference's value. allowed: for the error of the
 * result before it is rounded */
static void compare(Proof *p, int64_t i, double expected, double size, double allowed)
{
    double reference = step_sums_expected(p->sums, i), error = fabs(p->sums->residual[i]);
    if (!(fabs(reference - expected) <= 1e-6 * (size + error))) p->another = true;
    allowed += fmax(p->class->roundoffs.result * (fabs(reference) + allowed), p->class->roundoffs.flushed);
    p->bound.elements++;
    p->bound.beyond += !(error <= allowed);
    if (p->bound.element >= 0 && error / allowed <= p->nearest) return;
    int64_t width = p->sums->row_map.width;
    p->nearest = error / allowed;
    p->bound.element = row_map_tap_row(&p->sums->row_map, i / width) * width + i % width;
    p->bound.error = error;
    p->bound.allowed = allowed;
}

static bool read_factor(const StepSums *sums, int64_t row, double *out)
{
    int64_t width = sums->row_map.width;
    array_read_f64(sums->backend, row * width, width, out);
    for (int64_t j = 0; j < width; j++)
        if (!isfinite(out[j])) return false; /* the reference's own went on instead */
    return true;
}

static void add_product(const Proof *p, double x, double y, double *sum, double *size)
{
    *sum += x * y;
    *size += fmax(fabs(x), p->class->roundoffs.least) * fabs(y);
}

/* ---------------------------------------------------------------- x W^T */

/* The row of x that a row of the result is made of. Of x the dump may hold more positions. */
static int64_t row_of_x(const Proof *p, int64_t row)
{
    const RowMap *out = &p->sums->row_map, *in = &p->factors.x->row_map;
    return row / out->held * in->held + in->held - out->held + row % out->held;
}

static bool read_x(Proof *p, int64_t row)
{
    const ProductFactors *f = &p->factors;
    bool finite = read_factor(f->x, row, p->x);
    if (f->other) {
        finite = finite && read_factor(f->other, row, p->other);
        for (int64_t j = 0; j < f->x->row_map.width; j++) p->x[j] *= p->other[j];
    }
    for (int64_t j = 0; j < f->x->row_map.width; j++) p->x[j] = fmin(fmax(p->x[j], f->input_min), f->input_max);
    return finite;
}

static void prove_linear_row(Proof *p, int64_t row, const float *weights, int64_t first, int64_t count,
                             const float *bias)
{
    int64_t terms = p->factors.x->row_map.width, width = p->sums->row_map.width;
    for (int64_t j = 0; j < count; j++) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < terms; k++) add_product(p, p->x[k], weights[j * terms + k], &sum, &size);
        if (bias) add_product(p, bias[first + j], 1, &sum, &size);
        compare(p, row * width + first + j, sum, size, p->relative * size);
    }
}

/* The weight is read once, a block of its rows at a time. */
static void prove_linear(Proof *p)
{
    enum { BLOCK = 1 << 20 };
    const ProductFactors *f = &p->factors;
    int64_t terms = f->x->row_map.width, width = p->sums->row_map.width, rows = row_map_rows(&p->sums->row_map);
    int64_t most = BLOCK / terms > 0 ? BLOCK / terms : 1;
    if (most > width) most = width;
    Run run = { .weights = p->class->weights, .exact_codes = true };
    float *weights = allocate_zeroed(checked_size(most, terms, 1), sizeof *weights);
    float *bias = f->bias ? allocate_zeroed((size_t)width, sizeof *bias) : NULL;
    if (bias) read_weight(&run, f->bias, 0, width, bias);
    for (int64_t first = 0; first < width; first += most) {
        int64_t count = width - first < most ? width - first : most;
        read_weight(&run, f->weight, first * terms, count * terms, weights);
        for (int64_t row = 0; row < rows; row++)
            if (p->sums->row_norm[row] >= 0 && read_x(p, row_of_x(p, row)))
                prove_linear_row(p, row, weights, first, count, bias);
    }
    free(weights);
    free(bias);
}

/* ---------------------------------------------------------------- attention, head by head */

/* Row of keys or values that goes with position k, for the queries of flat head (batch * heads + head) */
static int64_t row_of_other(const Proof *p, int64_t outer, int64_t heads, int64_t k)
{
    const RowMap *other = &p->factors.other->row_map;
    int64_t groups = heads / other->layout.heads, batch = outer / heads, head = outer % heads;
    return (batch * other->layout.heads + head / groups) * other->held + k;
}

/* Logits that are off by at most E move each weight by a factor of at most exp(2 E). exp, the sum of the row and the
 * division come on top, in float32: 8 roundings, and one for each addend. */
static void prove_weights_row(Proof *p, int64_t row)
{
    const RowMap *row_map = &p->sums->row_map, *in = &p->factors.x->row_map;
    int64_t keys = row_map->width, terms = in->width, outer = row / row_map->held;
    int64_t x_row = outer * in->held + in->held - row_map->held + row % row_map->held;
    if (!read_factor(p->factors.x, x_row, p->x)) return;

    double *logits = allocate_zeroed((size_t)keys, sizeof *logits), largest = -INFINITY, total = 0, off = 0;
    for (int64_t k = 0; k < keys; k++) {
        double size = 0;
        logits[k] = -INFINITY;
        if (step_sums_expected(p->sums, row * keys + k) == 0) continue; /* masked */
        logits[k] = 0;
        if (!read_factor(p->factors.other, row_of_other(p, outer, row_map->layout.heads, k), p->other)) off = INFINITY;
        for (int64_t j = 0; j < terms; j++) add_product(p, p->x[j], p->other[j], &logits[k], &size);
        largest = fmax(largest, logits[k]);
        /* Rounded as a product, scaled, the mask added, the largest taken off, and times log2(e): 6 roundings */
        off = fmax(off, p->relative * size + 6 * p->class->roundoffs.result * fabs(logits[k]));
    }
    for (int64_t k = 0; k < keys; k++) total += exp(logits[k] - largest);
    double factor = expm1(2 * off + (double)(keys + 8) * 0x1p-23);
    for (int64_t k = 0; k < keys && isfinite(factor); k++) {
        double weight = exp(logits[k] - largest) / total;
        compare(p, row * keys + k, weight, 1, weight * factor);
    }
    free(logits);
}

/* One row of attn_output holds all heads, each of them a product of its own. */
static void prove_output_row(Proof *p, int64_t row)
{
    const RowMap *row_map = &p->sums->row_map, *in = &p->factors.x->row_map, *values = &p->factors.other->row_map;
    int64_t heads = in->layout.heads, keys = in->width, head_dim = values->width;
    double *sum = allocate_zeroed((size_t)head_dim, sizeof *sum),
           *size = allocate_zeroed((size_t)head_dim, sizeof *size);
    for (int64_t h = 0; h < heads; h++) {
        int64_t outer = row / row_map->held * heads + h;
        if (!read_factor(p->factors.x, outer * in->held + in->held - row_map->held + row % row_map->held, p->x))
            continue;
        memset(sum, 0, (size_t)head_dim * sizeof *sum);
        memset(size, 0, (size_t)head_dim * sizeof *size);
        bool finite = true;
        for (int64_t k = 0; k < keys; k++) {
            finite = read_factor(p->factors.other, row_of_other(p, outer, heads, k), p->other) && finite;
            for (int64_t j = 0; j < head_dim; j++) add_product(p, p->x[k], p->other[j], &sum[j], &size[j]);
        }
        for (int64_t j = 0; j < head_dim && finite; j++)
            compare(p, row * row_map->width + h * head_dim + j, sum[j], size[j], p->relative * size[j]);
    }
    free(sum);
    free(size);
}

static void prove_attention(Proof *p)
{
    for (int64_t row = 0; row < row_map_rows(&p->sums->row_map); row++) {
        if (p->sums->row_norm[row] < 0) continue;
        if (p->factors.kind == PRODUCT_SOFTMAX)
            prove_weights_row(p, row);
        else
            prove_output_row(p, row);
    }
}

/* ---------------------------------------------------------------- */

/* The factor of which the dump holds too few positions to make the step of; NULL */
static const char *short_factor(const Proof *p)
{
    const ProductFactors *f = &p->factors;
    bool attention = f->kind == PRODUCT_SOFTMAX || f->kind == PRODUCT_HEADS;
    int64_t keys = f->kind == PRODUCT_SOFTMAX ? p->sums->row_map.width : f->x->row_map.width;
    if (f->x->row_map.held < p->sums->row_map.held) return f->x_tap;
    if (f->other && f->other->row_map.held < (attention ? keys : f->x->row_map.held)) return f->other_tap;
    return NULL;
}

static const char *why_unproven(const Proof *p, Arena *arena)
{
    if (p->class->features) return "the class has features, for which nothing is proven";
    if (p->factors.weight && p->factors.weight->inputs != INPUTS_PLAIN)
        return arena_format(arena, "its input is rounded to codes (%s), for which nothing is proven",
                            input_codes_name(p->factors.weight->inputs));
    if (p->factors.missing) return arena_format(arena, "its factor %s is not in the dump", p->factors.missing);
    if (p->factors.kind == PRODUCT_NONE) return "the step is not one product of matrices";
    const char *too_short = short_factor(p);
    if (too_short) return arena_format(arena, "the dump holds too few positions of its factor %s", too_short);
    if (p->bound.terms * p->class->roundoffs.sum >= 0.1) return "its sums are too long for any";
    return NULL;
}

static void set_roundings(Proof *p)
{
    const ProductFactors *f = &p->factors;
    bool linear = f->kind == PRODUCT_LINEAR || f->kind == PRODUCT_GATED;
    double k = (double)(p->bound.terms + (f->bias != NULL)) * p->class->roundoffs.sum, gamma = k / (1 - k);
    double factors = 1 + p->class->roundoffs.factor;
    if (!linear || p->class->roundoffs.rounded_weights) factors *= 1 + p->class->roundoffs.factor;
    if (f->weight && f->weight->dtype == DTYPE_ENCODED) /* perhaps rounded to the dtype, to float32 at least */
        factors *= 1 + fmax(p->class->roundoffs.factor, 0x1p-24);
    if (f->kind == PRODUCT_GATED) factors *= (1 + p->class->roundoffs.factor) * (1 + p->class->roundoffs.result);
    p->bound.unit = p->class->roundoffs.sum;
    p->bound.output_rounding = p->class->roundoffs.result;
    p->bound.input_rounding = factors - 1;
    p->bound.assumes = p->class->roundoffs.assumes;
    p->relative = (1 + gamma) * factors - 1;
}

RoundingBound rounding_bound_of(const Lockstep *lockstep, const Model *model, int step, Arena *arena)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    Proof p = { .sums = lockstep_sums(lockstep, step),
                .step = &grade->steps[step],
                .class = grade->class,
                .factors = product_factors_of(lockstep, model, step, arena),
                .bound = { .element = -1 } };
    const ProductFactors *f = &p.factors;
    if (f->kind != PRODUCT_NONE) p.bound.terms = f->x->row_map.width;
    p.bound.unproven = why_unproven(&p, arena);
    if (p.bound.unproven) return p.bound;

    set_roundings(&p);
    p.bound.factors = arena_format(arena, "%s%s%s times %s", f->x_tap, f->kind == PRODUCT_GATED ? " times " : "",
                                   f->kind == PRODUCT_GATED ? f->other_tap : "",
                                   f->weight ? f->weight->name : f->other_tap);
    p.x = allocate_zeroed((size_t)f->x->row_map.width, sizeof *p.x);
    p.other = allocate_zeroed(f->other ? (size_t)f->other->row_map.width : 1, sizeof *p.other);
    if (f->kind == PRODUCT_LINEAR || f->kind == PRODUCT_GATED)
        prove_linear(&p);
    else
        prove_attention(&p);
    free(p.x);
    free(p.other);
    if (p.another) return (RoundingBound){ .element = -1, .unproven = "the step is more than this product" };
    if (p.bound.elements == 0) p.bound.unproven = "no row of it is graded";
    return p.bound;
}
