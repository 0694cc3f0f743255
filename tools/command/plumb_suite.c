/* plumb_suite.c - plumb suite: many dumps graded, or a shard of them; plumb merge: shards made one again */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments.h"
#include "command/judge.h"
#include "command/sandbox_option.h"
#include "command/suite_report.h"
#include "report/json_file.h"

enum { KEY_SHARD = 's', KEY_JSON = 'j', KEY_THREADS = 't' };

typedef struct {
    const char **paths;
    int path_count, path_most;
    const char *json;
    ShardNumber of;
    int threads;
    bool merges;
    SandboxWhen sandbox; /* of plumb merge */
} SuiteCommand;

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    SuiteCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        if (command->merges) state->child_inputs[0] = &command->sandbox;
        return 0;
    case KEY_SHARD: command->of = parse_shard(state, argument); return 0;
    case KEY_JSON: command->json = argument; return 0;
    case KEY_THREADS: command->threads = parse_count(state, "--threads", argument, 1024); return 0;
    case ARGP_KEY_ARG:
        if (command->path_count == command->path_most) argp_usage(state);
        command->paths = reallocate(command->paths, (size_t)command->path_count + 2, sizeof *command->paths);
        command->paths[command->path_count++] = argument;
        command->paths[command->path_count] = NULL;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---------------------------------------------------------------- the report of all */

static OutputOption output_of(const SuiteCommand *command) { return (OutputOption){ "--json", command->json }; }

/* Stdout is the text's, unless it is the report's. */
static bool says(const SuiteCommand *command) { return !command->json || strcmp(command->json, "-") != 0; }

/* Before the work: it may take hours, and its report must have a place then. */
static Output *open_report(const SuiteCommand *command, Error *error)
{
    bool is_file = command->json && says(command) && !error_is_set(error);
    return is_file ? output_open(command->json, error) : NULL;
}

static Status end_with(const SuiteCommand *command, Output *output, json_t *suite, Error *error)
{
    if (error_is_set(error)) {
        output_abandon(output);
        json_decref(suite);
        return STATUS_BAD_INPUT;
    }
    bool passes = suite_report_conclude(suite, says(command));
    if (command->json) json_file_dump(suite, output ? output_stream(output) : stdout);
    if (output) output_close(output, error);
    json_decref(suite);
    return passes ? STATUS_PASS : STATUS_FAIL;
}

/* ---------------------------------------------------------------- trials */

static json_t *report_of(const SuiteTrial *trial, int threads)
{
    Error error = { "" };
    char *text = NULL, *words[8] = { (char *)trial->folder, (char *)trial->dump };
    int count = 2;
    if (trial->class) words[count++] = "--as", words[count++] = (char *)trial->class;
    if (trial->names) words[count++] = "--names", words[count++] = (char *)trial->names;
    GradeCommand command = {
        .explains = !trial->diagnosed,
        .class = trial->class ? class_find(trial->class) : NULL,
        .names.map = trial->names,
        .report = { .path = "-", .kept = &text, .arguments = words, .kind = trial->diagnosed ? "diagnose" : "grade" },
    };
    command.c.quiet = true;
    command.c.threads = threads;
    case_set_folder(&command.c, trial->folder);
    judge_run(&command, trial->dump, &error);
    json_t *report = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return report ? report : json_pack("{s:s, s:o}", "outcome", "error", "error", text_json(error.message));
}

static void refuse_inputs(const SuiteCommand *command, const SuiteList *list, Error *error)
{
    output_refuse(output_of(command), command->paths[0], error);
    for (int i = 0; i < list->count; i++) {
        Case c = { 0 };
        case_set_folder(&c, list->trials[i].folder);
        case_refuse(&c, output_of(command), error);
        output_refuse(output_of(command), list->trials[i].dump, error);
        output_refuse(output_of(command), list->trials[i].names, error);
        case_close(&c);
    }
}

