/* dumped_patches.c - read once, whatever their dtype */
#include "inputs/dumped_patches.h"

#include <math.h>
#include <string.h>

#include "noise/row_map.h"
#include "dump/tap_name.h"

static const char PIXELS[] = "pixel_values", POSITIONS[] = "image_position_ids";

bool is_of_preprocessing(const char *name) { return strcmp(name, PIXELS) == 0 || strcmp(name, POSITIONS) == 0; }

static const Array *find(const Dump *dump, const char *name, const char *const *only)
{
    bool wanted = !only;
    for (; !wanted && *only; only++) wanted = tap_matches(*only, name);
    return wanted ? dump_find(dump, name) : NULL;
}

/* How many patches a picture has in an array [pictures, patches, width]; 0 where it is none */
static int64_t length_of(const Array *array, int64_t pictures, int64_t width)
{
    int64_t elements = array ? array_elements(array) : 0, row = pictures * width;
    if (elements == 0 || row == 0 || elements % row != 0) return 0;
    return array_matches_shape(array, 3, (int64_t[]){ pictures, elements / row, width }) ? elements / row : 0;
}

static void read_values(DumpedPatches *found, Error *error)
{
    const Array *array = found->pixel_values;
    if (!dtype_is_float(array->dtype)) {
        error_set(error, "%s: %s: found dtype %s, expected a float dtype", array->file, PIXELS,
                  dtype_name(array->dtype));
        return;
    }
    size_t count = (size_t)array_elements(array);
    found->values = arena_allocate(&found->arena, count * sizeof *found->values);
    array_read_f32(array, 0, (int64_t)count, found->values);
}

/* Some backends hold them as floats. */
static void read_positions(DumpedPatches *found, Error *error)
{
    const Array *array = found->image_position_ids;
    int64_t count = array_elements(array);
    found->positions = arena_allocate(&found->arena, (size_t)count * sizeof *found->positions);
    for (int64_t i = 0; i < count; i++) {
        double value;
        array_read_f64(array, i, 1, &value);
        if (!(fabs(value) < INT32_MAX) || value != floor(value)) {
            error_set(error, "%s: %s: found %g, expected whole numbers", array->file, POSITIONS, value);
            return;
        }
        found->positions[i] = (int64_t)value;
    }
}

DumpedPatches dumped_patches_open(const Dump *dump, const Pictures *pictures, const char *const *only, Error *error)
{
    DumpedPatches found = { .pixel_values = find(dump, PIXELS, only),
                            .image_position_ids = find(dump, POSITIONS, only),
                            .pictures = pictures->count,
                            .width = gemma4_image_width(&pictures->processor) };
    found.value_length = length_of(found.pixel_values, found.pictures, found.width);
    found.position_length = length_of(found.image_position_ids, found.pictures, 2);
    if (found.value_length) read_values(&found, error);
    if (found.position_length) read_positions(&found, error);
    return found;
}

void dumped_patches_close(DumpedPatches *found) { arena_free(&found->arena); }
