/* cast_pixels.c - pictures cast to the class's dtype before the model scales them
 *
 * Hugging Face's processors make float32 pixels, and the patch embedder takes them from 0 .. 1 to -1 .. 1 before it
 * casts them. Much code calls inputs.to(dtype) first, as Hugging Face's own examples do: then both steps happen in the
 * narrow dtype.
 */
#include "readings/reading.h"

#include "run/run.h"

static bool cast_pixels_matter(const Trial *trial)
{
    return class_is_narrow(trial->class) && (trial->inputs->pixel_values || trial->inputs->pixel_values_videos);
}

/* The pixel p whose 2 (p - 0.5), in float32, is that of the cast pixel in the narrow dtype */
static const Array *cast(const Array *pixels, Rounding rounding, Arena *arena)
{
    if (!pixels) return NULL;
    int64_t count = array_elements(pixels);
    float *values = arena_allocate(arena, (size_t)count * sizeof *values);
    array_read_f32(pixels, 0, count, values);
    round_to(rounding, values, count);
    for (int64_t i = 0; i < count; i++) values[i] -= 0.5f;
    round_to(rounding, values, count);
    for (int64_t i = 0; i < count; i++) values[i] += 0.5f;
    Array *array = arena_allocate(arena, sizeof *array);
    *array = *pixels;
    array->dtype = DTYPE_F32;
    array->data = (const unsigned char *)values;
    return array;
}

static void cast_inputs(Trial *trial, Inputs *inputs, Arena *arena)
{
    inputs->pixel_values = cast(inputs->pixel_values, trial->class->results, arena);
    inputs->pixel_values_videos = cast(inputs->pixel_values_videos, trial->class->results, arena);
}

const Reading cast_pixels = { .flag = READING_CAST_PIXELS,
                              .name = "cast-pixels",
                              .sentence = "pictures are cast to the dtype before they are scaled",
                              .matters = cast_pixels_matter,
                              .follow = cast_inputs };
