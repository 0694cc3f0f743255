/* parts.c - the likeliest bugs taken apart at a step that none of them makes straight */
#include "diagnose/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/part_fit.h"
#include "diagnose/part_words.h"
#include "dump/tap_name.h"

enum { MOST_TAKEN_APART = 4, MOST_REFINED = 6 };

/* Suspects that explain less of the step than this at any strength are not taken apart. */
static const double WORTH = 0.02;

/* A bug that takes less than this off the step's squares, as it is times any factor, is tried at no other strength. */
static const double WORTH_A_STRENGTH = 0.2;

/* A strength outside of these is nobody's: another error lies along the bug. So near 1 it is the bug itself. */
static const double LEAST_STRENGTH = 0.2, LARGEST_STRENGTH = 3, AS_GOOD_AS_ONE = 0.05;

typedef struct {
    const Suspects *s;
    int step, place;
    int64_t elements;
    float *residual, *difference; /* of the step; and what the part in hand changes */
    Sites sites;                  /* of the suspect */
    Arena *arena;
} Apart;

/* A way to take a bug apart, as far as it has several parts */
typedef struct {
    BugPart parts[MOST_PARTS];
    int count;
} Partition;

static void measure(Apart *a, const BugPart *part, Sites *sites, float *difference)
{
    memset(difference, 0, (size_t)a->elements * sizeof *difference);
    suspects_part_differences(a->s, (SuspectPart){ a->place, part, sites }, a->step, difference);
}

static double dot(const float *a, const float *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return sum;
}

static bool confirm(const Apart *a, const BugPart *part, FoundPart *found)
{
    bool *straight = suspects_grade_part(a->s, a->place, part);
    if (straight[a->step]) *found = (FoundPart){ .place = a->place, .part = *part, .straight = straight };
    if (!straight[a->step]) free(straight);
    return found->straight != NULL;
}

/* ---------------------------------------------------------------- strength */

/* How much the suspect takes off the squares of the step, times the factor that suits it best */
static double gain(const Apart *a, int place)
{
    Match match = a->s->list[place].matches[a->step];
    return match.power > 0 && match.product > 0 ? match.product * match.product / match.power : 0;
}

/* How far the strength is from the one that leaves least, where the difference has come from `before` since it was less
 * by span */
static double step_to_least(const Apart *a, const float *before, double span)
{
    double product = 0, power = 0;
    for (int64_t i = 0; i < a->elements; i++) {
        double change = (double)a->difference[i] - before[i];
        product += change * ((double)a->residual[i] - a->difference[i]);
        power += change * change;
    }
    return power > 0 ? span * product / power : 0;
}

/* Half of a bug need not change half as much, nor the same way, so the strength is found by least squares, from where
 * there is nothing of the bug. */
static bool find_strength(Apart *a, FoundPart *found)
{
    BugPart part = { .strength = match_coefficient(a->s->list[a->place].matches[a->step]) };
    double squares = dot(a->residual, a->residual, a->elements), last = 0, power = 0, product = 0;
    if (gain(a, a->place) < WORTH_A_STRENGTH * squares) return false;
    float *before = allocate_zeroed((size_t)a->elements + 1, sizeof *before);
    for (int i = 0; i < MOST_REFINED; i++) {
        part.strength = fmin(fmax(part.strength, LEAST_STRENGTH), LARGEST_STRENGTH);
        measure(a, &part, NULL, a->difference);
        power = dot(a->difference, a->difference, a->elements);
        product = dot(a->residual, a->difference, a->elements);
        double step = step_to_least(a, before, part.strength - last);
        if (fabs(step) * sqrt(power) < 0.1 * part.strength) break;
        memcpy(before, a->difference, (size_t)a->elements * sizeof *before);
        last = part.strength;
        part.strength += step;
    }
    free(before);
    bool is_there = power > 0 && product / sqrt(power) >= SEEN && squares - 2 * product + power < 0.5 * squares;
    bool is_another = fabs(part.strength - 1) > AS_GOOD_AS_ONE && part.strength >= LEAST_STRENGTH &&
                      part.strength <= LARGEST_STRENGTH;
    return is_there && is_another && confirm(a, &part, found);
}

/* ---------------------------------------------------------------- ways to take a bug apart */

