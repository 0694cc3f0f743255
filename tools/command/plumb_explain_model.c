/* plumb_explain_model.c - plumb explain-model: the forward pass as a readable trace */
#include <stdio.h>
#include <stdlib.h>

#include "command/arguments.h"
#include "command/plumb.h"
#include "command/progress.h"
#include "command/tap_sum.h"
#include "dump/tap_meaning.h"
#include "reference.h"

enum { KEY_ONLY = 'O', KEY_LAYERS = 'L', KEY_LIST = 'l', KEY_MAX_NEW_TOKENS = 'n' };

typedef struct {
    Case c;
    Globs only;
    bool list, found;
    int max_new_tokens;
    Family family;
    Progress progress;
    TapSum sum;
} ExplainModelCommand;

static const struct argp_option options[] = {
    { "list", KEY_LIST, 0, 0, "A line for each tap: name, shape, and what it is", 0 },
    { "only", KEY_ONLY, "GLOB", 0, "Only taps of such names; may be given several times", 0 },
    { "layers", KEY_LAYERS, 0, 0, "Only outputs of layers, towers and embedders, none from inside them", 0 },
    { "max-new-tokens", KEY_MAX_NEW_TOKENS, "N", 0,
      "Generate N tokens greedily (default: none); taps of the decode steps end in @1, @2, ..", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    ExplainModelCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->c; return 0;
    case KEY_LIST: command->list = true; return 0;
    case KEY_ONLY: globs_add(&command->only, argument); return 0;
    case KEY_LAYERS: globs_add_layers(&command->only); return 0;
    case KEY_MAX_NEW_TOKENS:
        command->max_new_tokens = parse_count(state, "--max-new-tokens", argument, MOST_NEW_TOKENS);
        return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 0) argp_usage(state);
        case_set_folder(&command->c, argument);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_tap(const ExplainModelCommand *command, const Tap *tap)
{
    const TapMeaning *meaning = tap_meaning(tap->name, command->family);
    const char *phrase = meaning ? meaning->phrase : "(nobody has written down what this is)", *shape;
    shape = SHAPE_TEXT(tap->rank, tap->shape);
    if (command->list) {
        printf("%-62s %-18s %s\n", tap->name, shape, phrase);
        return;
    }
    printf("%-62s %-18s rms %.4g\n    %s\n", tap->name, shape, command->sum.rms, phrase);
    char place[160];
    if (meaning) tap_meaning_place(meaning, command->family, place, sizeof place);
    printf("    %s   %s:%d\n", meaning ? place : "-", tap->file, tap->line);
}

static void on_tap(void *context, const Tap *tap)
{
    ExplainModelCommand *command = context;
    progress_tap(&command->progress, 0, 1, tap->name);
    if (!globs_match(&command->only, tap->name)) return;
    command->found = true;
    if (tap_sum_add(&command->sum, tap)) print_tap(command, tap);
}

static void explain_model(ExplainModelCommand *command, Error *error)
{
    const json_t *model_type = json_object_get(model_config(command->c.model), "model_type");
    command->family = family_of(json_string_value(model_type));
    command->progress = progress_start(command->c.quiet,
                                       model_layers(command->c.model, &command->c.inputs, command->max_new_tokens));
    Pass pass = { .hook = on_tap,
                  .hook_context = command,
                  .max_new_tokens = command->max_new_tokens,
                  .cache = command->c.cache };
    reference_f32.forward(command->c.model, &command->c.inputs, &pass);
    progress_end(&command->progress);
    if (!command->found)
        error_set(error, "--only: found no tap of such a name, expected one (plumb explain-model --list names them)");
}

int plumb_explain_model(int argc, char **argv)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "CASE",
        .children = children,
        .doc = "Computes a case and tells it tap by tap, in order: name, shape, root mean square, what the value is, "
               "Hugging Face's class and method with its line in transformers 5.24.0, and the reference's line.",
    };
    ExplainModelCommand command = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    case_open(&command.c, &error);
    if (!error_is_set(&error) && command.max_new_tokens)
        model_check_generation(command.c.model, &command.c.inputs, command.max_new_tokens, &error);
    if (!error_is_set(&error)) explain_model(&command, &error);
    case_close(&command.c);
    free(command.only.globs);
    return finish(&error, STATUS_PASS);
}
