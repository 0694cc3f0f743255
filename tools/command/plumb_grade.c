/* plumb_grade.c - a dump graded, or diagnosed, and reported */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/mapped_file.h"
#include "readings/class_check.h"
#include "diagnose/diagnose.h"
#include "explain/explain.h"
#include "dump/decode_steps.h"
#include "inputs/dumped_inputs.h"
#include "command/grade_status.h"
#include "command/judge.h"
#include "command/merged_grade.h"
#include "command/shard_report.h"
#include "report/report_grade.h"
#include "report/report_diagnosis.h"
#include "report/report_explanation.h"
#include "report/json_file.h"
#include "report/report_detail.h"
#include "report/report_inputs.h"
#include "report/report_known.h"
#include "report/report_rows.h"
#include "report/report_shard.h"
#include "report/report_steps.h"
#include "report/report_tried.h"
#include "report/report_weights.h"

static void show_progress(void *context, int pass, int passes, const char *tap)
{
    GradeCommand *command = context;
    progress_tap(&command->progress, pass, passes, tap);
}

/* A line as soon as a step has its verdict, for who looks on */
static void show_step(void *context, const Grade *grade, int step)
{
    GradeCommand *command = context;
    ColouredText text;
    progress_hide(&command->progress);
    if (step == 0 && command->shown) coloured_say_again(&command->shown);
    coloured_begin(&text);
    if (step == 0) report_heads(text.stream, grade, command->title);
    report_step(text.stream, grade, step, command->title.columns);
    command->shown = coloured_show(&text, command->c.colour, command->shown);
}

static Progress start_progress(const GradeCommand *command, const Dump *dump)
{
    Progress progress = progress_start(
        command->c.quiet, model_layers(command->c.model, &command->c.inputs, decode_steps_new_tokens(dump)));
    progress_expect_threads(&progress, command->c.threads);
    return progress;
}

static bool wants_text(const GradeCommand *command)
{
    return !command->report.path || strcmp(command->report.path, "-") != 0;
}

static GradeOptions options_of(GradeCommand *command)
{
    return (GradeOptions){
        .only = command->only.globs,
        .ignore_eos = command->ignore_eos,
        .nothing_left = &command->nothing_left,
        .samples = command->samples,
        .shard = command->shard,
        .threads = command->c.threads,
        .with_total = command->report.path != NULL,
        .progress = show_progress,
        .graded = command->explains && command->title.columns > 0 && wants_text(command) ? show_step : NULL,
        .progress_context = command,
    };
}

static void strict_failure_text(FILE *out, const GradeCommand *command)
{
    if (*command->report.strict_failure) fprintf(out, "FAIL  --strict: %s\n", command->report.strict_failure);
}

/* Lines of the text whose numbers and names stand nowhere else in the report */
static json_t *hints_json(const GradeCommand *command, const Grade *grade, const ClassCheck *check, const Dump *dump)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return json_array();
    report_few_rows(out, grade);
    report_readings(out, grade);
    if (!command->class) value_grid_text(out, &command->grid);
    class_check_text(out, check);
    names_left_text(out, command, grade, dump);
    fclose(out);
    json_t *lines = lines_json(text);
    free(text);
    return lines;
}

static json_t *graded_json(const GradeCommand *command, const Grade *grade, const ClassCheck *check, const Dump *dump)
{
    json_t *json = report_grade_json(grade, command->title);
    report_add_known(json, grade, dump, model_config(command->c.model));
    json_object_set_new(json, "samples", json_integer(command->samples > 0 ? command->samples : SAMPLES));
    json_object_set(json, "names_unused", command->names.unused);
    json_object_update_new(json, class_check_json(check));
    json_object_set_new(json, "hints", hints_json(command, grade, check, dump));
    json_object_set_new(json, "weights", report_weights_json(model_checkpoint(command->c.model)));
    return json;
}

static Trial trial_of(GradeCommand *command, const Inputs *inputs, const Dump *dump)
{
    return (Trial){ .model = command->c.model,
                    .inputs = inputs,
                    .dump = dump,
                    .class = command_class(command),
                    .options = options_of(command),
                    .vision_mask = command->c.vision_mask,
                    .cache = command->c.cache,
                    .tried = command->tried };
}

/* Beside a grade, what it rests on */
typedef struct {
    ClassCheck check;
    Explanation *explanation; /* what --explain asks for; NULL */
    json_t *detail;           /* what --json-detail asks for; NULL */
    json_t *shard;            /* what a shard has found; NULL: it is no shard */
} Ground;