static Partition by_sites(const Apart *a)
{
    Partition p = { .count = 0 };
    for (int i = 0; i < a->sites.count && a->sites.count <= MOST_PARTS; i++)
        p.parts[p.count++] = (BugPart){ .sites = arena_format(a->arena, " %s", a->sites.list[i].name), .strength = 1 };
    return p;
}

/* The last layers up to the step's, where it is of one: what layers before them change is in taps before it. */
static Partition by_layers(const Apart *a)
{
    Partition p = { .count = 0 };
    uint64_t layers = 0;
    int last = layer_of_step(suspects_graded(a->s)->steps[a->step].tap);
    for (int i = 0; i < a->sites.count; i++) layers |= a->sites.list[i].layers;
    if (last < 0 || last >= MOST_UNITS) last = MOST_UNITS - 1;
    for (int n = last; n >= 0 && p.count < MOST_PARTS; n--)
        if (layers >> n & 1) p.parts[p.count++] = (BugPart){ .layers = (uint64_t)1 << n, .strength = 1 };
    return p;
}

/* That a router chooses from, where the suspect changes what experts add up to */
static int64_t experts_of(const Apart *a)
{
    const json_t *config = model_config(a->s->search->trial.model), *text = json_object_get(config, "text_config");
    for (int i = 0; i < a->sites.count; i++)
        if (tap_ends(a->sites.list[i].name, ".experts"))
            return json_integer_value(json_object_get(text ? text : config, "num_experts"));
    return 0;
}

static Partition by_units(const Apart *a, Unit unit)
{
    Partition p = { .count = 0 };
    int64_t most = unit == UNIT_EXPERT ? experts_of(a) : 0;
    for (int i = 0; i < a->sites.count; i++)
        if (a->sites.list[i].units[unit] > most) most = a->sites.list[i].units[unit];
    for (int64_t n = 0; n < most && most <= MOST_PARTS; n++)
        p.parts[p.count++] = (BugPart){ .unit = unit, .units = (uint64_t)1 << n, .strength = 1 };
    return p;
}

static BugPart join(const Partition *p, uint64_t parts, Arena *arena)
{
    BugPart joined = { .unit = p->parts[0].unit, .strength = 1 };
    for (int i = 0; i < p->count; i++) {
        if (!(parts >> i & 1)) continue;
        joined.layers |= p->parts[i].layers;
        joined.units |= p->parts[i].units;
        if (p->parts[i].sites)
            joined.sites = arena_format(arena, "%s%s", joined.sites ? joined.sites : "", p->parts[i].sites);
    }
    return joined;
}

static bool is_the_same(const Apart *a, const float *one, const float *other)
{
    double apart = 0, squares = dot(one, one, a->elements);
    for (int64_t i = 0; i < a->elements; i++) apart += ((double)one[i] - other[i]) * ((double)one[i] - other[i]);
    return squares > 0 && apart < 1e-6 * squares;
}

/* Parts may change the same, as queries that are 0 and keys that are. Then the fit has the first. alike: for each part,
 * the others that it stands for */
static void leave_out_alike(const Apart *a, PartFit *fit, uint64_t alike[MOST_PARTS])
{
    for (int i = 0; i < fit->count; i++)
        for (int j = i + 1; j < fit->count; j++) {
            if (!is_the_same(a, fit->differences[i], fit->differences[j])) continue;
            memset(fit->differences[j], 0, (size_t)a->elements * sizeof(float));
            alike[i] |= (uint64_t)1 << j;
        }
}

static uint64_t alike_to_any(const uint64_t alike[MOST_PARTS], uint64_t parts)
{
    uint64_t all = 0;
    for (int i = 0; i < MOST_PARTS; i++) all |= parts >> i & 1 ? alike[i] : 0;
    return all;
}

static Unit unit_in_words(const Apart *a, Unit unit)
{
    return unit == UNIT_PICTURE && !a->s->search->trial.inputs->pixel_values ? UNIT_FRAME : unit;
}

