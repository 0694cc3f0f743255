/* judge.c - plumb grade and plumb diagnose: from their arguments to their exit status */
#include "command/judge.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/grade_status.h"
#include "command/sandbox_option.h"
#include "command/terminal.h"
#include "command/usage_report.h"

/* The SHA-256 of a large checkpoint takes a minute and more, in which nothing else is heard. */
static void announce_weights(const GradeCommand *command)
{
    enum { LARGE = 4000 }; /* megabytes */
    glob_t files = { 0 };
    struct stat status;
    double megabytes = 0;
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/*.safetensors", command->c.model_folder ? command->c.model_folder : "");
    if (glob(pattern, 0, NULL, &files) == 0)
        for (size_t i = 0; i < files.gl_pathc; i++)
            if (stat(files.gl_pathv[i], &status) == 0) megabytes += 1e-6 * (double)status.st_size;
    globfree(&files);
    if (megabytes > LARGE && !command->c.quiet && command->report.path)
        fprintf(stderr, "plumb: reading %.0f GB of weights for their SHA-256\n", megabytes / 1000);
}

/* After an error, too: which files there are is worth more then. */
static void say_files(GradeCommand *command, const char *dump, Error *earlier)
{
    Error unread = { "" }, *error = &unread;
    const Case *c = &command->c;
    ReportFile *report = &command->report;
    announce_weights(command);
    report_file_say_files(report, "dump", dump, error);
    report_file_say_files(report, "names", command->names.map, error);
    report_file_say_files(report, "model", c->model_folder, error);
    for (int i = 0; weight_files && weight_files[i]; i++)
        report_file_say_files(report, "weights", weight_files[i], error);
    if (!media_arguments_given(&c->media)) report_file_say_files(report, "inputs", c->inputs_file, error);
    for (int i = 0; i < c->media.image_count; i++) report_file_say_files(report, "image", c->media.images[i], error);
    for (int i = 0; i < c->media.sound_count; i++) report_file_say_files(report, "sound", c->media.sounds[i], error);
    if (!error_is_set(earlier)) *earlier = unread;
}

/* Numbers of one class are small in units of another's noise. */
static void check_shards_class(const GradeCommand *command, Error *error)
{
    const char *expected = json_string_value(command->merged_class), *found = command_class(command)->name;
    if (command->merged_files && (!expected || strcmp(found, expected) != 0))
        error_set(error, "the shards' command: found class %s, expected %s, by which they were graded", found,
                  expected ? expected : "one");
}

static Finding judge_dump(GradeCommand *command, const char *path, Error *error)
{
    Finding finding = { .status = STATUS_BAD_INPUT };
    command->c.threads_take_passes = true;
    if (!error_is_set(error)) case_open(&command->c, error);
    Dump *dump = error_is_set(error) ? NULL : open_named_dump(&command->c, path, &command->names, error);
    if (dump) check_only(command, dump, error);
    if (path) say_files(command, path, error);
    if (command->merged_files && !json_equal(command->report.files, (json_t *)command->merged_files))
        error_set(error, "%s: found other files of the dump or the case than the shards saw, expected the same", path);
    if (dump) command->grid = value_grid_of(dump);
    if (dump) check_shards_class(command, error);
    if (!error_is_set(error)) {
        const char *slash = strrchr(path, '/');
        command->title = (ReportTitle){ command->c.name, slash && slash[1] ? slash + 1 : path,
                                        terminal_columns(STDOUT_FILENO) };
        finding = command->explains ? grade_dump(command, dump, error) : diagnose_dump(command, dump, error);
        if (error_is_set(error) && command->nothing_left) finding.status = refused_status(command, dump);
    }
    dump_close(dump);
    return finding;
}

static void open_report(GradeCommand *command, const char *dump, Error *error)
{
    OutputOption output = { "--json", command->report.path };
    Error refused = { "" };
    case_refuse(&command->c, output, &refused);
    output_refuse(output, dump, &refused);
    output_refuse(output, command->names.map, &refused);
    if (error_is_set(&refused)) command->report.path = NULL;
    report_file_open(&command->report, &refused);
    if (error_is_set(&refused)) *error = refused;
}

Status judge_run(GradeCommand *command, const char *path, Error *error)
{
    command->names.unused = json_array();
    open_report(command, path, error);
    Finding finding = judge_dump(command, path, error);
    bool refused = error_is_set(error);
    if (refused && finding.status != STATUS_NOTHING) finding.status = STATUS_BAD_INPUT;
    report_file_close(&command->report, finding.json, (int)finding.status, error);
    case_close(&command->c);
    json_decref(command->names.unused);
    free(command->names.excluded.globs);
    free(command->only.globs);
    free(command->asked.globs);
    free(command->explained.globs);
    free(command->shown);
    return error_is_set(error) && !refused ? STATUS_BAD_INPUT : finding.status;
}

/* Reports come from other machines: they say what was graded, and must not say what is written. */
static void check_shards_command(GradeCommand *command, Error *error)
{
    const char *found = command->report.path, *expected = command->merged_into;
    if (expected && command->shard_argument)
        error_set(error, "the shards' command: found --shard %s, expected none", command->shard_argument);
    if (!expected || (found && strcmp(found, expected) == 0)) return;
    error_set(error, "the shards' command: found --json %s, expected %s", found ? found : "nowhere", expected);
    command->report.path = NULL;
}

static int judge(GradeCommand *command, int argc, char **argv, const char *doc)
{
    Error error = { "" };
    command->report.kind = command->explains ? "grade" : "diagnose";
    command->report.arguments = argv + 1;
    if (!command->merged_into) usage_report_begin(command->report.kind, argv + 1);
    grade_arguments_parse(command, argc, argv, doc);
    usage_report_end();
    if (command->argument_count == 2) case_set_folder(&command->c, command->arguments[0]);
    const char *path = command->argument_count ? command->arguments[command->argument_count - 1] : NULL;
    if (!path || (command->argument_count == 1 && !command->c.model_folder && !command->c.inputs_file))
        error_set(&error, "found %d arguments, expected CASE DUMP (see %s --help)", command->argument_count, argv[0]);
    check_shards_command(command, &error);
    sandbox_case(&command->c, (const char *const[]){ path, command->names.map, NULL }, command->report.path,
                 command->sandbox, &error);
    Status status = judge_run(command, path, &error);
    finish(&error, status); /* an error beside "nothing was graded" keeps that status */
    return (int)status;
}

static const char grade_doc[] =
    "Grades a backend's dump: the error that each step introduces, in units of what an honest backend of "
    "that dtype introduces there. DUMP is a safetensors file, an .npz file, or a folder of .safetensors or .npy "
    "files.";

int plumb_grade(int argc, char **argv)
{
    GradeCommand command = { .explains = true };
    return judge(&command, argc, argv, grade_doc);
}

static const char diagnose_doc[] =
    "Names the known bug that bends a backend's dump: each bug that the case can show is switched on in the "
    "reference and compared with what the dump is off by. DUMP is as for plumb grade.";

int merge_judged(const MergedShards *merged, const char *json, SandboxWhen sandbox)
{
    GradeCommand command = { .explains = !merged->diagnosed,
                             .merged = merged->grade,
                             .tried = merged->tried,
                             .merged_files = merged->files,
                             .merged_class = merged->class,
                             .merged_into = json,
                             .sandbox = sandbox };
    int status = judge(&command, merged->count, merged->words, merged->diagnosed ? diagnose_doc : grade_doc);
    grade_free(command.merged);
    return status;
}

int plumb_diagnose(int argc, char **argv)
{
    GradeCommand command = { 0 };
    return judge(&command, argc, argv, diagnose_doc);
}
