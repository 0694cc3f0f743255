/* step_reach.c - steps told apart by layer, by decode step, by site */
#include "diagnose/step_reach.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/part_words.h"
#include "dump/tap_name.h"

/* The coefficient that a step without the bug may seem to have */
static const double NEARLY_NONE = 0.2;

enum { MOST_SITES_SAID = 4 };

typedef enum { SHOWS_NOTHING, HAS_IT, HAS_IT_NOT, NEITHER } Shown;

typedef struct {
    const Suspects *s;
    int place;            /* of the bug, in the suspects' list */
    const Match *matches; /* of each step, with the bug in the part that is asked about */
    const bool *straight; /* of each step, with the bug; NULL: it was not graded */
} Asked;

static const char *tap_of(const Asked *a, int n) { return suspects_graded(a->s)->steps[n].tap; }

/* Where a choice of experts hangs on it, a bug may change a step otherwise than the backend's did, and a grade still
 * tells that it is there. */
static bool is_mended(const Asked *a, int n) { return a->straight && a->straight[n] && suspects_bent(a->s, n); }

static Shown shown_by(const Asked *a, int n)
{
    Match match = a->matches[n];
    double coefficient = match_coefficient(match);
    if (match.power < SEEN * SEEN || tap_is_mask(tap_of(a, n))) return SHOWS_NOTHING;
    if (is_mended(a, n) || coefficient_is_one(coefficient, sqrt(match.power))) return HAS_IT;
    return fabs(coefficient) <= NEARLY_NONE ? HAS_IT_NOT : NEITHER;
}

/* Steps are told apart by some number of theirs: a bit for each that those with the bug have, and those without it. A
 * step without the bug may have no such number: one in no layer does not contradict that the bug is in some. */
typedef struct {
    uint64_t with, without;
    bool is_unfit; /* some step with the bug has none */
} Sides;

static void put(Sides *sides, int value, bool with)
{
    if (value >= MOST_UNITS || (value < 0 && with))
        sides->is_unfit = true;
    else if (value >= 0)
        *(with ? &sides->with : &sides->without) |= (uint64_t)1 << value;
}

static bool tells_apart(Sides sides) { return !sides.is_unfit && sides.without && !(sides.with & sides.without); }

/* Layers of the tower and of the text have the same numbers. */
static bool is_same_stack(const char *a, const char *b)
{
    const char *layers = strstr(a, "layers.");
    return layers && strncmp(a, b, (size_t)(layers - a) + strlen("layers.")) == 0;
}

static int site_number(Sites *sites, const char *tap)
{
    char name[SITE_NAME_SIZE];
    site_name(name, &(Tap){ .name = tap });
    sites_note(sites, &(Tap){ .name = tap });
    for (int i = 0; i < sites->count; i++)
        if (strcmp(sites->list[i].name, name) == 0) return i;
    return -1;
}

static const char *runs_in_words(uint64_t runs, Arena *arena)
{
    if (!(runs & 1)) return arena_format(arena, "in %s only", numbers_in_words("decode step", runs, arena));
    if (runs == 1) return "in the prefill only";
    const char *steps = numbers_in_words("decode step", runs & ~(uint64_t)1, arena);
    return arena_format(arena, "in the prefill and %s only", steps);
}

static const char *names_of(const Sites *sites, uint64_t numbers, Arena *arena)
{
    const char *names = "";
    for (int i = 0; i < sites->count; i++)
        if (numbers >> i & 1) names = arena_format(arena, "%s %s", names, sites->list[i].name);
    return names;
}

static int count_of(uint64_t bits)
{
    int count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

typedef struct {
    Sides layers, runs, sites;
    Sites names;
    int with, without;
} Reach;

/* The layers in which the bug changes something itself: a layer that shares another's keys shows what is wrong with
 * these, too. One more pass. */
static uint64_t layers_changed(const Asked *a)
{
    Sites sites = suspects_sites(a->s, a->place);
    uint64_t layers = 0;
    for (int i = 0; i < sites.count; i++) layers |= sites.list[i].layers;
    return layers;
}

static const char *reach_in_words(const Reach *r, Arena *arena)
{
    if (tells_apart(r->layers))
        return arena_format(arena, "in %s only", numbers_in_words("layer", r->layers.with, arena));
    if (tells_apart(r->runs)) return runs_in_words(r->runs.with, arena);
    if (!tells_apart(r->sites) || count_of(r->sites.with) > MOST_SITES_SAID)
        return arena_format(arena, "in %d of %d steps that would show it", r->with, r->with + r->without);
    BugPart has = { .sites = names_of(&r->names, r->sites.with, arena) };
    BugPart rest = { .sites = names_of(&r->names, r->sites.without, arena) };
    return part_words(&has, &rest, arena);
}

static const char *first_tap_with(const Asked *a)
{
    for (int n = 0; n < suspects_graded(a->s)->step_count; n++)
        if (shown_by(a, n) == HAS_IT) return tap_of(a, n);
    return NULL;
}

static const char *reach_of(const Asked *a, Arena *arena)
{
    Reach reach = { .with = 0 };
    const char *first = first_tap_with(a);
    for (int n = 0; first && n < suspects_graded(a->s)->step_count; n++) {
        const char *tap = tap_of(a, n);
        Shown shown = shown_by(a, n);
        if (shown == NEITHER) return NULL;
        if (shown == SHOWS_NOTHING) continue;
        bool with = shown == HAS_IT;
        put(&reach.layers, is_same_stack(first, tap) ? layer_of_step(tap) : -1, with);
        put(&reach.runs, tap_is_media(tap) ? -1 : tap_step(tap), with);
        put(&reach.sites, site_number(&reach.names, tap), with);
        reach.with += with;
        reach.without += !with;
    }
    if (!reach.with || !reach.without) return NULL;
    if (tells_apart(reach.layers) && count_of(reach.layers.with) > 1) {
        uint64_t own = reach.layers.with & layers_changed(a);
        if (own) reach.layers.with = own;
    }
    return reach_in_words(&reach, arena);
}

const char *step_reach(const Suspects *s, int place, Arena *arena)
{
    return reach_of(&(Asked){ s, place, s->list[place].matches, s->list[place].straight }, arena);
}

const char *step_reach_of_part(const Suspects *s, int place, const BugPart *part, Arena *arena)
{
    Match *matches = suspects_part_matches(s, place, part);
    const char *reach = reach_of(&(Asked){ s, place, matches, NULL }, arena);
    free(matches);
    return reach;
}
