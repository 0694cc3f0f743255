/* plumb_names.c - plumb names: what becomes of each array of a dump, and what the others may be */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/json_load.h"
#include "command/plumb.h"
#include "command/sandbox_option.h"
#include "command/show_nearest.h"
#include "dump/decode_steps.h"
#include "inputs/dumped_patches.h"
#include "inputs/found_features.h"
#include "names/first_map.h"
#include "names/name_map.h"
#include "names/proposals.h"
#include "report/json_file.h"
#include "run/shown_text.h"

enum { KEY_NAMES = 'n', KEY_WRITE = 'w' };

/* Names that are less alike are shown and not written. */
static const double LEAST_LIKENESS = 0.5;

typedef struct {
    Case c;
    const char *arguments[2];
    const char *names, *write;
    NamesCase names_case;
    int understood, dropped, left; /* arrays */
    int width;                     /* of the column of names */
    SandboxWhen sandbox;
} NamesCommand;

static const struct argp_option options[] = {
    { "names", KEY_NAMES, "MAP", 0, "JSON that maps the backend's names and layouts onto taps (docs/names.md)", 0 },
    { "write", KEY_WRITE, "FILE", 0,
      "Write a map: the entries of --names, and one for each array whose nearest tap is near enough", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    NamesCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &command->c;
        state->child_inputs[1] = &command->sandbox;
        return 0;
    case KEY_NAMES: command->names = argument; return 0;
    case KEY_WRITE: command->write = argument; return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 1) argp_usage(state);
        command->arguments[state->arg_num] = argument;
        return 0;
    case ARGP_KEY_END:
        if (!command->arguments[0]) argp_usage(state);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void begin_line(const NamesCommand *command, const Array *array)
{
    printf("%-*s  %-20s  ", command->width, SHOWN_TEXT(array->name), SHAPE_TEXT(array->rank, array->shape));
}

static bool is_judged_input(const char *name) { return is_of_preprocessing(name) || is_of_sounds(name); }

static void show_fate(NamesCommand *command, const Fate *fate, const Proposals *proposals)
{
    const Proposal *p = fate->tap ? proposals_find(proposals, fate->tap) : NULL;
    begin_line(command, &fate->array);
    if (!fate->tap) {
        command->dropped++;
        printf("dropped\n");
    } else if (is_judged_input(fate->tap)) {
        command->understood++;
        printf("%s, an input\n", SHOWN_TEXT(fate->tap));
    } else if (p->tap < 0) {
        command->left++;
        if (strcmp(fate->array.name, fate->tap) != 0) printf("%s, no tap of this case  ", SHOWN_TEXT(fate->tap));
        show_nearest(stdout, &command->names_case, p);
    } else if (!p->fits) {
        const ListedTap *tap = &command->names_case.taps.taps[p->tap];
        command->left++;
        printf("%s: found %s, expected %s, %s\n", SHOWN_TEXT(fate->tap), SHAPE_TEXT(p->array->rank, p->array->shape),
               SHAPE_TEXT(tap->rank, tap->shape), layout_advice_text(&p->advice, &command->c.arena));
    } else {
        command->understood++;
        printf("%s\n", SHOWN_TEXT(fate->tap));
    }
}

/* Entries without numbers come first, because the first one that fits a name counts. */
static json_t *specific_first(json_t *map)
{
    json_t *ordered = json_object(), *entry;
    const char *name;
    for (int holes = 0; holes < 2; holes++)
        json_object_foreach(map, name, entry) if ((strstr(name, "{}") != NULL) == holes)
            json_object_set(ordered, name, entry);
    json_decref(map);
    return ordered;
}

static void add_split(const NamesCommand *command, json_t *map, const Proposal *p, Arena *arena)
{
    const char *taps[MOST_PARTS];
    for (int i = 0; i < p->fused.count; i++) taps[i] = command->names_case.taps.taps[p->fused.taps[i]].name;
    first_map_add_split(map, p->array->name, taps, p->fused.count, arena);
}

static void write_map(NamesCommand *command, const Dump *dump, const Proposals *proposals, Error *error)
{
    json_t *known = command->names ? json_load_object(command->names, "a map of names", error) : json_object();
    json_t *found = json_object(), *entry;
    int *taken = proposals_take(proposals, dump, &command->names_case, LEAST_LIKENESS), count = 0;
    const ListedTap *taps = command->names_case.taps.taps;
    const char *name;
    for (int i = 0; i < proposals->count; i++) {
        const Proposal *p = &proposals->all[i];
        int tap = p->tap >= 0 ? p->tap : taken[i];
        if (p->fused.count > 0) {
            count++;
            add_split(command, found, p, &command->c.arena);
        }
        if (is_judged_input(p->array->name) || tap < 0 || (p->tap >= 0 && p->fits)) continue;
        LayoutAdvice advice = layout_advice(p->array, taps[tap].rank, taps[tap].shape, command->names_case.inputs);
        if (p->tap >= 0 && (advice.kind == ADVICE_NONE || advice.kind == ADVICE_JOIN)) continue;
        count++;
        first_map_add(found, p->array->name, taps[tap].name, &advice, &command->c.arena);
    }
    found = specific_first(found);
    json_object_foreach(found, name, entry) if (!json_object_get(known, name)) json_object_set(known, name, entry);
    if (!error_is_set(error)) json_file_write(command->write, json_incref(known), error);
    if (!error_is_set(error))
        printf("%s: %d entries, new ones for %d arrays; look at each before you believe it\n",
               SHOWN_TEXT(command->write), (int)json_object_size(known), count);
    json_decref(known);
    json_decref(found);
    free(taken);
}

static int taps_without_array(const TapList *taps, const Dump *dump)
{
    int count = 0;
    for (int i = 0; i < taps->count; i++) count += dump_find(dump, taps->taps[i].name) == NULL;
    return count;
}

static Status show_dump(NamesCommand *command, const Dump *dump, const NameMap *map, const Fate *fates, int count,
                        Error *error)
{
    Proposals proposals = proposals_of(dump, &command->names_case);
    const char *const *unused = map ? name_map_unused(map) : NULL;
    for (int i = 0; i < count; i++)
        if ((int)strlen(fates[i].array.name) > command->width) command->width = (int)strlen(fates[i].array.name);
    for (int i = 0; i < count; i++) show_fate(command, &fates[i], &proposals);
    for (int i = 0; unused && unused[i]; i++)
        printf("%s: %s: fits no array of the dump (\"optional\": true says that it need not)\n",
               SHOWN_TEXT(command->names), SHOWN_TEXT(unused[i]));
    printf("%d of %d arrays are understood, %d dropped, %d left; %d of the case's %d taps have no array\n",
           command->understood, count, command->dropped, command->left,
           taps_without_array(&command->names_case.taps, dump), command->names_case.taps.count);
    if (command->write) write_map(command, dump, &proposals, error);
    proposals_free(&proposals);
    return command->left > 0 || (unused && *unused) ? STATUS_FAIL : STATUS_PASS;
}

/* Without a map each array becomes itself. */
static Fate *own_fates(const Dump *dump)
{
    Fate *fates = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *fates);
    for (int i = 0; i < dump_count(dump); i++)
        fates[i] = (Fate){ .array = *dump_array(dump, i), .tap = dump_array(dump, i)->name };
    return fates;
}

