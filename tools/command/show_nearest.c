/* show_nearest.c - taps that arrays of unknown names may be, a line each */
#include "command/show_nearest.h"

#include <string.h>

#include "dump/decode_steps.h"
#include "run/shown_text.h"

static void show_fused(FILE *out, const ListedTap *taps, const FusedValue *fused)
{
    fprintf(out, "side by side, by value: ");
    for (int i = 0; i < fused->count; i++) fprintf(out, "%s%s", i ? ", " : "", taps[fused->taps[i]].name);
    fprintf(out, "; \"split\": -1 would take them apart\n");
}

void show_nearest(FILE *out, const NamesCase *c, const Proposal *p)
{
    Arena arena = { 0 };
    const ListedTap *taps = c->taps.taps;
    fprintf(out, "?  ");
    if (!p->is_sought) {
        fprintf(out, "not compared, behind so many other names that are no taps\n");
        return;
    }
    if (p->fused.count > 0) {
        show_fused(out, taps, &p->fused);
        return;
    }
    if (p->by_value >= 0) {
        const ListedTap *tap = &taps[p->by_value];
        LayoutAdvice advice = layout_advice(p->array, tap->rank, tap->shape, c->inputs);
        fprintf(out, "nearest by value: %s (%.0e off)", tap->name, p->distance);
        if (advice.kind != ADVICE_FITS) fprintf(out, " with %s", layout_advice_text(&advice, &arena));
        fputc('\n', out);
        arena_free(&arena);
        return;
    }
    if (p->by_name >= 0) fprintf(out, "nearest by name: %s (%.2f)", taps[p->by_name].name, p->likeness);
    if (p->by_name >= 0 && p->by_name == p->by_shape)
        fprintf(out, ", which it fits");
    else if (p->by_shape >= 0)
        fprintf(out, "%sof those that it fits: %s (%.2f)", p->by_name >= 0 ? "; " : "", taps[p->by_shape].name,
                p->by_shape_likeness);
    if (p->by_shape >= 0 && p->advice.kind != ADVICE_FITS)
        fprintf(out, " with %s", layout_advice_text(&p->advice, &arena));
    if (p->by_shape < 0)
        fprintf(out, "%s%d free taps have a shape that it fits", p->by_name >= 0 ? "; " : "", p->shape_count);
    fputc('\n', out);
    arena_free(&arena);
}

void show_nearest_of(FILE *out, const Dump *dump, const char *const *names, int count, NamesCase *c)
{
    c->max_new_tokens = decode_steps_named_tokens(dump);
    Proposals proposals = proposals_of(dump, c);
    int width = 0, more = 0;
    for (int i = 0; i < count; i++)
        if ((int)strlen(names[i]) > width) width = (int)strlen(names[i]);
    for (int i = 0; i < count; i++) {
        const Proposal *p = proposals_find(&proposals, names[i]);
        if (!p) continue;
        if (!p->is_sought) {
            more++;
            continue;
        }
        fprintf(out, "%-*s  %-20s  ", width, SHOWN_TEXT(names[i]), SHAPE_TEXT(p->array->rank, p->array->shape));
        show_nearest(out, c, p);
    }
    if (more > 0) fprintf(out, "and %d more arrays that are no taps (plumb names lists them)\n", more);
    proposals_free(&proposals);
}
