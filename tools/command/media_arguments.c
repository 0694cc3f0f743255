/* media_arguments.c - --image, --video, --audio, --prompt-ids and what goes with them */
#include "command/media_arguments.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/regular_file.h"
#include "command/arguments.h"

enum {
    KEY_IMAGE = 0x100,
    KEY_VIDEO,
    KEY_AUDIO,
    KEY_FPS,
    KEY_PROMPT_IDS,
    KEY_RESIZE,
    KEY_MAX_SOFT_TOKENS,
    KEY_MAX_AUDIO_TOKENS,
    KEY_LOAD,
    KEY_MAX_PIXELS
};

static const struct argp_option options[] = {
    { 0, 0, 0, 0, "Pictures and sounds:", 5 },
    { "image", KEY_IMAGE, "FILE", 0, "A PNG; more may follow: --image A.png B.png", 5 },
    { "video", KEY_VIDEO, "DIR", 0, "A video as a folder of PNG frames, in the order of their names", 5 },
    { "audio", KEY_AUDIO, "FILE", 0, "A WAV of one channel at the model's rate, 16000 Hz; more may follow", 5 },
    { "fps", KEY_FPS, "F", 0, "Frames a second, for their times (default 24, as in Hugging Face)", 5 },
    { "prompt-ids", KEY_PROMPT_IDS, "IDS", 0,
      "Token ids, \"2 105 258880 106\", or a file of them, with one image_token_id for each image, one "
      "audio_token_id for each sound, and begin, video_token_id, end for each frame",
      5 },
    { "resize", KEY_RESIZE, "HOW", 0, "As torchvision (default, as in Hugging Face) or as pil", 5 },
    { "max-soft-tokens", KEY_MAX_SOFT_TOKENS, "N", 0,
      "Of an image and of a frame: 70, 140, 280, 560 or 1120 (default: the model's settings, or 280 and 70)", 5 },
    { "max-audio-tokens", KEY_MAX_AUDIO_TOKENS, "N", 0,
      "Cut longer sounds for gemma4_unified to N soft tokens (max_length of Hugging Face's feature "
      "extractor; default: all "
      "of it)",
      5 },
    { "load", KEY_LOAD, "HOW", 0,
      "As Hugging Face treats an image that is given opened (default: what is transparent is laid over white), or by "
      "its path (alpha is dropped, and EXIF's orientation followed)",
      5 },
    { "max-pixels", KEY_MAX_PIXELS, "N", 0, "Refuse larger files (default 178956970, as Pillow)", 5 },
    { 0 },
};

static void add(const char ***list, int *count, const char *item)
{
    *list = reallocate(*list, (size_t)(*count + 1), sizeof **list);
    (*list)[(*count)++] = item;
}

static double parse_fps(struct argp_state *state, const char *argument)
{
    char *end;
    double fps = strtod(argument, &end);
    if (*end || end == argument || !isfinite(fps) || fps <= 0)
        argp_error(state, "--fps: found %s, expected a number above 0", argument);
    return fps;
}

static int parse_soft_tokens(struct argp_state *state, const char *argument)
{
    char *end;
    long count = strtol(argument, &end, 10);
    if (*end || count > INT_MAX || !is_supported_soft_tokens((int)count))
        argp_error(state, "--max-soft-tokens: found %s, expected %s", argument, supported_soft_tokens);
    return (int)count;
}

/* In the order of ResizeFlavour and of AlphaRule */
static const char *const flavours[] = { "torchvision", "pil" }, *const loads[] = { "opened", "path" };

