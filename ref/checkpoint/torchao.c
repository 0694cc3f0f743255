/* torchao.c - modules as torchao flattens its tensors into safetensors
 *
 *     _weight_qdata        I8 or F8_E4M3 [rows, columns], int4 in a byte each
 *     _weight_scale        [rows, groups], or 1 where rows or columns share one
 *     _weight_zero_point   I8, as the scales: of integers
 *
 * The file's metadata names the class of each tensor; all that is needed of it here follows from dtypes and shapes. The
 * object has the configuration that it was quantised by, which says whether inputs are rounded, too.
 */
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

static double zero_point(const CodeGrid *grid, int64_t row, int64_t group)
{
    return (double)array_integer(grid->zeros, row / grid->row_group * grid->zeros->shape[1] + group);
}

static void load_codes(Parts *parts, CodeGrid *grid)
{
    const Array *codes = part_needed(parts, "_weight_qdata");
    bool is_float = codes->dtype == DTYPE_F8_E4M3;
    part_check(parts, codes, is_float ? DTYPE_F8_E4M3 : DTYPE_I8, 2, codes->shape);
    if (error_is_set(parts->error)) return;
    if (array_elements(codes) == 0)
        error_set(parts->error, "%s: %s: found no codes, expected some", codes->file, codes->name);
    grid->rows = codes->shape[0];
    grid->columns = codes->shape[1];
    grid->codes = *codes;
    grid->values = is_float ? float8_values(DTYPE_F8_E4M3, &parts->checkpoint->arena)
                            : complement_values(8, &parts->checkpoint->arena);
}

static void load_scales(Parts *parts, CodeGrid *grid)
{
    const Array *scales = part_needed(parts, "_weight_scale"), *zeros = part_found(parts, "_weight_zero_point");
    if (!scales) return;
    part_check(parts, scales, DTYPE_COUNT, 2, scales->shape);
    if (error_is_set(parts->error)) return;
    bool fits = true;
    for (int i = 0; i < 2; i++) {
        int64_t count = scales->shape[i], size = i == 0 ? grid->rows : grid->columns;
        fits = fits && count > 0 && size % count == 0;
    }
    if (!fits) {
        error_set(parts->error, "%s: %s: found shape %s, expected numbers that divide %s", scales->file, scales->name,
                  SHAPE_TEXT(2, scales->shape), SHAPE_TEXT(2, grid->codes.shape));
        return;
    }
    grid->row_group = grid->rows / scales->shape[0];
    grid->column_group = grid->columns / scales->shape[1];
    grid->scales = *scales;
    if (!zeros) return;
    part_check(parts, zeros, DTYPE_I8, 2, scales->shape);
    grid->zeros = zeros;
    grid->zero = zero_point;
}

static void load_module(Parts *parts)
{
    Arena *arena = &parts->checkpoint->arena;
    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    *grid = (CodeGrid){ .bits = 8 };
    load_codes(parts, grid);
    if (!error_is_set(parts->error)) load_scales(parts, grid);
    if (error_is_set(parts->error)) return;
    const char *type = grid->codes.dtype == DTYPE_I8 ? "torchao integers" : "torchao fp8";
    grid->encoding.scheme = grid->row_group > 1 ? arena_format(arena, "%s per tensor", type)
                            : grid->column_group < grid->columns
                                ? arena_format(arena, "%s, groups of %lld", type, (long long)grid->column_group)
                                : arena_format(arena, "%s per channel", type);
    code_grid_init(grid);
    part_becomes_weight(parts, &grid->encoding, 2, (int64_t[]){ grid->rows, grid->columns });
}

/* "Int8WeightOnlyConfig" and its like round no inputs. */
static void check_inputs(ConfigReader at)
{
    const json_t *all = json_object_get(json_object_get(at.object, "quant_type"), "default");
    const char *type = json_string_value(json_object_get(all, "_type"));
    if (!declared_inputs.given && !(type && strstr(type, "WeightOnly")))
        config_refuse(at, "quant_type", type ? type : "no configuration of weights alone",
                      "--activations beside it, because its kernels round inputs, too");
}

void read_torchao(Checkpoint *checkpoint, ConfigReader at)
{
    const char *ending = "._weight_qdata";
    check_inputs(at);
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++) {
        const char *name = checkpoint->tensors[i].array->name;
        size_t length = strlen(name), tail = strlen(ending);
        if (length < tail || strcmp(name + length - tail, ending) != 0) continue;
        const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), name);
        load_module(&(Parts){ checkpoint, at.error, module });
    }
}
