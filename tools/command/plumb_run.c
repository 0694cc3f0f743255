/* plumb_run.c - plumb run: computes a case and writes its taps */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bugs/bug.h"
#include "grade/arithmetic_class.h"
#include "command/arguments.h"
#include "command/plumb.h"
#include "command/progress.h"
#include "command/tap_sum.h"
#include "reference.h"

enum {
    KEY_OUT = 'o',
    KEY_ONLY = 'O',
    KEY_LAYERS = 'L',
    KEY_PRECISION = 'p',
    KEY_LIST = 'l',
    KEY_MAX_NEW_TOKENS = 'n',
    KEY_IGNORE_EOS = 'e',
    KEY_BUG = 'b'
};

typedef struct {
    Case c;
    const char *out, *precision;
    Globs only;
    const Bug **bugs;
    int bug_count;
    bool list, ignore_eos;
    int max_new_tokens;
    Progress progress;
    SafetensorsWriter *writer;
    bool found; /* a tap that --only names */
    TapSum sum; /* of the tap that is being printed */
} RunCommand;

static const struct argp_option options[] = {
    { "out", KEY_OUT, "FILE", 0, "Write the taps as safetensors; without it, they are summed up on stdout", 0 },
    { "only", KEY_ONLY, "GLOB", 0, "Only taps of such names; may be given several times", 0 },
    { "layers", KEY_LAYERS, 0, 0, "Only outputs of layers, towers and embedders, none from inside them", 0 },
    { "precision", KEY_PRECISION, "CLASS", 0,
      "fp32 (default) or fp64; or bf16, fp16, tf32: what an honest backend of that "
      "dtype would compute, every operation rounded",
      0 },
    { "max-new-tokens", KEY_MAX_NEW_TOKENS, "N", 0,
      "Generate N tokens greedily; taps of the decode steps end in @1, @2, ..", 0 },
    { "ignore-eos", KEY_IGNORE_EOS, 0, 0, "Go on after an end-of-sequence token", 0 },
    { "bug", KEY_BUG, "ID", 0, "What a backend with that bug would compute ('plumb bugs' lists them); may be repeated",
      0 },
    { "list", KEY_LIST, 0, 0, "Print names and shapes of the taps", 0 },
    { 0 },
};

