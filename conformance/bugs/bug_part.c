/* bug_part.c - taps and their elements, in a part or not */
#include "bugs/bug_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"

static const char *layer_number(const char *name)
{
    const char *layers = strstr(name, "layers.");
    return layers ? layers + strlen("layers.") : NULL;
}

/* 0 where it is in no layer, or in one that has no bit */
static uint64_t layer_bit(const Tap *tap)
{
    const char *number = layer_number(tap->name);
    int layer = number ? atoi(number) : MOST_UNITS;
    return layer < MOST_UNITS ? (uint64_t)1 << layer : 0;
}

void site_name(char name[SITE_NAME_SIZE], const Tap *tap)
{
    const char *number = layer_number(tap->name);
    int length = (int)tap_base_length(tap->name);
    if (!number) {
        snprintf(name, SITE_NAME_SIZE, "%.*s", length, tap->name);
        return;
    }
    int before = (int)(number - tap->name), digits = (int)strspn(number, "0123456789");
    snprintf(name, SITE_NAME_SIZE, "%.*s*%.*s", before, tap->name, length - before - digits, number + digits);
}

static bool is_listed(const char *sites, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strchr(sites, ' '); at; at = strchr(at + 1, ' '))
        if (strncmp(at + 1, name, length) == 0 && (at[1 + length] == ' ' || !at[1 + length])) return true;
    return false;
}

bool bug_part_has(const BugPart *part, const Tap *tap)
{
    char name[SITE_NAME_SIZE];
    if (part->layers && !(part->layers & layer_bit(tap))) return false;
    if (part->unit == UNIT_EXPERT && !tap_ends(tap->name, ".experts")) return false;
    if (part->unit != UNIT_NONE && part->unit != UNIT_EXPERT && unit_count(part->unit, tap) == 0) return false;
    if (!part->sites) return true;
    site_name(name, tap);
    return is_listed(part->sites, name);
}

double bug_part_share(const BugPart *part, const Tap *tap, int64_t element)
{
    if (part->unit == UNIT_NONE || part->unit == UNIT_EXPERT) return part->strength;
    int64_t unit = unit_of(part->unit, tap, element);
    return unit >= 0 && unit < MOST_UNITS && (part->units >> unit & 1) ? part->strength : 0;
}

/* ---------------------------------------------------------------- units */

/* The dimension that heads are along: [batch, heads, positions, width] as attention has them, [batch, positions, heads,
 * width] as projections and their norms do; -1: there are none */
static int head_axis(const Tap *tap)
{
    static const char *const by_head[] = { "#query_states", "#key_states", "#value_states", "#attn_weights" };
    for (size_t i = 0; i < sizeof by_head / sizeof *by_head; i++)
        if (tap_ends(tap->name, by_head[i])) return 1;
    return tap->rank == 4 && tap_ends(tap->name, "_norm") ? 2 : -1;
}

static int axis_of(Unit unit, const Tap *tap)
{
    bool is_vision = tap_is_vision(tap->name), is_first = tap_run(tap->name) == 0, is_of = false;
    if (unit == UNIT_HEAD) return head_axis(tap);
    if (unit == UNIT_PICTURE) is_of = is_vision && is_first;
    if (unit == UNIT_FRAME) is_of = is_vision && !is_first;
    if (unit == UNIT_CLIP) is_of = tap_is_audio(tap->name);
    if (unit == UNIT_SEQUENCE) is_of = !tap_is_media(tap->name);
    return is_of && tap->rank >= 3 ? 0 : -1;
}

int64_t unit_count(Unit unit, const Tap *tap)
{
    int axis = axis_of(unit, tap);
    return axis < 0 ? 0 : tap->shape[axis];
}

int64_t unit_of(Unit unit, const Tap *tap, int64_t element)
{
    int axis = axis_of(unit, tap);
    if (axis < 0) return -1;
    for (int i = tap->rank - 1; i > axis; i--) element /= tap->shape[i];
    return element % tap->shape[axis];
}

/* ---------------------------------------------------------------- sites */

void sites_note(Sites *sites, const Tap *tap)
{
    char name[SITE_NAME_SIZE];
    site_name(name, tap);
    int i = 0;
    while (i < sites->count && strcmp(sites->list[i].name, name) != 0) i++;
    if (i == MOST_SITES) return;
    if (i == sites->count) {
        sites->list[sites->count++] = (Site){ .layers = 0 };
        memcpy(sites->list[i].name, name, sizeof name);
    }
    Site *site = &sites->list[i];
    site->layers |= layer_bit(tap);
    for (Unit unit = UNIT_SEQUENCE; unit < UNITS; unit++)
        if (unit_count(unit, tap) > site->units[unit]) site->units[unit] = unit_count(unit, tap);
}
