/* tap_output.c - every value worth naming passes through here as it is produced */
#include <assert.h>
#include <string.h>

#include "run/run.h"

static void show(Run *run, const char *name, TensorPart part)
{
    ArenaMark mark = arena_mark(run->arena);
    Tap tap = { .name = run->repeat ? arena_format(run->arena, "%s@%d", name, run->repeat) : name,
                .rank = part.rank,
                .first = part.first,
                .count = elements(part.values),
                .values = part.values.data,
                .value_size = sizeof(real) };
    memcpy(tap.shape, part.shape, (size_t)part.rank * sizeof *part.shape);
    run->hook(run->hook_context, &tap);
    arena_release(run->arena, mark);
}

Tensor tap_output(Run *run, const char *module_path, Tensor value)
{
    if (run->hook) show(run, module_path, (TensorPart){ value, 0, value.rank, value.shape });
    return value;
}

Tensor tap_local(Run *run, const char *module_path, const char *local_name, Tensor value)
{
    tap_part(run, module_path, local_name, (TensorPart){ value, 0, value.rank, value.shape });
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

void tap_part(Run *run, const char *module_path, const char *local_name, TensorPart part)
{
    if (!run->hook) return;
    assert(part.first % last(part.values) == 0 && part.shape[part.rank - 1] == last(part.values));
    ArenaMark mark = arena_mark(run->arena);
    show(run, arena_format(run->arena, "%s#%s", module_path, local_name), part);
    arena_release(run->arena, mark);
}