static Status names(NamesCommand *command, const char *path, Error *error)
{
    Complaints complaints = { .lines = NULL };
    Status status = STATUS_BAD_INPUT;
    Dump *dump = dump_open(path, error);
    NameMap *map = dump && command->names ? name_map_open(command->names, &complaints) : NULL;
    command->names_case = (NamesCase){ .model = command->c.model, .inputs = &command->c.inputs };
    if (map)
        name_map_apply(map, dump, &command->names_case, &complaints);
    else if (dump)
        command->names_case.max_new_tokens = decode_steps_named_tokens(dump);
    complaints_report(&complaints, stderr, "plumb: ", error);
    if (!error_is_set(error)) decode_steps_check_count(dump, error);
    if (!error_is_set(error)) {
        Fate *own = map ? NULL : own_fates(dump);
        const Fate *fates = own;
        int count = map ? name_map_fates(map, &fates) : dump_count(dump);
        status = show_dump(command, dump, map, fates, count, error);
        free(own);
    }
    names_case_free(&command->names_case);
    name_map_close(map);
    complaints_free(&complaints);
    dump_close(dump);
    return status;
}

static bool is_case(const char *folder)
{
    Arena arena = { 0 };
    bool found = access(arena_format(&arena, "%s/model", folder), F_OK) == 0;
    arena_free(&arena);
    return found;
}

int plumb_names(int argc, char **argv)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 }, { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "DUMP CASE",
        .children = children,
        .doc = "Says of each array of a dump which tap it is, and of those that are none, which they may be, by their "
               "names and by their shapes. DUMP and CASE come in either order. Exit status 1: something is left.",
    };
    NamesCommand command = { .names = NULL };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    int of_case = command.arguments[1] && is_case(command.arguments[0]) && !is_case(command.arguments[1]) ? 0 : 1;
    if (command.arguments[1]) case_set_folder(&command.c, command.arguments[of_case]);
    OutputOption output = { "--write", command.write };
    case_refuse(&command.c, output, &error);
    output_refuse(output, command.arguments[1 - of_case], &error);
    output_refuse(output, command.names, &error);
    sandbox_case(&command.c, (const char *const[]){ command.arguments[1 - of_case], command.names, NULL },
                 command.write, command.sandbox, &error);
    if (!error_is_set(&error)) case_open(&command.c, &error);
    Status status = error_is_set(&error) ? STATUS_BAD_INPUT : names(&command, command.arguments[1 - of_case], &error);
    case_close(&command.c);
    return finish(&error, status);
}
