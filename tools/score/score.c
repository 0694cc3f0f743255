/* score.c - how often the judge is right
 *
 * Every bug of the catalogue is switched on in the reference, in every class, on every case; what that backend would
 * dump, all of it or layer outputs only, is graded and diagnosed. So are honest runs of every class, in legal variants.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/output_option.h"
#include "run/output.h"
#include "score.h"

const char *const kind_names[KINDS] = { "layer outputs", "full dump" };
const char *class_of_score[CLASSES] = { "fp32", "bf16", "fp16" };
const char *const variant_names[VARIANTS] = { "as it is",    "some taps",   "other taps",
                                              "two threads", "wide inside", "last positions" };

typedef struct {
    const char *out, *against, *as;
    bool weakened;
    ScoreShard shard;
    const char *results; /* where the shard's go; NULL: all jobs are measured, for a page */
    char **from;         /* results of all shards */
    int from_count;
    int each; /* combinations of a class and a kind of dump that are measured of each case */
    char **folders;
    int folder_count;
} Arguments;

/* ---------------------------------------------------------------- jobs */

static void *shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "score: out of memory\n");
        exit(2);
    }
    return memory;
}

static const char *name_of(char *folder)
{
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
    const char *slash = strrchr(folder, '/');
    return slash ? slash + 1 : folder;
}

/* The first few of a case's combinations are, from one that differs from the last case's in both class and kind.
 * CLASSES and KINDS have no common divisor, so that COMBINATIONS of them are all. */
static bool is_measured(int folder, int class, int kind, int each)
{
    for (int n = 0; n < each; n++)
        if ((folder + n) % CLASSES == class && (folder + 1 + n) % KINDS == kind) return true;
    return false;
}

static Job *list_jobs(const Arguments *a, int *count)
{
    int most = a->folder_count * COMBINATIONS;
    Job *jobs = shared((size_t)most * sizeof *jobs);
    BugResult *results = shared((size_t)(most * bug_count()) * sizeof *results);
    *count = 0;
    for (int i = 0; i < most; i++) {
        int folder = i / COMBINATIONS, class = i % COMBINATIONS / KINDS, kind = (i + 1) % KINDS;
        if (a->as ? class > 0 : !is_measured(folder, class, kind, a->each)) continue;
        jobs[*count] = (Job){ .name = name_of(a->folders[folder]),
                              .folder = a->folders[folder],
                              .class = class,
                              .kind = kind,
                              .weakened = a->weakened,
                              .bugs = results + *count * bug_count() };
        (*count)++;
    }
    return jobs;
}

static pid_t begin(Job *job)
{
    pid_t process = fork();
    if (process != 0) return process;
    const char *parent = getenv("TMPDIR");
    char scratch[4096];
    snprintf(scratch, sizeof scratch, "%s/plumb-score.%d.safetensors", parent ? parent : "/tmp", (int)getpid());
    score_job(job, scratch);
    _exit(0);
}

static void run_job(Job *job)
{
    int status;
    pid_t process = begin(job);
    if (process < 0)
        error_set(&job->error, "fork: found no more processes");
    else if (waitpid(process, &status, 0) == process && status != 0 && !error_is_set(&job->error))
        error_set(&job->error, "%s: found a process that ended with status %d, expected 0", job->folder, status);
}

static void run_jobs(Job *jobs, int count, ScoreShard of, Error *error)
{
    for (int i = of.number; i < count; i += of.count) {
        run_job(&jobs[i]);
        fprintf(stderr, "score: %d of %d: %s, %s, %s\n", i + 1, count, jobs[i].name, class_of_score[jobs[i].class],
                kind_names[jobs[i].kind]);
        if (error_is_set(&jobs[i].error)) error_set(error, "%s", jobs[i].error.message);
    }
}

/* ---------------------------------------------------------------- arguments */

