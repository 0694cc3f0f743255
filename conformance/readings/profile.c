/* profile.c - the size of a feature's errors, step by step */
#include "readings/profile.h"

#include <math.h>
#include <stdlib.h>

#include "dump/tap_name.h"
#include "grade/features.h"

/* A step shows a feature where honest errors with it are so many times those without. There right dumps of llama.cpp,
 * gemma, OpenVINO and MLX err 0.90 to 1.38 times as much as a replay does; where a feature is no more than room for a
 * bug, the bent step stands at 0.8 to 2.0, and the others at 0.23 to 0.92. docs/tolerances.md has the dumps. */
static const double SHOWN = 1.1, LEAST = 0.75, MOST = 1.5;

/* A feature changes a step as a whole, so a bent step that has it errs more as a whole than honest ones do: right dumps
 * stand at 1.39 and up. A step that errs as honest ones do, but for one element or one row, is bent by something
 * else. */
static const double AS_A_WHOLE = 1.25;

/* A table, or factors that are rounded, err alike in every backend: of a replay's error at an element the dump has so
 * much at least. llama.cpp's GELU has 1.0000 times as much in fp32; ExecuTorch's, which computes erf instead of tanh
 * and so errs as much as a table does, 0.02 times. Sums of another order err otherwise each time. */
static const double OF_THE_SAME = 0.5;

/* So many of the straight steps that show the feature must err as they should. */
static const double NEARLY_ALL = 0.8;

typedef struct {
    const Lockstep *lockstep;
    double *deviations; /* of each step: sum of squares that the replay with the feature deviates by */
    double *products;   /* and of these deviations times the dump's */
    double stands_out;
} Replay;

static void add_row(void *context, int n, int64_t row, const double *values)
{
    Replay *replay = context;
    const StepSums *sums = lockstep_sums(replay->lockstep, n);
    int64_t width = sums->row_map.width;
    for (int64_t j = 0; j < width; j++) {
        double deviation = values[j] - step_sums_expected(sums, row * width + j);
        if (!isfinite(deviation)) continue;
        replay->deviations[n] += deviation * deviation;
        replay->products[n] += deviation * sums->residual[row * width + j];
    }
}

/* Whether the feature can change what the class's replays compute */
static bool matters(Feature feature, const Trial *trial)
{
    switch (feature) {
    case FEATURE_CONV_F16: return trial->inputs->pixel_values || trial->inputs->pixel_values_videos;
    case FEATURE_NORMS_IN_DTYPE:
    case FEATURE_CONSTANTS_IN_DTYPE:
    case FEATURE_ACCUMULATE_IN_DTYPE: return class_is_narrow(trial->class);
    case FEATURE_GELU_TABLE_F16:
    case FEATURE_FLASH_F16_ACCUMULATOR:
    case FEATURE_SEQUENTIAL_SUMS: return true;
    }
    return false;
}

static bool errs_alike_everywhere(Feature feature)
{
    return feature == FEATURE_GELU_TABLE_F16 || feature == FEATURE_CONV_F16;
}

static bool errs_as_it_should(double ratio) { return ratio >= LEAST && ratio <= MOST; }

/* How many times as large a replay's error is with the feature. Both are to nearest, so that the rest is the same. */
static double widening(const StepSums *sums, const ArithmeticClass *class, double deviation)
{
    double norm = sqrt(sums->norm), plain = noise_floored(class, sqrt(sums->replays[0]), norm);
    return plain > 0 ? noise_floored(class, sqrt(deviation), norm) / plain : 0;
}

/* explained: of each step, set where it is bent or stands out, and errs as it should */
static bool is_shown(Feature feature, const Trial *trial, const Replay *replay, bool *explained)
{
    const Lockstep *l = replay->lockstep;
    const Grade *grade = lockstep_grade_so_far(l);
    int bent = 0, straight = 0, alike = 0;
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        if (tap_is_choice(step->tap) || step->graded_rows == 0) continue;
        double widened = widening(lockstep_sums(l, n), trial->class, replay->deviations[n]);
        if (!(widened >= SHOWN)) continue;
        double ratio = step->ratio / widened;
        if (step->verdict == VERDICT_PASS && !(step->ratio > replay->stands_out)) {
            straight++;
            alike += ratio >= LEAST;
        } else {
            bool is_same = replay->products[n] >= OF_THE_SAME * replay->deviations[n];
            explained[n] = step->ratio >= AS_A_WHOLE && errs_as_it_should(ratio) &&
                           (is_same || !errs_alike_everywhere(feature));
            bent += explained[n];
        }
    }
    return bent > 0 && alike >= NEARLY_ALL * straight;
}

Profile profile_of(Lockstep *l, const Trial *trial, double stands_out)
{
    Profile profile = { 0 };
    size_t steps = (size_t)lockstep_grade_so_far(l)->step_count;
    bool *all = allocate_zeroed(steps + 1, sizeof *all);
    for (const FeatureName *f = features_all; f->name; f++) {
        if (trial->class->features & f->flag || !matters(f->flag, trial)) continue;
        Replay replay = { .lockstep = l, .stands_out = stands_out };
        replay.deviations = allocate_zeroed(steps + 1, sizeof(double));
        replay.products = allocate_zeroed(steps + 1, sizeof(double));
        bool *explained = allocate_zeroed(steps + 1, sizeof *explained);
        lockstep_visit_replay(l, class_with(trial->class, f->flag), add_row, &replay);
        if (is_shown(f->flag, trial, &replay, explained)) {
            profile.features |= f->flag;
            for (size_t n = 0; n < steps; n++) all[n] |= explained[n];
        }
        free(explained);
        free(replay.deviations);
        free(replay.products);
    }
    for (size_t n = 0; n < steps; n++) profile.steps += all[n];
    free(all);
    return profile;
}
