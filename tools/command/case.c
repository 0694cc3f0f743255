/* case.c - the arguments that run and grade share */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command/arguments.h"
#include "command/plumb.h"
#include "run/output.h"
#include "reference.h"
#include "dump/tap_name.h"

enum {
    KEY_MODEL = 'm',
    KEY_INPUTS = 'i',
    KEY_THREADS = 't',
    KEY_QUIET = 'q',
    KEY_VISION_MASK = 'v',
    KEY_WEIGHTS = 'w',
    KEY_ACTIVATIONS = 0x300,
    KEY_KV_CACHE
};

static const struct argp_option options[] = {
    { 0, 0, 0, 0, "Common:", 10 },
    { "model", KEY_MODEL, "DIR", 0, "A Hugging Face checkpoint, instead of CASE/model", 10 },
    { "weights", KEY_WEIGHTS, "FILE", 0,
      "The weights, instead of the checkpoint's own: a GGUF or safetensors file beside its config.json; may be given "
      "again, as for llama.cpp's mmproj file (docs/quantised.md)",
      10 },
    { "activations", KEY_ACTIVATIONS, "RULE", 0,
      "To what the backend rounds the input of a product with quantised weights: none, int8-token, int8-token-sym, "
      "int8-token-255, int8-tensor, fp8-token, fp8-tensor, fp4-group, q8_0, q8_k, f16, or ggml, what its CPU kernels "
      "do; with :bf16 or :fp16 behind it if the rule is computed in that dtype. largest-of-experts: what the "
      "checkpoint says, by the largest input_scale of a layer's experts for all of them (docs/quantised.md). Default: "
      "what the checkpoint's quantization_config says, or none",
      10 },
    { "kv-cache", KEY_KV_CACHE, "RULE", 0,
      "As what the backend's cache holds keys and values: none, fp8 (e4m3, by the checkpoint's k_scale and v_scale or "
      "1) or q8_0 (docs/quantised.md). Default: none",
      10 },
    { "inputs", KEY_INPUTS, "FILE", 0, "The inputs, instead of CASE/inputs.safetensors", 10 },
    { "vision-mask", KEY_VISION_MASK, "READING", 0,
      "Which tokens of an image see each other in a gemma4_unified model: hf or google (docs/masks.md). "
      "Default: hf; of "
      "a dump, whichever fits",
      10 },
    { "threads", KEY_THREADS, "N", 0,
      "Threads (default 1): grade and diagnose run passes of the model side by side, with the same report for any N; "
      "other commands share out the rows of each operation",
      10 },
    { "quiet", KEY_QUIET, 0, 0, "No progress", 10 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    Case *c = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &c->media; return 0;
    case KEY_MODEL: c->model_folder = argument; return 0;
    case KEY_WEIGHTS: add_weight_file(argument); return 0;
    case KEY_ACTIVATIONS:
        if (!input_codes_declare(argument, &declared_inputs))
            argp_error(state, "--activations: found %s, expected %s", argument, input_codes_names);
        return 0;
    case KEY_KV_CACHE:
        declared_cache.given = true;
        if (!cache_codes_from_name(argument, &declared_cache.codes))
            argp_error(state, "--kv-cache: found %s, expected %s", argument, cache_codes_names);
        return 0;
    case KEY_INPUTS: c->inputs_file = c->inputs_option = argument; return 0;
    case KEY_QUIET: c->quiet = true; return 0;
    case KEY_VISION_MASK:
        if (!vision_mask_from_name(argument, &c->vision_mask))
            argp_error(state, "--vision-mask: found %s, expected %s", argument, vision_mask_names);
        return 0;
    case KEY_THREADS: c->threads = parse_count(state, "--threads", argument, 1024); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = { { &media_argp, 0, NULL, 0 }, { 0 } };
const struct argp case_argp = { .options = options, .parser = parse_option, .children = children };

/* --model and --inputs replace their part of the case, wherever they stand. */
void case_set_folder(Case *c, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') length--;
    folder = arena_format(&c->arena, "%.*s", (int)length, folder);
    const char *slash = strrchr(folder, '/');
    c->name = slash && slash[1] ? slash + 1 : folder;
    c->folder = folder;
    if (!c->model_folder) c->model_folder = arena_format(&c->arena, "%s/model", folder);
    if (!c->inputs_file) c->inputs_file = arena_format(&c->arena, "%s/inputs.safetensors", folder);
}

/* The inputs of --image and its like: made in a file of their own, which is gone when it has been mapped. */
static void open_pictures(Case *c, Error *error)
{
    if (c->inputs_option)
        error_set(error, "--inputs: found --image, --video, --audio or --prompt-ids too, expected either");
    ScratchFile *file = error_is_set(error) ? NULL : scratch_file_open("inputs.safetensors", error);
    if (file) media_arguments_write(&c->media, c->model_folder, scratch_file_path(file), &c->arena, error);
    if (!error_is_set(error)) c->inputs = inputs_open(scratch_file_path(file), error);
    scratch_file_close(file);
}

/* A newcomer's mistakes: no such folder, or a checkpoint in a case's place */
static void check_folder(const Case *c, Error *error)
{
    Arena arena = { 0 };
    struct stat status;
    const char *folder = c->folder, *model = folder ? arena_format(&arena, "%s/model", folder) : NULL;
    const char *config = folder ? arena_format(&arena, "%s/config.json", folder) : NULL;
    if (!folder || strcmp(c->model_folder, model) != 0 || stat(model, &status) == 0) {
        arena_free(&arena);
        return;
    }
    if (stat(folder, &status) != 0)
        error_set(error, "%s: found no such folder, expected a case, with model/ and inputs.safetensors in it", folder);
    else if (!S_ISDIR(status.st_mode))
        error_set(error, "%s: found a file, expected a case: a folder with model/ and inputs.safetensors in it",
                  folder);
    else if (stat(config, &status) == 0)
        error_set(error,
                  "%s: found a checkpoint, expected a case; a checkpoint is given as --model %s, with --inputs "
                  "FILE for its inputs",
                  folder, folder);
    arena_free(&arena);
}

void case_open(Case *c, Error *error)
{
    bool media = media_arguments_given(&c->media);
    if (!c->model_folder || (!c->inputs_file && !media)) {
        error_set(error, "found no CASE, expected one, or --model and --inputs (see --help)");
        return;
    }
    check_folder(c, error);
    if (error_is_set(error)) return;
    if (!c->name) c->name = c->model_folder;
    int threads = c->threads > 0 ? c->threads : 1;
    if (c->threads_take_passes)
        reference_set_passes(threads);
    else
        reference_set_threads(threads);
    c->model = model_open(c->model_folder, error);
    if (!error_is_set(error)) vision_mask_check(c->model, c->vision_mask, error);
    if (!error_is_set(error)) c->cache = model_checkpoint(c->model)->cache;
    if (!error_is_set(error) && media)
        open_pictures(c, error);
    else if (!error_is_set(error))
        c->inputs = inputs_open(c->inputs_file, error);
    if (!error_is_set(error)) model_check(c->model, &c->inputs, error);
}

void case_close(Case *c)
{
    inputs_close(&c->inputs);
    pictures_close(c->pictures);
    clips_close(c->clips);
    model_close(c->model);
    media_arguments_free(&c->media);
    arena_free(&c->arena);
}

void case_refuse(const Case *c, OutputOption output, Error *error)
{
    output_refuse(output, c->folder, error);
    output_refuse(output, c->model_folder, error);
    if (!media_arguments_given(&c->media)) output_refuse(output, c->inputs_file, error);
    media_arguments_refuse(&c->media, output, error);
}

void globs_add(Globs *globs, const char *glob)
{
    globs->globs = reallocate(globs->globs, (size_t)(globs->count + 2), sizeof *globs->globs);
    globs->globs[globs->count++] = glob;
    globs->globs[globs->count] = NULL;
}

void globs_add_layers(Globs *globs)
{
    for (const char *const *glob = tap_layer_outputs; *glob; glob++) globs_add(globs, *glob);
}

bool globs_match(const Globs *globs, const char *name)
{
    for (int i = 0; i < globs->count; i++)
        if (tap_matches(globs->globs[i], name)) return true;
    return globs->count == 0;
}

int finish(const Error *error, Status otherwise)
{
    if (!error_is_set(error)) return (int)otherwise;
    fprintf(stderr, "plumb: %s\n", error->message);
    return STATUS_BAD_INPUT;
}