static int choose(struct argp_state *state, const char *option, const char *argument, const char *const *names)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(argument, names[i]) == 0) return i;
    argp_error(state, "%s: found %s, expected %s or %s", option, argument, names[0], names[1]);
    return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    MediaArguments *a = state->input;
    switch (key) {
    case KEY_IMAGE: add(&a->images, &a->image_count, argument); return 0;
    case KEY_VIDEO: add(&a->videos, &a->video_count, argument); return 0;
    case KEY_AUDIO: add(&a->sounds, &a->sound_count, argument); return 0;
    case KEY_FPS: a->fps = parse_fps(state, argument); return 0;
    case KEY_PROMPT_IDS: a->prompt = argument; return 0;
    case KEY_RESIZE: a->flavour = (ResizeFlavour)choose(state, "--resize", argument, flavours); return 0;
    case KEY_LOAD: a->png.alpha = (AlphaRule)choose(state, "--load", argument, loads); return 0;
    case KEY_MAX_SOFT_TOKENS: a->max_soft_tokens = parse_soft_tokens(state, argument); return 0;
    case KEY_MAX_AUDIO_TOKENS:
        a->max_audio_tokens = parse_count(state, "--max-audio-tokens", argument, INT32_MAX);
        return 0;
    case KEY_MAX_PIXELS: a->png.max_pixels = parse_count(state, "--max-pixels", argument, INT32_MAX); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp media_argp = { .options = options, .parser = parse_option };

bool media_argument(MediaArguments *arguments, char *argument, const struct argp_state *state)
{
    int before = state->next - 1; /* where the argument stands: argp takes them in order */
    while (before > 0 && state->argv[before][0] != '-') before--;
    const char *option = state->argv[before], *image = "--image", *audio = "--audio";
    bool is_image = strncmp(option, image, strlen(image)) == 0, is_audio = strncmp(option, audio, strlen(audio)) == 0;
    if (is_image) add(&arguments->images, &arguments->image_count, argument);
    if (is_audio) add(&arguments->sounds, &arguments->sound_count, argument);
    return is_image || is_audio;
}

bool media_arguments_given(const MediaArguments *a)
{
    return a->image_count > 0 || a->video_count > 0 || a->sound_count > 0 || a->prompt;
}

void media_arguments_refuse(const MediaArguments *a, OutputOption output, Error *error)
{
    for (int i = 0; i < a->image_count; i++) output_refuse(output, a->images[i], error);
    for (int i = 0; i < a->video_count; i++) output_refuse(output, a->videos[i], error);
    for (int i = 0; i < a->sound_count; i++) output_refuse(output, a->sounds[i], error);
    output_refuse(output, a->prompt, error);
}

/* The ids themselves, or what is in the file of that name. */
static const char *prompt_text(const MediaArguments *a, Arena *arena, Error *error)
{
    if (!a->prompt || strspn(a->prompt, "0123456789, \t\n") == strlen(a->prompt)) return a->prompt;
    size_t size;
    return regular_file_read(a->prompt,
                             (ExpectedFile){ "token ids, or a file of them", file_limits.json_bytes, "--max-json" },
                             &size, arena, error);
}

ProcessorReport media_arguments_write(const MediaArguments *a, const char *model_folder, const char *path, Arena *arena,
                                      Error *error)
{
    ProcessorRequest request = { .images = { a->images, a->image_count },
                                 .videos = { a->videos, a->video_count },
                                 .sounds = { a->sounds, a->sound_count },
                                 .prompt_ids = prompt_text(a, arena, error),
                                 .prompt_name = "--prompt-ids",
                                 .flavour = a->flavour,
                                 .max_soft_tokens = a->max_soft_tokens,
                                 .max_audio_tokens = a->max_audio_tokens,
                                 .png = a->png };
    if (request.prompt_ids != a->prompt) request.prompt_name = a->prompt;
    if (a->video_count > 0 && a->image_count == 0 && a->flavour == RESIZE_PIL)
        error_set(error, "--resize: found pil, expected torchvision: Hugging Face has no other video processor");
    if (error_is_set(error)) return (ProcessorReport){ 0 };
    return gemma4_processor_write(model_folder, &request, path, arena, error);
}

void media_arguments_free(MediaArguments *arguments)
{
    free(arguments->images);
    free(arguments->videos);
    free(arguments->sounds);
}
