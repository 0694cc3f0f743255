/* size_filter.c - get_aspect_ratio_preserving_size as a pipe
 *
 *     size-filter < sizes > targets
 *
 * In: five int32 a picture: height, width, patch_size, max_soft_tokens, pooling_kernel_size. Out: two: the target's
 * height and width, or -1 and -1 where it is refused. tools/check_hf/check_images.py feeds it with 100,000 sizes.
 */
#include <stdio.h>

#include "image/image_processor.h"

int main(void)
{
    int32_t in[5], out[2];
    while (fread(in, sizeof in, 1, stdin) == 1) {
        Error error = { "" };
        Gemma4ImageProcessor p = { .patch_size = in[2], .max_soft_tokens = in[3], .pooling_kernel_size = in[4] };
        ImageSize target = get_aspect_ratio_preserving_size(&p, (ImageSize){ in[0], in[1] }, "picture", &error);
        out[0] = error_is_set(&error) ? -1 : target.height;
        out[1] = error_is_set(&error) ? -1 : target.width;
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
