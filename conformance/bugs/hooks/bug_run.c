/* bug_run.c - names of taps, their values, and what was kept of them, for a bug's hook */
#include "bugs/hooks/bug_run.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_value.h"

/* ---------------------------------------------------------------- names */

/* Where the number behind "layers." is; NULL where there is none */
static const char *number_in(const char *name)
{
    const char *layers = strstr(name, "layers.");
    return layers ? layers + strlen("layers.") : NULL;
}

/* What follows the layer's number, with its dot cut off, or the whole name; without "@k" */
static const char *local_of(const char *name, size_t *length)
{
    const char *number = number_in(name), *rest = number ? number + strspn(number, "0123456789") : name;
    if (number && *rest == '.') rest++;
    *length = strcspn(rest, "@");
    return rest;
}

bool tap_is_local(const Tap *tap, const char *local)
{
    size_t length;
    const char *found = local_of(tap->name, &length);
    return number_in(tap->name) && length == strlen(local) && strncmp(found, local, length) == 0;
}

int tap_layer(const Tap *tap)
{
    const char *number = number_in(tap->name);
    return number ? atoi(number) : -1;
}

bool tap_is_text(const Tap *tap, const char *ending) { return !tap_is_tower(tap, "") && tap_ends(tap->name, ending); }
bool tap_is_tower(const Tap *tap, const char *ending)
{
    return tap_is_vision(tap->name) && tap_ends(tap->name, ending);
}

void name_in_layer(char *name, size_t size, const Tap *tap, int layer, const char *local)
{
    const char *number = number_in(tap->name);
    if (!number)
        snprintf(name, size, "%s", local);
    else
        snprintf(name, size, "%.*s%d%s%s", (int)(number - tap->name), tap->name, layer < 0 ? atoi(number) : layer,
                 *local && *local != '#' ? "." : "", local);
}

/* ---------------------------------------------------------------- values */

double tap_get(const Tap *tap, int64_t i) { return tap_value(tap, i); }
void tap_put(const Tap *tap, int64_t i, double value) { tap_set(tap, i, value); }
int64_t tap_width(const Tap *tap) { return tap->shape[tap->rank - 1]; }
int64_t tap_rows(const Tap *tap) { return tap->count / tap_width(tap); }

double *tap_row(BugRun *run, const Tap *tap, int64_t i)
{
    int64_t width = tap_width(tap);
    double *row = scratch_row(run, width);
    for (int64_t j = 0; j < width; j++) row[j] = tap_get(tap, i * width + j);
    return row;
}

void tap_put_row(const Tap *tap, int64_t i, const double *row)
{
    int64_t width = tap_width(tap);
    for (int64_t j = 0; j < width; j++) tap_put(tap, i * width + j, row[j]);
}

double *scratch_row(BugRun *run, int64_t count)
{
    return arena_allocate(&run->scratch, (size_t)count * sizeof(double));
}

ArenaMark scratch_mark(BugRun *run) { return arena_mark(&run->scratch); }
void scratch_release(BugRun *run, ArenaMark mark) { arena_release(&run->scratch, mark); }

void *bug_memory(BugRun *run, size_t bytes) { return arena_allocate(&run->arena, bytes); }

void *bug_state(BugRun *run, size_t bytes)
{
    if (!run->state) run->state = memset(bug_memory(run, bytes), 0, bytes);
    return run->state;
}

/* Numbers that are names, and what Hugging Face holds in float32 whatever the class */
static bool is_never_narrow(const char *name)
{
    static const char *const endings[] = { "input_ids", "#top_k_index", "#top_k_weights", ".router", ".pooler" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (tap_ends(name, endings[i])) return true;
    return false;
}

void bug_run_tap(BugRun *run, const Tap *tap)
{
    if (!run->bug->tap) return;
    run->bug->tap(run, tap);
    arena_release(&run->scratch, (ArenaMark){ 0 });
    if (tap->value_size == sizeof(real) && !is_never_narrow(tap->name))
        round_result(&(Run){ .rounding = run->pass->results }, tap->values, tap->count);
}

/* ---------------------------------------------------------------- what was kept */

static bool is_one_of(const char *const *globs, const char *name)
{
    char plain[NAME_SIZE];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(name, "@"), name);
    for (; globs && *globs; globs++)
        if (fnmatch(*globs, plain, 0) == 0) return true;
    return false;
}

