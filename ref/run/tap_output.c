/* tap_output.c - every value worth naming passes through here as it is produced */
#include <assert.h>
#include <string.h>

#include "run/run.h"

static const char *name_of(Run *run, TapName name)
{
    const char *text = name.module_path;
    if (name.local_name) text = arena_format(run->arena, "%s#%s", text, name.local_name);
    return run->repeat ? arena_format(run->arena, "%s@%d", text, run->repeat) : text;
}

static void show(Run *run, TapName name, TensorPart part)
{
    ArenaMark mark = arena_mark(run->arena);
    Tap tap = { .name = name_of(run, name),
                .rank = part.rank,
                .first = part.first,
                .count = elements(part.values),
                .values = part.values.data,
                .value_size = sizeof(real),
                .file = name.file,
                .line = name.line,
                .drawn = run->random ? &run->random->drawn : NULL };
    memcpy(tap.shape, part.shape, (size_t)part.rank * sizeof *part.shape);
    run->hook(run->hook_context, &tap);
    arena_release(run->arena, mark);
}

Tensor tap_named(Run *run, TapName name, Tensor value)
{
    if (run->hook) show(run, name, (TensorPart){ value, 0, value.rank, value.shape });
    return value;
}

Tensor tap_named_copy(Run *run, TapName name, Tensor value)
{
    if (!run->hook) return value;
    Tensor copy = tensor_new(run, value.rank, value.shape);
    memcpy(copy.data, value.data, (size_t)elements(value) * sizeof(real));
    return tap_named(run, name, copy);
}

void tap_named_mask(Run *run, TapName name, const bool *mask, int64_t rows, int64_t columns)
{
    if (!run->hook) return;
    ArenaMark mark = arena_mark(run->arena);
    Tensor value = new_tensor(run, rows, columns);
    for (int64_t i = 0; i < rows * columns; i++) value.data[i] = mask[i];
    tap_named(run, name, value);
    arena_release(run->arena, mark);
}

void tap_named_part(Run *run, TapName name, TensorPart part)
{
    if (!run->hook) return;
    assert(part.first % last(part.values) == 0 && part.shape[part.rank - 1] == last(part.values));
    show(run, name, part);
}

bool is_known(Run *run, const char *module_path)
{
    if (!run->known) return false;
    ArenaMark mark = arena_mark(run->arena);
    bool known = run->known(run->hook_context, name_of(run, (TapName){ .module_path = module_path }));
    arena_release(run->arena, mark);
    return known;
}
