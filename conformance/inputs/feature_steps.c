/* feature_steps.c - a step of features, a step of their mask */
#include "inputs/feature_steps.h"

#include <math.h>
#include <string.h>

#include "noise/row_map.h"

static const double least_noise = 0x1p-24; /* so that 0 at padding has a scale too */

/* ---------------------------------------------------------------- what is compared */

/* Bin `bin` of a frame, and its noise; behind the last frame there is padding. */
static double value_at(const SoundFeatures *f, int64_t clip, int64_t frame, int64_t bin)
{
    const int64_t *shape = f->input_features.shape;
    if (frame >= shape[1]) return 0;
    return ((const float *)f->input_features.data)[(clip * shape[1] + frame) * shape[2] + bin];
}

static double variance_at(const SoundFeatures *f, int64_t clip, int64_t frame, int64_t bin,
                          const ArithmeticClass *class)
{
    const int64_t *shape = f->input_features.shape;
    double rounding = class->output_rounding * value_at(f, clip, frame, bin), spread = 0;
    if (frame < shape[1]) spread = f->spread[(clip * shape[1] + frame) * shape[2] + bin];
    return rounding * rounding + spread * spread + least_noise * least_noise;
}

static bool counts_at(const SoundFeatures *f, int64_t clip, int64_t frame)
{
    int64_t frames = f->input_features_mask.shape[1];
    return frame < frames && f->input_features_mask.data[clip * frames + frame];
}

static double found_value(const FoundFeatures *found, int64_t clip, int64_t frame, int64_t bin)
{
    return frame < found->feature_frames ? found->features[(clip * found->feature_frames + frame) * found->bins + bin]
                                         : 0;
}

static bool found_counts(const FoundFeatures *found, int64_t clip, int64_t frame)
{
    return frame < found->mask_frames && found->mask[clip * found->mask_frames + frame];
}

/* Frames of a clip that count, of all clips the most: what a dump has to have room for */
static int64_t frames_needed(const SoundFeatures *f)
{
    int64_t needed = 0;
    for (int64_t clip = 0; clip < f->input_features_mask.shape[0]; clip++)
        for (int64_t frame = 0; frame < f->input_features_mask.shape[1]; frame++)
            if (counts_at(f, clip, frame) && frame >= needed) needed = frame + 1;
    return needed;
}

/* ---------------------------------------------------------------- steps */

