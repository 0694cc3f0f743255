/* tensor_grade.c - sums over rows: as the file is read, and as it would be read with each known bug */
#include "quantiser/tensor_grade.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Honest quantisers stay at 1.10 or below, GPTQ at 1.69; a packing that is wrong throughout starts at 2.5. Of groups,
 * the worst of those that round are at 1.55; GPTQ's, which make up for others, at 4.8 (docs/quantised.md). */
const double quantiser_limit = 2;
static const double GROUP_ROUNDED = 2, GROUP_COMPENSATED = 8;

/* A group of fewer elements may be far off by chance. */
enum { GROUP_LEAST = 16 };

/* A packing explains a failure if it is honest, and by so much nearer. */
static const double NEARER = 1.5;

/* Below this, honest quantisers have only rounded; below that, only searched a scale. */
static const double ROUNDED = 1.1, SEARCHED = 1.2;

/* Rounding to the nearest is off by half a gap, by two halves where the scale leaves out the code of one end. */
static const double LARGEST_ROUNDED = 2.05;

double quantiser_group_limit(const TensorGrade *grade)
{
    bool is_rounded = grade->rms <= SEARCHED && grade->largest_elsewhere <= LARGEST_ROUNDED;
    return is_rounded ? GROUP_ROUNDED : GROUP_COMPENSATED;
}

/* Rows and columns of a tensor that are summed up: all, or one group */
typedef struct {
    int64_t first_row, rows, first_column, columns;
} Region;

typedef struct {
    double error, unit; /* sums of squares: of the errors, of the gaps */
    double largest;     /* error, in halves of a gap */
} Sums;

typedef struct {
    const Array *original;
    QuantisedRow row;
    CodeSteps steps;
    double *expected; /* [columns]: the original's row */
} Comparison;

static double square(double x) { return x * x; }

static double rms_of(Sums sums) { return sums.error == 0 ? 0 : sqrt(12 * sums.error / sums.unit); }

/* Where scales are codes themselves, they were rounded, too, and each element was off by as much times its code. Of a
 * scale that was rounded to 0 that may have been any code. */
static double rounded_scales(const Comparison *c, CodePlace place)
{
    if (place.scale_step == 0) return 0;
    const CodeSteps *steps = &c->steps;
    double largest = fmax(fabs(steps->values[0]), fabs(steps->values[steps->count - 1]));
    double value = place.scale == 0 ? largest : c->row.values[place.code];
    return square(value * place.scale_step) + square(place.shift_step);
}

static Sums element(const Comparison *c, int64_t column, CodePlace place, double factor)
{
    double expected = c->expected[column], scale = fabs(place.scale * factor);
    double at = place.scale == 0 ? 0 : (expected / factor + place.shift) / place.scale;
    double error = square(expected - factor * code_place_value(&c->row, place));
    double unit = square(scale * code_steps_gap(&c->steps, at)) + square(factor) * rounded_scales(c, place);
    return (Sums){ error, unit, unit > 0 ? 2 * sqrt(error / unit) : 0 };
}

static void add(Sums *to, Sums some)
{
    to->error += some.error;
    to->unit += some.unit;
    to->largest = fmax(to->largest, some.largest);
}

static void read_row(Comparison *c, int64_t row)
{
    quantised_row_read(&c->row, row);
    array_read_f64(c->original, row * c->row.columns, c->row.columns, c->expected);
}

/* ---------------------------------------------------------------- as the file is read */

static void note_group(TensorGrade *grade, Sums sums, int64_t row, int64_t first, int64_t count)
{
    double rms = rms_of(sums);
    bool is_worst = count >= GROUP_LEAST && sums.unit > 0 && rms > grade->worst_group;
    grade->largest_elsewhere = fmax(grade->largest_elsewhere, is_worst ? grade->largest_in_group : sums.largest);
    if (!is_worst) return;
    grade->worst_group = rms;
    grade->largest_in_group = sums.largest;
    grade->group_at[0] = row;
    grade->group_at[1] = first;
}

