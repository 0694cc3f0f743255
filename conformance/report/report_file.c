/* report_file.c - what a report says before what was found */
#include "report/report_file.h"

#include <string.h>

#include "nn/kernel.h"
#include "nn/nn.h"
#include "report/file_digest.h"
#include "report/json_file.h"
#include "report/version.h"
#include "run/vectors.h"

void report_file_open(ReportFile *file, Error *error)
{
    if (!file->path || error_is_set(error)) return;
    file->files = json_array();
    if (strcmp(file->path, "-") != 0) file->output = output_open(file->path, error);
}

void report_file_say_files(ReportFile *file, const char *role, const char *path, Error *error)
{
    if (file->path) files_append(file->files, role, path, error);
}

static json_t *command_json(const ReportFile *file)
{
    json_t *command = json_pack("[s, s]", "plumb", file->kind);
    for (char **argument = file->arguments; *argument; argument++) json_array_append_new(command, text_json(*argument));
    return command;
}

/* By exit status */
static const char *const outcomes[] = { "pass", "fail", "error", "nothing" };

static json_t *text_or_null(const char *text) { return *text ? text_json(text) : json_null(); }

/* The kernel is the machine's: a report of another machine may differ in it, and in last digits for its sake. */
json_t *report_program_json(void)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s?, s:s?, s:s}", "name", "plumb", "version", plumb_version, "commit",
                     text_or_null(plumb_commit), "products", matmul_library(), "kernel", matmul_kernel(),
                     "kernel_before", kernel_before(), "vectors", vectors_name(vectors_used()));
}

static json_t *head_json(const ReportFile *file, int exit_status, const Error *error)
{
    return json_pack("{s:i, s:o, s:s, s:o, s:O, s:i, s:s, s:o, s:b, s:o}", "schema_version", REPORT_SCHEMA_VERSION,
                     "program", report_program_json(), "kind", file->kind, "command", command_json(file), "files",
                     file->files, "exit_status", exit_status, "outcome", outcomes[exit_status], "error",
                     text_or_null(error->message), "strict", file->strict, "strict_failure",
                     text_or_null(file->strict_failure));
}

void report_file_close(ReportFile *file, json_t *body, int exit_status, Error *error)
{
    if (file->files && (file->output || strcmp(file->path, "-") == 0)) {
        json_t *report = head_json(file, exit_status, error);
        if (body) json_object_update(report, body);
        if (file->kept)
            *file->kept = json_file_text(report);
        else
            json_file_dump(report, file->output ? output_stream(file->output) : stdout);
        json_decref(report);
        if (file->output) output_close(file->output, error);
    }
    json_decref(file->files);
    json_decref(body);
    *file = (ReportFile){ 0 };
}
