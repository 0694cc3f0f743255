/* grade_arguments.c - options of plumb grade and plumb diagnose */
#include "command/grade_arguments.h"

#include <strings.h>

#include "checkpoint/file_limits.h"
#include "command/arguments.h"
#include "command/sandbox_option.h"

enum {
    KEY_AS = 'a',
    KEY_ONLY = 'O',
    KEY_LAYERS = 'L',
    KEY_NAMES = 'n',
    KEY_JSON = 'j',
    KEY_COLOUR = 'C',
    KEY_STRICT = 's',
    KEY_IGNORE_EOS = 'e',
    KEY_SAMPLES = 'S',
    KEY_EXPLAIN = 'x',
    KEY_DETAIL = 'd',
    KEY_EXCLUDE = 'X',
    KEY_PARTIAL = 'P',
    KEY_SHARD = 0x311
};

enum { MOST_SAMPLES = 1024 };

static const struct argp_option options[] = {
    { "as", KEY_AS, "CLASS", 0,
      "The arithmetic that the backend declares: fp32, tf32, fp16 or bf16, perhaps with features "
      "(bf16+norms-in-dtype; docs/tolerances.md) or as an engine's preset, ggml-f32, ggml-f16, mlx-bf16, gemma-bf16 or "
      "openvino-bf16 (default: the narrowest dtype that most of the dump's values are "
      "numbers of, however they are stored)",
      0 },
    { "only", KEY_ONLY, "GLOB", 0,
      "Grade only taps of such names, as if the dump held no others; may be given several "
      "times. The tokens that decode steps were fed are followed all the same",
      0 },
    { "exclude", KEY_EXCLUDE, "GLOB", 0,
      "Leave arrays of such names out, as if the dump did not hold them; may be given several times", 0 },
    { "layers", KEY_LAYERS, 0, 0, "Only outputs of layers, towers and embedders, none from inside them", 0 },
    { "names", KEY_NAMES, "MAP", 0, "JSON that maps the backend's names and layouts onto taps", 0 },
    { "json", KEY_JSON, "FILE", 0,
      "Also write the report as JSON (docs/report.md), with inherited and total errors, whatever the exit status is; - "
      "is stdout, which then holds nothing else",
      0 },
    { "json-detail", KEY_DETAIL, 0, 0,
      "With --json: also write the ratio of each row and channel, how errors of elements are spread, who looks at "
      "whom, the pictures and the prompt; one more pass, for a diagnosis one more grade",
      0 },
    { "color", KEY_COLOUR, "WHEN", 0,
      "Verdicts in colour: auto (the default: on a terminal, unless NO_COLOR is set), always or never", 0 },
    { "ignore-eos", KEY_IGNORE_EOS, 0, 0, "The backend went on after an end-of-sequence token", 0 },
    { "samples", KEY_SAMPLES, "N", 0,
      "Learn what is honest from N passes of a backend of the class: one that rounds to nearest, the others at random "
      "(default: 8). With 1, scales of rows, channels and elements are rough",
      0 },
    { "partial", KEY_PARTIAL, 0, 0,
      "A dump may pass of which fewer than half of the arrays are taps of the case, or some are of another shape, "
      "or a quarter have the values of taps that it lacks, or none fits a glob of --only; without it the exit status "
      "is 3 then",
      0 },
    { "strict", KEY_STRICT, 0, 0,
      "Taps that are missing from the dump or hold fewer rows than were computed, names that are no taps, arrays of "
      "other shapes and entries of --names that fit no array are failures; of what --only, --layers and --exclude "
      "leave in",
      0 },
    { 0 },
};

/* Only a grade is explained. */
static const struct argp_option explain_options[] = {
    { "explain", KEY_EXPLAIN, "TAP", 0,
      "Also print every number that the verdict of a tap rests on, and the proven bound where there is one; a name or "
      "a glob, may be given several times",
      0 },
    { 0 },
};

static error_t parse_explain(int key, char *argument, struct argp_state *state)
{
    GradeCommand *command = state->input;
    if (key != KEY_EXPLAIN) return ARGP_ERR_UNKNOWN;
    globs_add(&command->explained, argument);
    return 0;
}

static const struct argp_option shard_options[] = {
    { "shard", KEY_SHARD, "K/N", 0,
      "Grade the K-th of N parts of the dump's steps alone, or try that part of the bugs, into a --json FILE that "
      "plumb merge reads (docs/shards.md)",
      0 },
    { 0 },
};