/* A group whose scale is 0 has no gap of its own: the tensor's typical one says how far it is off. */
static void note_zeroed(TensorGrade *grade, Comparison *c, double unit)
{
    for (int64_t row = 0; row < c->row.rows; row++) {
        read_row(c, row);
        for (int64_t i = 0, end; i < c->row.columns; i = end) {
            Sums sums = { 0, (double)((end = c->row.group_end[i]) - i) * unit, 0 };
            if (c->row.at[i].scale != 0 || c->row.at[i].scale_step != 0) continue;
            for (int64_t j = i; j < end; j++) sums.error += element(c, j, c->row.at[j], 1).error;
            note_group(grade, sums, row, i, end - i);
        }
    }
}

static Sums add_up_row(Comparison *c, int64_t row, TensorGrade *grade)
{
    Sums whole = { 0 }, group = { 0 };
    read_row(c, row);
    for (int64_t i = 0; i < c->row.columns; i++) {
        Sums one = element(c, i, c->row.at[i], 1);
        add(&group, one);
        if (i + 1 < c->row.group_end[i]) continue;
        note_group(grade, group, row, c->row.group_start[i], i + 1 - c->row.group_start[i]);
        add(&whole, group);
        group = (Sums){ 0 };
    }
    return whole;
}

/* ---------------------------------------------------------------- as it may be meant */

static double packing_rms(Comparison *c, Region region, const Packing *packing)
{
    Sums sums = { 0 };
    for (int64_t row = region.first_row; row < region.first_row + region.rows; row++) {
        read_row(c, row);
        for (int64_t i = region.first_column; i < region.first_column + region.columns; i++)
            add(&sums, element(c, i, packing->read(&c->row, i), 1));
    }
    return sums.unit > 0 ? rms_of(sums) : INFINITY;
}

/* The factor of least error; 1 where the two have nothing in common */
static double factor_of(Comparison *c, Region region)
{
    double product = 0, power = 0;
    for (int64_t row = region.first_row; row < region.first_row + region.rows; row++) {
        read_row(c, row);
        for (int64_t i = region.first_column; i < region.first_column + region.columns; i++) {
            double found = code_place_value(&c->row, c->row.at[i]);
            product += found * c->expected[i];
            power += found * found;
        }
    }
    return power > 0 && product != 0 ? product / power : 1;
}

static double factor_rms(Comparison *c, Region region, double factor)
{
    Sums sums = { 0 };
    for (int64_t row = region.first_row; row < region.first_row + region.rows; row++) {
        read_row(c, row);
        for (int64_t i = region.first_column; i < region.first_column + region.columns; i++)
            add(&sums, element(c, i, c->row.at[i], factor));
    }
    return sums.unit > 0 ? rms_of(sums) : INFINITY;
}

/* Looks for the packing that makes the region honest. */
static void explain(TensorGrade *grade, Comparison *c, Region region, Arena *arena)
{
    double found = grade->rms > quantiser_limit ? grade->rms : grade->worst_group, factor = factor_of(c, region);
    grade->packing_rms = INFINITY;
    for (int i = 0; i < packing_count; i++) {
        double rms = packing_rms(c, region, &packings[i]);
        if (!(rms < grade->packing_rms)) continue;
        grade->packing_rms = rms;
        grade->packing_id = packings[i].id;
        grade->packing = packings[i].text;
    }
    double rms = factor_rms(c, region, factor);
    if (rms < grade->packing_rms) {
        grade->packing_rms = rms;
        grade->packing_id = "constant-factor";
        grade->packing = arena_format(arena,
                                      "each value is %.4g times the original's, as without a global scale or "
                                      "with its reciprocal",
                                      1 / factor);
    }
    if (grade->packing_rms <= quantiser_limit && grade->packing_rms * NEARER < found) return;
    grade->packing = grade->packing_id = NULL;
}

