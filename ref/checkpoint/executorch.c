/* executorch.c - the vision tower's table of positions as ExecuTorch's checkpoints of Gemma 4 have it
 *
 *     patch_embedder._pet_int8   I8 [2, positions, hidden]   in the place of position_embedding_table
 *     patch_embedder._pet_scale  F32 [2, positions, 1]       a scale for each position: element = code * scale
 */
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

static void load_table_of(Parts *parts, const Array *codes)
{
    Arena *arena = &parts->checkpoint->arena;
    const Array *scales = part_needed(parts, "_pet_scale");
    part_found(parts, "_pet_int8");
    if (codes->rank != 3 || array_elements(codes) == 0)
        error_set(parts->error, "%s: %s: found shape %s, expected [2, positions, hidden]", codes->file, codes->name,
                  SHAPE_TEXT(codes->rank, codes->shape));
    else
        part_check(parts, codes, DTYPE_I8, 3, codes->shape);
    part_check(parts, scales, DTYPE_F32, 3, (int64_t[]){ codes->shape[0], codes->shape[1], 1 });
    if (error_is_set(parts->error)) return;

    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    *grid = (CodeGrid){ .rows = codes->shape[0] * codes->shape[1],
                        .columns = codes->shape[2],
                        .bits = 8,
                        .values = complement_values(8, arena),
                        .codes = *codes,
                        .row_group = 1,
                        .column_group = codes->shape[2],
                        .scales = *scales };
    grid->codes.rank = 2;
    grid->codes.shape[0] = grid->rows;
    grid->codes.shape[1] = grid->columns;
    grid->encoding.scheme = "int8, a scale a position";
    code_grid_init(grid);
    Array *table = part_becomes_weight(parts, &grid->encoding, 3, codes->shape);
    table->name = arena_format(arena, "%s.position_embedding_table", parts->module);
}

void read_executorch(Checkpoint *checkpoint, Error *error)
{
    static const char ending[] = "._pet_int8";
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(error); i++) {
        const Array *array = checkpoint->tensors[i].array;
        size_t length = strlen(array->name), tail = sizeof ending - 1;
        if (length < tail || strcmp(array->name + length - tail, ending) != 0) continue;
        const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), array->name);
        load_table_of(&(Parts){ checkpoint, error, module }, array);
    }
}