static const struct argp_option options[] = {
    { "out", 'o', "FILE", 0, "Write the page there", 0 },
    { "against", 'a', "FILE", 0, "Fail if FILE claims more than is measured", 0 },
    { "as", 'c', "CLASS", 0,
      "Measure in that class alone, as of plumb grade: with features (bf16+norms-in-dtype) or an engine's preset. The "
      "backends compute so, and say so. Prints counts; writes no page",
      0 },
    { "each", 'e', "N", 0, "With --against: classes and kinds of dump that are measured of each case, 1 to 6 (1)", 0 },
    { "weakened", 'w', 0, 0,
      "With --out: bugs in parts and at half strength, and several at once. Rows of other cases in FILE are kept", 0 },
    { "shard", 's', "K/N", 0, "Measure the K-th of N parts of the jobs alone, for --results", 0 },
    { "results", 'r', "FILE", 0, "Write what the shard has measured there, and no page", 0 },
    { "from", 'f', "FILE", 0, "Take what a shard has measured from there, and measure nothing; once for each shard",
      0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    Arguments *a = state->input;
    switch (key) {
    case 'o': a->out = argument; return 0;
    case 'a': a->against = argument; return 0;
    case 'c':
        if (!class_find(argument)) argp_error(state, "--as: found %s, expected %s", argument, class_names);
        class_of_score[0] = a->as = argument;
        return 0;
    case 'w': a->weakened = true; return 0;
    case 's':
        if (sscanf(argument, "%d/%d", &a->shard.number, &a->shard.count) != 2 || a->shard.number < 1 ||
            a->shard.number > a->shard.count)
            argp_error(state, "--shard: found %s, expected K/N with K from 1 to N", argument);
        a->shard.number--;
        return 0;
    case 'r': a->results = argument; return 0;
    case 'f':
        a->from = reallocate(a->from, (size_t)a->from_count + 1, sizeof *a->from);
        a->from[a->from_count++] = argument;
        return 0;
    case 'e':
        a->each = atoi(argument);
        if (a->each < 1 || a->each > COMBINATIONS)
            argp_error(state, "--each: found %s, expected a number from 1 to %d", argument, COMBINATIONS);
        return 0;
    case ARGP_KEY_ARGS:
        a->folders = state->argv + state->next;
        a->folder_count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!!a->out + !!a->against + !!a->as != 1)
            argp_error(state, "found several or none of --out, --against and --as, expected one");
        if (!a->results && a->shard.count > 1) argp_error(state, "found --shard without --results, expected both");
        if (a->results && a->from_count) argp_error(state, "found --results and --from, expected one of them");
        if (a->weakened && !a->out) argp_error(state, "found --weakened without --out, expected both");
        if (!a->against && a->each > 0) argp_error(state, "found --each, expected it with --against alone");
        if (a->each == 0) a->each = a->out ? COMBINATIONS : 1;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "found no CASE"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = { .options = options,
                                  .parser = parse_option,
                                  .args_doc = "CASE..",
                                  .doc = "How often the judge is right: every known bug on every case." };

/* 0: as it should be. 1: the judge is worse than that. 2: nothing was measured. */
int main(int argc, char **argv)
{
    Arguments a = { .shard = { 0, 1 } };
    Error error = { "" };
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0) return 2;
    reference_set_threads(1);

    for (int i = 0; i < a.folder_count; i++) output_refuse((OutputOption){ "--out", a.out }, a.folders[i], &error);
    Output *page = a.out && !a.results && !error_is_set(&error) ? output_open(a.out, &error) : NULL;
    int count;
    Job *jobs = list_jobs(&a, &count);
    bool good = true;
    if (a.from_count > 0)
        score_read_shards(a.from, a.from_count, jobs, count, &error);
    else if (!error_is_set(&error))
        run_jobs(jobs, count, a.shard, &error);
    if (a.results && !error_is_set(&error)) score_write_shard(a.results, jobs, count, a.shard, &error);
    if (!error_is_set(&error) && !a.weakened && !a.results) {
        score_print_misses(stdout, jobs, count);
        if (a.as) score_print_classes(stdout, jobs, count);
        good = a.as    ? score_reaches_rates(jobs, count)
               : a.out ? score_reaches_targets(jobs, count)
                       : score_holds(a.against, jobs, count, &error);
    }
    if (page && !error_is_set(&error)) {
        if (a.weakened)
            score_write_weakened(output_stream(page), a.out, jobs, count);
        else
            score_write(output_stream(page), jobs, count);
        output_close(page, &error);
    }
    if (error_is_set(&error)) {
        fprintf(stderr, "score: %s\n", error.message);
        return 2;
    }
    return !good;
}
