/* kept_weight_bugs.c - weights that a quantised checkpoint keeps as they are, and a loader does not
 *
 * Right: a Linear without codes is multiplied as the file has it: routers, per-layer projections, heads, towers. A
 * loader that does not know that quantises it as it reads it, as the file's others are: to the nearest code, with a
 * scale by the largest value of each group. It rounds their inputs as those of the others, too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"
#include "checkpoint/code_grid.h"

enum { KEPT_BLOCK = 512 };

/* A number that a code means */
typedef struct {
    double value;
    bool is_even; /* the code, that a value halfway between two is rounded to */
} Meaning;

/* Values that a scheme's codes have, in rising order */
typedef struct {
    Meaning of[CODE_VALUES];
    int count;
} Meanings;

/* element = code * scale - shift, where the code is nearest to (element + shift) / by */
typedef struct {
    double scale, shift;
    float by; /* the scale before it was rounded, where codes follow from that */
} Step;

typedef struct {
    double low, high;
} Extremes;

typedef struct {
    Encoding encoding;
    const Array *weight; /* as the file has it */
    const Meanings *meanings;
    bool is_cast;    /* values are taken for codes, without a scale */
    bool by_inverse; /* codes follow from products with the scale's inverse, as torchao's do */
    Rounding dtype;  /* in which they do */
    Step *steps;     /* of blocks, row by row; NULL: a step is one row's */
    float divisor;   /* of scales that are codes of e4m3; 0: they are none */
    const Meanings *scale_meanings;
} KeptWeight;

/* ---------------------------------------------------------------- codes */

static int by_value(const void *a, const void *b)
{
    double left = ((const Meaning *)a)->value, right = ((const Meaning *)b)->value;
    return (left > right) - (left < right);
}

static const Meanings *meanings_of(const double *values, int bits, Arena *arena)
{
    Meanings *meanings = arena_allocate(arena, sizeof *meanings);
    meanings->count = 0;
    for (int code = 0; code < 1 << bits; code++)
        if (isfinite(values[code])) meanings->of[meanings->count++] = (Meaning){ values[code], code % 2 == 0 };
    qsort(meanings->of, (size_t)meanings->count, sizeof *meanings->of, by_value);
    return meanings;
}

static double nearest(const Meanings *meanings, double x)
{
    int low = 0, high = meanings->count - 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (meanings->of[middle].value <= x)
            low = middle;
        else
            high = middle;
    }
    double below = x - meanings->of[low].value, above = meanings->of[high].value - x;
    bool is_low = below < above || (below == above && meanings->of[low].is_even);
    return meanings->of[is_low ? low : high].value;
}

static double lowest(const Meanings *meanings) { return meanings->of[0].value; }
static double highest(const Meanings *meanings) { return meanings->of[meanings->count - 1].value; }

/* ---------------------------------------------------------------- scales */

static Extremes joined(Extremes a, Extremes b) { return (Extremes){ fmin(a.low, b.low), fmax(a.high, b.high) }; }
static double size_of(Extremes of) { return fmax(fabs(of.low), fabs(of.high)); }

static Extremes extremes_of(const Array *weight, int64_t first, int64_t count)
{
    double block[KEPT_BLOCK];
    Extremes all = { INFINITY, -INFINITY };
    for (int64_t i = 0, some; i < count; i += some) {
        some = count - i < KEPT_BLOCK ? count - i : KEPT_BLOCK;
        array_read_f64(weight, first + i, some, block);
        for (int64_t j = 0; j < some; j++) all = joined(all, (Extremes){ block[j], block[j] });
    }
    return all;
}

static Rounding dtype_of(const Array *weight)
{
    return weight->dtype == DTYPE_BF16 ? ROUNDING_BF16 : weight->dtype == DTYPE_F16 ? ROUNDING_FP16 : ROUNDING_NONE;
}

/* Scales have the weight's dtype, or are codes beside a global one. Many are halfway between two codes, so that each
 * operation is float32's, in the order that compressed-tensors has. */
static double as_scale(const KeptWeight *kept, double scale)
{
    if (kept->divisor == 0) return narrowed(dtype_of(kept->weight), (float)scale);
    return (float)nearest(kept->scale_meanings, (float)scale * kept->divisor) / kept->divisor;
}

/* As MLX has it, in float32: the bias is the end that is further from 0, and 0 stays 0. */
static Step step_with_bias(const KeptWeight *kept, Extremes of)
{
    bool from_low = fabs(of.low) > fabs(of.high);
    float edge = (float)(from_low ? of.low : of.high), by = (float)(of.high - of.low) / (float)highest(kept->meanings);
    if (by == 0) return (Step){ .shift = -as_scale(kept, edge) };
    if (!from_low) by = -by;
    float code = rintf(edge / by);
    if (code == 0) return (Step){ as_scale(kept, by), 0, by };
    return (Step){ as_scale(kept, edge / code), -as_scale(kept, edge), edge / code };
}

