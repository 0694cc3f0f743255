/* plumb.c - the command: one argp parser a subcommand, each in its own file */
#include "command/plumb.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/blas_memory.h"
#include "nn/kernel.h"
#include "command/suggest.h"
#include "nn/nn.h"
#include "report/version.h"
#include "run/sandbox.h"
#include "run/vectors.h"
#include "run/shown_text.h"

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *summary;
} commands[] = {
    { "run", plumb_run, "computes a case and writes its taps" },
    { "generate", plumb_generate, "generates greedily, and prints token ids" },
    { "grade", plumb_grade, "grades a backend's dump, step by step" },
    { "diagnose", plumb_diagnose, "names the known bug that bends a dump" },
    { "explain-model", plumb_explain_model,
      "tells a forward pass tap by tap: what each is, and whose line computes it" },
    { "names", plumb_names, "says which tap each array of a dump is" },
    { "report", plumb_report, "shows reports as a page, and in the formats of CI systems" },
    { "suite", plumb_suite, "grades many dumps, or a shard of them" },
    { "merge", plumb_merge, "makes one report of the shards of a suite, a grade or a diagnosis" },
    { "submit", plumb_submit, "grades what must pass, and packs reports and hashes as evidence" },
    { "verify", plumb_verify, "checks such a package, and grades again what is there" },
    { "preprocess", plumb_preprocess, "makes a model's inputs of PNG files, as Hugging Face does" },
    { "compare", plumb_compare, "compares two dumps, without a model" },
    { "inspect", plumb_inspect, "shows what is in a checkpoint, a dump or a case" },
    { "quantiser", plumb_quantiser, "grades quantised weights beside the original's, tensor by tensor" },
    { "bugs", plumb_bugs, "lists the known bugs, and which of them a case exposes" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void help(FILE *out)
{
    fprintf(out, "Usage: plumb COMMAND [ARGUMENTS]\n"
                 "Is this Gemma 4 port straight, and if not, which step bends it?\n\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'plumb help COMMAND' says more, 'plumb --version' which kernel of OpenBLAS is used.\n"
                 "Exit status: 0 pass, 1 graded and failed, 2 bad usage or bad input, 3 nothing or too little could be "
                 "graded.\n");
}

static void version(void)
{
    const char *kernel = matmul_kernel(), *before = kernel_before();
    printf("plumb (Plumbline) %s%s%s%s\n", plumb_version, *plumb_commit ? " (" : "", plumb_commit,
           *plumb_commit ? ")" : "");
    printf("products: %s, kernel %s", matmul_library(), kernel ? kernel : "fixed");
    if (before) printf(", in the place of %s, which OpenBLAS had chosen", before);
    printf("\nloops beside them: %s\n", vectors_name(vectors_used()));
    if (sandbox_landlock())
        printf("sandbox: Landlock %d%s\n", sandbox_landlock(), sandbox_has_seccomp() ? ", seccomp" : "");
    else
        printf("sandbox: %s\n", sandbox_has_seccomp() ? "seccomp" : "none");
}

/* A full disk under stdout shows when bytes go out, and is an error like any other. Why an earlier write failed is
 * forgotten by now, so that one more line end asks again. */
static int with_stdout_written(int status)
{
    bool failed_before = ferror(stdout) != 0;
    errno = 0;
    if (failed_before && write(STDOUT_FILENO, "\n", 1) == 1) errno = 0;
    bool failed = failed_before || fflush(stdout) != 0;
    if (!failed && (fclose(stdout) == 0 || errno == EBADF))
        return status; /* EBADF: there was none, and no need of it */
    fprintf(stderr, "plumb: stdout: cannot be written: %s\n", errno ? strerror(errno) : "an earlier write failed");
    return STATUS_BAD_INPUT;
}

/* -1 with a line on stderr */
static int find_command(const char *word)
{
    Suggestion suggestion = { .word = word };
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0) return i;
        suggest_offer(&suggestion, commands[i].name);
    }
    fprintf(stderr, "plumb: %s: found no such command, expected ", SHOWN_TEXT(word));
    for (int i = 0; i < COMMANDS; i++)
        fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < COMMANDS ? ", " : " or ", commands[i].name);
    if (suggestion.nearest) fprintf(stderr, "; did you mean %s?", suggestion.nearest);
    putc('\n', stderr);
    return -1;
}

static int run_command(int i, int argc, char **argv)
{
    static char name[32]; /* "plumb run", for usage messages */
    snprintf(name, sizeof name, "plumb %s", commands[i].name);
    argv[0] = name;
    return commands[i].main(argc, argv);
}

/* Before OpenBLAS is set up, which never ends where there is no memory for it. */
__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = blas_memory_check_before_load;

int main(int argc, char **argv)
{
    kernel_start(argv);
    signal(SIGXFSZ, SIG_IGN); /* a file that may grow no further is an error of its writer */
    json_set_alloc_funcs(allocate_or_end, free);
    if (argc < 2) {
        help(stderr);
        return STATUS_BAD_INPUT;
    }
    if (strcmp(argv[1], "help") == 0 && argc == 3) {
        int i = find_command(argv[2]);
        return i < 0 ? STATUS_BAD_INPUT : run_command(i, 2, (char *[]){ argv[2], "--help", NULL });
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return with_stdout_written(STATUS_PASS);
    }
    if (strcmp(argv[1], "--version") == 0) {
        version();
        return with_stdout_written(STATUS_PASS);
    }
    const int i = find_command(argv[1]);
    if (i < 0) return STATUS_BAD_INPUT;
    return with_stdout_written(run_command(i, argc - 1, argv + 1));
}
