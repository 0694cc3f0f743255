/* recording.c - a hook that remembers every tap of a pass, and may replace some */
#include "recording.h"

Run *recording_run(Recording *recording, Rounding rounding)
{
    Run *run = run_as(rounding);
    run->arena = &pass_memory; /* the hook allocates from scratch, which nothing then releases */
    run->hook = record;
    run->hook_context = recording;
    return run;
}

static RecordedTap *find(const Recording *recording, const char *name)
{
    for (int i = 0; i < recording->count; i++)
        if (strcmp(recording->taps[i].name, name) == 0) return &recording->taps[i];
    return NULL;
}

static RecordedTap *add_tap(Recording *recording, const Tap *tap)
{
    if ((recording->count & (recording->count - 1)) == 0) { /* full, as its size is the next power of two */
        RecordedTap *more = arena_allocate(&scratch, (size_t)(2 * recording->count + 1) * sizeof *more);
        if (recording->count) memcpy(more, recording->taps, (size_t)recording->count * sizeof *more);
        recording->taps = more;
    }
    RecordedTap *added = &recording->taps[recording->count++];
    *added = (RecordedTap){ arena_format(&scratch, "%s", tap->name),
                            tensor_new(run_as(ROUNDING_NONE), tap->rank, tap->shape) };
    return added;
}

void record(void *context, const Tap *tap)
{
    Recording *recording = context;
    ck_assert_uint_eq(tap->value_size, sizeof(real));
    RecordedTap *last = recording->count ? &recording->taps[recording->count - 1] : NULL;
    if (tap->first == 0) {
        ck_assert_msg(!find(recording, tap->name), "%s is tapped a second time", tap->name);
        last = add_tap(recording, tap);
    }
    ck_assert_msg(last && strcmp(last->name, tap->name) == 0, "%s does not begin at its beginning", tap->name);
    if (tap->count > 0) memcpy(last->value.data + tap->first, tap->values, (size_t)tap->count * sizeof(real));
    if (recording->replace) recording->replace(tap->name, tap->values, tap->first, tap->count);
}

bool has_tap(const Recording *recording, const char *name) { return find(recording, name) != NULL; }

Tensor tap_of(const Recording *recording, const char *name)
{
    const RecordedTap *tap = find(recording, name);
    ck_assert_msg(tap != NULL, "there is no tap %s", name);
    return tap->value;
}

int place_of(const Recording *recording, const char *name)
{
    const RecordedTap *tap = find(recording, name);
    ck_assert_msg(tap != NULL, "there is no tap %s", name);
    return (int)(tap - recording->taps);
}
