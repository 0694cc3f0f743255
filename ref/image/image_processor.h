/* image_processor.h - Gemma4ImageProcessor and Gemma4VideoProcessor: a picture to patches and their positions */
#ifndef PLUMB_IMAGE_PROCESSOR_H
#define PLUMB_IMAGE_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "image/resize.h"
#include "run/error.h"

/* What the JSON files beside a model can set; fields are Hugging Face's. */
typedef struct {
    bool do_resize, do_rescale, do_normalize;
    double rescale_factor, image_mean[3], image_std[3];
    int patch_size, max_soft_tokens, pooling_kernel_size;
    ResizeFlavour flavour; /* which of Hugging Face's two backends; of videos there is only torchvision */
} Gemma4ImageProcessor;

/* image/processor_settings.c: what is in the folder, and Hugging Face's defaults where it holds no such file.
 * max_soft_tokens: 0, or one that counts instead */
void gemma4_image_processor_load(Gemma4ImageProcessor *p, const char *folder, ResizeFlavour flavour,
                                 int max_soft_tokens, Error *error);
void gemma4_video_processor_load(Gemma4ImageProcessor *p, const char *folder, int max_soft_tokens, Error *error);
extern const char *const supported_soft_tokens; /* "one of 70, .." */
bool is_supported_soft_tokens(int max_soft_tokens);

/* image/get_aspect_ratio_preserving_size.c */
typedef struct {
    int height, width;
} ImageSize;

ImageSize get_aspect_ratio_preserving_size(const Gemma4ImageProcessor *p, ImageSize size, const char *file,
                                           Error *error);

/* image/image_processor.c */
typedef struct {
    int columns, rows;   /* of patches */
    int soft_tokens;     /* num_soft_tokens_per_image */
    int64_t length;      /* of the sequence of patches, with padding */
    float *pixel_values; /* [length, 3 * patch_size^2] */
} ImageFeatures;

int64_t gemma4_image_width(const Gemma4ImageProcessor *p); /* of a patch: 3 * patch_size^2 */
ImageFeatures gemma4_image_preprocess(const Gemma4ImageProcessor *p, Picture picture, const char *file, Arena *arena,
                                      Error *error);
void gemma4_image_position_ids(const ImageFeatures *features, int64_t *position_ids); /* -> [length, 2] */

#endif
