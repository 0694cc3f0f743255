/* submitted_trial.c - what plumb submit and plumb verify share */
#include "command/submitted_trial.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments.h"
#include "command/judge.h"
#include "run/shown_text.h"

enum { KEY_CASES = 'c', KEY_MUSTPASS = 'm', KEY_THREADS = 't' };

static const struct argp_option options[] = {
    { "cases", KEY_CASES, "DIR", 0, "The folder with the cases (default: fixtures)", 10 },
    { "mustpass", KEY_MUSTPASS, "FILE", 0, "The list of what must pass (default: mustpass.json among the cases)", 10 },
    { "threads", KEY_THREADS, "N", 0, "Threads that passes of the model run on, side by side (default 1)", 10 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    Surroundings *here = state->input;
    switch (key) {
    case ARGP_KEY_INIT: here->cases = "fixtures"; return 0;
    case KEY_CASES: here->cases = argument; return 0;
    case KEY_MUSTPASS: here->mustpass = argument; return 0;
    case KEY_THREADS: here->threads = parse_count(state, "--threads", argument, 1024); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp surroundings_argp = { .options = options, .parser = parse_option };

Mustpass surroundings_list(const Surroundings *here, Error *error)
{
    Arena arena = { 0 };
    const char *path = here->mustpass ? here->mustpass : arena_format(&arena, "%s/mustpass.json", here->cases);
    Mustpass list = mustpass_read(path, error);
    arena_free(&arena);
    return list;
}

json_t *trial_grade(const SubmittedTrial *trial, const char *dumps, const char *names, const Surroundings *here,
                    Error *error)
{
    Arena arena = { 0 };
    char *text = NULL, *dump = arena_format(&arena, "%s/%s", dumps, trial->dump);
    char *folder = arena_format(&arena, "%s/%s", here->cases, trial->case_name);
    char *words[] = { folder, dump, "--as", (char *)trial->class, names ? "--names" : NULL, (char *)names, NULL };
    GradeCommand command = {
        .explains = true,
        .class = class_find(trial->class),
        .names.map = names,
        .report = { .path = "-", .kept = &text, .arguments = words, .kind = "grade" },
    };
    command.c.quiet = true;
    command.c.threads = here->threads;
    case_set_folder(&command.c, folder);
    judge_run(&command, dump, error);
    json_t *report = text && !error_is_set(error) ? json_loads(text, 0, NULL) : NULL;
    free(text);
    arena_free(&arena);
    return report;
}

/* The text of a key, "" where there is none; strangers may have written it, and a terminal may read it. */
static const char *text_of(const json_t *object, const char *key, Arena *arena)
{
    const char *text = json_string_value(json_object_get(object, key));
    char *copy = arena_format(arena, "%s", text ? text : "");
    hide_controls(copy);
    return copy;
}

int results_print(const json_t *results, const Statement *statement)
{
    const json_t *port = json_object_get(statement->json, "port");
    Arena arena = { 0 };
    int failed = 0, waived = 0;
    size_t i;
    json_t *result;
    json_array_foreach((json_t *)results, i, result)
    {
        const char *verdict = text_of(result, "verdict", &arena), *because = text_of(result, "because", &arena);
        bool fails = strcmp(verdict, "fail") == 0;
        failed += fails;
        waived += strcmp(verdict, "waived") == 0;
        printf("%-18s %-8s %s%s%s\n", text_of(result, "case", &arena), text_of(result, "class", &arena),
               fails ? "FAIL" : verdict, *because ? "  " : "", because);
    }
    bool passed = strcmp(results_verdict(results), "pass") == 0;
    printf("%s  %s %s: %zu trials, %d failed, %d waived\n", passed ? "PASS" : "FAIL", text_of(port, "name", &arena),
           text_of(port, "version", &arena), json_array_size(results), failed, waived);
    arena_free(&arena);
    return passed ? STATUS_PASS : STATUS_FAIL;
}
