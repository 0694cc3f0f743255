/* plumb_grade.c - plumb grade: grades a backend's dump, step by step; plumb diagnose: which known bug bends it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readings/class_check.h"
#include "readings/value_grid.h"
#include "diagnose/diagnose.h"
#include "explain/explain.h"
#include "dump/decode_steps.h"
#include "inputs/dumped_inputs.h"
#include "command/arguments.h"
#include "command/grade_status.h"
#include "command/plumb.h"
#include "command/progress.h"
#include "report/report_grade.h"
#include "report/report_diagnosis.h"
#include "report/report_explanation.h"

enum {
    KEY_AS = 'a',
    KEY_ONLY = 'O',
    KEY_LAYERS = 'L',
    KEY_NAMES = 'n',
    KEY_JSON = 'j',
    KEY_STRICT = 's',
    KEY_IGNORE_EOS = 'e',
    KEY_SAMPLES = 'S',
    KEY_EXPLAIN = 'x'
};

enum { MOST_SAMPLES = 1024 };

typedef struct {
    Case c;
    const char *arguments[2];
    int argument_count;
    const char *names, *json;
    const ArithmeticClass *class; /* that --as declares; NULL: that of the values */
    ValueGrid grid;               /* of the dump */
    Globs only, explained;
    bool explains; /* knows --explain */
    bool strict, ignore_eos;
    int samples;
    Progress progress;
} GradeCommand;

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
    { "layers", KEY_LAYERS, 0, 0, "Only outputs of layers, towers and embedders, none from inside them", 0 },
    { "names", KEY_NAMES, "MAP", 0, "JSON that maps the backend's names and layouts onto taps", 0 },
    { "json", KEY_JSON, "FILE", 0, "Also write the report as JSON, with inherited and total errors; - is stdout", 0 },
    { "ignore-eos", KEY_IGNORE_EOS, 0, 0, "The backend went on after an end-of-sequence token", 0 },
    { "samples", KEY_SAMPLES, "N", 0,
      "Learn what is honest from N passes of a backend of the class: one that rounds to nearest, the others at random "
      "(default: 8). With 1, scales of rows, channels and elements are rough",
      0 },
    { "strict", KEY_STRICT, 0, 0,
      "Taps that are missing from the dump or hold fewer rows than were computed, and names that are no taps, are "
      "failures",
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

static const struct argp explain_argp = { .options = explain_options, .parser = parse_explain };

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    GradeCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &command->c;
        if (command->explains) state->child_inputs[1] = command;
        return 0;
    case KEY_AS:
        command->class = class_find(argument);
        if (!command->class) argp_error(state, "--as: found %s, expected one of %s", argument, class_names);
        return 0;
    case KEY_ONLY: globs_add(&command->only, argument); return 0;
    case KEY_LAYERS: globs_add_layers(&command->only); return 0;
    case KEY_NAMES: command->names = argument; return 0;
    case KEY_JSON: command->json = argument; return 0;
    case KEY_STRICT: command->strict = true; return 0;
    case KEY_IGNORE_EOS: command->ignore_eos = true; return 0;
    case KEY_SAMPLES: command->samples = parse_count(state, "--samples", argument, MOST_SAMPLES); return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 1) argp_usage(state);
        command->arguments[command->argument_count++] = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void show_progress(void *context, int pass, int passes, const char *tap)
{
    progress_tap(context, pass, passes, tap);
}

static Progress start_progress(const GradeCommand *command, const Dump *dump)
{
    return progress_start(command->c.quiet,
                          model_layers(command->c.model, &command->c.inputs, decode_steps_new_tokens(dump)));
}

static GradeOptions options_of(GradeCommand *command)
{
    return (GradeOptions){
        .only = command->only.globs,
        .ignore_eos = command->ignore_eos,
        .samples = command->samples,
        .progress = show_progress,
        .progress_context = &command->progress,
    };
}

static bool wants_text(const GradeCommand *command) { return !command->json || strcmp(command->json, "-") != 0; }

static void report_grade(const GradeCommand *command, const Grade *grade, ReportTitle title, const ClassCheck *check,
                         const Explanation *explanation, Error *error)
{
    if (wants_text(command)) {
        report_text(stdout, grade, title);
        if (!command->class) value_grid_text(stdout, &command->grid);
        class_check_text(stdout, check);
        if (explanation) report_explanation_text(stdout, explanation);
    }
    if (!command->json) return;
    json_t *more = class_check_json(check);
    if (explanation) json_object_set_new(more, "explained", report_explanation_json(explanation));
    report_json_with(command->json, grade, title, more, error);
}

static Trial trial_of(GradeCommand *command, const Inputs *inputs, const Dump *dump)
{
    return (Trial){ .model = command->c.model,
                    .folder = command->c.model_folder,
                    .inputs = inputs,
                    .dump = dump,
                    .class = command->class ? command->class : command->grid.class,
                    .options = options_of(command),
                    .vision_mask = command->c.vision_mask };
}

