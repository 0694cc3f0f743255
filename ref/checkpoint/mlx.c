/* mlx.c - modules as mlx-lm and mlx-vlm write them; their object has no quant_method
 *
 *     weight  U32 [rows, words]  codes bit by bit, the first lowest
 *     scales  [rows, groups]     affine: float, with biases of the same shape; mxfp4: U8, exponents of two;
 *                                nvfp4: U8, e4m3
 *
 * The object has group_size, bits and mode for all modules, and for some, under their names, others or false.
 */
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

typedef enum { MODE_AFFINE, MODE_MXFP4, MODE_NVFP4, MODES } Mode;
static const char *const modes[MODES] = { "affine", "mxfp4", "nvfp4" };

typedef struct {
    Mode mode;
    int bits, group_size;
} Scheme;

static Scheme read_scheme(ConfigReader at, Scheme scheme)
{
    const char *mode = config_string_or(at, "mode", modes[scheme.mode]);
    scheme.mode = MODE_AFFINE;
    while (scheme.mode < MODES && strcmp(mode, modes[scheme.mode]) != 0) scheme.mode++;
    scheme.bits = config_count_or(at, "bits", scheme.bits);
    scheme.group_size = config_count_or(at, "group_size", scheme.group_size);
    if (scheme.mode == MODES) config_refuse(at, "mode", mode, "affine, mxfp4 or nvfp4");
    bool known = scheme.mode == MODE_AFFINE ? scheme.bits >= 2 && scheme.bits <= 8 && scheme.bits != 7
                                            : scheme.bits == 4;
    if (!known && !error_is_set(at.error)) config_refuse(at, "bits", "another width", "one that the mode has");
    return scheme;
}

static void load_scales(Parts *parts, CodeGrid *grid, Mode mode)
{
    const Array *scales = part_needed(parts, "scales");
    int64_t shape[] = { grid->rows, (grid->columns + grid->column_group - 1) / grid->column_group };
    part_check(parts, scales, mode == MODE_AFFINE ? DTYPE_COUNT : DTYPE_U8, 2, shape);
    if (!scales) return;
    part_check_groups(parts, scales, grid->columns, grid->column_group);
    grid->scales = *scales;
    if (mode == MODE_NVFP4) grid->scales.dtype = DTYPE_F8_E4M3;
    if (mode == MODE_MXFP4) grid->scale = e8m0_scale;
    if (mode != MODE_AFFINE) return;
    grid->biases = part_needed(parts, "biases");
    part_check(parts, grid->biases, DTYPE_COUNT, 2, shape);
}

static void load_module(Parts *parts, Scheme scheme)
{
    Arena *arena = &parts->checkpoint->arena;
    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    *grid = (CodeGrid){ .bits = scheme.bits, .row_group = 1, .column_group = scheme.group_size };
    const Array *words = part_needed(parts, "weight");
    if (!words) return;
    part_check(parts, words, DTYPE_U32, 2, words->shape);
    if (words->rank != 2 || array_elements(words) == 0 || words->shape[1] * 32 % scheme.bits != 0)
        error_set(parts->error, "%s: %s: found shape %s, expected rows of whole codes of %d bits", words->file,
                  words->name, SHAPE_TEXT(words->rank, words->shape), scheme.bits);
    if (error_is_set(parts->error)) return;
    grid->rows = words->shape[0];
    grid->columns = words->shape[1] * 32 / scheme.bits;
    grid->codes = *words;
    grid->values = scheme.mode == MODE_AFFINE ? integer_values(scheme.bits, 0, arena) : e2m1_values(arena);
    load_scales(parts, grid, scheme.mode);
    if (error_is_set(parts->error)) return;
    grid->encoding.scheme = arena_format(
        arena, "mlx %s%s, groups of %d", modes[scheme.mode],
        scheme.mode == MODE_AFFINE ? (char[]){ ' ', (char)('0' + scheme.bits), 0 } : "", scheme.group_size);
    code_grid_init(grid);
    part_becomes_weight(parts, &grid->encoding, 2, (int64_t[]){ grid->rows, grid->columns });
}

/* mlx-vlm has the text model, with its own head, beside the towers. */
static const struct {
    const char *mlx, *hf; /* how names begin */
} beginnings[] = {
    { "language_model.model.", "model.language_model." },
    { "language_model.lm_head.", "lm_head." },
    { "vision_tower.", "model.vision_tower." },
    { "embed_vision.", "model.embed_vision." },
};

static const Array *renamed(Checkpoint *checkpoint, const Array *array)
{
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t length = strlen(beginnings[i].mlx);
        if (strncmp(array->name, beginnings[i].mlx, length) != 0) continue;
        Array *copy = arena_allocate(&checkpoint->arena, sizeof *copy);
        *copy = *array;
        copy->name = arena_format(&checkpoint->arena, "%s%s", beginnings[i].hf, array->name + length);
        checkpoint->has_model_prefix = true;
        return copy;
    }
    return array;
}

/* A checkpoint whose names begin as Hugging Face's keeps them. */
static void rename_tensors(Checkpoint *checkpoint)
{
    if (checkpoint->has_model_prefix) return;
    for (int i = 0; i < checkpoint->tensor_count; i++)
        checkpoint->tensors[i].array = renamed(checkpoint, checkpoint->tensors[i].array);
    for (int i = 0; i < checkpoint->made_count; i++) checkpoint->made[i] = renamed(checkpoint, checkpoint->made[i]);
}

void read_mlx(Checkpoint *checkpoint, ConfigReader at)
{
    Scheme all = read_scheme(at, (Scheme){ MODE_AFFINE, 4, 64 });
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++) {
        const char *name = checkpoint->tensors[i].array->name, *ending = ".scales";
        size_t length = strlen(name), tail = strlen(ending);
        if (length < tail || strcmp(name + length - tail, ending) != 0) continue;
        const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), name);
        Scheme scheme = all;
        if (json_is_object(json_object_get(at.object, module))) scheme = read_scheme(config_child(at, module), all);
        load_module(&(Parts){ checkpoint, at.error, module }, scheme);
    }
    if (!error_is_set(at.error)) rename_tensors(checkpoint);
}
