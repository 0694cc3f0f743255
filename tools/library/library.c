/* library.c - plumbline.h, on top of the commands */
#include <stdlib.h>
#include <string.h>

#include "command/judge.h"
#include "library/plumbline.h"
#include "report/version.h"

struct PlumblineReport {
    PlumblineOutcome outcome;
    Error error;
    char *json;
};

static void add_word(char **words, const char *option, const char *value)
{
    int count = 0;
    while (words[count]) count++;
    if (!value) return;
    words[count++] = (char *)option;
    words[count] = (char *)value;
}

/* The report names a command: that of plumb with the same arguments. */
enum { MOST_WORDS = 16 };

static void say_command(const PlumblineTrial *trial, char **words)
{
    int count = 0;
    if (trial->case_folder) words[count++] = (char *)trial->case_folder;
    if (trial->dump) words[count++] = (char *)trial->dump;
    add_word(words, "--model", trial->model_folder);
    add_word(words, "--inputs", trial->inputs);
    add_word(words, "--names", trial->names);
    add_word(words, "--as", trial->arithmetic);
}

static void set_up(GradeCommand *command, const PlumblineTrial *trial, Error *error)
{
    command->c.quiet = true;
    command->c.threads = trial->threads;
    command->c.model_folder = trial->model_folder;
    command->c.inputs_file = command->c.inputs_option = trial->inputs;
    command->names.map = trial->names;
    command->samples = trial->samples;
    command->ignore_eos = trial->ignore_eos;
    command->detailed = trial->detail && command->explains;
    command->report.strict = trial->strict;
    for (const char *const *glob = trial->only; glob && *glob; glob++) {
        globs_add(&command->only, *glob);
        globs_add(&command->asked, *glob);
    }
    if (trial->case_folder) case_set_folder(&command->c, trial->case_folder);
    if (!trial->dump) error_set(error, "dump: found NULL, expected a path");
    command->class = trial->arithmetic ? class_find(trial->arithmetic) : NULL;
    if (trial->arithmetic && !command->class)
        error_set(error, "arithmetic: found %s, expected one of %s", trial->arithmetic, class_names);
}

static PlumblineReport *judge_trial(const PlumblineTrial *trial, bool explains)
{
    PlumblineReport *report = allocate_zeroed(1, sizeof *report);
    char *words[MOST_WORDS] = { NULL };
    say_command(trial, words);
    GradeCommand command = {
        .explains = explains,
        .report = { .path = "-", .kept = &report->json, .arguments = words, .kind = explains ? "grade" : "diagnose" }
    };
    set_up(&command, trial, &report->error);
    report->outcome = (PlumblineOutcome)judge_run(&command, trial->dump, &report->error);
    return report;
}

PlumblineReport *plumbline_grade(const PlumblineTrial *trial) { return judge_trial(trial, true); }
PlumblineReport *plumbline_diagnose(const PlumblineTrial *trial) { return judge_trial(trial, false); }
PlumblineOutcome plumbline_outcome(const PlumblineReport *report) { return report->outcome; }
const char *plumbline_json(const PlumblineReport *report) { return report->json; }
const char *plumbline_version(void) { return plumb_version; }

const char *plumbline_error(const PlumblineReport *report)
{
    return error_is_set(&report->error) ? report->error.message : NULL;
}

void plumbline_free(PlumblineReport *report)
{
    if (!report) return;
    free(report->json);
    free(report);
}
