/* padded_rows.c - read off the inputs */
#include "names/padded_rows.h"

#include "dump/tap_name.h"
#include "dump/array_layout.h"

static bool token_is_real(const Inputs *inputs, int64_t i)
{
    return !inputs->attention_mask || array_integer(inputs->attention_mask, i) != 0;
}

static bool patch_is_real(const Array *positions, int64_t i)
{
    return array_integer(positions, 2 * i) != -1 || array_integer(positions, 2 * i + 1) != -1;
}

RealRows real_rows(RowsKind kind, const Inputs *inputs, Arena *arena)
{
    const Array *positions = inputs->image_position_ids ? inputs->image_position_ids : inputs->video_position_ids;
    const Array *of = kind == ROWS_TOKENS ? inputs->input_ids : positions;
    if (!of) return (RealRows){ .places = NULL };
    RealRows real = { .outer = of->shape[0], .inner = of->shape[1] };
    int64_t total = real.outer * real.inner;
    real.places = arena_allocate(arena, (size_t)(total + 1) * sizeof *real.places);
    for (int64_t i = 0; i < total; i++)
        if (kind == ROWS_TOKENS ? token_is_real(inputs, i) : patch_is_real(of, i)) real.places[real.count++] = i;
    return real;
}

/* How many positions the tap has of those that the batch, [outer, inner, ..], has */
static int64_t positions_of(const Array *array, const ListedTap *listed, const RealRows *real)
{
    int64_t elements = 1, row = array_elements(array) / (real->outer * real->inner);
    if (!listed || row == 0) return real->inner;
    for (int i = 0; i < listed->rank; i++) elements *= listed->shape[i];
    int64_t positions = elements / row / real->outer;
    return positions >= 1 && positions < real->inner ? positions : real->inner;
}

const char *rows_padded(RowsKind kind, Array *array, const char *name, const ListedTap *listed, const NamesCase *c,
                        Arena *arena)
{
    const char *what = kind == ROWS_TOKENS ? "tokens" : "patches";
    if (!c || !c->model) return "found no case, expected one whose inputs say which rows are padding";
    RealRows real = real_rows(kind, c->inputs, arena);
    if (!real.places) return arena_format(arena, "found no %s in the case's inputs, expected some", what);
    bool decoded = kind == ROWS_TOKENS && name && tap_step(name) > 0;
    int64_t expected = decoded ? real.outer : real.count;
    if (array->rank == 0 || array->shape[0] != expected || array->rank == ARRAY_MAX_RANK)
        return arena_format(arena, "found shape %s, expected %lld in front, the real %s",
                            SHAPE_TEXT(array->rank, array->shape), (long long)expected, what);
    if (!decoded) *array = array_rows_placed(array, real.places, real.outer * real.inner, arena);
    Array batch = array_with_axis(array, 0);
    batch.shape[0] = real.outer;
    batch.shape[1] = decoded ? 1 : real.inner;
    int64_t positions = decoded ? 1 : positions_of(&batch, listed, &real);
    *array = positions < batch.shape[1] ? array_cut(&batch, 1, batch.shape[1] - positions, positions, arena) : batch;
    return NULL;
}
