/* get_aspect_ratio_preserving_size.c - the size that fills the budget of soft tokens
 *
 * The largest sides that keep the shape of the picture, hold at most max_soft_tokens * pooling_kernel_size^2 patches
 * and are multiples of a soft token's side. Small pictures grow. In the order of Hugging Face's statements: where a
 * side comes out just below or at a multiple, the rounding of each of them decides.
 */
#include <math.h>

#include "image/image_processor.h"

static int64_t at_most(double value, int64_t most) { return value < (double)most ? (int64_t)value : most; }

ImageSize get_aspect_ratio_preserving_size(const Gemma4ImageProcessor *p, ImageSize size, const char *file,
                                           Error *error)
{
    int64_t kernel = p->pooling_kernel_size, max_patches = p->max_soft_tokens * kernel * kernel;
    int64_t total_px = (int64_t)size.height * size.width, target_px = max_patches * p->patch_size * p->patch_size;
    int64_t side_mult = kernel * p->patch_size, max_side_length = max_patches / (kernel * kernel) * side_mult;
    double height = size.height, width = size.width;
    double factor = sqrt((double)target_px / (double)total_px);
    int64_t target_height = (int64_t)floor(factor * height / (double)side_mult) * side_mult;
    int64_t target_width = (int64_t)floor(factor * width / (double)side_mult) * side_mult;

    if (target_height == 0 && target_width == 0)
        error_set(error, "%s: found %d x %d pixels, which become 0 x 0; expected sides of %lld or more", file,
                  size.width, size.height, (long long)side_mult);
    if (target_height == 0) {
        target_height = side_mult; /* HF: a very long picture keeps its shape only in whole soft tokens */
        target_width = at_most(floor(width / height) * (double)side_mult, max_side_length);
    } else if (target_width == 0) {
        target_width = side_mult;
        target_height = at_most(floor(height / width) * (double)side_mult, max_side_length);
    }
    if (target_height * target_width > target_px)
        error_set(error, "%s: found %d x %d pixels, which become %lld x %lld; expected at most %lld patches", file,
                  size.width, size.height, (long long)target_width, (long long)target_height, (long long)max_patches);
    return (ImageSize){ (int)target_height, (int)target_width };
}
