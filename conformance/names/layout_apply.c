/* layout_apply.c - checks what each operation asks of its array; array_layout.c does it */
#include "names/layout_apply.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "dump/npy.h"
#include "dump/array_layout.h"
#include "names/padded_rows.h"

#define FOUND(array) SHAPE_TEXT((array)->rank, (array)->shape)

static const char *no_axis(const Array *array, int64_t axis, Arena *arena)
{
    return arena_format(arena, "found shape %s, expected one with axis %lld", FOUND(array), (long long)axis);
}

/* ---------------------------------------------------------------- one array */

static const char *reshape(const LayoutStep *step, Array *array, Arena *arena)
{
    int64_t shape[ARRAY_MAX_RANK], known = 1, elements = array_elements(array);
    int open = -1;
    for (int i = 0; i < step->value_count; i++) {
        shape[i] = step->values[i] == 0 && i < array->rank ? array->shape[i] : step->values[i];
        if (shape[i] < 0)
            open = i;
        else if (__builtin_mul_overflow(known, shape[i], &known))
            return arena_format(arena, "found shape %s, expected one with the elements of fewer places", FOUND(array));
    }
    if (open >= 0) shape[open] = known > 0 ? elements / known : 0;
    if (open >= 0 && known > 0) known *= shape[open];
    if (known != elements)
        return arena_format(arena, "found shape %s, expected one with the elements of %s", FOUND(array),
                            SHAPE_TEXT(step->value_count, shape));
    *array = array_reshaped(array, step->value_count, shape);
    return NULL;
}

static const char *merge(const LayoutStep *step, Array *array, Arena *arena)
{
    int first = array_axis(array, step->first), last = array_axis(array, step->count), rank = 0;
    int64_t shape[ARRAY_MAX_RANK];
    if (first < 0 || last < 0 || first > last)
        return arena_format(arena, "found shape %s, expected axes %lld to %lld in it", FOUND(array),
                            (long long)step->first, (long long)step->count);
    for (int i = 0; i < array->rank; i++) {
        bool merges = i > first && i <= last;
        if (!merges)
            shape[rank++] = array->shape[i];
        else if (__builtin_mul_overflow(shape[rank - 1], array->shape[i], &shape[rank - 1]))
            return arena_format(arena, "found shape %s, expected axes of fewer places to merge", FOUND(array));
    }
    *array = array_reshaped(array, rank, shape);
    return NULL;
}

/* An array of another rank is first regrouped so that the order makes the tap's shape of it. */
static const char *permute(const LayoutStep *step, Array *array, const ListedTap *tap, Arena *arena)
{
    int order[ARRAY_MAX_RANK];
    int64_t before[ARRAY_MAX_RANK];
    for (int i = 0; i < step->value_count; i++) order[i] = (int)step->values[i];
    if (array->rank != step->value_count) {
        for (int i = 0; tap && i < step->value_count && i < tap->rank; i++) before[order[i]] = tap->shape[i];
        if (!tap || tap->rank != step->value_count || !array_regroups(array, tap->rank, before))
            return arena_format(arena, "found shape %s, expected %d dimensions, as in the order", FOUND(array),
                                step->value_count);
        *array = array_reshaped(array, tap->rank, before);
    }
    *array = array_permuted(array, order, arena);
    return NULL;
}

static const char *select_part(const LayoutStep *step, Array *array, Arena *arena)
{
    int axis = array_axis(array, step->axis);
    if (axis < 0) return no_axis(array, step->axis, arena);
    int64_t first = step->first < 0 ? step->first + array->shape[axis] : step->first;
    int64_t count = step->count ? step->count : 1;
    if (first < 0 || count > array->shape[axis] - first)
        return arena_format(arena, "found %lld along axis %d, expected more than %lld", (long long)array->shape[axis],
                            axis, (long long)(first + count - 1));
    *array = array_cut(array, axis, first, count, arena);
    if (!step->count) *array = array_without_axis(array, axis);
    return NULL;
}

static const char *squeeze(const LayoutStep *step, Array *array, Arena *arena)
{
    int axis = array_axis(array, step->axis);
    if (axis < 0) return no_axis(array, step->axis, arena);
    if (array->shape[axis] != 1)
        return arena_format(arena, "found %lld along axis %d, expected 1", (long long)array->shape[axis], axis);
    *array = array_without_axis(array, axis);
    return NULL;
}

