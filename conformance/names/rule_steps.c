/* rule_steps.c - in order; parts get their names where the last splitting operation makes them */
#include "names/rule_steps.h"

const char *rule_tap(const RuleUse *use, const char *tap, long long place)
{
    if (!tap) return NULL;
    return names_case_spelling(use->names_case, name_pattern_fill(tap, use->captured, place, use->arena), use->arena);
}

static const LayoutStep *last_parting(const NameRule *rule)
{
    const LayoutStep *last = NULL;
    for (int i = 0; i < rule->step_count; i++)
        if (layout_parts(rule->steps[i].kind)) last = &rule->steps[i];
    return last;
}

static long long place_of(const LayoutStep *parted, int part)
{
    return parted->kind == LAYOUT_UNSTACK ? parted->begin + part * parted->step : part;
}

/* One array in parts: with a tap each, or numbers where the rule has one tap; without names where the parts are split
 * again. `place` is the array's own among those of the split before. */
static const char *part(const RuleUse *use, const LayoutStep *step, long long place, Bundle *bundle)
{
    const NameRule *rule = use->rule;
    bool is_last = step == last_parting(rule);
    const char **taps = is_last && rule->tap_count > 1
                            ? arena_allocate(use->arena, (size_t)rule->tap_count * sizeof *taps)
                            : NULL;
    for (int t = 0; taps && t < rule->tap_count; t++) taps[t] = rule_tap(use, rule->taps[t], place);
    const char *wrong = layout_split(step, bundle, taps, rule->tap_count, use->names_case, use->arena);
    for (int i = 0; !wrong && is_last && !taps && i < bundle->count; i++)
        bundle->taps[i] = rule_tap(use, rule->taps[0], place_of(step, i));
    return wrong;
}

/* All of their arrays and taps, one bundle after the other */
static Bundle joined(const Bundle *bundles, int bundle_count, Arena *arena)
{
    Bundle all = { .count = 0 };
    size_t count = 0;
    for (int b = 0; b < bundle_count; b++) count += (size_t)bundles[b].count;
    all.arrays = arena_allocate(arena, (count + 1) * sizeof *all.arrays);
    all.taps = arena_allocate(arena, (count + 1) * sizeof *all.taps);
    for (int b = 0; b < bundle_count; b++)
        for (int i = 0; i < bundles[b].count; i++) {
            all.arrays[all.count] = bundles[b].arrays[i];
            all.taps[all.count++] = bundles[b].taps[i];
        }
    return all;
}

const char *rule_steps_run(const RuleUse *use, Bundle *bundle, const LayoutStep **at)
{
    const LayoutStep *outer = NULL;
    const char *wrong = NULL;
    for (int i = 0; i < use->rule->step_count && !wrong; i++) {
        *at = &use->rule->steps[i];
        if (!layout_parts((*at)->kind)) {
            wrong = layout_apply(*at, bundle, use->names_case, use->arena);
            continue;
        }
        Bundle *parts = arena_allocate(use->arena, ((size_t)bundle->count + 1) * sizeof *parts);
        for (int p = 0; p < bundle->count && !wrong; p++) {
            parts[p] = (Bundle){ &bundle->arrays[p], &bundle->taps[p], 1 };
            wrong = part(use, *at, outer ? place_of(outer, p) : 0, &parts[p]);
        }
        if (!wrong) *bundle = joined(parts, bundle->count, use->arena);
        outer = *at;
    }
    return wrong;
}