static Status run_suite(const SuiteCommand *command, Error *error)
{
    SuiteList list = suite_list_read(command->paths[0], error);
    refuse_inputs(command, &list, error);
    Output *output = open_report(command, error);
    int *shard_of = suite_list_shards(&list, command->of.count);
    json_t *suite = suite_report_new(&list);
    size_t done = 0;
    for (int i = 0; i < list.count && !error_is_set(error); i++) {
        if (shard_of[i] != command->of.number) continue;
        suite_report_add(suite, i, &list.trials[i], report_of(&list.trials[i], command->threads));
        if (says(command)) suite_report_print(suite, done++);
        fflush(stdout); /* a log is looked at before its end */
    }
    free(shard_of);
    suite_list_free(&list);
    return end_with(command, output, suite, error);
}

/* Reports of a grade's shards say which files are read next, and the sandbox of that grade is entered behind this one.
 * read: what may be read till then, or for good */
static void give_up(const SuiteCommand *command, const char *const *read, Error *error)
{
    sandbox_files(&(SandboxedFiles){ read, (const char *const[]){ command->json, NULL } }, command->sandbox, error);
}

static int merge_grade_shards(const SuiteCommand *command, Error *error)
{
    if (!command->json) error_set(error, "found no --json, expected a file for the report of the merged grade");
    for (int i = 0; i < command->path_count; i++) output_refuse(output_of(command), command->paths[i], error);
    MergedShards merged = { 0 };
    if (!error_is_set(error)) merged = shard_reports_merge(command->paths, command->path_count, command->json, error);
    int status = error_is_set(error) ? finish(error, STATUS_BAD_INPUT)
                                     : merge_judged(&merged, command->json, command->sandbox);
    merged_shards_free(&merged);
    return status;
}

static Status merge_shards(const SuiteCommand *command, Error *error)
{
    give_up(command, command->paths, error);
    for (int i = 0; i < command->path_count; i++) output_refuse(output_of(command), command->paths[i], error);
    Output *output = open_report(command, error);
    json_t *suite = error_is_set(error) ? NULL : suite_reports_merge(command->paths, command->path_count, error);
    if (suite && says(command)) suite_report_print(suite, 0);
    return end_with(command, output, suite, error);
}

/* ---------------------------------------------------------------- commands */

static const struct argp_option merge_options[] = {
    { "json", KEY_JSON, "FILE", 0,
      "Write the report, of a suite those of all trials, into one file; - is stdout, which then holds nothing else",
      0 },
    { 0 },
};

static const struct argp_option suite_options[] = {
    { "shard", KEY_SHARD, "K/N", 0, "Run the K-th of N shards alone, balanced by the sizes of files (default 1/1)", 0 },
    { "json", KEY_JSON, "FILE", 0,
      "Write the reports of all trials into one file, which plumb merge reads; - is stdout, which then holds nothing "
      "else",
      0 },
    { "threads", KEY_THREADS, "N", 0, "Threads that passes of the model run on, side by side (default 1)", 0 },
    { 0 },
};

static int run(const struct argp *argp, int argc, char **argv, bool merges)
{
    SuiteCommand command = { .of.count = 1, .path_most = merges ? MOST_SHARDS : 1, .merges = merges };
    Error error = { "" };
    parse_arguments(argp, argc, argv, &command);
    if (merges) give_up(&command, (const char *const[]){ "/", NULL }, &error);
    if (merges && shard_report_is(command.paths[0])) {
        int found = merge_grade_shards(&command, &error);
        free(command.paths);
        return found;
    }
    Status status = merges ? merge_shards(&command, &error) : run_suite(&command, &error);
    free(command.paths);
    return finish(&error, status);
}

int plumb_suite(int argc, char **argv)
{
    const struct argp argp = {
        .options = suite_options,
        .parser = parse_option,
        .args_doc = "SUITE.json",
        .doc = "Grades or diagnoses each dump of each case in each class that SUITE.json lists, or a shard of them "
               "(docs/shards.md). A trial that cannot be graded counts as failed, and the others are graded.",
    };
    return run(&argp, argc, argv, false);
}

int plumb_merge(int argc, char **argv)
{
    const struct argp_child children[] = { { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .children = children,
        .options = merge_options,
        .parser = parse_option,
        .args_doc = "R1.json R2.json ..",
        .doc = "Makes one report of the shards of plumb suite, plumb grade or plumb diagnose, the same bytes as one "
               "run gives.",
    };
    return run(&argp, argc, argv, true);
}
