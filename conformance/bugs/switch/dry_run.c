/* dry_run.c - hooks that leave no trace */
#include "bugs/switch/dry_run.h"

#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_run.h"

struct DryRun {
    Model *model;
    BugRun reading; /* which does leave a trace; its bug is NULL: there is none */
    const Bug **bugs;
    BugRun *runs;           /* of each bug, which is alone in its */
    bool *changes;          /* of each bug, anything */
    bool *asked_enough;     /* of each bug: it changed something in this layer, or outside of layers */
    TouchedLayers *touched; /* of each bug */
    char layer[NAME_SIZE];  /* that the pass is in; empty: none */
    int count;
    void *copy;    /* of a tap's values */
    bool is_fresh; /* the copy is the values of the tap at hand */
    size_t room;
    Arena scratch; /* of whichever hook is called */
    const Pass *pass;
};

bool dry_run_is_enough_for(const Bug *bug)
{
    return bug->tap && !bug->config && !bug->weights && !bug->inputs && !bug->patches;
}

bool touches_layers(const Bug *bug) { return bug->tap || bug->config || bug->weights; }

void foreseen_free(Foreseen *foreseen)
{
    for (int i = 0; foreseen && i < bug_count(); i++) touched_layers_free(&foreseen[i].touched);
    free(foreseen);
}

static bool is_same_list(const char *const *a, const char *const *b)
{
    if (a == b || !a || !b) return a == b;
    while (*a && *b && strcmp(*a, *b) == 0) {
        a++;
        b++;
    }
    return !*a && !*b;
}

/* The run before i whose bug asks for the same taps, all of which are the honest pass's; NULL: there is none */
static const BugRun *recorder_for(const DryRun *dry, int i)
{
    for (int j = 0; j < i; j++)
        if (is_same_list(dry->bugs[j]->needs_in_layer, dry->bugs[i]->needs_in_layer) &&
            is_same_list(dry->bugs[j]->needs_last_run, dry->bugs[i]->needs_last_run))
            return &dry->runs[j];
    return NULL;
}

DryRun *dry_run_new(Model *model, const Bug *const *bugs, int count)
{
    DryRun *dry = allocate_zeroed(1, sizeof *dry);
    *dry = (DryRun){ .model = model, .count = count };
    dry->bugs = allocate_zeroed((size_t)count + 1, sizeof *dry->bugs);
    dry->runs = allocate_zeroed((size_t)count + 1, sizeof *dry->runs);
    dry->changes = allocate_zeroed((size_t)count + 1, sizeof *dry->changes);
    dry->asked_enough = allocate_zeroed((size_t)count + 1, sizeof *dry->asked_enough);
    dry->touched = allocate_zeroed((size_t)count + 1, sizeof *dry->touched);
    for (int i = 0; i < count; i++) {
        dry->bugs[i] = bugs[i];
        dry->runs[i] = (BugRun){ .bug = bugs[i], .bugs = &dry->bugs[i], .bug_count = 1, .model = model };
        dry->runs[i].recorder = recorder_for(dry, i);
    }
    return dry;
}

void dry_run_free(DryRun *dry)
{
    if (!dry) return;
    for (int i = 0; i < dry->count; i++) {
        arena_free(&dry->runs[i].arena);
        touched_layers_free(&dry->touched[i]);
    }
    arena_free(&dry->reading.arena);
    arena_free(&dry->reading.scratch);
    arena_free(&dry->scratch);
    free(dry->bugs);
    free(dry->runs);
    free(dry->changes);
    free(dry->asked_enough);
    free(dry->touched);
    free(dry->copy);
    free(dry);
}

void dry_run_set_mask_reading(DryRun *dry, const Bug *reading)
{
    dry->reading.bug = reading;
    dry->reading.model = dry->model;
}

static void *copied(DryRun *dry, const Tap *tap, size_t size)
{
    if (size > dry->room) {
        dry->copy = reallocate(dry->copy, size, 1);
        dry->room = size;
    }
    if (!dry->is_fresh) memcpy(dry->copy, tap->values, size);
    dry->is_fresh = true;
    return dry->copy;
}

/* Whether the hook of bug i changes the tap. Most do not write to it; then the copy is as good for the next one. */
static bool is_changed_by(DryRun *dry, int i, const Tap *tap)
{
    BugRun *run = &dry->runs[i];
    size_t size = (size_t)tap->count * tap->value_size;
    bool written = dry->pass->results != ROUNDING_NONE; /* by rounding */
    Tap copy = *tap;
    copy.values = copied(dry, tap, size);
    copy.written = &written;
    run->scratch = dry->scratch;
    bug_run_tap(run, &copy);
    dry->scratch = run->scratch;
    run->scratch = (Arena){ 0 };
    if (!written) return false;
    dry->is_fresh = memcmp(copy.values, tap->values, size) == 0;
    return !dry->is_fresh;
}

static void note_change(DryRun *dry, int i)
{
    TouchedLayers *touched = &dry->touched[i];
    dry->changes[i] = dry->asked_enough[i] = true;
    if (!*dry->layer) return;
    touched->names = reallocate(touched->names, (size_t)touched->count + 1, sizeof *touched->names);
    touched->names[touched->count++] = strcpy(allocate_zeroed(strlen(dry->layer) + 1, 1), dry->layer);
}

static void enter_layer(DryRun *dry, const Tap *tap)
{
    char layer[NAME_SIZE];
    if (!tap_unit_name(tap->name, layer, sizeof layer)) *layer = 0;
    if (strcmp(layer, dry->layer) == 0) return;
    strcpy(dry->layer, layer);
    for (int i = 0; i < dry->count; i++) dry->asked_enough[i] = !*layer && dry->changes[i];
}

static void on_tap(void *context, const Tap *tap)
{
    DryRun *dry = context;
    enter_layer(dry, tap);
    if (dry->reading.bug) bug_run_tap(&dry->reading, tap);
    dry->is_fresh = false;
    for (int i = 0; tap->count > 0 && i < dry->count; i++)
        if (!dry->asked_enough[i] && is_changed_by(dry, i, tap)) note_change(dry, i);
    dry->pass->hook(dry->pass->hook_context, tap);
    if (dry->reading.bug) bug_run_record(&dry->reading, tap);
    for (int i = 0; i < dry->count; i++) bug_run_record(&dry->runs[i], tap);
}

void dry_run_forward(DryRun *dry, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    Pass chained = *pass;
    chained.hook = on_tap;
    chained.known = NULL;
    chained.hook_context = dry;
    dry->pass = pass;
    *dry->layer = 0;
    dry->reading.inputs = inputs;
    dry->reading.pass = pass;
    for (int i = 0; i < dry->count; i++) {
        dry->runs[i].inputs = inputs;
        dry->runs[i].pass = pass;
    }
    reference->forward(dry->model, inputs, &chained);
    bug_run_end(&dry->reading);
    for (int i = 0; i < dry->count; i++) {
        dry->touched[i].all = dry->runs[i].state || dry->runs[i].bug->needs_last_run;
        bug_run_end(&dry->runs[i]);
    }
}

bool dry_run_changes(const DryRun *dry, int index) { return dry->changes[index]; }

TouchedLayers dry_run_touched(DryRun *dry, int index)
{
    TouchedLayers touched = dry->touched[index];
    dry->touched[index] = (TouchedLayers){ 0 };
    return touched;
}
