/* bug_run.c - names of taps, their values, and what was recorded of them, for a bug's hook */
#include "bugs/hooks/bug_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- names */

/* Where the number behind "layers." is; NULL where there is none */
static const char *number_in(const char *name)
{
    const char *layers = strstr(name, "layers.");
    return layers ? layers + strlen("layers.") : NULL;
}

/* The part of the name behind the layer's number and dot, or the whole name where it has no layer; "@k" is cut off. */
static const char *local_of(const char *name, size_t *length)
{
    const char *number = number_in(name), *rest = number ? number + strspn(number, "0123456789") : name;
    if (number && *rest == '.') rest++;
    *length = tap_base_length(rest);
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

bool tap_is_text(const Tap *tap, const char *ending) { return !tap_is_media(tap->name) && tap_ends(tap->name, ending); }
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

int64_t tap_width(const Tap *tap) { return tap->shape[tap->rank - 1]; }
int64_t tap_rows(const Tap *tap) { return tap->count / tap_width(tap); }

double *tap_row(BugRun *run, const Tap *tap, int64_t i)
{
    int64_t width = tap_width(tap);
    double *row = scratch_row(run, width);
    for (int64_t j = 0; j < width; j++) row[j] = tap_value(tap, i * width + j);
    return row;
}

void tap_set_row(const Tap *tap, int64_t i, const double *row)
{
    int64_t width = tap_width(tap);
    for (int64_t j = 0; j < width; j++) tap_set(tap, i * width + j, row[j]);
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

/* Gemma4AudioAttention is float32 from behind the projections up to attn_output, which is cast back. */
static bool is_in_audio_attention(const char *name)
{
    return strstr(name, ".audio_tower.layers.") && strstr(name, ".self_attn#") && !tap_ends(name, "#attn_output");
}

/* Numbers that are names, and what Hugging Face holds in float32 whatever the class */
static bool is_never_narrow(const char *name)
{
    if (is_in_audio_attention(name)) return true;
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
    bug_run_round(run, tap);
}

void bug_run_round(const BugRun *run, const Tap *tap)
{
    if (tap->value_size == sizeof(real) && !is_never_narrow(tap->name))
        round_result(&(Run){ .rounding = run->pass->results }, tap->values, tap->count);
}

/* ---------------------------------------------------------------- what was recorded */

static bool is_one_of(const char *const *globs, const char *name)
{
    char plain[NAME_SIZE];
    snprintf(plain, sizeof plain, "%.*s", (int)tap_base_length(name), name);
    for (; globs && *globs; globs++)
        if (tap_matches(*globs, plain)) return true;
    return false;
}

/* Values recorded in a layer make room for the next layer's; those for the next run, for those of the run after it. */
static Recorded *place_for(BugRun *run, const char *name, bool for_next_run)
{
    size_t length, other;
    const char *local = for_next_run ? name : local_of(name, &length);
    if (for_next_run) length = tap_base_length(name);
    for (int i = 0; i < run->recorded_count; i++) {
        Recorded *recorded = &run->recorded[i];
        const char *theirs = for_next_run ? recorded->tap : local_of(recorded->tap, &other);
        if (for_next_run) other = tap_base_length(recorded->tap);
        if (recorded->for_next_run == for_next_run && other == length && strncmp(theirs, local, length) == 0)
            return recorded;
    }
    run->recorded = reallocate(run->recorded, (size_t)(run->recorded_count + 1), sizeof *run->recorded);
    run->recorded[run->recorded_count] = (Recorded){ .for_next_run = for_next_run };
    return &run->recorded[run->recorded_count++];
}

static void remember(BugRun *run, const Tap *tap, bool for_next_run)
{
    Recorded *recorded = place_for(run, tap->name, for_next_run);
    if (tap->first == 0) {
        int64_t count = 1;
        for (int i = 0; i < tap->rank; i++) count *= tap->shape[i];
        if (count > recorded->room) {
            free(recorded->values);
            recorded->values = allocate_zeroed((size_t)count, sizeof *recorded->values);
            recorded->room = count;
        }
        recorded->tap = arena_format(&run->arena, "%s", tap->name);
        recorded->rank = tap->rank;
        memcpy(recorded->shape, tap->shape, sizeof recorded->shape);
    }
    for (int64_t i = 0; i < tap->count; i++) recorded->values[tap->first + i] = tap_value(tap, i);
}

void bug_run_record(BugRun *run, const Tap *tap)
{
    if (run->recorder) return;
    if (is_one_of(run->bug->needs_last_run, tap->name))
        remember(run, tap, true);
    else if (is_one_of(run->bug->needs_in_layer, tap->name))
        remember(run, tap, false);
}

static const Recorded *find(const BugRun *run, const char *name, int k)
{
    const BugRun *of = run->recorder ? run->recorder : run;
    for (int i = 0; i < of->recorded_count; i++)
        if (tap_is(of->recorded[i].tap, name) && tap_run(of->recorded[i].tap) == k) return &of->recorded[i];
    return NULL;
}

const Recorded *recorded(BugRun *run, const Tap *tap, const char *name) { return find(run, name, tap_run(tap->name)); }

const Recorded *recorded_in_layer(BugRun *run, const Tap *tap, int layer, const char *local)
{
    char name[NAME_SIZE];
    name_in_layer(name, sizeof name, tap, layer, local);
    return recorded(run, tap, name);
}

const Recorded *recorded_beside(BugRun *run, const Tap *tap, const char *local)
{
    return recorded_in_layer(run, tap, -1, local);
}

const Recorded *recorded_above(BugRun *run, const Tap *tap, const char *local)
{
    char name[NAME_SIZE];
    const char *layers = strstr(tap->name, ".layers.");
    snprintf(name, sizeof name, "%.*s%s", layers ? (int)(layers - tap->name) : 0, tap->name, local);
    return recorded(run, tap, name);
}

const Recorded *recorded_before(BugRun *run, const Tap *tap)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)tap_base_length(tap->name), tap->name);
    return find(run, name, tap_run(tap->name) - 1);
}

double *recorded_row(const Recorded *recorded, int64_t row)
{
    return recorded->values + row * recorded->shape[recorded->rank - 1];
}

const Recorded *layer_input(BugRun *run, const Tap *tap)
{
    int layer = tap_layer(tap);
    if (layer > 0) return recorded_in_layer(run, tap, layer - 1, "");
    const Recorded *merged = recorded(run, tap, "model#inputs_embeds");
    return merged ? merged : recorded(run, tap, "model.embed_tokens");
}

void bug_run_end(BugRun *run)
{
    for (int i = 0; i < run->recorded_count; i++) free(run->recorded[i].values);
    free(run->recorded);
    free(run->read);
    run->recorded = NULL;
    run->read = NULL;
    run->state = NULL;
    run->recorded_count = run->read_count = 0;
    arena_release(&run->arena, (ArenaMark){ 0 });
}
