/* parse_arguments.c - argp, with the options that all subcommands have: limits of what a file may ask for */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "command/arguments.h"
#include "command/plumb.h"
#include "command/suggest.h"

enum { KEY_MAX_JSON = 0x200, KEY_MAX_JSON_DEPTH, KEY_MAX_ARRAYS, KEY_MAX_EXPANSION, KEY_MAX_STEPS };

static const struct argp_option limit_options[] = {
    { 0, 0, 0, 0, "Limits of what a file may ask for:", 20 },
    { "max-json", KEY_MAX_JSON, "BYTES", 0, "Of a JSON file and of a safetensors header (default 16777216)", 20 },
    { "max-json-depth", KEY_MAX_JSON_DEPTH, "N", 0, "Brackets in brackets (default 64, at most 2048)", 20 },
    { "max-arrays", KEY_MAX_ARRAYS, "N", 0, "Arrays in a file or a folder (default 131072)", 20 },
    { "max-expansion", KEY_MAX_EXPANSION, "N", 0,
      "An .npz may unpack to N times its size (default 64), or to 256 MiB if that is more", 20 },
    { "max-steps", KEY_MAX_STEPS, "N", 0, "Decode steps that a dump has no array of, before its last one (default 64)",
      20 },
    { 0 },
};

static error_t parse_limit(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->input; return 0;
    case KEY_MAX_JSON: file_limits.json_bytes = parse_count(state, "--max-json", argument, INT_MAX); return 0;
    case KEY_MAX_JSON_DEPTH:
        file_limits.json_depth = parse_count(state, "--max-json-depth", argument, DEEPEST_JSON);
        return 0;
    case KEY_MAX_ARRAYS: file_limits.arrays = parse_count(state, "--max-arrays", argument, INT_MAX); return 0;
    case KEY_MAX_EXPANSION: file_limits.expansion = parse_count(state, "--max-expansion", argument, INT_MAX); return 0;
    case KEY_MAX_STEPS: file_limits.steps = parse_count(state, "--max-steps", argument, INT_MAX); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void parse(const struct argp *argp, unsigned flags, int argc, char **argv, void *input)
{
    const struct argp_child children[] = { { argp, 0, NULL, 0 }, { 0 } };
    const struct argp whole = { .options = limit_options, .parser = parse_limit, .children = children };
    argp_err_exit_status = STATUS_BAD_INPUT;
    suggest_options(&whole, argv);
    error_t failed = argp_parse(&whole, argc, argv, ARGP_IN_ORDER | flags, NULL, input);
    if (failed == 0) return;
    fprintf(stderr, "plumb: the arguments cannot be read: %s\n", strerror(failed));
    exit(STATUS_BAD_INPUT);
}

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input) { parse(argp, 0, argc, argv, input); }

void parse_words_of_file(const struct argp *argp, int argc, char **argv, void *input)
{
    parse(argp, ARGP_NO_HELP, argc, argv, input);
}
