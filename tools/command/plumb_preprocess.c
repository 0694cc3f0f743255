/* plumb_preprocess.c - plumb preprocess: pictures and sounds to the inputs that Hugging Face's processor makes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bugs/switch/buggy_pictures.h"
#include "bugs/switch/buggy_sounds.h"
#include "image/video_processor.h"
#include "command/media_arguments.h"
#include "command/plumb.h"
#include "run/shown_text.h"

enum { KEY_MODEL = 'm', KEY_OUT = 'o', KEY_BUG = 'b' };
static const double HF_FPS = 24; /* where a video does not say, with a warning */

typedef struct {
    Arena arena;
    MediaArguments pictures;
    const char *model_folder, *out;
    const Bug **bugs;
    int bug_count;
} PreprocessCommand;

static const struct argp_option options[] = {
    { "out", KEY_OUT, "FILE", 0, "Where to write the inputs, as safetensors", 0 },
    { "model", KEY_MODEL, "DIR", 0,
      "A Hugging Face checkpoint, instead of CASE/model; of it only config.json is needed", 0 },
    { "bug", KEY_BUG, "ID", 0,
      "What a port with that bug of preprocessing makes of the images or of the sounds ('plumb bugs' lists them); may "
      "be repeated",
      0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    PreprocessCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->pictures; return 0;
    case KEY_OUT: command->out = argument; return 0;
    case KEY_BUG: bugs_add(&command->bugs, &command->bug_count, argument, state); return 0;
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
        if (command->bug_count && (command->pictures.video_count || command->pictures.prompt ||
                                   (command->pictures.sound_count && command->pictures.image_count)))
            argp_error(state, "--bug: found --video, --prompt-ids or both of the others, expected --image or --audio "
                              "alone");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_picture(const PictureReport *p)
{
    printf("%-32s %5d x %-5d -> %4d x %-4d  %3d x %-3d patches  %4d soft tokens", SHOWN_TEXT(p->path), p->width,
           p->height, p->new_width, p->new_height, p->columns, p->rows, p->soft_tokens);
}

static void print_sound(const SoundReport *s)
{
    printf("%-32s %9lld samples  %46d soft tokens\n", SHOWN_TEXT(s->path), (long long)s->samples, s->soft_tokens);
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

static void print_bent(const PreprocessCommand *command, const Pictures *pictures, int i)
{
    const Gemma4ImageProcessor *p = &pictures->processor;
    TargetSize *target_size = NULL;
    for (int n = 0; n < command->bug_count; n++)
        if (command->bugs[n]->target_size) target_size = command->bugs[n]->target_size;
    ImageSize size = size_in_pixels(pictures, i, target_size);
    PictureReport report = { pictures->paths[i], pictures->pictures[i].width, pictures->pictures[i].height, size.width,
                             size.height,        size.width / p->patch_size,  size.height / p->patch_size,  0 };
    report.soft_tokens = report.columns * report.rows / (p->pooling_kernel_size * p->pooling_kernel_size);
    print_picture(&report);
    putchar('\n');
}

static void write_array(SafetensorsWriter *writer, const Array *array)
{
    safetensors_writer_begin(writer, array->name, array->dtype, array->rank, array->shape);
    safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
}

static void write_bent(PreprocessCommand *command, Error *error)
{
    Pictures *pictures = open_png_files(&command->pictures, command->model_folder, error);
    if (!pictures) return;
    Patches patches = preprocess_with_bugs(pictures, command->bugs, command->bug_count, &command->arena, error);
    SafetensorsWriter *writer = error_is_set(error) ? NULL : safetensors_writer_open(command->out, error);
    if (writer) {
        write_array(writer, &patches.pixel_values);
        write_array(writer, &patches.image_position_ids);
        safetensors_writer_close(writer, error);
        for (int i = 0; i < pictures->count && !error_is_set(error); i++) print_bent(command, pictures, i);
    }
    pictures_close(pictures);
}

static void write_bent_sounds(PreprocessCommand *command, Error *error)
{
    Clips *clips = open_wav_files(&command->pictures, command->model_folder, error);
    if (!clips) return;
    SoundFeatures f = extract_with_bugs(clips, command->bugs, command->bug_count, &command->arena, error);
    int64_t frames = f.input_features.shape[1];
    if (!error_is_set(error) && frames == 0)
        error_set(error, "%s: found a sound too short for a frame, expected a longer one", clips->paths[0]);
    SafetensorsWriter *writer = error_is_set(error) ? NULL : safetensors_writer_open(command->out, error);
    if (writer) {
        write_array(writer, &f.input_features);
        write_array(writer, &f.input_features_mask);
        safetensors_writer_close(writer, error);
        for (int i = 0; i < clips->count && !error_is_set(error); i++)
            print_sound(&(SoundReport){ clips->paths[i], clips->waveforms[i].count,
                                        gemma4_audio_soft_tokens(f.input_features_mask.data + i * frames, frames) });
    }
    clips_close(clips);
}

static void write_right(PreprocessCommand *command, Error *error)
{
    ProcessorReport report = media_arguments_write(&command->pictures, command->model_folder, command->out,
                                                   &command->arena, error);
    if (!error_is_set(error)) print_report(command, &report);
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

    OutputOption output = { "--out", command.out };
    output_refuse(output, command.model_folder, &error);
    media_arguments_refuse(&command.pictures, output, &error);
    if (!error_is_set(&error) && command.bug_count > 0 && command.pictures.sound_count > 0)
        write_bent_sounds(&command, &error);
    else if (!error_is_set(&error) && command.bug_count > 0)
        write_bent(&command, &error);
    else if (!error_is_set(&error))
        write_right(&command, &error);
    free(command.bugs);
    media_arguments_free(&command.pictures);
    arena_free(&command.arena);
    return finish(&error, STATUS_PASS);
}
