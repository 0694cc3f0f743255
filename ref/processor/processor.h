/* processor.h - Gemma4Processor and Gemma4UnifiedProcessor: PNG files, folders of frames,
 * WAV files and a prompt to a file of inputs
 *
 *     ProcessorRequest request = { .images = { paths, 2 }, .prompt = { "2 258880 258880 106" } };
 *     ProcessorReport report = gemma4_processor_write("model", &request, "inputs.safetensors", &arena, &error);
 *
 * Writes pixel_values and image_position_ids of images, pixel_values_videos, video_position_ids and
 * num_frames_per_video of videos, input_features and input_features_mask of sounds, input_ids, attention_mask and
 * mm_token_type_ids of a prompt. What is not given is not written. Without an error the file is there, and whole.
 */
#ifndef PLUMB_PROCESSOR_H
#define PLUMB_PROCESSOR_H

#include "audio/sounds.h"
#include "image/image_processor.h"
#include "image/png.h"

typedef struct {
    const char *const *paths;
    int count;
} Paths;

typedef struct {
    Paths images;            /* PNG files */
    Paths videos;            /* folders of PNG files */
    Paths sounds;            /* WAV files */
    const char *prompt_ids;  /* as text, or NULL: prompt.h */
    const char *prompt_name; /* where they are from, for messages */
    ResizeFlavour flavour;   /* of images */
    int max_soft_tokens;     /* of an image and of a frame; 0: as the settings have it */
    int max_audio_tokens;    /* of a sound, whose rest is cut off; 0: all */
    PngOptions png; /* of images; frames are loaded with ALPHA_DROPPED, as Hugging Face loads a list of paths */
} ProcessorRequest;

typedef struct {
    const char *path;
    int width, height;         /* of the file */
    int new_width, new_height; /* after resizing */
    int columns, rows;         /* patches */
    int soft_tokens;
} PictureReport;

typedef struct {
    PictureReport *images; /* [image_count] */
    PictureReport *frames; /* [frame_count]: of all videos, one after another */
    SoundReport *sounds;   /* [sound_count] */
    int image_count, frame_count, sound_count;
    int *frames_per_video; /* [videos] */
    int64_t prompt_length; /* 0 without a prompt */
} ProcessorReport;

ProcessorReport gemma4_processor_write(const char *model_folder, const ProcessorRequest *request, const char *path,
                                       Arena *arena, Error *error);

#endif
