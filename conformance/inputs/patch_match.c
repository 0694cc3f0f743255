/* patch_match.c - differences in roundings of a level */
#include "inputs/patch_match.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- what is compared */

const float *patch_values(const Patches *patches, int64_t picture, int64_t i, const float *zeros)
{
    const int64_t *shape = patches->pixel_values.shape;
    return i < shape[1] ? (const float *)patches->pixel_values.data + (picture * shape[1] + i) * shape[2] : zeros;
}

static const int64_t padding[2] = { -1, -1 };

const int64_t *patch_position(const Patches *patches, int64_t picture, int64_t i)
{
    const int64_t *shape = patches->image_position_ids.shape;
    return i < shape[1] ? (const int64_t *)patches->image_position_ids.data + (picture * shape[1] + i) * 2 : padding;
}

bool patch_is_padding(const int64_t *xy) { return xy[0] == -1 && xy[1] == -1; }

PatchNoise patch_noise(const Gemma4ImageProcessor *p, const ArithmeticClass *class, int64_t width, Arena *arena)
{
    PatchNoise noise = { arena_allocate(arena, (size_t)width * sizeof(double)), class->output_rounding };
    for (int64_t j = 0; j < width; j++) {
        double level = ROUNDING_OF_LEVELS * level_step(p, (int)(j % 3));
        noise.levels[j] = level * level;
    }
    noise.rounding *= noise.rounding;
    return noise;
}

/* ---------------------------------------------------------------- the filter */

/* One patch: the values that were found, the honest ones, the others */
static void match_values(PatchMatch *m, const float *found, const float *honest, const float *other, int64_t width,
                         const PatchNoise *noise)
{
    double residual = 0, product = 0, power = 0;
#pragma omp simd reduction(+ : residual, product, power)
    for (int64_t j = 0; j < width; j++) {
        double r = (double)found[j] - honest[j], d = (double)other[j] - honest[j];
        double weight = 1 / patch_variance(noise, j, honest[j]);
        r = r - r == 0 ? r : 0; /* what is not finite says nothing */
        residual += r * r * weight;
        product += r * d * weight;
        power += d * d * weight;
    }
    m->residual += residual;
    m->product += product;
    m->power += power;
    m->count += (double)width;
    m->worst_row = fmax(m->worst_row, power / (double)width);
    m->touches[0] |= power > 0;
}

static void match_numbers(PatchMatch *m, int64_t found, int64_t honest, int64_t other)
{
    static const double variance = ROUNDING_OF_LEVELS * ROUNDING_OF_LEVELS;
    double r = (double)(found - honest), d = (double)(other - honest);
    m->residual += r * r / variance;
    m->product += r * d / variance;
    m->power += d * d / variance;
    m->touches[1] |= d != 0;
}

PatchMatch match_patches(const DumpedPatches *found, const Patches *honest, const Patches *other,
                         const Gemma4ImageProcessor *p, const ArithmeticClass *class)
{
    PatchMatch m = { 0 };
    Arena arena = { 0 };
    int64_t width = found->width;
    size_t row_size = (size_t)width * sizeof(float);
    const float *zeros = memset(arena_allocate(&arena, row_size), 0, row_size);
    PatchNoise noise = patch_noise(p, class, width, &arena);
    for (int64_t row = 0; found->values && row < found->pictures * found->value_length; row++) {
        int64_t picture = row / found->value_length, i = row % found->value_length;
        bool behind = patch_is_padding(patch_position(honest, picture, i)) &&
                      patch_is_padding(patch_position(other, picture, i));
        if (!behind)
            match_values(&m, found->values + row * width, patch_values(honest, picture, i, zeros),
                         patch_values(other, picture, i, zeros), width, &noise);
    }
    for (int64_t i = 0; found->positions && i < 2 * found->pictures * found->position_length; i++) {
        int64_t row = i / 2, picture = row / found->position_length, patch = row % found->position_length;
        match_numbers(&m, found->positions[i], patch_position(honest, picture, patch)[i % 2],
                      patch_position(other, picture, patch)[i % 2]);
    }
    arena_free(&arena);
    return m;
}

bool patches_show(const PatchMatch *match)
{
    return match->touches[1] || match->power >= SEEN_SHARE * (match->power + match->count) ||
           match->worst_row >= MOST_PATCH_RATIO * MOST_PATCH_RATIO;
}