static TensorGrade grade_codes(const Array *original, const Array *quantised, Arena *arena)
{
    ArenaMark mark = arena_mark(arena);
    Comparison c = { .original = original, .row = quantised_row(quantised, arena) };
    c.steps = code_steps_of(quantised->encoding);
    c.expected = arena_allocate(arena, ((size_t)c.row.columns + 1) * sizeof *c.expected);
    TensorGrade grade = { .has_codes = true };
    Sums whole = { 0 };
    for (int64_t row = 0; row < c.row.rows; row++) add(&whole, add_up_row(&c, row, &grade));
    grade.rms = rms_of(whole);
    grade.largest = whole.largest;
    note_zeroed(&grade, &c, whole.unit / (double)array_elements(quantised));
    bool whole_passes = grade.rms <= quantiser_limit;
    grade.pass = whole_passes && grade.worst_group <= quantiser_group_limit(&grade);
    Region region = { 0, c.row.rows, 0, c.row.columns };
    if (!grade.pass && whole_passes) {
        read_row(&c, grade.group_at[0]);
        int64_t first = grade.group_at[1];
        region = (Region){ grade.group_at[0], 1, first, c.row.group_end[first] - first };
    }
    if (grade.pass)
        grade.method = grade.rms <= ROUNDED && grade.largest <= ROUNDED ? "rounded to nearest"
                       : grade.rms <= SEARCHED                          ? "rounded, scales searched"
                                                                        : "rounded with compensation, as by GPTQ";
    else
        explain(&grade, &c, region, arena);
    if (!grade.packing) arena_release(arena, mark);
    return grade;
}

/* ---------------------------------------------------------------- tensors without codes */

/* Half of the spacing of the dtype around a value: rounding errs by no more. */
static double half_spacing(Dtype dtype, double value)
{
    double significand = dtype == DTYPE_BF16 ? 0x1p-9 : dtype == DTYPE_F16 ? 0x1p-12 : 0x1p-25;
    double least = dtype == DTYPE_F16 ? 0x1p-25 : (double)FLT_TRUE_MIN / 2;
    int exponent;
    frexp(value, &exponent);
    return fmax(ldexp(significand, exponent), least);
}

static const struct {
    const char *id, *text;
    double added;
} shifts[] = {
    { "one-added", "1 is added to each value, as for norms that multiply by 1 + weight", 1 },
    { "one-taken-off", "1 is taken off each value, as for norms that multiply by 1 + weight", -1 },
};

static TensorGrade grade_values(const Array *original, const Array *quantised)
{
    enum { BLOCK = 4096 };
    double expected[BLOCK], found[BLOCK], largest[3] = { 0 }; /* as it is, and with each shift */
    int64_t elements = array_elements(quantised);
    Dtype dtype = quantised->dtype == DTYPE_ENCODED ? DTYPE_BF16 : quantised->dtype;
    for (int64_t first = 0; first < elements; first += BLOCK) {
        int64_t count = elements - first < BLOCK ? elements - first : BLOCK;
        array_read_f64(original, first, count, expected);
        array_read_f64(quantised, first, count, found);
        for (int64_t i = 0; i < count; i++)
            for (int k = 0; k < 3; k++) {
                double right = expected[i] + (k > 0 ? shifts[k - 1].added : 0);
                largest[k] = fmax(largest[k], fabs(found[i] - right) / half_spacing(dtype, right));
            }
    }
    TensorGrade grade = { .rms = largest[0], .largest = largest[0], .pass = largest[0] <= 1 };
    grade.method = grade.pass ? "as it is" : NULL;
    for (int k = 1; k < 3 && !grade.pass; k++)
        if (largest[k] <= 1) {
            grade.packing_id = shifts[k - 1].id;
            grade.packing = shifts[k - 1].text;
            grade.packing_rms = largest[k];
        }
    return grade;
}

TensorGrade tensor_grade(const Array *original, const Array *quantised, Arena *arena)
{
    bool has_codes = quantised->encoding && quantised->encoding->bits > 0;
    TensorGrade grade = has_codes ? grade_codes(original, quantised, arena) : grade_values(original, quantised);
    grade.name = quantised->name;
    grade.scheme = array_scheme(quantised);
    grade.elements = array_elements(quantised);
    return grade;
}
