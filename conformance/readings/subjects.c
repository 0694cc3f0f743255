/* subjects.c - gives each subject its forward pass */
#include "readings/subjects.h"

#include "bugs/audio_reading.h"
#include "bugs/vision_reading.h"

static const Bug *reading_of(const GradeOptions *options)
{
    if (options->readings & READING_AUDIO_MASK) return &audio_mask_before_5_20; /* of the family that has a tower */
    return options->readings & READING_GOOGLE_MASKS ? &google_vision_mask : NULL;
}

static void buggy_forward(void *model, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    buggy_model_forward(model, reference, inputs, pass);
}

static void dry_forward(void *dry, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    dry_run_forward(dry, reference, inputs, pass);
}

static void close_model(void *model) { buggy_model_close(model); }

static Subject buggy_beside(const void *self, Model *model)
{
    BuggyModel *beside = buggy_model_beside(self, model);
    return (Subject){ .self = beside, .forward = beside ? buggy_forward : NULL, .close = close_model };
}

Subject subject_of(const Trial *trial)
{
    const Bug *reading = reading_of(&trial->options);
    if (!reading) return honest_subject(trial->model);
    BuggyModel *around = buggy_model_around(trial->model, NULL, 0);
    buggy_model_set_mask_reading(around, reading);
    return (Subject){ .self = around, .forward = buggy_forward, .close = close_model, .beside = buggy_beside };
}

Subject subject_with_bugs(BuggyModel *model, const GradeOptions *options)
{
    buggy_model_set_mask_reading(model, reading_of(options));
    return (Subject){ .self = model,
                      .forward = buggy_forward,
                      .has_bugs = true,
                      .has_masks = buggy_model_has_masks(model),
                      .beside = buggy_model_in_a_part(model) ? NULL : buggy_beside };
}

Subject subject_of_dry_run(DryRun *dry, const GradeOptions *options)
{
    dry_run_set_mask_reading(dry, reading_of(options));
    return (Subject){ .self = dry, .forward = dry_forward };
}