static const char *scale(const LayoutStep *step, Array *array, const NamesCase *c, Arena *arena)
{
    double factor = step->factor;
    if (!dtype_is_float(array->dtype))
        return arena_format(arena, "found %s, expected numbers that are not whole", dtype_name(array->dtype));
    if (step->key) {
        const json_t *config = c && c->model ? model_config(c->model) : NULL;
        const json_t *text = json_object_get(config, "text_config");
        const json_t *value = json_object_get(text ? text : config, step->key);
        if (!json_is_number(value) || json_number_value(value) <= 0)
            return arena_format(arena, "found no number %s in the model's configuration, expected one", step->key);
        factor = pow(json_number_value(value), step->factor);
    }
    *array = array_scaled(array, factor, arena);
    return NULL;
}

static const char *cast(const LayoutStep *step, Array *array, Arena *arena)
{
    if (!array_can_be_cast(array->dtype, step->dtype))
        return arena_format(arena, "found %s, expected a dtype that %s can be made of", dtype_name(array->dtype),
                            dtype_name(step->dtype));
    *array = array_cast(array, step->dtype, arena);
    return NULL;
}

/* ---------------------------------------------------------------- several arrays */

static const char *gather(const LayoutStep *step, Bundle *bundle, Arena *arena)
{
    for (int i = 0; step->kind == LAYOUT_STACK && i < bundle->count; i++) {
        Array *array = &bundle->arrays[i];
        int64_t axis = step->axis < 0 ? step->axis + array->rank + 1 : step->axis;
        if (axis < 0 || axis > array->rank || array->rank == ARRAY_MAX_RANK) return no_axis(array, step->axis, arena);
        *array = array_with_axis(array, (int)axis);
    }
    int axis = array_axis(&bundle->arrays[0], step->axis);
    if (axis < 0) return no_axis(&bundle->arrays[0], step->axis, arena);
    for (int i = 1; i < bundle->count; i++)
        if (!arrays_join(&bundle->arrays[0], &bundle->arrays[i], axis))
            return arena_format(arena, "found %s %s and %s %s (%s), expected one shape but for axis %d",
                                dtype_name(bundle->arrays[0].dtype), FOUND(&bundle->arrays[0]),
                                dtype_name(bundle->arrays[i].dtype), FOUND(&bundle->arrays[i]), bundle->arrays[i].name,
                                axis);
    bundle->arrays[0] = array_joined(bundle->arrays, bundle->count, axis, arena);
    bundle->count = 1;
    return NULL;
}

const char *layout_apply(const LayoutStep *step, Bundle *bundle, NamesCase *c, Arena *arena)
{
    const char *wrong = NULL;
    if (layout_gathers(step->kind)) return gather(step, bundle, arena);
    for (int i = 0; i < bundle->count && !wrong; i++) {
        Array *array = &bundle->arrays[i];
        switch (step->kind) {
        case LAYOUT_RESHAPE: wrong = reshape(step, array, arena); break;
        case LAYOUT_MERGE: wrong = merge(step, array, arena); break;
        case LAYOUT_PERMUTE:
            wrong = permute(step, array, array->rank == step->value_count ? NULL : names_case_tap(c, bundle->taps[i]),
                            arena);
            break;
        case LAYOUT_SELECT: wrong = select_part(step, array, arena); break;
        case LAYOUT_SQUEEZE: wrong = squeeze(step, array, arena); break;
        case LAYOUT_ROWS:
            wrong = rows_padded(step->rows, array, bundle->taps[i], names_case_tap(c, bundle->taps[i]), c, arena);
            break;
        case LAYOUT_SCALE: wrong = scale(step, array, c, arena); break;
        case LAYOUT_CAST: wrong = cast(step, array, arena); break;
        default: assert(false);
        }
    }
    return wrong;
}

/* ---------------------------------------------------------------- parts */

typedef struct {
    const char *const *names; /* [count] */
    int count;
    NamesCase *c; /* whose taps they are; NULL without a case */
} PartTaps;

/* Sizes of the parts along the axis by their shares, the size of the axis being a multiple of their sum */
static const char *shared_sizes(const LayoutStep *step, int64_t size, int count, int64_t *sizes, Arena *arena)
{
    int64_t total = 0;
    if (step->value_count != count)
        return arena_format(arena, "found %d shares for %d taps, expected as many", step->value_count, count);
    for (int i = 0; i < count; i++) total += step->values[i];
    if (total == 0 || size % total != 0)
        return arena_format(arena, "found %lld along axis %lld, expected a multiple of %lld, of %d parts",
                            (long long)size, (long long)step->axis, (long long)total, count);
    for (int i = 0; i < count; i++) sizes[i] = step->values[i] * (size / total);
    return NULL;
}

