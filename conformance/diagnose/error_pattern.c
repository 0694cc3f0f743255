/* error_pattern.c - an unknown error described */
#include "diagnose/error_pattern.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/factor_meaning.h"
#include "lockstep/step_list.h"
#include "bugs/bug_part.h"
#include "diagnose/part_words.h"
#include "dump/tap_name.h"

/* An error is of a kind if that kind explains so much of its square. */
static const double MOSTLY = 0.98;

typedef struct {
    const StepSums *sums;
    const Step *step;
    const PaddingRows *rows;
    const Inputs *inputs;
    const json_t *config;
    int64_t count, width; /* rows of the array */
    bool *bad;            /* [count]: rows far beyond their noise */
    int64_t bad_count;
} Damage;

static double square(double x) { return x * x; }

/* A row is bad if its error is above a hundredth of the largest one, squared, and above what noise can be. */
static void find_bad_rows(Damage *e)
{
    double largest = 0;
    for (int64_t i = 0; i < e->count; i++)
        if (e->sums->row_norm[i] >= 0) largest = fmax(largest, e->sums->row_difference[i]);
    for (int64_t i = 0; i < e->count; i++) {
        double noise = fmax(e->sums->row_deviation[i], 1e-300);
        e->bad[i] = e->sums->row_norm[i] >= 0 && e->sums->row_difference[i] > largest * 1e-2 &&
                    e->sums->row_difference[i] > 4 * noise;
        e->bad_count += e->bad[i];
    }
}

/* ---------------------------------------------------------------- what kind */

static const char *constant_factor(const Damage *e, Arena *arena)
{
    double product = 0, power = 0, error = 0, left = 0;
    for (int64_t i = 0; i < e->count * e->width; i++)
        if (e->bad[i / e->width]) {
            product += step_sums_found(e->sums, i) * step_sums_expected(e->sums, i);
            power += square(step_sums_expected(e->sums, i));
            error += square(e->sums->residual[i]);
        }
    double factor = power > 0 ? product / power : 1;
    for (int64_t i = 0; i < e->count * e->width; i++)
        if (e->bad[i / e->width]) left += square(step_sums_found(e->sums, i) - factor * step_sums_expected(e->sums, i));
    if (!(left < (1 - MOSTLY) * error)) return NULL;
    const char *meaning = factor_meaning(factor, e->step->tap, e->config, arena);
    return arena_format(arena, "each value is %.4g times what it should be%s%s", factor, meaning ? ": " : "",
                        meaning ? meaning : "");
}

/* The row whose expected values row i holds; i itself if there is none */
static int64_t source_of(const Damage *e, int64_t i)
{
    int64_t best = i;
    double least = e->sums->row_difference[i] * (1 - MOSTLY);
    for (int64_t k = 0; k < e->count; k++) {
        if (k == i || e->sums->row_norm[k] < 0) continue;
        double distance = 0;
        for (int64_t j = 0; j < e->width && distance < least; j++)
            distance += square(step_sums_found(e->sums, i * e->width + j) -
                               step_sums_expected(e->sums, k * e->width + j));
        if (distance < least) {
            least = distance;
            best = k;
        }
    }
    return best;
}

