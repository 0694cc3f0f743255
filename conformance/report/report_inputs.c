/* report_inputs.c - patches put together again, as a PNG in base64 */
#include "report/report_inputs.h"

#include <math.h>
#include <openssl/evp.h>
#include <png.h>
#include <stdlib.h>

#include "report/json_file.h"
#include "run/arena.h"

enum { MOST_PICTURES = 8, MANY_PATCHES = 2520, MOST_GAPS = 16, CHANNELS = 3 };

/* One of the inputs' pictures: a grid of patches, each drawn as cell x cell pixels */
typedef struct {
    const Array *values, *positions;
    int64_t image, patches;
    int patch_size, cell;
    int64_t columns, rows;
} Drawing;

static int64_t position_of(const Drawing *d, int64_t patch, int axis)
{
    return array_integer(d->positions, (d->image * d->patches + patch) * 2 + axis);
}

static Drawing drawing_of(const Inputs *inputs, int64_t image)
{
    Drawing d = { inputs->pixel_values, inputs->image_position_ids, image, inputs->pixel_values->shape[1], 0, 0, 0, 0 };
    d.patch_size = (int)lround(sqrt((double)d.values->shape[2] / CHANNELS));
    d.cell = d.patch_size / (d.patches > MANY_PATCHES ? 4 : 2);
    if (d.cell < 1) d.cell = 1;
    for (int64_t patch = 0; patch < d.patches; patch++) {
        if (position_of(&d, patch, 0) >= d.columns) d.columns = position_of(&d, patch, 0) + 1;
        if (position_of(&d, patch, 1) >= d.rows) d.rows = position_of(&d, patch, 1) + 1;
    }
    return d;
}

/* The mean of the samples that one pixel of the drawing stands for. patch: (row, column, channel) */
static unsigned char sample_of(const Drawing *d, const float *patch, int y, int x, int channel)
{
    int from_y = y * d->patch_size / d->cell, to_y = (y + 1) * d->patch_size / d->cell;
    int from_x = x * d->patch_size / d->cell, to_x = (x + 1) * d->patch_size / d->cell;
    double sum = 0;
    for (int i = from_y; i < to_y; i++)
        for (int j = from_x; j < to_x; j++) sum += patch[(i * d->patch_size + j) * CHANNELS + channel];
    double level = 255 * sum / ((to_y - from_y) * (to_x - from_x));
    return (unsigned char)(level > 0 ? level < 255 ? level + 0.5 : 255 : 0); /* NaN is 0 */
}

static unsigned char *draw(const Drawing *d)
{
    int64_t width = d->columns * d->cell, samples = d->values->shape[2];
    unsigned char *pixels = allocate_zeroed((size_t)(width * d->rows * d->cell), CHANNELS);
    float *values = allocate_zeroed((size_t)samples, sizeof *values);
    for (int64_t patch = 0; patch < d->patches; patch++) {
        int64_t left = position_of(d, patch, 0) * d->cell, top = position_of(d, patch, 1) * d->cell;
        if (left < 0 || top < 0) continue;
        array_read_f32(d->values, (d->image * d->patches + patch) * samples, samples, values);
        for (int i = 0; i < d->cell * d->cell * CHANNELS; i++) {
            int y = i / CHANNELS / d->cell, x = i / CHANNELS % d->cell;
            pixels[((top + y) * width + left + x) * CHANNELS + i % CHANNELS] =
                sample_of(d, values, y, x, i % CHANNELS);
        }
    }
    free(values);
    return pixels;
}

/* null where libpng has no memory for it */
static json_t *png_json(const Drawing *d)
{
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32)(d->columns * d->cell),
                        .height = (png_uint_32)(d->rows * d->cell),
                        .format = PNG_FORMAT_RGB };
    unsigned char *pixels = draw(d);
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *file = allocate_or_end(size);
    bool good = png_image_write_to_memory(&image, file, &size, 0, pixels, 0, NULL) != 0;
    unsigned char *text = allocate_zeroed(size / 3 * 4 + 8, 1);
    if (good) EVP_EncodeBlock(text, file, (int)size);
    json_t *json = good ? json_string((const char *)text) : json_null();
    free(text);
    free(file);
    free(pixels);
    return json;
}

static json_t *positions_json(const Drawing *d)
{
    json_t *positions = json_array();
    for (int64_t patch = 0; patch < d->patches; patch++)
        json_array_append_new(positions, json_pack("[I, I]", (json_int_t)position_of(d, patch, 0),
                                                   (json_int_t)position_of(d, patch, 1)));
    return positions;
}

static json_t *pictures_json(const Inputs *inputs, const json_t *config)
{
    json_t *pictures = json_array();
    const json_t *vision = json_object_get(config, "vision_config");
    const json_t *kernel = json_object_get(vision, "pooling_kernel_size");
    bool unified = json_object_get(vision, "num_hidden_layers") == NULL; /* without a tower nothing is pooled */
    json_int_t pooled = unified ? 1 : json_is_integer(kernel) ? json_integer_value(kernel) : 3;
    if (!inputs->pixel_values || !inputs->image_position_ids) return pictures;
    for (int64_t image = 0; image < inputs->pixel_values->shape[0] && image < MOST_PICTURES; image++) {
        Drawing d = drawing_of(inputs, image);
        bool sparse = d.columns * d.rows > MOST_GAPS * d.patches; /* positions of no picture */
        if (d.columns == 0 || d.rows == 0 || sparse) continue;
        json_array_append_new(pictures, json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "image", (json_int_t)image,
                                                  "columns", (json_int_t)d.columns, "rows", (json_int_t)d.rows,
                                                  "pooled", pooled, "positions", positions_json(&d), "png",
                                                  png_json(&d)));
    }
    return pictures;
}

/* A list for each of the batch; null where the inputs have no such array */
static json_t *integers_json(const Array *array)
{
    if (!array) return json_null();
    json_t *batches = json_array();
    for (int64_t batch = 0; batch < array->shape[0]; batch++) {
        json_t *list = json_array();
        for (int64_t i = 0; i < array->shape[1]; i++)
            json_array_append_new(list, json_integer(array_integer(array, batch * array->shape[1] + i)));
        json_array_append_new(batches, list);
    }
    return batches;
}

json_t *report_inputs_json(const Inputs *inputs, const json_t *config)
{
    json_t *prompt = json_null();
    if (inputs->input_ids)
        prompt = json_pack("{s:o, s:o, s:o}", "ids", integers_json(inputs->input_ids), "types",
                           integers_json(inputs->mm_token_type_ids), "mask", integers_json(inputs->attention_mask));
    return json_pack("{s:o, s:o}", "pictures", pictures_json(inputs, config), "prompt", prompt);
}
