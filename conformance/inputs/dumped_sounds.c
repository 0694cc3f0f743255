/* dumped_sounds.c - a dump's own features, graded, diagnosed, and given to the model */
#include "inputs/dumped_sounds.h"

#include <stdlib.h>
#include <string.h>

#include "inputs/diagnose_features.h"

struct DumpedSounds {
    const Clips *clips;
    const ArithmeticClass *class;
    FoundFeatures found;
    FeatureGrade grade;
    SoundFeatures expected; /* what the dump leaves out is taken from here: right, or as the named bugs make it */
    Array features, mask;   /* that the model is given */
    Arena arena;
};

DumpedSounds *dumped_sounds_open(const Clips *clips, const Dump *dump, const ArithmeticClass *class,
                                 const char *const *only, Error *error)
{
    if (!clips) return NULL;
    DumpedSounds *j = allocate_zeroed(1, sizeof *j);
    j->clips = clips;
    j->class = class;
    j->found = found_features_open(dump, clips, only, error);
    if (error_is_set(error) || (!j->found.input_features && !j->found.input_features_mask)) {
        dumped_sounds_close(j);
        return NULL;
    }
    j->expected = features_of_hugging_face(clips, &j->arena);
    j->grade = grade_features(&j->found, &j->expected, class, &j->arena);
    return j;
}

void dumped_sounds_close(DumpedSounds *judged)
{
    if (!judged) return;
    found_features_close(&judged->found);
    arena_free(&judged->arena);
    free(judged);
}

const FeatureGrade *dumped_sounds_grade(const DumpedSounds *judged) { return &judged->grade; }

Diagnosis *dumped_sounds_diagnose(DumpedSounds *judged)
{
    FeatureTrial trial = { judged->clips, &judged->found, judged->class, &judged->grade };
    return diagnose_features(&trial, &judged->expected, &judged->arena);
}

/* [clips, frames, ..] of an array with more frames or fewer, whose new ones are 0 */
static Array with_frames(const Array *from, int64_t frames, Arena *arena)
{
    Array to = *from;
    int64_t clips = from->shape[0], common = from->shape[1] < frames ? from->shape[1] : frames;
    size_t row = dtype_size(from->dtype) * (size_t)(from->rank == 3 ? from->shape[2] : 1);
    unsigned char *data = arena_allocate(arena, checked_size(clips, frames, row));
    memset(data, 0, (size_t)(clips * frames) * row);
    for (int64_t clip = 0; clip < clips; clip++)
        memcpy(data + (size_t)(clip * frames) * row, from->data + (size_t)(clip * from->shape[1]) * row,
               (size_t)common * row);
    to.shape[1] = frames;
    to.data = data;
    return to;
}

void dumped_sounds_give(DumpedSounds *judged, Inputs *inputs, Error *error)
{
    const FoundFeatures *found = &judged->found;
    int64_t frames = found->features ? found->feature_frames : found->mask_frames;
    if ((found->input_features && !found->features) || (found->input_features_mask && !found->mask))
        error_set(error, "found input_features or input_features_mask of another layout");
    else if (found->features && found->mask && found->feature_frames != found->mask_frames)
        error_set(error, "found input_features of %lld frames and input_features_mask of %lld",
                  (long long)found->feature_frames, (long long)found->mask_frames);
    if (error_is_set(error)) return;
    judged->features = with_frames(&judged->expected.input_features, frames, &judged->arena);
    judged->mask = with_frames(&judged->expected.input_features_mask, frames, &judged->arena);
    if (found->features) {
        judged->features.file = found->input_features->file;
        judged->features.data = (const unsigned char *)found->features;
    }
    if (found->mask) {
        judged->mask.file = found->input_features_mask->file;
        judged->mask.data = found->mask;
    }
    inputs->input_features = &judged->features;
    inputs->input_features_mask = &judged->mask;
}