static Step step_of(const KeptWeight *kept, Extremes of)
{
    double least = lowest(kept->meanings), most = highest(kept->meanings);
    if (kept->is_cast) return (Step){ 1, 0, 1 };
    if (least >= 0) return step_with_bias(kept, of);
    double scale = as_scale(kept, size_of(of) / ((most - least) / 2));
    return (Step){ scale, 0, (float)scale };
}

/* The first column behind the group that the column is in */
static int64_t group_end(const Encoding *encoding, int64_t column)
{
    int64_t end = (column / encoding->group + 1) * encoding->group;
    return end < encoding->width ? end : encoding->width;
}

static Extremes extremes_in(const KeptWeight *kept, int64_t row, int64_t column)
{
    const Encoding *encoding = &kept->encoding;
    int64_t first = column / encoding->group * encoding->group;
    return extremes_of(kept->weight, row * encoding->width + first, group_end(encoding, column) - first);
}

static int64_t block_of(const Encoding *encoding, int64_t row, int64_t column)
{
    int64_t groups = (encoding->width + encoding->group - 1) / encoding->group;
    return row / encoding->row_group * groups + column / encoding->group;
}

static void measure_blocks(KeptWeight *kept, Arena *arena)
{
    const Encoding *encoding = &kept->encoding;
    int64_t rows = array_elements(kept->weight) / encoding->width;
    size_t count = (size_t)block_of(encoding, rows - 1, encoding->width - 1) + 1;
    Extremes *of = arena_allocate(arena, count * sizeof *of);
    for (size_t i = 0; i < count; i++) of[i] = (Extremes){ INFINITY, -INFINITY };
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < encoding->width; column += encoding->group) {
            int64_t block = block_of(encoding, row, column);
            of[block] = joined(of[block], extremes_in(kept, row, column));
        }
    kept->steps = arena_allocate(arena, count * sizeof *kept->steps);
    for (size_t i = 0; i < count; i++) kept->steps[i] = step_of(kept, of[i]);
}

/* ---------------------------------------------------------------- weights */

static double to_code(const KeptWeight *kept, double x, Step step)
{
    if (step.scale == 0) return -step.shift;
    float code = (float)(x + step.shift) / step.by;
    if (kept->by_inverse) code = narrowed(kept->dtype, (float)x * narrowed(kept->dtype, 1 / step.by));
    return nearest(kept->meanings, code) * step.scale - step.shift;
}

static void read_kept(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    const KeptWeight *kept = (const KeptWeight *)encoding;
    array_read_f64(kept->weight, first, count, out);
    for (int64_t i = 0, some; i < count; i += some) {
        int64_t row = (first + i) / encoding->width, column = (first + i) % encoding->width;
        int64_t left = group_end(encoding, column) - column;
        some = left < count - i ? left : count - i;
        Step step = kept->steps ? kept->steps[block_of(encoding, row, column)]
                                : step_of(kept, kept->is_cast ? (Extremes){ 0, 0 } : extremes_in(kept, row, column));
        for (int64_t j = i; j < i + some; j++) out[j] = to_code(kept, out[j], step);
    }
}

static bool kept_is_finite(const Encoding *encoding) { return array_is_finite(((const KeptWeight *)encoding)->weight); }

static KeptWeight *kept_weight(Checkpoint *checkpoint, const Array *weight, const Encoding *like)
{
    KeptWeight *kept = arena_allocate(&checkpoint->arena, sizeof *kept);
    *kept = (KeptWeight){ .weight = weight, .meanings = meanings_of(like->values, like->bits, &checkpoint->arena) };
    kept->encoding = (Encoding){ .scheme = like->scheme,
                                 .width = weight->shape[1],
                                 .group = weight->shape[1],
                                 .row_group = 1,
                                 .global_scale = 1,
                                 .read = read_kept,
                                 .is_finite = kept_is_finite };
    return kept;
}

static Array *with_encoding(Checkpoint *checkpoint, const Array *weight, const Encoding *encoding)
{
    Array *array = arena_allocate(&checkpoint->arena, sizeof *array);
    *array = *weight;
    array->dtype = DTYPE_ENCODED;
    array->encoding = encoding;
    return array;
}