static error_t parse_shard_of(int key, char *argument, struct argp_state *state)
{
    GradeCommand *command = state->input;
    switch (key) {
    case KEY_SHARD:
        if (command->shard_argument)
            argp_error(state, "--shard: found %s and %s, expected one", command->shard_argument, argument);
        command->shard = parse_shard(state, argument);
        command->shard_argument = argument;
        return 0;
    case ARGP_KEY_END:
        if (command->shard_argument && !command->report.path)
            argp_error(state, "--shard: found no --json FILE, expected one for what the shard finds");
        if (command->shard_argument && (command->detailed || command->explained.count > 0))
            argp_error(state, "--shard: found --json-detail or --explain, expected neither, because they ask for sums "
                              "that no shard has of all steps");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp explain_argp = { .options = explain_options, .parser = parse_explain };
static const struct argp shard_argp = { .options = shard_options, .parser = parse_shard_of };

/* Frameworks call the dtypes otherwise. */
static const char *class_meant(const char *name)
{
    static const char *const dtypes[][2] = {
        { "bfloat16", "; did you mean bf16?" }, { "float16", "; did you mean fp16?" },
        { "half", "; did you mean fp16?" },     { "f16", "; did you mean fp16?" },
        { "float32", "; did you mean fp32?" },  { "f32", "; did you mean fp32?" },
        { "float", "; did you mean fp32?" },
    };
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcasecmp(name, dtypes[i][0]) == 0) return dtypes[i][1];
    return "";
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    GradeCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &command->c;
        state->child_inputs[1] = &command->sandbox;
        state->child_inputs[2] = command;
        if (command->explains) state->child_inputs[3] = command;
        return 0;
    case KEY_AS:
        command->class = class_find(argument);
        if (!command->class)
            argp_error(state, "--as: found %s, expected one of %s%s", argument, class_names, class_meant(argument));
        return 0;
    case KEY_ONLY:
        globs_add(&command->only, argument);
        globs_add(&command->asked, argument);
        return 0;
    case KEY_EXCLUDE: globs_add(&command->names.excluded, argument); return 0;
    case KEY_PARTIAL: command->partial = true; return 0;
    case KEY_LAYERS: globs_add_layers(&command->only); return 0;
    case KEY_NAMES: command->names.map = argument; return 0;
    case KEY_JSON: command->report.path = argument; return 0;
    case KEY_COLOUR:
        if (!colour_from_name(argument, &command->c.colour))
            argp_error(state, "--color: found %s, expected auto, always or never", argument);
        return 0;
    case KEY_DETAIL: command->detailed = true; return 0;
    case KEY_STRICT: command->report.strict = true; return 0;
    case KEY_IGNORE_EOS: command->ignore_eos = true; return 0;
    case KEY_SAMPLES: command->samples = parse_count(state, "--samples", argument, MOST_SAMPLES); return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 1) argp_error(state, "found a third argument, %s, expected CASE DUMP", argument);
        command->arguments[command->argument_count++] = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const ArithmeticClass *command_class(const GradeCommand *command)
{
    return command->class ? command->class : command->grid.class;
}

/* Words of strangers say what is graded, and not what the program trusts it with: limits are not raised, and the
 * sandbox is the one that was asked for here. */
static void parse_strangers_words(const struct argp *argp, int argc, char **argv, GradeCommand *command)
{
    const FileLimits limits = file_limits;
    const SandboxWhen sandbox = command->sandbox;
    parse_words_of_file(argp, argc, argv, command);
    file_limits = limits;
    command->sandbox = sandbox;
    if (command->c.media.png.max_pixels > PNG_MAX_PIXELS) command->c.media.png.max_pixels = PNG_MAX_PIXELS;
}

void grade_arguments_parse(GradeCommand *command, int argc, char **argv, const char *doc)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 },
                                           { &sandbox_argp, 0, NULL, 0 },
                                           { &shard_argp, 0, NULL, 0 },
                                           { command->explains ? &explain_argp : NULL, 0, NULL, 0 },
                                           { 0 } };
    const struct argp argp = {
        .options = options, .parser = parse_option, .args_doc = "CASE DUMP", .children = children, .doc = doc
    };
    if (command->merged_into)
        parse_strangers_words(&argp, argc, argv, command);
    else
        parse_arguments(&argp, argc, argv, command);
}