/* The grade of the model's steps, and of it what --explain asks for. NULL with error set */
static Grade *grade_model(GradeCommand *command, Trial trial, Explanation **explanation, ClassCheck *check,
                          Error *error)
{
    trial.options.with_total = command->json != NULL;
    command->progress = start_progress(command, trial.dump);
    Followed followed;
    Lockstep *lockstep = readings_begin(&trial, &followed, error);
    progress_end(&command->progress);
    if (lockstep && command->explained.count > 0)
        *explanation = explain(lockstep, trial.model, command->explained.globs, error);
    Grade *grade = lockstep ? lockstep_end(lockstep) : NULL;
    *check = followed.check;
    followed_free(&followed);
    return grade;
}

static Status grade_dump(GradeCommand *command, const Dump *dump, const char *dump_name, Error *error)
{
    Inputs given = { 0 };
    Trial trial = trial_of(command, &given, dump);
    ClassCheck check = { .declared = trial.class };
    Explanation *explanation = NULL;
    Grade *grade = NULL;
    DumpedInputs *judged = case_judge_inputs(&command->c, dump, trial.class, command->only.globs, error);
    bool goes_on = !error_is_set(error) &&
                   dumped_inputs_give(judged, command->c.model, dump, &command->c.inputs, &given);
    if (goes_on)
        grade = grade_model(command, trial, &explanation, &check, error);
    else if (command->explained.count > 0 && !error_is_set(error))
        error_set(error, "--explain: found %s, and no step of the model that is graded, expected one",
                  command->explained.globs[0]);
    if (!error_is_set(error)) grade = dumped_inputs_grade(judged, dump, grade);
    dumped_inputs_close(judged);

    if (!error_is_set(error) && !command->class && value_grid_misled(&command->grid, dump, grade)) {
        explanation_free(explanation);
        grade_free(grade);
        return grade_dump(command, dump, dump_name, error);
    }

    ReportTitle title = { command->c.name, dump_name };
    if (!error_is_set(error)) report_grade(command, grade, title, &check, explanation, error);
    Status status = error_is_set(error) ? STATUS_BAD_INPUT : grade_status(grade, command->strict);
    explanation_free(explanation);
    grade_free(grade);
    return status;
}

static Status diagnose_dump(GradeCommand *command, const Dump *dump, const char *dump_name, Error *error)
{
    Trial trial = trial_of(command, &command->c.inputs, dump);
    Grade *grade;
    DumpedInputs *judged = case_judge_inputs(&command->c, dump, trial.class, command->only.globs, error);
    if (error_is_set(error)) return STATUS_BAD_INPUT;
    command->progress = start_progress(command, dump);
    Diagnosis *diagnosis = diagnose_with_inputs(judged, &trial, &grade, error);
    progress_end(&command->progress);
    dumped_inputs_close(judged);
    if (!diagnosis) return STATUS_BAD_INPUT;
    if (!command->class && value_grid_misled(&command->grid, dump, grade)) {
        diagnosis_free(diagnosis);
        grade_free(grade);
        return diagnose_dump(command, dump, dump_name, error);
    }

    ReportTitle title = { command->c.name, dump_name };
    if (wants_text(command)) {
        report_diagnosis_text(stdout, diagnosis, grade, title);
        if (!command->class) value_grid_text(stdout, &command->grid);
    }
    if (command->json) report_diagnosis_json(command->json, diagnosis, grade, title, error);
    Status status = grade_status(grade, command->strict);
    diagnosis_free(diagnosis);
    grade_free(grade);
    return status;
}

typedef Status Judge(GradeCommand *command, const Dump *dump, const char *dump_name, Error *error);

static int judge(int argc, char **argv, const char *doc, Judge *judge, bool explains)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 },
                                           { explains ? &explain_argp : NULL, 0, NULL, 0 },
                                           { 0 } };
    const struct argp argp = {
        .options = options, .parser = parse_option, .args_doc = "CASE DUMP", .children = children, .doc = doc
    };
    GradeCommand command = { .explains = explains };
    Error error = { "" };
    Status status = STATUS_BAD_INPUT;
    parse_arguments(&argp, argc, argv, &command);

    if (command.argument_count == 2) case_set_folder(&command.c, command.arguments[0]);
    const char *path = command.argument_count ? command.arguments[command.argument_count - 1] : NULL;
    if (!path || (command.argument_count == 1 && !command.c.model_folder && !command.c.inputs_file))
        error_set(&error, "found %d arguments, expected CASE DUMP (see %s --help)", command.argument_count, argv[0]);

    if (!error_is_set(&error)) case_open(&command.c, &error);
    Dump *dump = error_is_set(&error) ? NULL : dump_open(path, command.names, &error);
    if (dump) {
        command.grid = value_grid_of(dump);
        const char *slash = strrchr(path, '/');
        status = judge(&command, dump, slash && slash[1] ? slash + 1 : path, &error);
    }
    dump_close(dump);
    case_close(&command.c);
    free(command.only.globs);
    free(command.explained.globs);
    return finish(&error, status);
}

int plumb_grade(int argc, char **argv)
{
    return judge(argc, argv,
                 "Grades a backend's dump: the error that each step introduces, in units of what an honest backend of "
                 "that dtype introduces there. DUMP is a safetensors file, an .npz file, or a folder of .npy files.",
                 grade_dump, true);
}

int plumb_diagnose(int argc, char **argv)
{
    return judge(
        argc, argv,
        "Names the known bug that bends a backend's dump: each bug that the case can show is switched on in the "
        "reference and compared with what the dump is off by. DUMP is as for plumb grade.",
        diagnose_dump, false);
}