static Step new_step(const char *name, int rank, int64_t clips, int64_t frames, int64_t bins)
{
    return (Step){ .tap = name,
                   .rank = rank,
                   .shape = { clips, frames, bins },
                   .rows = clips * frames,
                   .graded_rows = clips * frames,
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

static Step unlike_step(Step step, const Array *found, const Array *expected, Arena *arena)
{
    step.shape_differs = true;
    step.graded_rows = 0;
    step.note = arena_format(arena, "found shape %s, expected %s", SHAPE_TEXT(found->rank, found->shape),
                             SHAPE_TEXT(expected->rank, expected->shape));
    step.introduced = step.honest = step.ratio = step.worst_row_ratio = NAN;
    return step;
}

typedef struct {
    double difference, noise, norm; /* sums of squares */
    double worst;
} Sums;

static void measure_frame(Step *step, Sums *sums, int64_t row, const FoundFeatures *found,
                          const SoundFeatures *expected, const ArithmeticClass *class)
{
    double difference = 0, noise = 0;
    int64_t clip = row / found->feature_frames, frame = row % found->feature_frames;
    for (int64_t bin = 0; bin < found->bins; bin++) {
        double is = found_value(found, clip, frame, bin), should = value_at(expected, clip, frame, bin);
        step->non_finite += !isfinite(is);
        difference += (is - should) * (is - should);
        noise += variance_at(expected, clip, frame, bin, class);
        sums->norm += should * should;
        if (fabs(is - should) > sums->worst || step->worst_element < 0) {
            sums->worst = fabs(is - should);
            step->worst_element = row * found->bins + bin;
            step->worst_expected = should;
            step->worst_found = is;
        }
    }
    sums->difference += difference;
    sums->noise += noise;
    double ratio = sqrt(difference / noise);
    if (step->worst_row >= 0 && ratio <= step->worst_row_ratio) return;
    step->worst_row = row;
    step->worst_row_ratio = ratio;
}

static Step feature_step(const FoundFeatures *found, const SoundFeatures *expected, const ArithmeticClass *class,
                         Arena *arena)
{
    Step step = new_step("input_features", 3, found->clips, found->feature_frames, found->bins);
    if (!found->features || found->feature_frames < frames_needed(expected))
        return unlike_step(step, found->input_features, &expected->input_features, arena);
    Sums sums = { 0 };
    for (int64_t row = 0; row < step.rows; row++) measure_frame(&step, &sums, row, found, expected, class);
    step.introduced = sums.difference == 0 ? 0 : sqrt(sums.difference / sums.norm);
    step.honest = sqrt(sums.noise / sums.norm);
    step.ratio = sqrt(sums.difference / sums.noise);
    bool straight = step.non_finite == 0 && step.ratio <= MOST_FEATURE_RATIO &&
                    step.worst_row_ratio <= MOST_FRAME_RATIO;
    step.verdict = straight ? VERDICT_PASS : VERDICT_FAIL;
    if (straight) step.note = step.introduced == 0 ? "bit for bit Hugging Face's" : NULL;
    return step;
}

static Step mask_step(const FoundFeatures *found, const SoundFeatures *expected, Arena *arena)
{
    Step step = new_step("input_features_mask", 2, found->clips, found->mask_frames, 1);
    if (!found->mask || found->mask_frames < frames_needed(expected))
        return unlike_step(step, found->input_features_mask, &expected->input_features_mask, arena);
    int64_t wrong = 0;
    step.worst_row = 0;
    for (int64_t row = 0; row < step.rows; row++) {
        int64_t clip = row / found->mask_frames, frame = row % found->mask_frames;
        bool is = found_counts(found, clip, frame), should = counts_at(expected, clip, frame);
        if (is == should || wrong++ > 0) continue;
        step.worst_row = step.worst_element = row;
        step.worst_expected = should;
        step.worst_found = is;
    }
    step.introduced = sqrt((double)wrong / (double)step.rows);
    step.ratio = step.worst_row_ratio = wrong ? INFINITY : 0;
    step.verdict = wrong ? VERDICT_FAIL : VERDICT_PASS;
    return step;
}

FeatureGrade grade_features(const FoundFeatures *found, const SoundFeatures *expected, const ArithmeticClass *class,
                            Arena *arena)
{
    FeatureGrade grade = { .count = 0 };
    if (found->input_features) grade.steps[grade.count++] = feature_step(found, expected, class, arena);
    if (found->input_features_mask) grade.steps[grade.count++] = mask_step(found, expected, arena);
    grade.residual = match_features(found, expected, expected, class).residual;
    return grade;
}

/* ---------------------------------------------------------------- the filter */

static void match_values(FeatureMatch *m, const FoundFeatures *found, const SoundFeatures *honest,
                         const SoundFeatures *other, const ArithmeticClass *class)
{
    int64_t frames = found->feature_frames;
    for (int64_t i = 0; found->features && i < found->clips * frames * found->bins; i++) {
        int64_t bin = i % found->bins, frame = i / found->bins % frames, clip = i / found->bins / frames;
        double right = value_at(honest, clip, frame, bin), d = value_at(other, clip, frame, bin) - right;
        double r = found->features[i] - right, variance = variance_at(honest, clip, frame, bin, class);
        m->touches[0] |= d * d > variance;
        if (!isfinite(r)) continue; /* it says nothing */
        m->residual += r * r / variance;
        m->product += r * d / variance;
        m->power += d * d / variance;
    }
}

FeatureMatch match_features(const FoundFeatures *found, const SoundFeatures *honest, const SoundFeatures *other,
                            const ArithmeticClass *class)
{
    FeatureMatch m = { 0 };
    match_values(&m, found, honest, other, class);
    for (int64_t i = 0; found->mask && i < found->clips * found->mask_frames; i++) {
        int64_t frame = i % found->mask_frames, clip = i / found->mask_frames;
        int right = counts_at(honest, clip, frame);
        double r = found_counts(found, clip, frame) - right, d = counts_at(other, clip, frame) - right;
        m.touches[1] |= d != 0;
        m.residual += MASK_WEIGHT * r * r;
        m.product += MASK_WEIGHT * r * d;
        m.power += MASK_WEIGHT * d * d;
    }
    return m;
}
