/* case.c - the arguments that run and grade share */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plumb.h"
#include "reference.h"

enum { KEY_MODEL = 'm', KEY_INPUTS = 'i', KEY_THREADS = 't', KEY_QUIET = 'q' };

static const struct argp_option options[] = {
    { 0, 0, 0, 0, "Common:", 10 },
    { "model", KEY_MODEL, "DIR", 0, "A Hugging Face checkpoint, instead of CASE/model", 10 },
    { "inputs", KEY_INPUTS, "FILE", 0, "The inputs, instead of CASE/inputs.safetensors", 10 },
    { "threads", KEY_THREADS, "N", 0, "Threads of matrix products (default 1)", 10 },
    { "quiet", KEY_QUIET, 0, 0, "No progress bar", 10 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    Case *c = state->input;
    char *end;
    switch (key) {
    case KEY_MODEL: c->model_folder = argument; return 0;
    case KEY_INPUTS: c->inputs_file = argument; return 0;
    case KEY_QUIET: c->quiet = true; return 0;
    case KEY_THREADS:
        c->threads = (int)strtol(argument, &end, 10);
        if (*end || end == argument || c->threads < 1 || c->threads > 1024)
            argp_error(state, "--threads: found %s, expected a whole number from 1 to 1024", argument);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp case_argp = { .options = options, .parser = parse_option };

/* --model and --inputs replace their part of the case, wherever they stand. */
void case_set_folder(Case *c, const char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') length--;
    folder = arena_format(&c->arena, "%.*s", (int)length, folder);
    const char *slash = strrchr(folder, '/');
    c->name = slash && slash[1] ? slash + 1 : folder;
    if (!c->model_folder) c->model_folder = arena_format(&c->arena, "%s/model", folder);
    if (!c->inputs_file) c->inputs_file = arena_format(&c->arena, "%s/inputs.safetensors", folder);
}

void case_open(Case *c, Error *error)
{
    if (!c->model_folder || !c->inputs_file) {
        error_set(error, "found no CASE, expected one, or --model and --inputs (see --help)");
        return;
    }
    if (!c->name) c->name = c->model_folder;
    reference_set_threads(c->threads > 0 ? c->threads : 1);
    c->model = model_open(c->model_folder, error);
    if (!error_is_set(error)) c->inputs = inputs_open(c->inputs_file, error);
    if (!error_is_set(error)) model_check(c->model, &c->inputs, error);
}

void case_close(Case *c)
{
    inputs_close(&c->inputs);
    model_close(c->model);
    arena_free(&c->arena);
}

void globs_add(Globs *globs, const char *glob)
{
    globs->globs = realloc(globs->globs, (size_t)(globs->count + 2) * sizeof *globs->globs);
    if (!globs->globs) abort();
    globs->globs[globs->count++] = glob;
    globs->globs[globs->count] = NULL;
}

void globs_add_layers(Globs *globs)
{
    static const char *const layers[] = { "*_embedder", "*.layers.[0-9]", "*.layers.[0-9][0-9]",
                                          "*.pooler",   "*.vision_tower", "*.embed_vision" };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) globs_add(globs, layers[i]);
}

bool globs_match(const Globs *globs, const char *name)
{
    for (int i = 0; i < globs->count; i++)
        if (fnmatch(globs->globs[i], name, 0) == 0) return true;
    return globs->count == 0;
}

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = STATUS_BAD_INPUT;
    if (argp_parse(argp, argc, argv, 0, NULL, input) != 0) exit(STATUS_BAD_INPUT);
}

int finish(const Error *error, Status otherwise)
{
    if (!error_is_set(error)) return (int)otherwise;
    fprintf(stderr, "plumb: %s\n", error->message);
    return STATUS_BAD_INPUT;
}