/* NULL: its numbers do not pass here, whatever the shards say of them; or error is set, where they are not of this dump
 * and command */
static Grade *take_merged(GradeCommand *command, const Trial *trial, Ground *ground, Error *error)
{
    Grade *grade = command->merged;
    command->merged = NULL;
    grade->class = grade->declared = trial->class;
    merged_grade_check(grade, trial->dump, command, error);
    if (error_is_set(error) || !grade_is_within_limits(grade)) {
        grade_free(grade);
        return NULL;
    }
    ground->check = class_check(trial, grade, error);
    return grade;
}

/* The grade of the model's steps. NULL with error set */
static Grade *grade_model(GradeCommand *command, Trial trial, Ground *ground, Error *error)
{
    Grade *merged = command->merged ? take_merged(command, &trial, ground, error) : NULL;
    if (merged || error_is_set(error)) return merged;
    command->progress = start_progress(command, trial.dump);
    Followed followed;
    Lockstep *lockstep = readings_begin(&trial, &followed, error);
    if (lockstep) lockstep = readings_measure_ends(lockstep, &followed);
    progress_end(&command->progress);
    if (lockstep && command->explained.count > 0)
        ground->explanation = explain(lockstep, trial.model, command->explained.globs, error);
    if (lockstep && command->detailed && command->report.path) ground->detail = report_detail_json(lockstep);
    if (lockstep && command->shard_argument) ground->shard = report_shard_json(lockstep);
    Grade *grade = lockstep ? lockstep_end(lockstep) : NULL;
    ground->check = followed.check;
    followed_free(&followed);
    return grade;
}

static void add_detail(const GradeCommand *command, json_t *report, json_t *detail)
{
    if (!detail) return;
    report_add_detail(report, json_incref(detail));
    json_object_update_new(report, report_inputs_json(&command->c.inputs, model_config(command->c.model)));
}

static Finding report_grade(GradeCommand *command, Grade *grade, const Ground *ground, const Dump *dump)
{
    Finding finding = { .status = grade_status(grade, dump, command) };
    if (wants_text(command)) {
        ColouredText text;
        coloured_begin(&text);
        report_text(text.stream, grade, command->title);
        report_weights_text(text.stream, model_checkpoint(command->c.model));
        if (!command->class) value_grid_text(text.stream, &command->grid);
        class_check_text(text.stream, &ground->check);
        if (ground->explanation) report_explanation_text(text.stream, ground->explanation);
        names_left_text(text.stream, command, grade, dump);
        strict_failure_text(text.stream, command);
        coloured_end_after(&text, command->c.colour, command->shown);
        command->shown = NULL;
    }
    if (!command->report.path) return finding;
    finding.json = graded_json(command, grade, &ground->check, dump);
    add_detail(command, finding.json, ground->detail);
    if (ground->explanation)
        json_object_set_new(finding.json, "explained", report_explanation_json(ground->explanation));
    return finding;
}

static Finding report_shard(const GradeCommand *command, const Grade *grade, Ground *ground, Error *error)
{
    bool bent = grade && grade->first_bent >= 0;
    Finding finding = { .status = bent ? STATUS_FAIL : STATUS_PASS };
    if (!ground->shard)
        error_set(error, "--shard: found no step of the model in the dump, expected some to share out");
    else
        finding.json = shard_report_json(command, ground->shard);
    if (ground->shard && wants_text(command)) shard_report_text(command, grade, ground->shard);
    ground->shard = NULL;
    return finding;
}

Finding grade_dump(GradeCommand *command, const Dump *dump, Error *error)
{
    Inputs given = { 0 };
    Trial trial = trial_of(command, &given, dump);
    Ground ground = { .check = { .declared = trial.class, .cache = { .declared = trial.cache, .fits = trial.cache } } };
    Finding finding = { .status = STATUS_BAD_INPUT };
    Grade *grade = NULL;
    DumpedInputs *judged = case_judge_inputs(&command->c, dump, trial.class, command->only.globs, error);
    bool goes_on = !error_is_set(error) &&
                   dumped_inputs_give(judged, command->c.model, dump, &command->c.inputs, &given);
    if (goes_on)
        grade = grade_model(command, trial, &ground, error);
    else if (command->explained.count > 0 && !error_is_set(error))
        error_set(error, "--explain: found %s, and no step of the model that is graded, expected one",
                  command->explained.globs[0]);
    bool whole = !command->shard_argument;
    if (whole && !error_is_set(error)) grade = dumped_inputs_grade(judged, dump, grade);
    dumped_inputs_close(judged);

    bool again = whole && !error_is_set(error) && !command->class && value_grid_misled(&command->grid, dump, grade);
    mapped_files_check(error);
    if (!whole && !error_is_set(error)) finding = report_shard(command, grade, &ground, error);
    if (whole && !again && !error_is_set(error)) finding = report_grade(command, grade, &ground, dump);
    explanation_free(ground.explanation);
    json_decref(ground.detail);
    json_decref(ground.shard);
    grade_free(grade);
    return again ? grade_dump(command, dump, error) : finding;
}

