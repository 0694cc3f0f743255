/* plumb_report.c - plumb report: reports as a page, and in the formats of CI systems */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/json_load.h"
#include "command/output_option.h"
#include "command/plumb.h"
#include "command/sandbox_option.h"
#include "report/formats.h"
#include "report/report_file.h"
#include "run/shown_text.h"

static const struct {
    const char *option, *help;
    WriteReports *write;
} formats[] = {
    { "--html", "A page of its own: verdict, named bug, plots, every step; it loads nothing", report_html },
    { "--junit", "XML of JUnit's kind: a test case a step, grouped by module", report_junit },
    { "--sarif", "SARIF 2.1.0: rules are the bugs that were named", report_sarif },
    { "--markdown", "For the summary of a CI job", report_markdown },
    { "--csv", "A table with a line for each step", report_csv },
};
enum { LARGEST_REPORT = 256 << 20 };
enum { FORMATS = sizeof formats / sizeof *formats, KEY_FORMAT = 256 };

typedef struct {
    const char *paths[FORMATS];
    SandboxWhen sandbox;
    Globs files; /* names, not globs */
    int path_count;
} ReportCommand;

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    ReportCommand *command = state->input;
    if (key >= KEY_FORMAT && key < KEY_FORMAT + FORMATS) {
        command->path_count += !command->paths[key - KEY_FORMAT];
        command->paths[key - KEY_FORMAT] = argument;
        return 0;
    }
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->sandbox; return 0;
    case ARGP_KEY_ARG: globs_add(&command->files, argument); return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    case ARGP_KEY_END:
        if (command->path_count == 0)
            argp_error(state, "found no format, expected --html, --junit, --sarif, --markdown or --csv");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The page and the others read what they know; what they would trip over is refused here. */
static void check_report(const json_t *report, const char *path, Error *error)
{
    static const struct {
        const char *key;
        json_type type;
        const char *expected;
    } needed[] = {
        { "program", JSON_OBJECT, "an object" }, { "kind", JSON_STRING, "a string" },
        { "command", JSON_ARRAY, "an array" },   { "files", JSON_ARRAY, "an array" },
        { "outcome", JSON_STRING, "a string" },  { "exit_status", JSON_INTEGER, "a number" },
    };
    const json_t *version = json_object_get(report, "schema_version");
    if (!json_is_integer(version)) {
        error_set(error,
                  "%s: found no schema_version, expected a report that plumb grade or diagnose wrote with --json",
                  path);
    } else if (json_integer_value(version) != REPORT_SCHEMA_VERSION) {
        error_set(error, "%s: found schema_version %lld, expected %d", path, (long long)json_integer_value(version),
                  REPORT_SCHEMA_VERSION);
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const json_t *value = json_object_get(report, needed[i].key);
        if (!value || json_typeof(value) != needed[i].type)
            error_set(error, "%s: %s: found none, expected %s", path, needed[i].key, needed[i].expected);
    }
    bool graded = json_is_null(json_object_get(report, "error"));
    if (graded && !json_is_array(json_object_get(report, "steps")))
        error_set(error, "%s: steps: found none, expected an array", path);
}

/* Names in a report are strangers', and every format shows them. */
static void hide_in(json_t *value)
{
    size_t i;
    const char *key;
    json_t *member;
    const char *text = json_string_value(value);
    if (text && SHOWN_TEXT(text) != text) {
        char *shown = strcpy(allocate_zeroed(strlen(text) + 1, 1), text);
        hide_controls(shown);
        json_string_set(value, shown);
        free(shown);
    }
    json_array_foreach(value, i, member) hide_in(member);
    json_object_foreach(value, key, member) hide_in(member);
}

static json_t *read_reports(const ReportCommand *command, Error *error)
{
    json_t *reports = json_array();
    for (int i = 0; i < command->files.count && !error_is_set(error); i++) {
        json_t *report = json_load_object(command->files.globs[i], "a report of plumb grade or diagnose", error);
        if (report) check_report(report, command->files.globs[i], error);
        hide_in(report);
        json_array_append_new(reports, report);
    }
    return reports;
}

static void refuse_inputs(const ReportCommand *command, Error *error)
{
    for (int i = 0; i < FORMATS; i++)
        for (int k = 0; k < command->files.count; k++) {
            OutputOption output = { formats[i].option, command->paths[i] };
            output_refuse(output, command->files.globs[k], error);
        }
}

static void give_up(const ReportCommand *command, Error *error)
{
    const char *written[FORMATS + 1] = { NULL };
    for (int i = 0, count = 0; i < FORMATS; i++)
        if (command->paths[i]) written[count++] = command->paths[i];
    sandbox_files(&(SandboxedFiles){ command->files.globs, written }, command->sandbox, error);
}

static void write_format(const char *path, WriteReports *write, const json_t *reports, Error *error)
{
    if (!path || error_is_set(error)) return;
    if (strcmp(path, "-") == 0) {
        write(stdout, reports);
        return;
    }
    Output *output = output_open(path, error);
    if (!output) return;
    write(output_stream(output), reports);
    output_close(output, error);
}

int plumb_report(int argc, char **argv)
{
    struct argp_option options[FORMATS + 1] = { 0 };
    for (int i = 0; i < FORMATS; i++)
        options[i] = (struct argp_option){ formats[i].option + 2, KEY_FORMAT + i, "FILE", 0, formats[i].help, 0 };
    const struct argp_child children[] = { { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .children = children,
        .options = options,
        .parser = parse_option,
        .args_doc = "REPORT.json...",
        .doc = "Shows reports that plumb grade and plumb diagnose wrote with --json. Several of them come together, as "
               "a matrix of cases, classes and ports. FILE may be - for stdout. With --json-detail a report is large, "
               "so it may have 256 MiB here unless --max-json says otherwise.",
    };
    ReportCommand command = { 0 };
    Error error = { "" };
    file_limits.json_bytes = LARGEST_REPORT;
    parse_arguments(&argp, argc, argv, &command);
    refuse_inputs(&command, &error);
    give_up(&command, &error);
    json_t *reports = read_reports(&command, &error);
    for (int i = 0; i < FORMATS; i++) write_format(command.paths[i], formats[i].write, reports, &error);
    json_decref(reports);
    free(command.files.globs);
    return finish(&error, STATUS_PASS);
}
