/* image_arguments.h - the options that name pictures, sounds and a prompt, of preprocess and of what runs a model */
#ifndef PLUMB_IMAGE_ARGUMENTS_H
#define PLUMB_IMAGE_ARGUMENTS_H

#include <argp.h>

#include "image/processor.h"

typedef struct {
    const char **images, **videos, **sounds; /* growing lists */
    int image_count, video_count, sound_count;
    const char *prompt; /* a list of ids, or a file of them */
    double fps;         /* 0: not given */
    ResizeFlavour flavour;
    int max_soft_tokens, max_audio_tokens; /* 0: not given */
    PngOptions png;
} ImageArguments;

extern const struct argp image_argp; /* a child parser; its input is the ImageArguments */

/* At ARGP_KEY_ARG: whether the argument stands behind --image or --audio, and so is one more of them */
bool image_argument(ImageArguments *arguments, char *argument, const struct argp_state *state);
bool image_arguments_given(const ImageArguments *arguments);

/* Writes what the options ask for to path, for the model in that folder. */
ProcessorReport image_arguments_write(const ImageArguments *arguments, const char *model_folder, const char *path,
                                      Arena *arena, Error *error);
void image_arguments_free(ImageArguments *arguments);

#endif
