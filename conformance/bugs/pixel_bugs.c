/* pixel_bugs.c - pictures on their way into the vision tower
 *
 * Right: the largest size within the budget that keeps the shape; bicubic resizing whose kernel is widened on the way
 * down; patches row by row, in each (row, column, channel); positions (x, y), from 0.
 */
#include <math.h>
#include <string.h>

#include "bugs/bug.h"

/* ---------------------------------------------------------------- size */

/* As many soft tokens along each side as make a square within the budget: 768 x 768 for 280 */
static ImageSize square(const Gemma4ImageProcessor *p, ImageSize size)
{
    (void)size;
    int side = (int)sqrt(p->max_soft_tokens) * p->pooling_kernel_size * p->patch_size;
    return (ImageSize){ side, side };
}

static ImageSize max_unit(const Gemma4ImageProcessor *p, ImageSize size)
{
    int unit = p->pooling_kernel_size * p->patch_size;
    double budget = (double)p->max_soft_tokens * unit * unit, pixels = (double)size.height * size.width;
    double scale = sqrt(budget / pixels);
    int height = (int)floor(size.height * scale / unit) * unit, width = (int)floor(size.width * scale / unit) * unit;
    return (ImageSize){ height > unit ? height : unit, width > unit ? width : unit };
}

/* Right only for pictures that are larger than the budget: smaller ones are not scaled up to it. */
static ImageSize keeps_size(const Gemma4ImageProcessor *p, ImageSize size)
{
    int unit = p->pooling_kernel_size * p->patch_size;
    double budget = (double)p->max_soft_tokens * unit * unit, pixels = (double)size.height * size.width;
    double scale = pixels > budget ? sqrt(budget / pixels) : 1;
    int height = (int)floor(size.height * scale / unit) * unit, width = (int)floor(size.width * scale / unit) * unit;
    return (ImageSize){ height > unit ? height : unit, width > unit ? width : unit };
}

/* ---------------------------------------------------------------- resampling */

/* In real arithmetic: what rounding adds is noise. Only what is cut off is not. */
static const Resampling bilinear[] = {
    { kernel_triangle, 1, true, false, FINISH_CUT, false },       /* Pillow's BILINEAR */
    { kernel_triangle, 1, false, false, FINISH_CUT, false },      /* of two pixels, as torch's interpolate and OpenCV */
    { kernel_triangle, 1, false, true, FINISH_CUT, false },       /* with corners on corners */
    { kernel_triangle, 1, false, true, FINISH_TRUNCATED, false }, /* llama.cpp's */
    { 0 },
};

static const Resampling no_antialias[] = {
    { kernel_bicubic_sharp, 2, false, false, FINISH_CUT, false }, /* torch's interpolate, and OpenCV */
    { kernel_bicubic_sharp, 2, false, false, FINISH_CUT, true },  /* torch's of bytes */
    { kernel_bicubic, 2, false, false, FINISH_CUT, false },
    { 0 },
};

/* ---------------------------------------------------------------- patches and positions */

static Array copy_of(const Array *array, Arena *arena)
{
    size_t bytes = (size_t)array_elements(array) * dtype_size(array->dtype);
    Array copy = *array;
    copy.data = memcpy(arena_allocate(arena, bytes), array->data, bytes);
    return copy;
}

static void all_zero(Patches *patches, Arena *arena)
{
    patches->pixel_values = copy_of(&patches->pixel_values, arena);
    memset((unsigned char *)patches->pixel_values.data, 0,
           (size_t)array_elements(&patches->pixel_values) * dtype_size(patches->pixel_values.dtype));
}

static void channel_first(Patches *patches, Arena *arena)
{
    const Array *from = &patches->pixel_values;
    Array to = copy_of(from, arena);
    size_t size = dtype_size(from->dtype), width = (size_t)from->shape[2], area = width / 3;
    for (size_t row = 0; row < (size_t)(from->shape[0] * from->shape[1]); row++)
        for (size_t i = 0; i < width; i++)
            memcpy((unsigned char *)to.data + (row * width + i % 3 * area + i / 3) * size,
                   from->data + (row * width + i) * size, size);
    patches->pixel_values = to;
}

/* Positions as whole numbers that may be changed: [pictures, patches, 2] */
static int64_t *own_positions(Patches *patches, Arena *arena)
{
    const Array *from = &patches->image_position_ids;
    Array to = array_of_integers(from->name, from->shape[0], from->shape[1], 2, arena);
    int64_t *positions = (int64_t *)to.data;
    for (int64_t i = 0; i < array_elements(from); i++) positions[i] = array_integer(from, i);
    patches->image_position_ids = to;
    return positions;
}

