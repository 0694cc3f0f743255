/* image_processor.h - Gemma4ImageProcessor, Gemma4VideoProcessor and their Gemma4Unified* twins: a picture to patches
 * and their positions */
#ifndef PLUMB_IMAGE_PROCESSOR_H
#define PLUMB_IMAGE_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "image/resize.h"
#include "run/error.h"

/* The JSON files beside a model can set these, the same for all four; fields are Hugging Face's. */
typedef struct {
    bool do_resize, do_rescale, do_normalize;
    double rescale_factor, image_mean[3], image_std[3];
    int patch_size, max_soft_tokens, pooling_kernel_size;
    ResizeFlavour flavour; /* which of Hugging Face's two backends; of videos there is only torchvision */
} Gemma4ImageProcessor;

/* image/processor_settings.c reads the file of the folder, or takes Hugging Face's defaults where it holds none.
 * max_soft_tokens counts instead of the file's, unless it is 0. */
void gemma4_image_processor_load(Gemma4ImageProcessor *p, const char *folder, ResizeFlavour flavour,
                                 int max_soft_tokens, Error *error);
void gemma4_video_processor_load(Gemma4ImageProcessor *p, const char *folder, int max_soft_tokens, Error *error);
void gemma4_unified_image_processor_load(Gemma4ImageProcessor *p, const char *folder, ResizeFlavour flavour,
                                         int max_soft_tokens, Error *error);
void gemma4_unified_video_processor_load(Gemma4ImageProcessor *p, const char *folder, int max_soft_tokens,
                                         Error *error);
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
    int columns, rows;     /* of patches */
    int side;              /* of a patch, in pixels: patch_size; of the unified family times pooling_kernel_size */
    int soft_tokens;       /* num_soft_tokens_per_image */
    int64_t length;        /* of the sequence of patches, with padding */
    float *pixel_values;   /* [length, 3 * side^2] */
    int64_t *position_ids; /* [length, 2]: (x, y); padding is (-1, -1) */
} ImageFeatures;

int64_t gemma4_image_width(const Gemma4ImageProcessor *p); /* of a patch: 3 * patch_size^2 */
ImageFeatures gemma4_image_preprocess(const Gemma4ImageProcessor *p, Picture picture, const char *file, Arena *arena,
                                      Error *error);
void gemma4_image_position_ids(const ImageFeatures *features, int64_t *position_ids); /* -> [length, 2] */

/* Steps of it that the unified family takes too. A picture that is not resized has sides that are multiples of
 * `whole`, or is refused. Patches: [patches, 3 * patch_size^2] */
Picture aspect_ratio_preserving_resize(const Gemma4ImageProcessor *p, Picture picture, int whole, const char *file,
                                       Arena *arena, Error *error);
void convert_image_to_patches(const Gemma4ImageProcessor *p, Picture picture, float *patches);

/* image/unified_image_processor.c */
ImageFeatures gemma4_unified_image_preprocess(const Gemma4ImageProcessor *p, Picture picture, const char *file,
                                              Arena *arena, Error *error);

/* image/patches_merge.c: patches [count, 3 * side^2] at positions [count, 2] -> merged [count / k^2, 3 * (k * side)^2]
 * at merged_positions [count / k^2, 2] */
typedef struct {
    int64_t count;
    int side, k;
} PatchesMerge;

void patches_merge(PatchesMerge m, const float *patches, const int64_t *positions, float *merged,
                   int64_t *merged_positions, Arena *arena);

#endif
