/* patch_steps.c - a step of pixels, a step of positions */
#include "inputs/patch_steps.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- grids */

/* Patches of a picture, and the grid that their positions span */
typedef struct {
    int64_t count, columns, rows;
} Grid;

static Grid grid_of(const int64_t *positions, int64_t length)
{
    Grid grid = { 0 };
    for (int64_t i = 0; i < length; i++) {
        const int64_t *xy = positions + 2 * i;
        grid.count += !patch_is_padding(xy);
        if (xy[0] >= grid.columns) grid.columns = xy[0] + 1;
        if (xy[1] >= grid.rows) grid.rows = xy[1] + 1;
    }
    return grid;
}

static Grid expected_grid(const Patches *expected, int64_t picture)
{
    return grid_of(patch_position(expected, picture, 0), expected->image_position_ids.shape[1]);
}

static Grid found_grid(const DumpedPatches *found, int64_t picture)
{
    return grid_of(found->positions + 2 * picture * found->position_length, found->position_length);
}

/* ---------------------------------------------------------------- notes */

static const char *shape_note(const Array *found, const Array *expected, Arena *arena)
{
    return arena_format(arena, "found shape %s, expected %s", SHAPE_TEXT(found->rank, found->shape),
                        SHAPE_TEXT(expected->rank, expected->shape));
}

/* The first picture that has another number of patches; NULL: none */
static const char *grid_note(const DumpedPatches *found, const Patches *expected, Arena *arena)
{
    for (int64_t picture = 0; found->positions && picture < found->pictures; picture++) {
        Grid a = found_grid(found, picture), b = expected_grid(expected, picture);
        if (a.count != b.count)
            return arena_format(arena, "found %lld x %lld patches, expected %lld x %lld, in picture %lld",
                                (long long)a.columns, (long long)a.rows, (long long)b.columns, (long long)b.rows,
                                (long long)picture);
    }
    return NULL;
}

/* Whether each picture's patches fit into a sequence of that length */
static bool has_room(const Patches *expected, int64_t pictures, int64_t length)
{
    for (int64_t picture = 0; picture < pictures; picture++)
        if (expected_grid(expected, picture).count > length) return false;
    return true;
}

bool patches_fit(const DumpedPatches *found, const Patches *expected)
{
    for (int64_t picture = 0; picture < found->pictures; picture++) {
        int64_t count = expected_grid(expected, picture).count;
        if (found->values && count > found->value_length) return false;
        if (found->positions && count != found_grid(found, picture).count) return false;
    }
    return true;
}

/* ---------------------------------------------------------------- steps */

static Step new_step(const char *name, int64_t pictures, int64_t length, int64_t width)
{
    return (Step){ .tap = name,
                   .rank = 3,
                   .shape = { pictures, length, width },
                   .rows = pictures * length,
                   .of_inputs = true,
                   .worst_row = -1,
                   .worst_channel = -1,
                   .worst_element = -1,
                   .worst_channel_ratio = NAN,
                   .worst_element_ratio = NAN,
                   .bias = NAN,
                   .honest_bias = NAN,
                   .inherited = NAN,
                   .total = NAN,
                   .verdict = VERDICT_FAIL };
}

static Step unlike_step(Step step, const char *note)
{
    step.shape_differs = true;
    step.note = note;
    step.introduced = step.honest = step.ratio = step.worst_row_ratio = NAN;
    return step;
}

typedef struct {
    double difference, noise, norm; /* sums of squares; the difference's of a row is also what its ratio is from */
    double worst;
} PixelSums;

static void measure_row(Step *step, PixelSums *sums, int64_t row, const float *found, const float *expected,
                        const PatchNoise *of)
{
    double difference = 0, noise = 0;
    int64_t width = step->shape[2];
    for (int64_t j = 0; j < width; j++) {
        double apart = (double)found[j] - expected[j];
        difference += apart * apart;
        noise += patch_variance(of, j, expected[j]);
        sums->norm += (double)expected[j] * expected[j];
        if (fabs(apart) > sums->worst || step->worst_element < 0) {
            sums->worst = fabs(apart);
            step->worst_element = row * width + j;
            step->worst_expected = expected[j];
            step->worst_found = found[j];
        }
    }
    sums->difference += difference;
    sums->noise += noise;
    step->graded_rows++;
    double ratio = sqrt(difference / noise);
    if (step->worst_row < 0 || !(ratio <= step->worst_row_ratio)) {
        step->worst_row = row;
        step->worst_row_ratio = ratio;
    }
}