static bool find_in(Apart *a, const Partition *p, FoundPart *found)
{
    if (p->count < 2) return false;
    PartFit fit = { .residual = a->residual, .elements = a->elements, .count = p->count };
    uint64_t alike[MOST_PARTS] = { 0 }, all = ((uint64_t)1 << p->count) - 1;
    for (int i = 0; i < p->count; i++) {
        fit.differences[i] = allocate_zeroed((size_t)a->elements + 1, sizeof(float));
        measure(a, &p->parts[i], NULL, fit.differences[i]);
    }
    leave_out_alike(a, &fit, alike);
    uint64_t parts = part_fit_solve(&fit), others = alike_to_any(alike, parts);
    for (int i = 0; i < p->count; i++) free(fit.differences[i]);
    if (!parts) return false;
    BugPart part = join(p, parts, a->arena), rest = join(p, all & ~parts & ~others, a->arena);
    if (!confirm(a, &part, found)) return false;
    part.unit = unit_in_words(a, part.unit);
    found->reach = part_words(&part, &rest, a->arena);
    BugPart other = join(p, others, a->arena);
    other.unit = part.unit;
    if (others)
        found->reach = arena_format(a->arena, "%s (it would look the same %s)", found->reach,
                                    place_words(&other, a->arena));
    return true;
}

/* From honest values: behind weights that are 0 all else would seem to change nothing. */
static void note_sites(Apart *a)
{
    a->sites = (Sites){ .count = 0 };
    measure(a, &(BugPart){ .strength = 0 }, &a->sites, a->difference);
}

/* The simplest first. All have the same passes of the bug and of the grade, and the first that is confirmed counts. */
static bool take_apart(Apart *a, FoundPart *found)
{
    const Unit units[] = { UNIT_HEAD, UNIT_PICTURE, UNIT_FRAME, UNIT_CLIP, UNIT_EXPERT };
    if (find_strength(a, found)) return true;
    note_sites(a);
    Partition sites = by_sites(a), layers = by_layers(a);
    if (find_in(a, &layers, found) || find_in(a, &sites, found)) return true;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        Partition of_units = by_units(a, units[i]);
        if (find_in(a, &of_units, found)) return true;
    }
    return false;
}

/* ---------------------------------------------------------------- suspects */

/* The suspect that explains most at some strength, but less than the last one; -1 */
static int next_likely(const Apart *a, double less_than)
{
    int best = -1;
    for (int i = 0; i < a->s->count; i++)
        if (gain(a, i) < less_than && (best < 0 || gain(a, i) > gain(a, best))) best = i;
    return best >= 0 && gain(a, best) > WORTH * matched_filter_residual(a->s->filter, a->step) ? best : -1;
}

/* Bugs that other steps are named for come first, however little of this step they explain: those in one layer may show
 * in another that shares its keys. */
static void take_named_apart(Apart *a, const Diagnosis *d, FoundPart *found)
{
    for (int i = 0; i < d->named_count; i++)
        for (a->place = 0; a->place < a->s->count && !found->straight; a->place++) {
            const Suspect *suspect = &a->s->list[a->place];
            if (suspect->candidate.bug == d->named[i] && suspect->matches[a->step].power > 0) take_apart(a, found);
        }
}

/* One module's share of a bug may point another way than all of it does, as one norm's of a layer's six. So where none
 * of the likeliest is the answer, each bug that changes the step in several places is taken apart by these. */
static void take_others_apart(Apart *a, double least, FoundPart *found)
{
    for (a->place = 0; a->place < a->s->count && !found->straight; a->place++) {
        if (gain(a, a->place) >= least || a->s->list[a->place].matches[a->step].power < SEEN * SEEN) continue;
        note_sites(a);
        Partition sites = by_sites(a);
        find_in(a, &sites, found);
    }
}

bool parts_find(const Suspects *s, int step, Diagnosis *d, FoundPart *found)
{
    *found = (FoundPart){ .straight = NULL };
    Apart a = { .s = s, .step = step, .elements = matched_filter_elements(s->filter, step), .arena = &d->arena };
    a.residual = allocate_zeroed((size_t)a.elements + 1, sizeof *a.residual);
    a.difference = allocate_zeroed((size_t)a.elements + 1, sizeof *a.difference);
    matched_filter_residuals(s->filter, step, a.residual);
    take_named_apart(&a, d, found);
    double last = INFINITY;
    for (int tried = 0; tried < MOST_TAKEN_APART && !found->straight; tried++) {
        a.place = next_likely(&a, last);
        if (a.place < 0) break;
        last = gain(&a, a.place);
        take_apart(&a, found);
    }
    take_others_apart(&a, last, found);
    free(a.residual);
    free(a.difference);
    return found->straight != NULL;
}
