/* preprocessing.h - pictures to what the vision tower is given, in Hugging Face's ways or in others
 *
 *     Pictures *pictures = pictures_open("model", &request, &error);
 *     Patches patches = preprocess(pictures, &(Preprocessing){ .flavour = RESIZE_TORCHVISION }, &arena);
 */
#ifndef PLUMB_PREPROCESSING_H
#define PLUMB_PREPROCESSING_H

#include "checkpoint/array.h"
#include "processor/processor.h"
#include "pictures/resampling.h"

/* PNG files, read, and the settings that they are processed by */
typedef struct {
    Gemma4ImageProcessor processor;
    const char **paths;
    Picture *pictures; /* [count] */
    int count;
    Arena arena;
} Pictures;

/* The images of the request. NULL with error set: also where Hugging Face refuses a picture, or has another processor
 * for this model. */
Pictures *pictures_open(const char *model_folder, const ProcessorRequest *request, Error *error);
void pictures_close(Pictures *pictures); /* NULL is fine */

typedef struct {
    Array pixel_values;       /* [pictures, patches, 3 * patch_size^2]; zeros at padding where it is made here */
    Array image_position_ids; /* [pictures, patches, 2], (x, y), I64 where it is made here; padding is (-1, -1) */
} Patches;

typedef ImageSize TargetSize(const Gemma4ImageProcessor *p, ImageSize size);

typedef struct {
    TargetSize *target_size;      /* NULL: get_aspect_ratio_preserving_size */
    const Resampling *resampling; /* NULL: Hugging Face's, in the flavour */
    ResizeFlavour flavour;
    bool letterbox; /* scaled by one factor alike, with black around it up to the size */
} Preprocessing;

/* Each picture has as many patches as the budget, or as the largest of them needs. The result lives in arena. */
Patches preprocess(const Pictures *pictures, const Preprocessing *how, Arena *arena);
/* An honest preprocessor may do any of these. */
typedef enum {
    HONEST_ASKED, /* the flavour that was asked for */
    HONEST_OTHER, /* the other one */
    HONEST_EXACT, /* real arithmetic, cut to the range of levels */
    HONEST_UNCUT, /* real arithmetic, not cut */
    HONEST_WAYS,
} HonestPreprocessing;
Preprocessing honest_preprocessing(const Pictures *pictures, HonestPreprocessing way);
const char *honest_preprocessing_name(const Pictures *pictures, HonestPreprocessing way);

/* The size of picture i after resizing; target_size as above */
ImageSize size_in_pixels(const Pictures *pictures, int i, TargetSize *target_size);
/* Whether a letterbox leaves black around any of the pictures */
bool has_bars(const Pictures *pictures);
/* Whether any of the pictures gets another size than Hugging Face's */
bool changes_size(const Pictures *pictures, TargetSize *target_size);

Array array_of_floats(const char *name, int64_t count, int64_t length, int64_t width, Arena *arena);
Array array_of_integers(const char *name, int64_t count, int64_t length, int64_t width, Arena *arena);

/* The value that level 1 has in a channel of pixel_values */
double level_step(const Gemma4ImageProcessor *p, int channel);

#endif