/* Kept values make room for those of the next layer, held ones for those of the next run. */
static Kept *place_for(BugRun *run, const char *name, bool held)
{
    size_t length, other;
    const char *local = held ? name : local_of(name, &length);
    if (held) length = strcspn(name, "@");
    for (int i = 0; i < run->kept_count; i++) {
        Kept *kept = &run->kept[i];
        const char *theirs = held ? kept->tap : local_of(kept->tap, &other);
        if (held) other = strcspn(kept->tap, "@");
        if (kept->held == held && other == length && strncmp(theirs, local, length) == 0) return kept;
    }
    run->kept = realloc(run->kept, (size_t)(run->kept_count + 1) * sizeof *run->kept);
    assert(run->kept);
    run->kept[run->kept_count] = (Kept){ .held = held };
    return &run->kept[run->kept_count++];
}

static void remember(BugRun *run, const Tap *tap, bool held)
{
    Kept *kept = place_for(run, tap->name, held);
    if (tap->first == 0) {
        int64_t count = 1;
        for (int i = 0; i < tap->rank; i++) count *= tap->shape[i];
        if (count > kept->room) {
            free(kept->values);
            kept->values = allocate_zeroed((size_t)count, sizeof *kept->values);
            kept->room = count;
        }
        kept->tap = arena_format(&run->arena, "%s", tap->name);
        kept->rank = tap->rank;
        memcpy(kept->shape, tap->shape, sizeof kept->shape);
    }
    for (int64_t i = 0; i < tap->count; i++) kept->values[tap->first + i] = tap_value(tap, i);
}

void bug_run_keep(BugRun *run, const Tap *tap)
{
    if (is_one_of(run->bug->holds, tap->name))
        remember(run, tap, true);
    else if (is_one_of(run->bug->keeps, tap->name))
        remember(run, tap, false);
}

static const Kept *find(const BugRun *run, const char *name, int k)
{
    for (int i = 0; i < run->kept_count; i++)
        if (tap_is(run->kept[i].tap, name) && tap_run(run->kept[i].tap) == k) return &run->kept[i];
    return NULL;
}

const Kept *kept(BugRun *run, const Tap *tap, const char *name) { return find(run, name, tap_run(tap->name)); }

const Kept *kept_in_layer(BugRun *run, const Tap *tap, int layer, const char *local)
{
    char name[NAME_SIZE];
    name_in_layer(name, sizeof name, tap, layer, local);
    return kept(run, tap, name);
}

const Kept *kept_beside(BugRun *run, const Tap *tap, const char *local) { return kept_in_layer(run, tap, -1, local); }

const Kept *kept_above(BugRun *run, const Tap *tap, const char *local)
{
    char name[NAME_SIZE];
    const char *layers = strstr(tap->name, ".layers.");
    snprintf(name, sizeof name, "%.*s%s", layers ? (int)(layers - tap->name) : 0, tap->name, local);
    return kept(run, tap, name);
}

const Kept *kept_before(BugRun *run, const Tap *tap)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(tap->name, "@"), tap->name);
    return find(run, name, tap_run(tap->name) - 1);
}

double *kept_row(const Kept *kept, int64_t row) { return kept->values + row * kept->shape[kept->rank - 1]; }

const Kept *layer_input(BugRun *run, const Tap *tap)
{
    int layer = tap_layer(tap);
    if (layer > 0) return kept_in_layer(run, tap, layer - 1, "");
    const Kept *merged = kept(run, tap, "model#inputs_embeds");
    return merged ? merged : kept(run, tap, "model.embed_tokens");
}

void bug_run_end(BugRun *run)
{
    for (int i = 0; i < run->kept_count; i++) free(run->kept[i].values);
    free(run->kept);
    free(run->read);
    run->kept = NULL;
    run->read = NULL;
    run->state = NULL;
    run->kept_count = run->read_count = 0;
    arena_release(&run->arena, (ArenaMark){ 0 });
}
