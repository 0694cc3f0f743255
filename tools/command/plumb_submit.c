/* plumb_submit.c - plumb submit: grades a port's dumps on what must pass, and packs the evidence */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/json_load.h"
#include "checkpoint/regular_file.h"
#include "command/plumb.h"
#include "command/submitted_trial.h"
#include "nn/nn.h"
#include "report/json_file.h"
#include "run/shown_text.h"

typedef struct {
    Surroundings here;
    const char *folder, *out;
} SubmitCommand;

static const struct argp_option options[] = {
    { "out", 'o', "FILE", 0, "The package, a zip archive; without it nothing is written", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    SubmitCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->here; return 0;
    case 'o': command->out = argument; return 0;
    case ARGP_KEY_ARG:
        if (command->folder) argp_usage(state);
        command->folder = argument;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void add_json(Package *package, const char *name, const json_t *json)
{
    char *text = json_file_text(json);
    package_add(package, name, text, strlen(text));
    free(text);
}

/* The map that a trial's dump was read with goes along under names/, once. */
static const char *add_names(Package *package, const char *folder, const SubmittedTrial *trial, Error *error)
{
    if (!trial->names) return NULL;
    size_t size;
    const char *path = arena_format(&package->arena, "%s/%s", folder, trial->names);
    const char *member = arena_format(&package->arena, "names/%s", trial->names);
    const char *text = regular_file_read(path, (ExpectedFile){ "a name map", file_limits.json_bytes, "--max-json" },
                                         &size, &package->arena, error);
    if (text && !package_find(package, member)) package_add(package, member, text, size);
    return path;
}

static void grade_trials(const SubmitCommand *command, const Statement *s, Package *package, json_t **reports,
                         Error *error)
{
    for (int i = 0; i < s->trial_count && !error_is_set(error); i++) {
        const SubmittedTrial *trial = &s->trials[i];
        const char *names = add_names(package, command->folder, trial, error);
        if (error_is_set(error)) return;
        reports[i] = trial_grade(trial, command->folder, names, &command->here, error);
        if (reports[i]) add_json(package, report_member(trial, &package->arena), reports[i]);
    }
}

static void refuse_output(const SubmitCommand *command, const Statement *s, const char *statement, Error *error)
{
    OutputOption output = { "--out", command->out };
    Arena arena = { 0 };
    output_refuse(output, statement, error);
    output_refuse(output, command->here.mustpass, error);
    for (int i = 0; i < s->trial_count; i++) {
        output_refuse(output, arena_format(&arena, "%s/%s", command->folder, s->trials[i].dump), error);
        if (s->trials[i].names)
            output_refuse(output, arena_format(&arena, "%s/%s", command->folder, s->trials[i].names), error);
        output_refuse(output, arena_format(&arena, "%s/%s", command->here.cases, s->trials[i].case_name), error);
    }
    arena_free(&arena);
}

static Status submit(const SubmitCommand *command, Package *package, Error *error)
{
    const char *path = arena_format(&package->arena, "%s/submission.json", command->folder);
    Statement s = statement_of(json_load_object(path, "a statement (docs/submission.md)", error), path, error);
    Mustpass list = surroundings_list(&command->here, error);
    json_t **reports = allocate_zeroed((size_t)s.trial_count + 1, sizeof *reports);
    Status status = STATUS_FAIL;
    if (!error_is_set(error)) mustpass_check(&list, &s, path, error);
    if (!error_is_set(error)) refuse_output(command, &s, path, error);
    if (!error_is_set(error)) grade_trials(command, &s, package, reports, error);
    json_t *results = error_is_set(error) ? NULL : mustpass_judge(&list, &s, reports, error);
    if (!error_is_set(error)) {
        status = (Status)results_print(results, &s);
        add_json(package, "submission.json", s.json);
        manifest_add(package, &list, results, matmul_kernel());
    }
    if (!error_is_set(error) && status == STATUS_PASS && command->out) {
        package_write(package, command->out, error);
        if (!error_is_set(error)) printf("wrote %s\n", SHOWN_TEXT(command->out));
    } else if (!error_is_set(error) && command->out) {
        printf("%s was not written, because not everything passes or is waived\n", SHOWN_TEXT(command->out));
    }
    for (int i = 0; i < s.trial_count; i++) json_decref(reports[i]);
    free(reports);
    json_decref(results);
    mustpass_free(&list);
    statement_free(&s);
    return status;
}

int plumb_submit(int argc, char **argv)
{
    const struct argp_child children[] = { { &surroundings_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .children = children,
        .args_doc = "DIR",
        .doc = "Grades the dumps that DIR/submission.json names, asks for each case of the mustpass list that the port "
               "claims, and packs reports, hashes, versions and waivers into one file that plumb verify reads "
               "(docs/submission.md).",
    };
    SubmitCommand command = { 0 };
    Package package = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);
    Status status = submit(&command, &package, &error);
    package_free(&package);
    return finish(&error, status);
}
