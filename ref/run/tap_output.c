/* tap_output.c - every value worth naming passes through here as it is produced */
#include <assert.h>
#include <string.h>

#include "run/run.h"

static void show(Run *run, const char *name, int rank, const int64_t *shape, int64_t first, Tensor part)
{
    ArenaMark mark = arena_mark(run->arena);
    Tap tap = { .name = run->repeat ? arena_format(run->arena, "%s@%d", name, run->repeat) : name,
                .rank = rank,
                .first = first,
                .count = elements(part),
                .values = part.data,
                .value_size = sizeof(real) };
    memcpy(tap.shape, shape, (size_t)rank * sizeof *shape);
    run->hook(run->hook_context, &tap);
    arena_release(run->arena, mark);
}

Tensor tap_output(Run *run, const char *module_path, Tensor value)
{
    if (run->hook) show(run, module_path, value.rank, value.shape, 0, value);
    return value;
}

Tensor tap_local(Run *run, const char *module_path, const char *local_name, Tensor value)
{
    tap_part(run, module_path, local_name, value.rank, value.shape, 0, value);
    return value;
}

Tensor tap_copy(Run *run, const char *module_path, const char *local_name, Tensor value)
{
    if (!run->hook) return value;
    Tensor copy = tensor_new(run, value.rank, value.shape);
    memcpy(copy.data, value.data, (size_t)elements(value) * sizeof(real));
    return tap_local(run, module_path, local_name, copy);
}

/* A mask is data too: a backend may dump its own. What a hook writes into it is not read back. */
void tap_mask(Run *run, const char *module_path, const char *local_name, const bool *mask, int64_t rows,
              int64_t columns)
{
    if (!run->hook) return;
    ArenaMark mark = arena_mark(run->arena);
    Tensor value = new_tensor(run, rows, columns);
    for (int64_t i = 0; i < rows * columns; i++) value.data[i] = mask[i];
    tap_local(run, module_path, local_name, value);
    arena_release(run->arena, mark);
}

void tap_part(Run *run, const char *module_path, const char *local_name, int rank, const int64_t *shape, int64_t first,
              Tensor part)
{
    if (!run->hook) return;
    assert(first % last(part) == 0 && shape[rank - 1] == last(part));
    ArenaMark mark = arena_mark(run->arena);
    show(run, arena_format(run->arena, "%s#%s", module_path, local_name), rank, shape, first, part);
    arena_release(run->arena, mark);
}
