/* plumb_verify.c - plumb verify: looks through a package of plumb submit, and grades again what is there */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/plumb.h"
#include "command/sandbox_option.h"
#include "command/submitted_trial.h"
#include "run/output.h"
#include "run/shown_text.h"

typedef struct {
    Surroundings here;
    const char *path, *dumps;
    Package package;
    Statement statement;
    Mustpass list;
    json_t **reports; /* by trial */
    SandboxWhen sandbox;
} VerifyCommand;

static const struct argp_option options[] = {
    { "dumps", 'd', "DIR", 0, "Grade again: DIR has the dumps under the names that the submission gives them", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    VerifyCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &command->here;
        state->child_inputs[1] = &command->sandbox;
        return 0;
    case 'd': command->dumps = argument; return 0;
    case ARGP_KEY_ARG:
        if (command->path) argp_usage(state);
        command->path = argument;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void read_reports(VerifyCommand *command, Error *error)
{
    const Statement *s = &command->statement;
    command->reports = allocate_zeroed((size_t)s->trial_count + 1, sizeof *command->reports);
    for (int i = 0; i < s->trial_count && !error_is_set(error); i++)
        command->reports[i] = package_json(&command->package, command->path,
                                           report_member(&s->trials[i], &command->package.arena), error);
}

/* The verdicts that follow from the reports are those of the manifest. */
static json_t *check_package(VerifyCommand *command, Error *error)
{
    Package *package = &command->package;
    const char *path = command->path;
    json_t *manifest = error_is_set(error) ? NULL : package_json(package, path, "manifest.json", error);
    json_t *results = NULL;
    if (manifest) manifest_check(manifest, package, path, error);
    if (!error_is_set(error))
        command->statement = statement_of(package_json(package, path, "submission.json", error),
                                          arena_format(&package->arena, "%s: submission.json", path), error);
    if (!error_is_set(error)) command->list = surroundings_list(&command->here, error);
    if (!error_is_set(error)) manifest_check_list(manifest, &command->list, path, error);
    if (!error_is_set(error)) mustpass_check(&command->list, &command->statement, path, error);
    if (!error_is_set(error)) read_reports(command, error);
    if (!error_is_set(error)) results = mustpass_judge(&command->list, &command->statement, command->reports, error);
    if (!error_is_set(error) && !json_equal(results, json_object_get(manifest, "results")))
        error_set(error, "%s: found reports that do not come to the manifest's results, expected those", path);
    json_decref(manifest);
    return results;
}

/* The package's copy of a name map, as a file for the time of a grade; NULL where the trial has none */
static ScratchFile *unpack_names(const VerifyCommand *command, const SubmittedTrial *trial, Arena *arena, Error *error)
{
    if (!trial->names) return NULL;
    const PackageMember *member = package_find(&command->package, arena_format(arena, "names/%s", trial->names));
    if (!member)
        error_set(error, "%s: found no names/%s, expected the map of %s", command->path, trial->names,
                  trial->case_name);
    ScratchFile *file = member ? scratch_file_open("names.json", error) : NULL;
    Output *output = file ? output_open(scratch_file_path(file), error) : NULL;
    if (output) fwrite(member->bytes, 1, member->size, output_stream(output));
    if (output) output_close(output, error);
    return file;
}

/* NULL: it agrees, or is not there, and then *there stays false. Otherwise why it does not. */
static const char *grade_again(VerifyCommand *command, int i, bool *there, Error *error)
{
    Arena *arena = &command->package.arena;
    const SubmittedTrial *trial = &command->statement.trials[i];
    if (access(arena_format(arena, "%s/%s", command->dumps, trial->dump), F_OK) != 0) return NULL;
    *there = true;
    ScratchFile *file = unpack_names(command, trial, arena, error);
    const char *names = file ? scratch_file_path(file) : NULL;
    json_t *report = error_is_set(error) ? NULL : trial_grade(trial, command->dumps, names, &command->here, error);
    scratch_file_close(file);
    const char *why = report ? reports_differ(report, command->reports[i], arena) : NULL;
    json_decref(report);
    return why;
}

static Status grade_all_again(VerifyCommand *command, Error *error)
{
    int again = 0, different = 0;
    const Statement *s = &command->statement;
    for (int i = 0; i < s->trial_count && !error_is_set(error); i++) {
        bool there = false;
        const char *why = grade_again(command, i, &there, error);
        if (error_is_set(error)) return STATUS_BAD_INPUT;
        again += there;
        different += why != NULL;
        printf("%-18s %-8s %s%s\n", SHOWN_TEXT(s->trials[i].case_name), s->trials[i].class,
               !there ? "not graded again, because there is no "
               : why  ? "DIFFERENT  "
                      : "graded again, the same",
               !there ? SHOWN_TEXT(s->trials[i].dump)
               : why  ? SHOWN_TEXT(why)
                      : "");
    }
    printf("%d of %d trials graded again, %d different\n", again, s->trial_count, different);
    return different > 0 ? STATUS_FAIL : again > 0 ? STATUS_PASS : STATUS_NOTHING;
}

/* Cases that dumps are graded on again may be links into anywhere, and so may what is in them: nothing is written. */
static void give_up(const VerifyCommand *command, Error *error)
{
    const char *const nothing[] = { NULL };
    const char *const list = command->here.mustpass;
    const char *const read[] = { command->path, command->dumps ? "/" : command->here.cases, list, NULL };
    sandbox_files(&(SandboxedFiles){ read, nothing }, command->sandbox, error);
}

int plumb_verify(int argc, char **argv)
{
    const struct argp_child children[] = { { &surroundings_argp, 0, NULL, 0 }, { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .children = children,
        .args_doc = "PACKAGE",
        .doc = "Checks a package of plumb submit: each file's SHA-256, the mustpass list, and that the reports come to "
               "the verdict that it claims. With --dumps its dumps are graded again. Nothing is unpacked.",
    };
    VerifyCommand command = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);
    give_up(&command, &error);
    if (!error_is_set(&error)) command.package = package_read(command.path, &error);
    json_t *results = check_package(&command, &error);
    Status status = error_is_set(&error) ? STATUS_BAD_INPUT : (Status)results_print(results, &command.statement);
    if (!error_is_set(&error) && command.dumps) {
        Status again = grade_all_again(&command, &error);
        if (status == STATUS_PASS) status = again;
    }
    for (int i = 0; i < command.statement.trial_count && command.reports; i++) json_decref(command.reports[i]);
    free(command.reports);
    json_decref(results);
    mustpass_free(&command.list);
    statement_free(&command.statement);
    package_free(&command.package);
    return finish(&error, status);
}
