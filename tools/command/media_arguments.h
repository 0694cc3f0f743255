/* media_arguments.h - the options that name pictures, sounds and a prompt, of preprocess and of what runs a model */
#ifndef PLUMB_MEDIA_ARGUMENTS_H
#define PLUMB_MEDIA_ARGUMENTS_H

#include <argp.h>

#include "command/output_option.h"
#include "processor/processor.h"

typedef struct {
    const char **images, **videos, **sounds; /* growing lists */
    int image_count, video_count, sound_count;
    const char *prompt; /* a list of ids, or a file of them */
    double fps;         /* 0: not given */
    ResizeFlavour flavour;
    int max_soft_tokens, max_audio_tokens; /* 0: not given */
    PngOptions png;
} MediaArguments;

extern const struct argp media_argp; /* a child parser; its input is the MediaArguments */

/* At ARGP_KEY_ARG: whether the argument stands behind --image or --audio, and so is one more of them */
bool media_argument(MediaArguments *arguments, char *argument, const struct argp_state *state);
bool media_arguments_given(const MediaArguments *arguments);
void media_arguments_refuse(const MediaArguments *arguments, OutputOption output, Error *error);

/* Writes what the options ask for to path, for the model in that folder. */
ProcessorReport media_arguments_write(const MediaArguments *arguments, const char *model_folder, const char *path,
                                      Arena *arena, Error *error);
void media_arguments_free(MediaArguments *arguments);

#endif