static void xy_swapped(Patches *patches, Arena *arena)
{
    int64_t count = patches->image_position_ids.shape[0] * patches->image_position_ids.shape[1];
    int64_t *positions = own_positions(patches, arena);
    for (int64_t i = 0; i < count; i++) {
        int64_t x = positions[2 * i];
        positions[2 * i] = positions[2 * i + 1];
        positions[2 * i + 1] = x;
    }
}

static bool is_padding(const int64_t *xy) { return xy[0] == -1 && xy[1] == -1; }

/* Patch i gets the place that it had if patches came column by column. */
static void column_major(Patches *patches, Arena *arena)
{
    int64_t images = patches->image_position_ids.shape[0], length = patches->image_position_ids.shape[1];
    int64_t *all = own_positions(patches, arena);
    for (int64_t *xy = all; xy < all + 2 * images * length; xy += 2 * length) {
        int64_t columns = 0, rows = 0;
        for (int64_t i = 0; i < length; i++) {
            if (xy[2 * i] >= columns) columns = xy[2 * i] + 1;
            if (xy[2 * i + 1] >= rows) rows = xy[2 * i + 1] + 1;
        }
        for (int64_t i = 0; i < length; i++) {
            if (is_padding(xy + 2 * i)) continue;
            int64_t place = xy[2 * i] + columns * xy[2 * i + 1];
            xy[2 * i] = place / rows;
            xy[2 * i + 1] = place % rows;
        }
    }
}

/* ---------------------------------------------------------------- the list */

const Bug pixel_bugs[] = {
    { .id = "resize-square",
      .stage = "resizing",
      .mechanism = "pictures are stretched to one fixed square",
      .source = "https://github.com/ml-explore/mlx-swift-lm/pull/405",
      .sources = 3,
      .exposed_by = "a PNG file whose size within the budget is no such square",
      .target_size = square },
    { .id = "soft-tokens-max-unit",
      .stage = "resizing",
      .mechanism = "a side that would be 0 becomes a soft token's, and the other keeps its length beyond the budget",
      .source = "https://github.com/vllm-project/vllm/issues/42485",
      .sources = 2,
      .exposed_by = "a PNG file as long as 16 x 16000",
      .target_size = max_unit },
    { .id = "resize-keeps-size",
      .stage = "resizing",
      .mechanism = "pictures smaller than the budget are not scaled up to it",
      .source = "no known report; how Hugging Face's processors of other models are used, with do_resize off",
      .exposed_by = "a PNG file smaller than the budget by a soft token along a side",
      .target_size = keeps_size },
    { .id = "resize-letterbox",
      .stage = "resizing",
      .mechanism = "pictures keep their shape to the pixel, with black around them where a patch is not filled",
      .source = "https://github.com/ggml-org/llama.cpp/commit/0c1e57098",
      .sources = 1,
      .exposed_by = "a PNG file whose shape is not that of its patches",
      .letterbox = true },
    { .id = "resize-bilinear",
      .stage = "resizing",
      .mechanism = "pictures are resized bilinearly, not bicubically",
      .source = "https://github.com/ggml-org/llama.cpp/issues/24629",
      .sources = 2,
      .exposed_by = "a PNG file that is resized",
      .resamplings = bilinear },
    { .id = "resize-no-antialias",
      .stage = "resizing",
      .mechanism = "bicubic resizing from four pixels of a line, however many it should make one of",
      .source = "https://github.com/sgl-project/sglang/pull/33349",
      .sources = 1,
      .exposed_by = "a PNG file that is resized, best to a fraction of its size",
      .resamplings = no_antialias },
    { .id = "pixels-all-zero",
      .stage = "patches",
      .mechanism = "the model is given zeros in place of pixels",
      .source = "https://github.com/ollama/ollama/issues/18560",
      .sources = 1,
      .exposed_by = "any image that is not black",
      .patches = all_zero },
    { .id = "patch-feature-order",
      .stage = "patches",
      .mechanism = "a patch is laid out by (channel, row, column), not by (row, column, channel)",
      .source = "https://github.com/huggingface/pytorch-image-models/pull/2697",
      .sources = 2,
      .exposed_by = "any image with a gradient or a colour",
      .patches = channel_first },
    { .id = "vision-xy-swapped",
      .stage = "patch positions",
      .mechanism = "positions are (y, x), not (x, y)",
      .source = "https://github.com/osaurus-ai/vmlx-swift/pull/225",
      .sources = 1,
      .exposed_by = "an image of more than one patch",
      .patches = xy_swapped },
    { .id = "vision-grid-column-major",
      .stage = "patch positions",
      .mechanism = "positions run down the columns of patches, while patches come row by row",
      .source = "https://github.com/osaurus-ai/vmlx-swift/pull/225",
      .sources = 1,
      .exposed_by = "an image of more than one row and column of patches",
      .patches = column_major },
    { 0 },
};
