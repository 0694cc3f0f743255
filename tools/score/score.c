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

#include "score.h"

const char *const kind_names[KINDS] = { "layer outputs", "full dump" };
const char *const class_of_score[CLASSES] = { "fp32", "bf16", "fp16" };
const char *const variant_names[VARIANTS] = { "as it is",    "some taps",   "other taps",
                                              "two threads", "wide inside", "last positions" };

typedef struct {
    const char *out, *against;
    int processes;
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

/* All classes and kinds of each case; or one of them, and for the next case one that differs in both. */
static Job *list_jobs(const Arguments *a, int *count)
{
    int each = a->against ? 1 : COMBINATIONS;
    *count = a->folder_count * each;
    Job *jobs = shared((size_t)*count * sizeof *jobs);
    BugResult *results = shared((size_t)(*count * bug_count()) * sizeof *results);
    for (int i = 0; i < *count; i++) {
        int folder = i / each, n = i % each;
        jobs[i] = (Job){ .name = name_of(a->folders[folder]),
                         .folder = a->folders[folder],
                         .class = a->against ? folder % CLASSES : n / KINDS,
                         .kind = a->against ? (folder + 1) % KINDS : (n + 1) % KINDS,
                         .bugs = results + i * bug_count() };
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

static void end(Job *jobs, const pid_t *processes, int begun, int done, int count)
{
    int status;
    pid_t ended = wait(&status);
    for (int i = 0; i < begun; i++) {
        if (processes[i] != ended) continue;
        if (status != 0 && !error_is_set(&jobs[i].error))
            error_set(&jobs[i].error, "%s: found a process that ended with status %d, expected 0", jobs[i].folder,
                      status);
        fprintf(stderr, "score: %d of %d: %s, %s, %s\n", done, count, jobs[i].name, class_of_score[jobs[i].class],
                kind_names[jobs[i].kind]);
    }
}

static void run_jobs(Job *jobs, int count, int at_once, Error *error)
{
    pid_t *processes = allocate_zeroed((size_t)count + 1, sizeof *processes);
    for (int begun = 0, done = 0; done < count;) {
        if (begun < count && begun - done < at_once) {
            processes[begun] = begin(&jobs[begun]);
            if (processes[begun] < 0) error_set(&jobs[begun].error, "fork: found no more processes");
            begun++;
            if (processes[begun - 1] > 0) continue;
            done++;
        } else {
            end(jobs, processes, begun, ++done, count);
        }
    }
    for (int i = 0; i < count; i++)
        if (error_is_set(&jobs[i].error)) error_set(error, "%s", jobs[i].error.message);
    free(processes);
}

/* ---------------------------------------------------------------- arguments */

static const struct argp_option options[] = {
    { "out", 'o', "FILE", 0, "Write the page there", 0 },
    { "against", 'a', "FILE", 0, "Measure one class and one kind of dump a case, and fail if FILE claims more", 0 },
    { "processes", 'p', "N", 0, "Cases at once (default: as many as there are processors)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    Arguments *a = state->input;
    switch (key) {
    case 'o': a->out = argument; return 0;
    case 'a': a->against = argument; return 0;
    case 'p':
        a->processes = atoi(argument);
        if (a->processes < 1) argp_error(state, "--processes: found %s, expected a number from 1 on", argument);
        return 0;
    case ARGP_KEY_ARGS:
        a->folders = state->argv + state->next;
        a->folder_count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!a->out == !a->against) argp_error(state, "found both or neither of --out and --against, expected one");
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
    Arguments a = { .processes = (int)sysconf(_SC_NPROCESSORS_ONLN) };
    Error error = { "" };
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0) return 2;
    reference_set_threads(1);

    int count;
    Job *jobs = list_jobs(&a, &count);
    bool good = true;
    run_jobs(jobs, count, a.processes, &error);
    if (!error_is_set(&error)) {
        score_print_misses(stdout, jobs, count);
        good = a.out ? score_reaches_targets(jobs, count) : score_holds(a.against, jobs, count, &error);
    }
    if (a.out && !error_is_set(&error)) score_write(a.out, jobs, count, &error);
    if (error_is_set(&error)) {
        fprintf(stderr, "score: %s\n", error.message);
        return 2;
    }
    return !good;
}
