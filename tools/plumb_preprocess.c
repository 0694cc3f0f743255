/* plumb_preprocess.c - plumb preprocess: pictures and sounds to the inputs that Hugging Face's processor makes of them */
#include <stdio.h>
#include <string.h>

#include "image/video_processor.h"
#include "media_arguments.h"
#include "plumb.h"

enum { KEY_MODEL = 'm', KEY_OUT = 'o' };
static const double HF_FPS = 24; /* where a video does not say, with a warning */

typedef struct {
    Arena arena;
    MediaArguments pictures;
    const char *model_folder, *out;
} PreprocessCommand;

static const struct argp_option options[] = {
    { "out", KEY_OUT, "FILE", 0, "Where to write the inputs, as safetensors", 0 },
    { "model", KEY_MODEL, "DIR", 0,
      "A Hugging Face checkpoint, instead of CASE/model; of it only config.json is needed", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    PreprocessCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->pictures; return 0;
    case KEY_OUT: command->out = argument; return 0;
    case KEY_MODEL: command->model_folder = argument; return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->pictures, argument, state)) return 0;
        if (command->model_folder) argp_usage(state);
        command->model_folder = arena_format(&command->arena, "%s/model", argument);
        return 0;
    case ARGP_KEY_END:
        if (!command->model_folder) argp_error(state, "found no CASE, expected one, or --model");
        if (command->pictures.image_count + command->pictures.video_count + command->pictures.sound_count == 0)
            argp_error(state, "found no --image, --video or --audio, expected one of them");
        if (!command->out) argp_error(state, "found no --out, expected it");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_picture(const PictureReport *p)
{
    printf("%-32s %5d x %-5d -> %4d x %-4d  %3d x %-3d patches  %4d soft tokens", p->path, p->width, p->height,
           p->new_width, p->new_height, p->columns, p->rows, p->soft_tokens);
}

static void print_sound(const SoundReport *s)
{
    printf("%-32s %9lld samples  %46d soft tokens\n", s->path, (long long)s->samples, s->soft_tokens);
}

static void print_report(PreprocessCommand *command, const ProcessorReport *report)
{
    double fps = command->pictures.fps > 0 ? command->pictures.fps : HF_FPS;
    for (int i = 0; i < report->image_count; i++) {
        print_picture(&report->images[i]);
        putchar('\n');
    }
    const PictureReport *frame = report->frames;
    for (int v = 0; v < command->pictures.video_count; v++)
        for (int i = 0; i < report->frames_per_video[v]; i++, frame++) {
            print_picture(frame);
            printf("  at %s\n", video_timestamp(i, fps, &command->arena));
        }
    for (int i = 0; i < report->sound_count; i++) print_sound(&report->sounds[i]);
    if (report->prompt_length) printf("prompt: %lld tokens\n", (long long)report->prompt_length);
}

int plumb_preprocess(int argc, char **argv)
{
    const struct argp_child children[] = { { &media_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "CASE",
        .children = children,
        .doc =
            "Makes pixel_values and image_position_ids of PNG files, and input_features of WAV files, bit for bit as "
            "Hugging Face's processor does.",
    };
    PreprocessCommand command = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    ProcessorReport report = media_arguments_write(&command.pictures, command.model_folder, command.out, &command.arena,
                                                   &error);
    if (!error_is_set(&error)) print_report(&command, &report);
    media_arguments_free(&command.pictures);
    arena_free(&command.arena);
    return finish(&error, STATUS_PASS);
}
