/* unified_image_processor.c - Gemma4UnifiedImageProcessor._preprocess; a frame is treated alike
 *
 *   picture [height, width, 3]
 *     resize                    -> [target height, target width, 3], still levels
 *     rescale, normalize
 *     convert_image_to_patches  -> [teacher patches, 3 * patch_size^2]
 *     patches_merge             -> [soft tokens, 3 * (k * patch_size)^2]
 *     pad_along_first_dim       -> [max_soft_tokens, 3 * (k * patch_size)^2], zeros behind
 */
#include <string.h>

#include "image/image_processor.h"

static void pad_along_first_dim(ImageFeatures *f, int64_t width)
{
    memset(f->pixel_values + f->soft_tokens * width, 0, (size_t)((f->length - f->soft_tokens) * width) * sizeof(float));
    for (int64_t i = 2 * (int64_t)f->soft_tokens; i < 2 * f->length; i++) f->position_ids[i] = -1;
}

ImageFeatures gemma4_unified_image_preprocess(const Gemma4ImageProcessor *p, Picture picture, const char *file,
                                              Arena *arena, Error *error)
{
    int k = p->pooling_kernel_size, side = k * p->patch_size;
    picture = aspect_ratio_preserving_resize(p, picture, side, file, arena, error);
    if (error_is_set(error)) return (ImageFeatures){ 0 };
    ImageFeatures f = { .columns = picture.width / side, .rows = picture.height / side, .side = side };
    f.soft_tokens = f.columns * f.rows;
    f.length = f.soft_tokens > p->max_soft_tokens ? f.soft_tokens : p->max_soft_tokens; /* more: see gemma4's */
    int64_t width = 3 * (int64_t)side * side;
    f.pixel_values = arena_allocate(arena, checked_size(f.length, width, sizeof *f.pixel_values));
    f.position_ids = arena_allocate(arena, (size_t)f.length * 2 * sizeof *f.position_ids);

    ArenaMark mark = arena_mark(arena);
    ImageFeatures teacher = { .columns = k * f.columns, .rows = k * f.rows };
    teacher.length = (int64_t)teacher.columns * teacher.rows;
    teacher.pixel_values = arena_allocate(arena, checked_size(f.soft_tokens, width, sizeof *teacher.pixel_values));
    teacher.position_ids = arena_allocate(arena, (size_t)teacher.length * 2 * sizeof *teacher.position_ids);
    convert_image_to_patches(p, picture, teacher.pixel_values);
    gemma4_image_position_ids(&teacher, teacher.position_ids);
    patches_merge((PatchesMerge){ teacher.length, p->patch_size, k }, teacher.pixel_values, teacher.position_ids,
                  f.pixel_values, f.position_ids, arena);
    arena_release(arena, mark);
    pad_along_first_dim(&f, width);
    return f;
}
