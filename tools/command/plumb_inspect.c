/* plumb_inspect.c - plumb inspect: what is in a checkpoint, a dump or a case */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/input_codes.h"
#include "dump/dump.h"
#include "report/json_file.h"
#include "report/published_size.h"
#include "command/arguments.h"
#include "command/plumb.h"
#include "command/sandbox_option.h"
#include "run/shown_text.h"

enum { KEY_JSON = 'j', KEY_WEIGHTS = 'w' };

typedef struct {
    const char *path, *json;
    bool text; /* false when JSON goes to stdout */
    json_t *report;
    SandboxWhen sandbox;
} InspectCommand;

static const struct argp_option options[] = {
    { "weights", KEY_WEIGHTS, "FILE", 0, "The weights of a checkpoint, instead of its own; may be given again", 0 },
    { "json", KEY_JSON, "FILE", 0, "Also write it as JSON; - is stdout", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    InspectCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->sandbox; return 0;
    case KEY_WEIGHTS: add_weight_file(argument); return 0;
    case KEY_JSON: command->json = argument; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_usage(state);
        command->path = argument;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 1) argp_usage(state);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void show_array(InspectCommand *command, const char *list, const Array *array)
{
    if (command->text)
        printf("  %-80s %-5s %s\n", SHOWN_TEXT(array->name), array_scheme(array),
               SHAPE_TEXT(array->rank, array->shape));
    json_t *shape = json_array();
    for (int i = 0; i < array->rank; i++) json_array_append_new(shape, json_integer(array->shape[i]));
    json_t *entries = json_object_get(command->report, list);
    if (!entries) json_object_set_new(command->report, list, entries = json_array());
    json_array_append_new(
        entries, json_pack("{s:s, s:s, s:o}", "name", array->name, "dtype", array_scheme(array), "shape", shape));
}

static void inspect_dump(InspectCommand *command, const char *path, const char *list, Error *error)
{
    Dump *dump = dump_open(path, error);
    if (!dump) return;
    if (command->text) printf("%s: %d arrays\n", SHOWN_TEXT(path), dump_count(dump));
    for (int i = 0; i < dump_count(dump); i++) show_array(command, list, dump_array(dump, i));
    dump_close(dump);
}

static void inspect_gguf(InspectCommand *command, const char *path, Error *error)
{
    Gguf *file = gguf_open(path, error);
    if (!file) return;
    if (command->text) printf("%s: %d arrays\n", SHOWN_TEXT(path), gguf_count(file));
    for (int i = 0; i < gguf_count(file); i++) show_array(command, "arrays", gguf_array(file, i));
    gguf_close(file);
}

static bool has_text(const Checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->tensor_count; i++)
        if (strstr(checkpoint->tensors[i].array->name, "embed_tokens.")) return true;
    return false;
}

/* Which of the published models it is, or in what it differs from the nearest. */
static void show_size(InspectCommand *command, const char *folder, const Model *model)
{
    Arena arena = { 0 };
    PublishedSize size = published_size_of(model_config(model), has_text(model_checkpoint(model)), &arena);
    const char *part = size.text_only ? "'s text model" : "", *towers = size.towers_only ? "the towers of " : "";
    json_t *differences = json_array();
    if (command->text)
        printf("%s: %s %s%s%s%s\n", SHOWN_TEXT(folder), size.count ? "nearest to" : "the size of", towers, size.nearest,
               part, size.count ? (size.towers_only ? ", which have" : ", which has") : ", as published");
    for (int i = 0; i < size.count; i++) {
        const SizeDifference *d = &size.differences[i];
        if (command->text) printf("  %-48s %6d instead of %d\n", d->key, d->published, d->found);
        json_array_append_new(
            differences, json_pack("{s:s, s:i, s:i}", "key", d->key, "found", d->found, "published", d->published));
    }
    json_object_set_new(command->report, "published",
                        json_pack("{s:s, s:b, s:b, s:o}", "nearest", size.nearest, "text_only", size.text_only,
                                  "towers_only", size.towers_only, "differences", differences));
    arena_free(&arena);
}

/* Which tensors the reference asks for, and which are left over. */
static void inspect_model(InspectCommand *command, const char *folder, Error *error)
{
    declare_no_products();
    Model *model = model_open(folder, error);
    if (!model) return;
    const Checkpoint *checkpoint = model_checkpoint(model);
    int asked = 0;
    show_size(command, folder, model);
    for (int i = 0; i < checkpoint->tensor_count; i++) asked += checkpoint->tensors[i].asked;

    for (int want = 1; want >= 0; want--) {
        int count = want ? asked : checkpoint->tensor_count - asked;
        if (command->text) printf("%s: %d tensors %s\n", SHOWN_TEXT(folder), count, want ? "asked for" : "left over");
        for (int i = 0; i < checkpoint->tensor_count; i++)
            if (checkpoint->tensors[i].asked == want)
                show_array(command, want ? "asked" : "left_over", checkpoint->tensors[i].array);
    }
    model_close(model);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void inspect(InspectCommand *command, Error *error)
{
    Arena arena = { 0 };
    const char *path = command->path;
    const char *model = arena_format(&arena, "%s/model", path), *config = arena_format(&arena, "%s/config.json", path);
    const char *inputs = arena_format(&arena, "%s/inputs.safetensors", path);
    if (!exists(path)) {
        error_set(error, "%s: found no such file or folder, expected a checkpoint, a dump or a case", path);
    } else if (is_folder(path) && exists(config)) {
        inspect_model(command, path, error);
    } else if (is_folder(path) && is_folder(model)) {
        inspect_model(command, model, error);
        if (!error_is_set(error)) inspect_dump(command, inputs, "inputs", error);
    } else if (!is_folder(path) && gguf_is_one(path)) {
        inspect_gguf(command, path, error);
    } else {
        inspect_dump(command, path, "arrays", error);
    }
    arena_free(&arena);
}

static void refuse_output(const InspectCommand *command, Error *error)
{
    Arena arena = { 0 };
    OutputOption output = { "--json", command->json };
    output_refuse(output, command->path, error);
    output_refuse(output, arena_format(&arena, "%s/model", command->path), error);
    output_refuse(output, arena_format(&arena, "%s/inputs.safetensors", command->path), error);
    arena_free(&arena);
}

static void give_up(const InspectCommand *command, Error *error)
{
    Arena arena = { 0 };
    const char *const read[] = { command->path, arena_format(&arena, "%s/model", command->path), NULL };
    sandbox_files(&(SandboxedFiles){ read, (const char *const[]){ command->json, NULL } }, command->sandbox, error);
    arena_free(&arena);
}

int plumb_inspect(int argc, char **argv)
{
    const struct argp_child children[] = { { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .children = children,
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE|FOLDER",
        .doc =
            "Lists what is in a safetensors, GGUF or .npz file, a folder of .safetensors or .npy files, a checkpoint "
            "folder, or a case. Of a checkpoint it says first which published Gemma 4 it is, of E2B, E4B, 12B, 26B-A4B "
            "and 31B, or in what it differs from the nearest.",
    };
    InspectCommand command = { .report = json_object() };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);
    command.text = !command.json || strcmp(command.json, "-") != 0;

    refuse_output(&command, &error);
    give_up(&command, &error);
    if (!error_is_set(&error)) inspect(&command, &error);
    if (command.json && !error_is_set(&error)) json_file_write(command.json, json_incref(command.report), &error);
    json_decref(command.report);
    return finish(&error, STATUS_PASS);
}
