/* plumb_bugs.c - plumb bugs: the catalogue, and which of it a case exposes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bugs/bug.h"
#include "checkpoint/json_load.h"
#include "command/arguments.h"
#include "command/plumb.h"
#include "command/progress.h"
#include "command/suggest.h"
#include "run/shown_text.h"

enum { KEY_CASE = 'c', KEY_MAX_NEW_TOKENS = 'n', KEY_QUIET = 'q' };

typedef struct {
    Case c;
    const char *id, *folder;
    int max_new_tokens;
    Progress progress;
    int tried;
    uint64_t *seen; /* a number for each tap of the honest pass, in order */
    int seen_count, current;
    bool honest;
    Arena arena;
    const char *first_bent; /* of the pass that runs; NULL: none so far */
} BugsCommand;

static const struct argp_option options[] = {
    { "case", KEY_CASE, "CASE", 0, "Say which bugs the case exposes, and the first tap that each changes", 0 },
    { "max-new-tokens", KEY_MAX_NEW_TOKENS, "N", 0,
      "With --case: generate N tokens greedily (default what case.json says)", 0 },
    { "quiet", KEY_QUIET, 0, 0, "No progress", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    BugsCommand *command = state->input;
    switch (key) {
    case KEY_CASE: command->folder = argument; return 0;
    case KEY_QUIET: command->c.quiet = true; return 0;
    case KEY_MAX_NEW_TOKENS:
        command->max_new_tokens = parse_count(state, "--max-new-tokens", argument, MOST_NEW_TOKENS);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_usage(state);
        command->id = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---------------------------------------------------------------- exposure */

/* FNV-1a: two passes differ where a bit of a tap does */
static uint64_t number_of(const Tap *tap)
{
    uint64_t number = 14695981039346656037u;
    const unsigned char *bytes = tap->values;
    for (const char *name = tap->name; *name; name++) number = (number ^ (unsigned char)*name) * 1099511628211u;
    for (size_t i = 0; i < (size_t)tap->count * tap->value_size; i++) number = (number ^ bytes[i]) * 1099511628211u;
    return number;
}

static void on_tap(void *context, const Tap *tap)
{
    BugsCommand *command = context;
    progress_tap(&command->progress, command->tried, bug_count() + 1, tap->name);
    if (command->first_bent) return;
    int place = command->current++;
    if (command->honest) {
        command->seen = reallocate(command->seen, (size_t)(place + 1), sizeof *command->seen);
        command->seen[place] = number_of(tap);
        command->seen_count = place + 1;
    } else if (place >= command->seen_count || command->seen[place] != number_of(tap)) {
        command->first_bent = arena_format(&command->arena, "%s", tap->name);
    }
}

/* The first tap that the bug changes; NULL if it changes none, or does not fit the model */
static const char *first_bent(BugsCommand *command, const Bug *bug)
{
    Error unfit = { "" };
    BuggyModel *model = buggy_model_open(command->c.model_folder, &bug, bug ? 1 : 0, &unfit);
    if (!model) return NULL;
    Pass pass = {
        .hook = on_tap, .hook_context = command, .max_new_tokens = command->max_new_tokens, .ignore_eos = true
    };
    command->honest = !bug;
    command->first_bent = NULL;
    command->current = 0;
    buggy_model_forward(model, &reference_f64, &command->c.inputs, &pass);
    buggy_model_close(model);
    command->tried++;
    return command->first_bent;
}

/* As the case's makers ran it */
static int generated_tokens(BugsCommand *command, Error *error)
{
    const char *path = arena_format(&command->arena, "%s/case.json", command->folder);
    json_t *file = access(path, F_OK) == 0 ? json_load_object(path, "a case", error) : NULL;
    json_t *generate = json_object_get(file, "generate");
    int tokens = (int)json_integer_value(json_object_get(generate, "max_new_tokens"));
    json_decref(file);
    return tokens > 0 && tokens <= MOST_NEW_TOKENS ? tokens : 0;
}

static void open_case(BugsCommand *command, Error *error)
{
    case_set_folder(&command->c, command->folder);
    case_open(&command->c, error);
    if (error_is_set(error)) return;
    if (command->max_new_tokens == 0) command->max_new_tokens = generated_tokens(command, error);
    if (command->max_new_tokens > 0)
        model_check_generation(command->c.model, &command->c.inputs, command->max_new_tokens, error);
}

/* ---------------------------------------------------------------- printing */

static void print_bug(const Bug *bug)
{
    printf("%s\n  stage       %s\n  mechanism   %s\n  source      %s", bug->id, bug->stage, bug->mechanism,
           bug->source);
    if (bug->sources > 1) printf(" (one of %d)", bug->sources);
    printf("\n  exposed by  %s\n", bug->exposed_by);
}

static void print_bent(BugsCommand *command, const Bug *bug)
{
    const char *tap = first_bent(command, bug);
    if (bug == bug_find(command->id ? command->id : bug->id))
        printf("%c %-31s %s\n", tap ? '*' : ' ', bug->id, tap ? tap : "not exposed");
}

static void print_list(BugsCommand *command)
{
    int exposed = 0;
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        if (!command->folder) {
            printf("%-31s %-24s %s\n", bug->id, bug->stage, bug->mechanism);
        } else {
            print_bent(command, bug);
            exposed += command->first_bent != NULL;
        }
    }
    if (command->folder)
        printf("%d of %d bugs change a tap of %s\n", exposed, bug_count(), SHOWN_TEXT(command->c.name));
}

const char *bug_nearest(const char *id)
{
    Suggestion suggestion = { .word = id };
    for (int i = 0; i < bug_count(); i++) suggest_offer(&suggestion, bug_at(i)->id);
    return suggestion.nearest;
}

static void answer(BugsCommand *command, Error *error)
{
    const Bug *bug = command->id ? bug_find(command->id) : NULL;
    if (command->id && !bug) {
        const char *nearest = bug_nearest(command->id);
        error_set(error, "%s: found no such bug, expected an id that 'plumb bugs' lists%s%s%s", command->id,
                  nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
        return;
    }
    if (command->folder) {
        open_case(command, error);
        if (error_is_set(error)) return;
        command->progress = progress_start(command->c.quiet,
                                           model_layers(command->c.model, &command->c.inputs, command->max_new_tokens));
        first_bent(command, NULL);
    }
    if (bug) print_bug(bug);
    if (bug && command->folder) print_bent(command, bug);
    if (!bug) print_list(command);
    if (command->folder) progress_end(&command->progress);
}

int plumb_bugs(int argc, char **argv)
{
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[ID]",
        .doc = "Lists known public bugs, or shows one. 'plumb run --bug ID' computes a case with it.",
    };
    BugsCommand command = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);
    answer(&command, &error);
    case_close(&command.c);
    free(command.seen);
    arena_free(&command.arena);
    return finish(&error, STATUS_PASS);
}