static Step pixel_step(const DumpedPatches *found, const Patches *expected, const Gemma4ImageProcessor *p,
                       const ArithmeticClass *class, Arena *arena)
{
    int64_t length = found->value_length, width = found->width;
    Step step = new_step("pixel_values", found->pictures, length, width);
    if (!found->values || !has_room(expected, found->pictures, length))
        return unlike_step(step, shape_note(found->pixel_values, &expected->pixel_values, arena));
    const char *other_grid = grid_note(found, expected, arena);
    if (other_grid) return unlike_step(step, other_grid);

    PixelSums sums = { 0 };
    PatchNoise noise = patch_noise(p, class, width, arena);
    for (int64_t row = 0; row < step.rows; row++) {
        const float *values = found->values + row * width;
        for (int64_t j = 0; j < width; j++) step.non_finite += !isfinite(values[j]);
        int64_t picture = row / length, i = row % length;
        if (patch_is_padding(patch_position(expected, picture, i))) continue;
        measure_row(&step, &sums, row, values, patch_values(expected, picture, i, NULL), &noise);
    }
    step.introduced = sums.difference == 0 ? 0 : sqrt(sums.difference / sums.norm);
    step.honest = sqrt(sums.noise / sums.norm);
    step.ratio = sqrt(sums.difference / sums.noise);
    bool straight = step.non_finite == 0 && step.ratio <= MOST_PIXEL_RATIO && step.worst_row_ratio <= MOST_PATCH_RATIO;
    step.verdict = straight ? VERDICT_PASS : VERDICT_FAIL;
    return step;
}

static Step position_step(const DumpedPatches *found, const Patches *expected, Arena *arena)
{
    int64_t length = found->position_length, wrong = 0;
    Step step = new_step("image_position_ids", found->pictures, length, 2);
    if (!found->positions || !has_room(expected, found->pictures, length))
        return unlike_step(step, shape_note(found->image_position_ids, &expected->image_position_ids, arena));
    step.note = grid_note(found, expected, arena);
    step.graded_rows = step.rows;
    step.worst_row = 0;
    for (int64_t i = 0; i < 2 * step.rows; i++) {
        int64_t is = found->positions[i], should = patch_position(expected, i / 2 / length, i / 2 % length)[i % 2];
        if (is != should && wrong++ == 0) {
            step.worst_row = i / 2;
            step.worst_element = i;
            step.worst_expected = (double)should;
            step.worst_found = (double)is;
        }
    }
    step.introduced = sqrt((double)wrong / (double)(2 * step.rows));
    step.ratio = step.worst_row_ratio = wrong ? INFINITY : 0;
    step.verdict = wrong ? VERDICT_FAIL : VERDICT_PASS;
    return step;
}

PatchGrade grade_patches(const DumpedPatches *found, const Patches *expected, const Gemma4ImageProcessor *p,
                         const ArithmeticClass *class, Arena *arena)
{
    PatchGrade grade = { .count = 0 };
    if (found->pixel_values) grade.steps[grade.count++] = pixel_step(found, expected, p, class, arena);
    if (found->image_position_ids) grade.steps[grade.count++] = position_step(found, expected, arena);
    grade.residual = match_patches(found, expected, expected, p, class).residual;
    return grade;
}

PatchGrade grade_patches_honestly(const DumpedPatches *found, const Pictures *pictures, const ArithmeticClass *class,
                                  HonestPreprocessing *way, Arena *arena)
{
    PatchGrade nearest = { .count = 0 };
    for (int i = 0; i < HONEST_WAYS && (i == 0 || nearest.residual > 0); i++) {
        Preprocessing how = honest_preprocessing(pictures, i);
        ArenaMark mark = arena_mark(arena);
        Patches patches = preprocess(pictures, &how, arena);
        double residual = match_patches(found, &patches, &patches, &pictures->processor, class).residual;
        arena_release(arena, mark);
        if (i > 0 && !(residual < nearest.residual)) continue;
        nearest.residual = residual;
        *way = i;
    }
    Preprocessing how = honest_preprocessing(pictures, *way);
    Patches patches = preprocess(pictures, &how, arena);
    nearest = grade_patches(found, &patches, &pictures->processor, class, arena);
    Step *pixels = &nearest.steps[0];
    if (found->pixel_values && pixels->verdict == VERDICT_PASS)
        pixels->note = arena_format(arena, pixels->introduced == 0 ? "bit for bit %s" : "nearest to %s",
                                    honest_preprocessing_name(pictures, *way));
    return nearest;
}