/* As the weight `as`, which has codes; the weight itself where groups of that size do not fill its rows */
static const Array *quantised(Checkpoint *checkpoint, const Array *weight, const Array *as)
{
    const Encoding *like = as->encoding;
    KeptWeight *kept = kept_weight(checkpoint, weight, like);
    Encoding *encoding = &kept->encoding;
    bool is_whole = like->group >= like->width, goes_on = !is_whole && like->width == array_elements(as);
    bool is_of_tensor = is_whole && like->row_group > 1 && like->row_group >= as->shape[0];
    encoding->row_group = is_of_tensor ? weight->shape[0] : like->row_group;
    kept->by_inverse = lowest(kept->meanings) < 0 && like->values[1] - like->values[0] == 1;
    kept->dtype = like->bits < 8 ? dtype_of(weight) : ROUNDING_NONE;
    if (goes_on) encoding->width = array_elements(weight);
    if (!is_whole) encoding->group = like->group;
    if (like->row_group == 1 && encoding->width % encoding->group != 0) return weight;
    if (like->global_scale != 1) {
        kept->scale_meanings = meanings_of(float8_values(DTYPE_F8_E4M3, &checkpoint->arena), 8, &checkpoint->arena);
        kept->divisor = (float)(highest(kept->meanings) * highest(kept->scale_meanings) /
                                size_of(extremes_of(weight, 0, array_elements(weight))));
    }
    if (encoding->row_group > 1) measure_blocks(kept, &checkpoint->arena);
    Array *array = with_encoding(checkpoint, weight, encoding);
    array->inputs = as->input_scale > 0 ? INPUTS_PLAIN : as->inputs;
    array->inputs_dtype = as->inputs_dtype;
    return array;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

/* A matrix of a Linear, which the file holds without codes */
static bool is_kept(const Array *weight)
{
    return weight->rank == 2 && array_elements(weight) > 0 && dtype_is_float(weight->dtype) &&
           weight->dtype != DTYPE_ENCODED && ends_in(weight->name, ".weight") && !strstr(weight->name, "embed_tokens");
}

/* Codes that a loader can make of a weight alone: zeros are GPTQ's and AWQ's, which need data. */
static bool has_codes(const Array *weight)
{
    return weight->rank == 2 && weight->dtype == DTYPE_ENCODED && weight->encoding->bits > 0 &&
           !weight->encoding->has_zeros;
}

/* The first weight that has such codes in the layer of `name`; or the first of all where none has */
static const Array *beside(const Checkpoint *checkpoint, const char *name)
{
    const char *layers = strstr(name, "layers."), *first_dot = layers ? strchr(layers + strlen("layers."), '.') : NULL;
    size_t length = first_dot ? (size_t)(first_dot - name) + 1 : 0;
    const Array *first = NULL;
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *weight = checkpoint->tensors[i].array;
        if (!has_codes(weight)) continue;
        if (!first) first = weight;
        if (length > 0 && strncmp(weight->name, name, length) == 0) return weight;
    }
    return first;
}

/* A head that is the embeddings' table has a tensor of its own when it is quantised and they are not. */
static void untie_head(Checkpoint *checkpoint)
{
    const Array *table = checkpoint_array(checkpoint, "model.language_model.embed_tokens.weight");
    if (!table) table = checkpoint_array(checkpoint, "model.embed_tokens.weight");
    if (!table || table->dtype == DTYPE_ENCODED || checkpoint_find(checkpoint, "lm_head.weight")) return;
    size_t size = (size_t)checkpoint->tensor_count * sizeof *checkpoint->tensors;
    CheckpointTensor *tensors = arena_allocate(&checkpoint->arena, size + sizeof *tensors);
    Array *head = arena_allocate(&checkpoint->arena, sizeof *head);
    memcpy(tensors, checkpoint->tensors, size);
    *head = *table;
    head->name = "lm_head.weight";
    tensors[checkpoint->tensor_count++] = (CheckpointTensor){ .array = head };
    checkpoint->tensors = tensors;
    checkpoint_sort(checkpoint);
}

static void kept_rounded(Checkpoint *checkpoint)
{
    if (!beside(checkpoint, "")) return;
    untie_head(checkpoint);
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *weight = checkpoint->tensors[i].array;
        if (is_kept(weight))
            checkpoint->tensors[i].array = quantised(checkpoint, weight, beside(checkpoint, weight->name));
    }
}

/* A weight whose codes are numbers of e4m3; NULL where there is none */
static const Array *with_float8(const Checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *weight = checkpoint->tensors[i].array;
        if (has_codes(weight) && weight->encoding->bits == 8 && weight->encoding->values[1] == 0x1p-9) return weight;
    }
    return NULL;
}

static void kept_cast(Checkpoint *checkpoint)
{
    const Array *as = with_float8(checkpoint);
    for (int i = 0; as && i < checkpoint->tensor_count; i++) {
        const Array *weight = checkpoint->tensors[i].array;
        if (!is_kept(weight)) continue;
        KeptWeight *kept = kept_weight(checkpoint, weight, as->encoding);
        kept->is_cast = true;
        checkpoint->tensors[i].array = with_encoding(checkpoint, weight, &kept->encoding);
    }
}

const Bug kept_weight_bugs[] = {
    { .id = "quant-kept-weights-rounded",
      .stage = "weights",
      .mechanism = "weights that the file keeps as they are, of routers, heads or towers, are rounded to codes",
      .source = "https://github.com/huggingface/transformers/pull/48801",
      .sources = 4,
      .exposed_by = "weights with codes beside others of a Linear without any",
      .weights = kept_rounded },
    { .id = "quant-kept-weights-cast",
      .stage = "weights",
      .mechanism = "weights that the file keeps as they are, are cast to FP8 without a scale",
      .source = "https://github.com/huggingface/transformers/issues/48349",
      .sources = 1,
      .exposed_by = "weights in FP8 beside others of a Linear without codes",
      .weights = kept_cast },
    { 0 },
};
