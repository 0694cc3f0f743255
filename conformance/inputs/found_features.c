/* found_features.c - read once, whatever their dtype */
#include "inputs/found_features.h"

#include <string.h>

#include "dump/tap_name.h"
#include "noise/row_map.h"

static const char FEATURES[] = "input_features", MASK[] = "input_features_mask";

bool is_of_sounds(const char *name) { return strcmp(name, FEATURES) == 0 || strcmp(name, MASK) == 0; }

static const Array *find(const Dump *dump, const char *name, const char *const *only)
{
    bool wanted = !only;
    for (; !wanted && *only; only++) wanted = tap_matches(*only, name);
    return wanted ? dump_find(dump, name) : NULL;
}

/* How many frames a clip has in an array [clips, frames, bins], or [clips, frames] where bins is 0; 0: it is neither */
static int64_t frames_of(const Array *array, int64_t clips, int64_t bins)
{
    int64_t elements = array ? array_elements(array) : 0, row = clips * (bins ? bins : 1);
    if (elements == 0 || row == 0 || elements % row != 0) return 0;
    bool fits = array_matches_shape(array, bins ? 3 : 2, (int64_t[]){ clips, elements / row, bins });
    return fits ? elements / row : 0;
}

static void read_features(FoundFeatures *found, Error *error)
{
    const Array *array = found->input_features;
    if (!dtype_is_float(array->dtype)) {
        error_set(error, "%s: %s: found dtype %s, expected a float dtype", array->file, FEATURES,
                  dtype_name(array->dtype));
        return;
    }
    int64_t count = array_elements(array);
    found->features = arena_allocate(&found->arena, (size_t)count * sizeof *found->features);
    array_read_f32(array, 0, count, found->features);
}

/* Some backends hold it as integers or floats. */
static void read_mask(FoundFeatures *found, Error *error)
{
    const Array *array = found->input_features_mask;
    int64_t count = array_elements(array);
    found->mask = arena_allocate(&found->arena, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        double value;
        array_read_f64(array, i, 1, &value);
        if (value != 0 && value != 1) {
            error_set(error, "%s: %s: found %g, expected 1, or 0 at padding", array->file, MASK, value);
            return;
        }
        found->mask[i] = value == 1;
    }
}

FoundFeatures found_features_open(const Dump *dump, const Clips *clips, const char *const *only, Error *error)
{
    FoundFeatures found = { .input_features = find(dump, FEATURES, only),
                            .input_features_mask = find(dump, MASK, only),
                            .clips = clips->count,
                            .bins = clips->extractor.feature_size };
    found.feature_frames = frames_of(found.input_features, found.clips, found.bins);
    found.mask_frames = frames_of(found.input_features_mask, found.clips, 0);
    if (found.feature_frames) read_features(&found, error);
    if (found.mask_frames) read_mask(&found, error);
    return found;
}

void found_features_close(FoundFeatures *found) { arena_free(&found->arena); }