/* A diagnosis keeps no rows, so the dump is graded once more for them. NULL: the model has no step that is graded */
static json_t *diagnosed_detail(GradeCommand *command, DumpedInputs *judged, const Dump *dump)
{
    Inputs given = { 0 };
    Error apart = { "" };
    Followed followed;
    if (!dumped_inputs_give(judged, command->c.model, dump, &command->c.inputs, &given)) return NULL;
    Trial trial = trial_of(command, &given, dump);
    Lockstep *lockstep = readings_begin(&trial, &followed, &apart);
    json_t *detail = lockstep ? report_detail_json(lockstep) : NULL;
    if (lockstep) grade_free(lockstep_end(lockstep));
    followed_free(&followed);
    return detail;
}

/* The shard's bugs, tried on the model's steps */
static Finding try_share(GradeCommand *command, DumpedInputs *judged, const Dump *dump, Error *error)
{
    Inputs given = { 0 };
    Finding finding = { .status = STATUS_PASS };
    Trial trial = trial_of(command, &given, dump);
    trial.options.shard = (ShardNumber){ 0 }; /* all of the dump is graded first */
    bool goes_on = dumped_inputs_give(judged, command->c.model, dump, &command->c.inputs, &given);
    if (!goes_on) error_set(error, "--shard: found no step of the model in the dump, expected some to try bugs on");
    command->progress = start_progress(command, dump);
    Tried *tried = goes_on ? diagnose_share(&trial, command->shard, error) : NULL;
    progress_end(&command->progress);
    mapped_files_check(error);
    if (tried) finding.json = shard_report_json(command, report_tried_json(tried));
    if (tried && wants_text(command)) tried_report_text(command, tried);
    tried_free(tried);
    return finding;
}

Finding diagnose_dump(GradeCommand *command, const Dump *dump, Error *error)
{
    Trial trial = trial_of(command, &command->c.inputs, dump);
    Grade *grade;
    Finding finding = { .status = STATUS_BAD_INPUT };
    DumpedInputs *judged = case_judge_inputs(&command->c, dump, trial.class, command->only.globs, error);
    if (error_is_set(error)) return finding;
    if (command->shard_argument) {
        finding = try_share(command, judged, dump, error);
        dumped_inputs_close(judged);
        return finding;
    }
    command->progress = start_progress(command, dump);
    Diagnosis *diagnosis = diagnose_with_inputs(judged, &trial, &grade, error);
    bool detailed = diagnosis && command->detailed && command->report.path;
    json_t *detail = detailed ? diagnosed_detail(command, judged, dump) : NULL;
    progress_end(&command->progress);
    dumped_inputs_close(judged);
    if (!diagnosis) return finding;

    if (!command->class && value_grid_misled(&command->grid, dump, grade)) {
        json_decref(detail);
        diagnosis_free(diagnosis);
        grade_free(grade);
        command->tried = NULL; /* as another class */
        return diagnose_dump(command, dump, error);
    }

    mapped_files_check(error);
    if (error_is_set(error)) {
        json_decref(detail);
        diagnosis_free(diagnosis);
        grade_free(grade);
        return finding;
    }
    finding.status = grade_status(grade, dump, command);
    if (wants_text(command)) {
        ColouredText text;
        coloured_begin(&text);
        report_diagnosis_text(text.stream, diagnosis, grade, command->title);
        report_weights_text(text.stream, model_checkpoint(command->c.model));
        if (!command->class) value_grid_text(text.stream, &command->grid);
        names_left_text(text.stream, command, grade, dump);
        strict_failure_text(text.stream, command);
        coloured_end(&text, command->c.colour);
    }
    if (command->report.path) {
        finding.json = graded_json(command, grade, &diagnosis->check, dump);
        json_object_update_new(finding.json, report_diagnosis_json(diagnosis, grade));
        add_detail(command, finding.json, detail);
    }
    json_decref(detail);
    diagnosis_free(diagnosis);
    grade_free(grade);
    return finding;
}
