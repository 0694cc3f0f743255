/* modelopt.c - modules as NVIDIA's Model Optimizer writes them for Hugging Face
 *
 *     NVFP4   weight U8 [rows, columns / 2], weight_scale F8_E4M3 [rows, columns / 16], weight_scale_2 F32, a factor
 *     FP8     weight F8_E4M3 [rows, columns], weight_scale F32
 *     both    input_scale F32: of the product's input, whose kernels round it to codes of the weight's kind
 *
 * NVFP4's input_scale is the reciprocal of a global scale, FP8's the scale itself.
 */
#include <float.h>
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

enum { NVFP4_GROUP = 16 };

/* A scalar, with a dimension or without */
static double positive_number(Parts *parts, const char *part)
{
    const Array *array = part_needed(parts, part);
    double value = 1;
    part_check(parts, array, DTYPE_F32, array && array->rank == 1 ? 1 : 0, (int64_t[]){ 1 });
    if (!error_is_set(parts->error)) array_read_f64(array, 0, 1, &value);
    if (!error_is_set(parts->error) && !(value > 0 && value <= (double)FLT_MAX))
        error_set(parts->error, "%s: %s: found %g, expected a number above 0", array->file, array->name, value);
    return value;
}

static void load_nvfp4(Parts *parts, CodeGrid *grid)
{
    const Array *scales = part_needed(parts, "weight_scale");
    grid->bits = 4;
    grid->columns *= 2;
    grid->row_group = 1;
    grid->column_group = NVFP4_GROUP;
    grid->values = e2m1_values(&parts->checkpoint->arena);
    grid->encoding.scheme = "nvfp4, groups of 16";
    part_check(parts, scales, DTYPE_F8_E4M3, 2, (int64_t[]){ grid->rows, (grid->columns + 15) / NVFP4_GROUP });
    grid->factor = positive_number(parts, "weight_scale_2");
    if (!scales) return;
    part_check_groups(parts, scales, grid->columns, NVFP4_GROUP);
    grid->scales = *scales;
}

static void load_fp8(Parts *parts, CodeGrid *grid)
{
    grid->bits = 8;
    grid->row_group = grid->rows;
    grid->column_group = grid->columns;
    grid->values = float8_values(DTYPE_F8_E4M3, &parts->checkpoint->arena);
    grid->encoding.scheme = "fp8 per tensor";
    positive_number(parts, "weight_scale");
    const Array *scales = part_found(parts, "weight_scale");
    if (scales) grid->scales = *scales;
}

/* The algorithm rounds inputs by the module's input_scale; without one the backend has to say what it does. */
static void load_input_scale(Parts *parts, bool is_fp4, Array *weight)
{
    InputCodes own = is_fp4 ? INPUTS_FP4_GROUP : INPUTS_FP8_STATIC;
    const Array *scale = part_found(parts, "input_scale");
    if (!scale && !declared_inputs.given)
        error_set(parts->error, "%s: %s.input_scale: found no such tensor, expected one, or --activations",
                  parts->checkpoint->file, parts->module);
    weight->inputs = own;
    if (!scale || (declared_inputs.given && declared_inputs.inputs != own)) return;
    double value = positive_number(parts, "input_scale"), taken = is_fp4 ? 1 / value : value;
    if (!error_is_set(parts->error) && taken > (double)FLT_MAX)
        error_set(parts->error, "%s: %s: found %g, expected a number whose reciprocal float32 holds", scale->file,
                  scale->name, value);
    weight->input_scale = (float)taken;
}

static void load_module(Parts *parts, const Array *codes)
{
    Arena *arena = &parts->checkpoint->arena;
    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    *grid = (CodeGrid){ .codes = *part_needed(parts, "weight"), .rows = codes->shape[0], .columns = codes->shape[1] };
    bool is_fp4 = codes->dtype == DTYPE_U8;
    if (is_fp4)
        load_nvfp4(parts, grid);
    else
        load_fp8(parts, grid);
    if (error_is_set(parts->error)) return;
    code_grid_init(grid);
    Array *weight = part_becomes_weight(parts, &grid->encoding, 2, (int64_t[]){ grid->rows, grid->columns });
    load_input_scale(parts, is_fp4, weight);
}

void read_modelopt(Checkpoint *checkpoint, ConfigReader at)
{
    const char *algorithm = config_string_or(at, "quant_algo", "NVFP4"), *ending = ".weight";
    if (strcmp(algorithm, "NVFP4") != 0 && strcmp(algorithm, "FP8") != 0)
        config_refuse(at, "quant_algo", algorithm, "NVFP4 or FP8");
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++) {
        const Array *array = checkpoint->tensors[i].array;
        size_t length = strlen(array->name), tail = strlen(ending);
        bool is_coded = array->dtype == DTYPE_U8 || array->dtype == DTYPE_F8_E4M3;
        if (length < tail || strcmp(array->name + length - tail, ending) != 0 || !is_coded) continue;
        const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), array->name);
        if (array->rank == 2 && array_elements(array) > 0)
            load_module(&(Parts){ checkpoint, at.error, module }, array);
        else
            error_set(at.error, "%s: %s: found shape %s, expected rows and columns", array->file, array->name,
                      SHAPE_TEXT(array->rank, array->shape));
    }
}