static const char *exchanged_rows(const Damage *e, Arena *arena)
{
    enum { SHOWN = 3 };
    const char *text = "";
    int64_t shown = 0;
    if (e->count > 4096) return NULL; /* every row is compared with every other */
    for (int64_t i = 0; i < e->count; i++) {
        if (!e->bad[i]) continue;
        int64_t source = source_of(e, i);
        if (source == i) return NULL;
        if (shown < SHOWN)
            text = arena_format(arena, "%s%srow %lld holds row %lld", text, shown ? ", " : "", (long long)i,
                                (long long)source);
        shown++;
    }
    return shown ? arena_format(arena, "rows are exchanged: %s%s", text, shown > SHOWN ? ", .." : "") : NULL;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The same values in another order, in each bad row */
static const char *exchanged_channels(const Damage *e)
{
    double *found = allocate_zeroed((size_t)e->width, sizeof *found), error = 0, left = 0;
    double *expected = allocate_zeroed((size_t)e->width, sizeof *expected);
    for (int64_t i = 0; i < e->count; i++) {
        if (!e->bad[i]) continue;
        for (int64_t j = 0; j < e->width; j++) {
            found[j] = step_sums_found(e->sums, i * e->width + j);
            expected[j] = step_sums_expected(e->sums, i * e->width + j);
        }
        qsort(found, (size_t)e->width, sizeof *found, by_value);
        qsort(expected, (size_t)e->width, sizeof *expected, by_value);
        for (int64_t j = 0; j < e->width; j++) left += square(found[j] - expected[j]);
        error += e->sums->row_difference[i];
    }
    free(found);
    free(expected);
    return e->width > 1 && left < (1 - MOSTLY) * error ? "each row holds its values in another order" : NULL;
}

static const char *few_channels(const Damage *e, Arena *arena)
{
    double *column = allocate_zeroed((size_t)e->width, sizeof *column), all = 0;
    int64_t worst = 0, first = -1, last = -1;
    for (int64_t i = 0; i < e->count * e->width; i++)
        if (e->bad[i / e->width]) {
            column[i % e->width] += square(e->sums->residual[i]);
            all += square(e->sums->residual[i]);
        }
    for (int64_t j = 0; j < e->width; j++)
        if (column[j] > column[worst]) worst = j;
    for (int64_t j = 0; j < e->width; j++)
        if (column[j] > 1e-3 * column[worst]) {
            if (first < 0) first = j;
            last = j;
        }
    bool one = e->width > 1 && column[worst] > MOSTLY * all;
    free(column);
    if (one) return arena_format(arena, "only channel %lld", (long long)worst);
    if (e->width >= 8 && last - first + 1 <= e->width / 2)
        return arena_format(arena, "only channels %lld to %lld", (long long)first, (long long)last);
    return NULL;
}

/* ---------------------------------------------------------------- which rows */

static Tap tap_of(const Damage *e)
{
    Tap tap = { .name = e->step->tap, .rank = e->step->rank };
    memcpy(tap.shape, e->step->shape, sizeof tap.shape);
    return tap;
}

static bool token_of(const Damage *e, int64_t row, Token *token)
{
    Tap tap = tap_of(e);
    const TapRows rows = padding_rows_tap(e->rows, &tap);
    return padding_rows_token(e->rows, &rows, row_map_tap_row(&e->sums->row_map, row), token);
}

static bool is_image_row(const Damage *e, int64_t row)
{
    Token token;
    const Array *types = e->inputs->mm_token_type_ids;
    if (!types || !token_of(e, row, &token)) return false;
    if (token.column >= types->shape[1]) return false;
    int64_t type = array_integer(types, token.batch * types->shape[1] + token.column);
    return type == 1 || type == 2;
}

/* The step's rows are of several of these */
static Unit group_unit(const Damage *e)
{
    const char *tap = e->step->tap;
    if (tap_is_audio(tap)) return UNIT_CLIP;
    if (!tap_is_vision(tap)) return UNIT_SEQUENCE;
    return tap_run(tap) == 0 ? UNIT_PICTURE : UNIT_FRAME;
}

/* The picture, frame, clip or sequence that a row is of; -1: none, or all of them */
static int64_t group_of(const Damage *e, int64_t row)
{
    Tap tap = tap_of(e);
    Token token;
    int64_t place = row_map_tap_row(&e->sums->row_map, row) * e->width;
    if (tap_is_media(tap.name)) return unit_of(group_unit(e), &tap, place);
    return token_of(e, row, &token) ? token.batch : -1;
}

/* All graded rows of some pictures, frames, clips or sequences, and no row of the others */
static const char *whole_groups(const Damage *e, Arena *arena)
{
    uint64_t bad = 0, good = 0;
    for (int64_t i = 0; i < e->count; i++) {
        if (e->sums->row_norm[i] < 0) continue;
        int64_t group = group_of(e, i);
        if (group < 0 || group >= MOST_UNITS) return NULL;
        *(e->bad[i] ? &bad : &good) |= (uint64_t)1 << group;
    }
    if (!bad || !good || (bad & good)) return NULL;
    Unit unit = group_unit(e) == UNIT_PICTURE && !e->inputs->pixel_values ? UNIT_FRAME : group_unit(e);
    return arena_format(arena, "only %s%s", units_in_words(unit, bad, arena),
                        unit == UNIT_SEQUENCE ? " of the batch" : "");
}

/* In each sequence the rows from some position on, and none before it */
static const char *from_position(const Damage *e, Arena *arena)
{
    int64_t first_bad = INT64_MAX, last_good = -1;
    for (int64_t i = 0; i < e->count; i++) {
        Token token;
        if (e->sums->row_norm[i] < 0) continue;
        if (tap_is_media(e->step->tap) || !token_of(e, i, &token)) return NULL;
        if (e->bad[i] && token.column < first_bad) first_bad = token.column;
        if (!e->bad[i] && token.column > last_good) last_good = token.column;
    }
    bool is_from = last_good >= 0 && first_bad == last_good + 1 && first_bad != INT64_MAX;
    return is_from ? arena_format(arena, "from position %lld on", (long long)first_bad) : NULL;
}

static const char *which_rows(const Damage *e, Arena *arena)
{
    int64_t first = -1, last = -1, graded = 0, images = 0, bad_images = 0;
    for (int64_t i = 0; i < e->count; i++) {
        graded += e->sums->row_norm[i] >= 0;
        bool image = e->sums->row_norm[i] >= 0 && is_image_row(e, i);
        images += image;
        if (!e->bad[i]) continue;
        bad_images += image;
        if (first < 0) first = i;
        last = i;
    }
    if (e->bad_count == 0) return "no row stands out: the whole is off by more than its noise";
    if (e->bad_count == 1 && graded > 1) return arena_format(arena, "only row %lld", (long long)first);
    if (bad_images == e->bad_count && images < graded) return "only rows of images";
    if (bad_images == 0 && images > 0) return "only rows of text";
    const char *groups = whole_groups(e, arena), *from = groups ? NULL : from_position(e, arena);
    if (groups || from) return groups ? groups : from;
    if (e->bad_count == last - first + 1 && e->bad_count < graded)
        return arena_format(arena, "rows %lld to %lld", (long long)first, (long long)last);
    if (e->bad_count < graded)
        return arena_format(arena, "%lld of %lld rows", (long long)e->bad_count, (long long)graded);
    return "all rows";
}

/* The first few rows that hold them, of the dump's array */
static const char *non_finite_rows(const StepSums *sums, Arena *arena)
{
    enum { SHOWN = 5 };
    const char *rows = "";
    int count = 0;
    for (int64_t i = 0; i < row_map_rows(&sums->row_map); i++) {
        bool is_finite = true;
        for (int64_t j = 0; j < sums->row_map.width; j++)
            is_finite &= isfinite(step_sums_found(sums, i * sums->row_map.width + j)) != 0;
        if (is_finite) continue;
        if (count < SHOWN) rows = arena_format(arena, "%s%s%lld", rows, count ? ", " : "", (long long)i);
        count++;
    }
    return arena_format(arena, "in row%s %s%s", count > 1 ? "s" : "", rows, count > SHOWN ? ", .." : "");
}

const char *pattern_of(const Lockstep *base, int n, const Inputs *inputs, const json_t *config, Arena *arena)
{
    const Step *step = &lockstep_grade_so_far(base)->steps[n];
    if (step->non_finite > 0)
        return arena_format(arena, "%lld values are not finite, %s", (long long)step->non_finite,
                            non_finite_rows(lockstep_sums(base, n), arena));
    if (tap_is_choice(step->tap)) return "another choice than the scores give";

    const StepSums *sums = lockstep_sums(base, n);
    Damage e = { .sums = sums,
                 .step = step,
                 .rows = lockstep_rows(base),
                 .inputs = inputs,
                 .config = config,
                 .count = row_map_rows(&sums->row_map),
                 .width = sums->row_map.width };
    e.bad = allocate_zeroed((size_t)e.count + 1, sizeof *e.bad);
    find_bad_rows(&e);

    const char *rows = which_rows(&e, arena), *kind = NULL, *channels = NULL;
    if (e.bad_count > 0) {
        kind = constant_factor(&e, arena);
        if (!kind) kind = exchanged_rows(&e, arena);
        if (!kind) kind = exchanged_channels(&e);
        channels = few_channels(&e, arena);
    }
    free(e.bad);
    return arena_format(arena, "%s%s%s%s%s", rows, channels ? "; " : "", channels ? channels : "", kind ? "; " : "",
                        kind ? kind : "");
}