void bugs_add(const Bug ***bugs, int *count, const char *id, struct argp_state *state)
{
    const Bug *bug = bug_find(id);
    if (!bug) {
        const char *nearest = bug_nearest(id);
        argp_error(state, "--bug: found %s, expected an id that 'plumb bugs' lists%s%s%s", id,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    }
    *bugs = reallocate(*bugs, (size_t)(*count + 1), sizeof **bugs);
    (*bugs)[(*count)++] = bug;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    RunCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->c; return 0;
    case KEY_OUT: command->out = argument; return 0;
    case KEY_ONLY: globs_add(&command->only, argument); return 0;
    case KEY_LAYERS: globs_add_layers(&command->only); return 0;
    case KEY_PRECISION:
        if (strcmp(argument, "fp64") != 0 && !class_find(argument))
            argp_error(state, "--precision: found %s, expected fp64, %s", argument, class_names);
        command->precision = argument;
        return 0;
    case KEY_MAX_NEW_TOKENS:
        command->max_new_tokens = parse_count(state, "--max-new-tokens", argument, MOST_NEW_TOKENS);
        return 0;
    case KEY_IGNORE_EOS: command->ignore_eos = true; return 0;
    case KEY_LIST: command->list = true; return 0;
    case KEY_BUG: bugs_add(&command->bugs, &command->bug_count, argument, state); return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 0) argp_usage(state);
        case_set_folder(&command->c, argument);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_tap(RunCommand *command, const Tap *tap)
{
    if (!tap_sum_add(&command->sum, tap)) return;
    printf("%-70s %-20s", tap->name, SHAPE_TEXT(tap->rank, tap->shape));
    if (!command->list) printf(" rms %.4g", command->sum.rms);
    if (!command->list && command->sum.non_finite) printf(" %lld not finite", (long long)command->sum.non_finite);
    putchar('\n');
}

static void on_tap(void *context, const Tap *tap)
{
    RunCommand *command = context;
    progress_tap(&command->progress, 0, 1, tap->name);
    if (!globs_match(&command->only, tap->name)) return;
    command->found = true;
    if (!command->writer) {
        print_tap(command, tap);
        return;
    }
    if (tap->first == 0)
        safetensors_writer_begin(command->writer, tap->name, tap->value_size == sizeof(float) ? DTYPE_F32 : DTYPE_F64,
                                 tap->rank, tap->shape);
    safetensors_writer_append(command->writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* buggy: NULL without --bug and --vision-mask google */
static void run(RunCommand *command, BuggyModel *buggy, Error *error)
{
    const ArithmeticClass *class = class_find(command->precision);
    const Reference *reference = class ? &reference_f32 : &reference_f64;
    command->progress = progress_start(command->c.quiet,
                                       model_layers(command->c.model, &command->c.inputs, command->max_new_tokens));
    Pass pass = { .hook = on_tap,
                  .hook_context = command,
                  .max_new_tokens = command->max_new_tokens,
                  .ignore_eos = command->ignore_eos,
                  .cache = command->c.cache };
    if (class) {
        pass.results = class->results;
        pass.weights = class->weights;
        pass.features = class->features;
    }
    if (buggy && command->c.vision_mask == VISION_MASK_GOOGLE) buggy_model_set_mask_reading(buggy, &google_vision_mask);
    if (buggy)
        buggy_model_forward(buggy, reference, &command->c.inputs, &pass);
    else
        reference->forward(command->c.model, &command->c.inputs, &pass);
    progress_end(&command->progress);

    if (!command->found) {
        error_set(error, "--only: found no tap of such a name, expected one (plumb run --list names them)");
        safetensors_writer_abandon(command->writer);
    } else if (command->writer) {
        safetensors_writer_close(command->writer, error);
    }
}

/* Bugs that the model cannot have are in its inputs; they leave the list. */
static void bend_inputs(RunCommand *command, Error *error)
{
    size_t room = (size_t)(command->bug_count + 1);
    const Bug **of_pictures = arena_allocate(&command->c.arena, room * sizeof *of_pictures),
              **of_sounds = arena_allocate(&command->c.arena, room * sizeof *of_sounds);
    int kept = 0, pictures = 0, sounds = 0;
    for (int i = 0; i < command->bug_count; i++) {
        const Bug *bug = command->bugs[i];
        if (bug_is_of_model(bug))
            command->bugs[kept++] = bug;
        else if (bug_is_of_sounds(bug))
            of_sounds[sounds++] = bug;
        else
            of_pictures[pictures++] = bug;
    }
    command->bug_count = kept;
    if (pictures > 0) case_bend_pictures(&command->c, of_pictures, pictures, error);
    if (sounds > 0 && !error_is_set(error)) case_bend_sounds(&command->c, of_sounds, sounds, error);
}

int plumb_run(int argc, char **argv)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "CASE",
        .children = children,
        .doc = "Computes a case and writes every value that Hugging Face would name.",
    };
    RunCommand command = { .precision = "fp32" };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    case_refuse(&command.c, (OutputOption){ "--out", command.out }, &error);
    case_open(&command.c, &error);
    if (!error_is_set(&error) && command.max_new_tokens)
        model_check_generation(command.c.model, &command.c.inputs, command.max_new_tokens, &error);
    if (!error_is_set(&error)) bend_inputs(&command, &error);
    BuggyModel *buggy = NULL;
    if (!error_is_set(&error) && (command.bug_count > 0 || command.c.vision_mask == VISION_MASK_GOOGLE))
        buggy = buggy_model_open(command.c.model_folder, command.bugs, command.bug_count, &error);
    if (!error_is_set(&error) && command.out) command.writer = safetensors_writer_open(command.out, &error);
    if (!error_is_set(&error)) run(&command, buggy, &error);
    buggy_model_close(buggy);
    case_close(&command.c);
    free(command.only.globs);
    free(command.bugs);
    return finish(&error, STATUS_PASS);
}
