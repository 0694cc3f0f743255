/* image_processor.c - Gemma4ImageProcessor._preprocess
 *
 *   picture [height, width, 3]
 *     resize                    -> [target height, target width, 3], still levels
 *     rescale, normalize        each level to its float32, by a table: there are 256 of them a channel
 *     convert_image_to_patches  -> [patches, 3 * patch_size^2], row by row; in a patch (row, column, channel)
 *     pad_along_first_dim       -> [max_patches, 3 * patch_size^2], zeros behind
 */
#include "image/image_processor.h"

#include <string.h>

enum { LEVELS = 256 };

/* HF's two backends round in different places, and differ in the last bit. */
static float torchvision_value(const Gemma4ImageProcessor *p, int level, int channel)
{
    float value = (float)level, factor = (float)p->rescale_factor;
    if (!p->do_normalize) return value * factor;
    float mean = (float)p->image_mean[channel], std = (float)p->image_std[channel];
    if (p->do_rescale) { /* HF folds it into the normalization: _fuse_mean_std_and_rescale_factor */
        mean *= (float)(1 / p->rescale_factor);
        std *= (float)(1 / p->rescale_factor);
    }
    return (value - mean) / std;
}

static float pil_value(const Gemma4ImageProcessor *p, int level, int channel)
{
    float value = p->do_rescale ? (float)(level * p->rescale_factor) : (float)level;
    if (!p->do_normalize) return value;
    return (value - (float)p->image_mean[channel]) / (float)p->image_std[channel];
}

void convert_image_to_patches(const Gemma4ImageProcessor *p, Picture picture, float *out)
{
    float values[LEVELS][3];
    for (int level = 0; level < LEVELS; level++)
        for (int c = 0; c < 3; c++)
            values[level][c] = p->flavour == RESIZE_PIL ? pil_value(p, level, c) : torchvision_value(p, level, c);
    int side = p->patch_size;
    for (int row = 0; row < picture.height / side; row++)
        for (int column = 0; column < picture.width / side; column++)
            for (int y = 0; y < side; y++) {
                const unsigned char *from = picture.pixels + (size_t)(row * side + y) * picture_row(picture);
                from += 3 * (size_t)column * (size_t)side;
                for (int x = 0; x < 3 * side; x += 3)
                    for (int c = 0; c < 3; c++) *out++ = values[from[x + c]][c];
            }
}

Picture aspect_ratio_preserving_resize(const Gemma4ImageProcessor *p, Picture picture, int whole, const char *file,
                                       Arena *arena, Error *error)
{
    ImageSize size = { picture.height, picture.width };
    if (p->do_resize) {
        size = get_aspect_ratio_preserving_size(p, size, file, error);
        return error_is_set(error) ? picture : resize(picture, size.width, size.height, p->flavour, arena);
    }
    if (size.height % whole || size.width % whole)
        error_set(error, "%s: found %d x %d pixels, expected multiples of %s %d, as do_resize is false", file,
                  size.width, size.height, whole == p->patch_size ? "patch_size" : "a soft token's side", whole);
    return picture;
}

int64_t gemma4_image_width(const Gemma4ImageProcessor *p) { return 3 * (int64_t)p->patch_size * p->patch_size; }

ImageFeatures gemma4_image_preprocess(const Gemma4ImageProcessor *p, Picture picture, const char *file, Arena *arena,
                                      Error *error)
{
    picture = aspect_ratio_preserving_resize(p, picture, p->patch_size, file, arena, error);
    if (error_is_set(error)) return (ImageFeatures){ 0 };
    int kernel = p->pooling_kernel_size;
    ImageFeatures f = { .columns = picture.width / p->patch_size,
                        .rows = picture.height / p->patch_size,
                        .side = p->patch_size };
    int64_t patches = (int64_t)f.columns * f.rows, max_patches = (int64_t)p->max_soft_tokens * kernel * kernel;
    f.soft_tokens = (int)(patches / (kernel * kernel));
    f.length = patches > max_patches ? patches : max_patches; /* more only without a resize; HF leaves it so */
    size_t width = (size_t)gemma4_image_width(p);
    f.pixel_values = arena_allocate(arena, (size_t)f.length * width * sizeof *f.pixel_values);
    convert_image_to_patches(p, picture, f.pixel_values);
    memset(f.pixel_values + (size_t)patches * width, 0, (size_t)(f.length - patches) * width * sizeof(float));
    f.position_ids = arena_allocate(arena, (size_t)f.length * 2 * sizeof *f.position_ids);
    gemma4_image_position_ids(&f, f.position_ids);
    return f;
}

void gemma4_image_position_ids(const ImageFeatures *features, int64_t *position_ids)
{
    int64_t patches = (int64_t)features->columns * features->rows;
    for (int64_t i = 0; i < features->length; i++) { /* (x, y); padding is (-1, -1) */
        position_ids[2 * i] = i < patches ? i % features->columns : -1;
        position_ids[2 * i + 1] = i < patches ? i / features->columns : -1;
    }
}