/* Sizes of the parts along the last axis: as wide as the taps; a part that is left out is what they leave. */
static const char *tap_sizes(int64_t size, PartTaps taps, int64_t *sizes, Arena *arena)
{
    int64_t total = 0, rest = -1;
    for (int i = 0; i < taps.count; i++) {
        const ListedTap *tap = taps.names[i] ? names_case_tap(taps.c, taps.names[i]) : NULL;
        sizes[i] = tap ? tap->shape[tap->rank - 1] : 0;
        total += sizes[i];
        if (taps.names[i]) continue;
        if (rest >= 0) return "found several parts that are left out, and no shares, expected one";
        rest = i;
    }
    if (rest >= 0 && size > total) {
        sizes[rest] = size - total;
        total = size;
    }
    if (total == size) return NULL;
    return arena_format(arena, "found %lld along the last axis, expected %lld%s, of %d parts", (long long)size,
                        (long long)total, rest >= 0 ? " or more" : "", taps.count);
}

static const char *part_sizes(const LayoutStep *step, const Array *array, PartTaps taps, int64_t *sizes, Arena *arena)
{
    int axis = array_axis(array, step->axis);
    if (step->value_count > 0) return shared_sizes(step, array->shape[axis], taps.count, sizes, arena);
    if (axis != array->rank - 1)
        return arena_format(arena, "found axis %d of %s and no shares, expected the last axis, or shares", axis,
                            FOUND(array));
    if (!taps.c || !taps.c->model) return "found no shares and no case, expected one of them";
    return tap_sizes(array->shape[axis], taps, sizes, arena);
}

static const char *split(const LayoutStep *step, Bundle *bundle, const char *const *taps, int count, NamesCase *c,
                         Arena *arena)
{
    Array whole = bundle->arrays[0];
    int axis = array_axis(&whole, step->axis);
    int64_t *sizes = arena_allocate(arena, (size_t)(count + 1) * sizeof *sizes), first = 0;
    if (axis < 0) return no_axis(&whole, step->axis, arena);
    if (!taps) count = step->value_count;
    if (count == 0) return "found no shares for parts that are numbered, expected some";
    const char *wrong = part_sizes(step, &whole, (PartTaps){ taps, count, c }, sizes, arena);
    if (wrong) return wrong;
    bundle->arrays = arena_allocate(arena, (size_t)count * sizeof whole);
    bundle->taps = arena_allocate(arena, (size_t)count * sizeof *bundle->taps);
    bundle->count = count;
    for (int i = 0; i < count; first += sizes[i++]) {
        bundle->arrays[i] = array_cut(&whole, axis, first, sizes[i], arena);
        bundle->taps[i] = taps && sizes[i] > 0 ? taps[i] : NULL;
    }
    return NULL;
}

static const char *unstack(const LayoutStep *step, Bundle *bundle, const char *const *taps, int tap_count, Arena *arena)
{
    Array whole = bundle->arrays[0];
    int axis = array_axis(&whole, step->axis);
    if (axis < 0) return no_axis(&whole, step->axis, arena);
    if (whole.shape[axis] > file_limits.arrays)
        return arena_format(arena, "found %lld places along axis %d, expected at most %lld (--max-arrays)",
                            (long long)whole.shape[axis], axis, (long long)file_limits.arrays);
    int count = (int)whole.shape[axis];
    if (taps && tap_count != count)
        return arena_format(arena, "found %d along axis %d, expected %d, as many as taps", count, axis, tap_count);
    bundle->arrays = arena_allocate(arena, (size_t)(count + 1) * sizeof whole);
    bundle->taps = arena_allocate(arena, (size_t)(count + 1) * sizeof *bundle->taps);
    bundle->count = count;
    for (int i = 0; i < count; i++) {
        Array part = array_cut(&whole, axis, i, 1, arena);
        bundle->arrays[i] = array_without_axis(&part, axis);
        bundle->taps[i] = taps ? taps[i] : NULL;
    }
    return NULL;
}

/* No later operation is done to a part that becomes no tap. */
static void leave_out_unnamed(Bundle *bundle)
{
    int kept = 0;
    for (int i = 0; i < bundle->count; i++) {
        if (!bundle->taps[i]) continue;
        bundle->arrays[kept] = bundle->arrays[i];
        bundle->taps[kept++] = bundle->taps[i];
    }
    bundle->count = kept;
}

const char *layout_split(const LayoutStep *step, Bundle *bundle, const char *const *taps, int tap_count, NamesCase *c,
                         Arena *arena)
{
    assert(bundle->count == 1);
    const char *wrong = step->kind == LAYOUT_UNSTACK ? unstack(step, bundle, taps, tap_count, arena)
                                                     : split(step, bundle, taps, tap_count, c, arena);
    if (!wrong && taps) leave_out_unnamed(bundle);
    return wrong;
}
