/* quantisation_bugs.c - codes, scales and zeros of quantised weights taken otherwise than the file means them
 *
 * Right: element = (value of code - zero) * scale. A group's scale is its own times the module's global one, and a
 * kernel that multiplies codes rounds its input by the rule of the weight (checkpoint/input_codes.h). A bug puts an
 * encoding of its own around a weight's: the same codes, scales and zeros, taken from elsewhere.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

enum { MISREAD_BLOCK = 512, PAIR_MOST = 32 };

typedef struct Misread Misread;
typedef void MisreadPlaces(const Misread *misread, int64_t first, int64_t count, CodePlace *out);
struct Misread {
    Encoding encoding;
    const Encoding *right, *gate; /* gate: of the gate_proj beside an up_proj */
    int64_t elements, columns;
    MisreadPlaces *places; /* of at most MISREAD_BLOCK elements */
};

static void right_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    misread->right->places(misread->right, first, count, out);
}

static void places_misread(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    const Misread *misread = (const Misread *)encoding;
    for (int64_t i = 0; i < count; i += MISREAD_BLOCK)
        misread->places(misread, first + i, count - i < MISREAD_BLOCK ? count - i : MISREAD_BLOCK, out + i);
}

static void read_misread(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    CodePlace places[MISREAD_BLOCK];
    for (int64_t i = 0; i < count; i += MISREAD_BLOCK) {
        int64_t some = count - i < MISREAD_BLOCK ? count - i : MISREAD_BLOCK;
        places_misread(encoding, first + i, some, places);
        for (int64_t j = 0; j < some; j++)
            out[i + j] = encoding->values[places[j].code] * places[j].scale - places[j].shift;
    }
}

static bool misread_is_finite(const Encoding *encoding)
{
    const Misread *misread = (const Misread *)encoding;
    return misread->right->is_finite(misread->right);
}

/* A tensor that may have the bug; false leaves it as it is. It may set misread->gate. */
typedef bool MisreadIs(Checkpoint *checkpoint, const Array *weight, Misread *misread);

static void misread_weights(Checkpoint *checkpoint, MisreadIs *is_misread, MisreadPlaces *places)
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *weight = checkpoint->tensors[i].array;
        if (weight->dtype != DTYPE_ENCODED || weight->encoding->bits == 0) continue;
        Misread misread = { .encoding = *weight->encoding,
                            .right = weight->encoding,
                            .elements = array_elements(weight),
                            .columns = weight->shape[weight->rank - 1],
                            .places = places };
        if (!is_misread(checkpoint, weight, &misread)) continue;
        misread.encoding.read = read_misread;
        misread.encoding.places = places_misread;
        misread.encoding.is_finite = misread_is_finite;
        misread.encoding.groups = NULL;
        misread.encoding.table = NULL;
        Misread *kept = arena_allocate(&checkpoint->arena, sizeof *kept);
        Array *array = arena_allocate(&checkpoint->arena, sizeof *array);
        *kept = misread;
        *array = *weight;
        array->encoding = &kept->encoding;
        checkpoint->tensors[i].array = array;
    }
}

/* ---------------------------------------------------------------- codes */

static void exchanged_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    CodePlace around[MISREAD_BLOCK + 4 * PAIR_MOST];
    int64_t pair = misread->right->pair, begin = first / (2 * pair) * 2 * pair;
    int64_t end = (first + count + 2 * pair - 1) / (2 * pair) * 2 * pair;
    right_places(misread, begin, end - begin, around);
    for (int64_t i = 0; i < count; i++) {
        out[i] = around[first + i - begin];
        out[i].code = around[((first + i) ^ pair) - begin].code;
    }
}

static bool has_pairs(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    (void)checkpoint;
    int64_t pair = weight->encoding->pair;
    return pair > 0 && pair <= PAIR_MOST && misread->columns % (2 * pair) == 0;
}

static void nibbles_exchanged(Checkpoint *checkpoint) { misread_weights(checkpoint, has_pairs, exchanged_places); }

static void bare_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    right_places(misread, first, count, out);
    for (int64_t i = 0; i < count; i++) out[i] = (CodePlace){ .scale = 1, .code = out[i].code };
}

/* Codes of a byte each have the weight's shape, so that a loader may take them for it. */
static bool is_of_bytes(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    (void)checkpoint, (void)misread;
    return weight->encoding->bits == 8;
}

static void scales_ignored(Checkpoint *checkpoint) { misread_weights(checkpoint, is_of_bytes, bare_places); }

/* ---------------------------------------------------------------- zeros */

static bool is_integer(const Encoding *encoding) { return encoding->values[1] - encoding->values[0] == 1; }

/* Zeros of the file, or the 8 that codes of 4 bits are counted from */
static bool has_zero(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    (void)checkpoint, (void)misread;
    const Encoding *encoding = weight->encoding;
    return is_integer(encoding) && (encoding->has_zeros || (encoding->bits == 4 && encoding->values[0] < 0));
}

static void off_by_one_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    right_places(misread, first, count, out);
    for (int64_t i = 0; i < count; i++) out[i].shift += out[i].scale;
}

static void zero_off_by_one(Checkpoint *checkpoint) { misread_weights(checkpoint, has_zero, off_by_one_places); }

/* Zeros count from 0 in some files, and from -8 in others: by as much is a zero that is subtracted twice. */
static void twice_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    double least = misread->right->values[0];
    right_places(misread, first, count, out);
    for (int64_t i = 0; i < count; i++) out[i].shift = 2 * out[i].shift - least * out[i].scale;
}

static void zero_twice(Checkpoint *checkpoint) { misread_weights(checkpoint, has_zero, twice_places); }

static bool has_zeros_of_4_bits(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    return has_zero(checkpoint, weight, misread) && weight->encoding->has_zeros && weight->encoding->bits == 4;
}

/* code - zero, kept within the 4 bits of a signed code */
static void clamped_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    right_places(misread, first, count, out);
    for (int64_t i = 0; i < count; i++) {
        double scale = out[i].scale, value = misread->right->values[out[i].code];
        if (scale == 0) continue;
        double signed_code = fmin(fmax(rint(value - out[i].shift / scale), -8), 7);
        out[i].shift = (value - signed_code) * scale;
    }
}

static void zero_clamped(Checkpoint *checkpoint) { misread_weights(checkpoint, has_zeros_of_4_bits, clamped_places); }

/* ---------------------------------------------------------------- scales */

/* The place with another group's scale, and its own zero */
static CodePlace with_scale(CodePlace place, double scale)
{
    double zero = place.scale == 0 ? 0 : place.shift / place.scale;
    return (CodePlace){ .scale = scale, .shift = zero * scale, .code = place.code };
}

/* Some element of the group whose scale is taken for that of the element in this row and column */
typedef int64_t OtherGroup(const Misread *misread, int64_t row, int64_t column);

static void places_of_others(const Misread *misread, int64_t first, int64_t count, CodePlace *out, OtherGroup *other)
{
    int64_t width = misread->right->width, group = misread->right->group;
    right_places(misread, first, count, out);
    for (int64_t i = 0, some; i < count; i += some) {
        int64_t row = (first + i) / width, column = (first + i) % width;
        CodePlace of_other;
        right_places(misread, other(misread, row, column), 1, &of_other);
        some = group - column % group < width - column ? group - column % group : width - column;
        for (int64_t j = i; j < i + some && j < count; j++) out[j] = with_scale(out[j], of_other.scale);
    }
}

/* Behind a row's last group comes the first of the next rows. */
static int64_t next_group(const Misread *misread, int64_t row, int64_t column)
{
    const Encoding *right = misread->right;
    int64_t next = (column / right->group + 1) * right->group;
    int64_t place = next < right->width ? row * right->width + next
                                        : (row / right->row_group + 1) * right->row_group * right->width;
    return place < misread->elements ? place : 0;
}

static void next_group_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    places_of_others(misread, first, count, out, next_group);
}

static bool has_several_scales(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    (void)checkpoint;
    CodePlace first, next;
    int64_t group = weight->encoding->group;
    if (group <= 0 || group >= misread->elements) return false;
    right_places(misread, 0, 1, &first);
    for (int64_t at = group; at < misread->elements; at += group) {
        right_places(misread, at, 1, &next);
        if (next.scale != first.scale) return true;
    }
    return false;
}

static void neighbour_scale(Checkpoint *checkpoint)
{
    misread_weights(checkpoint, has_several_scales, next_group_places);
}

/* Scales [rows, groups] that are read as if they were stored [groups, rows] */
static int64_t transposed_group(const Misread *misread, int64_t row, int64_t column)
{
    const Encoding *right = misread->right;
    int64_t groups = (right->width + right->group - 1) / right->group, rows = misread->elements / right->width;
    int64_t row_groups = (rows + right->row_group - 1) / right->row_group;
    int64_t stored = column / right->group * row_groups + row / right->row_group;
    return stored / groups * right->row_group * right->width + stored % groups * right->group;
}

static void transposed_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    places_of_others(misread, first, count, out, transposed_group);
}

static bool has_several_groups(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    return weight->encoding->group < weight->encoding->width && weight->encoding->width < misread->elements &&
           has_several_scales(checkpoint, weight, misread);
}

static void scales_transposed(Checkpoint *checkpoint)
{
    misread_weights(checkpoint, has_several_groups, transposed_places);
}

/* ---- rows that are no whole number of groups */

/* The first of a group, but for what is left behind the last whole one: that group's */
static int64_t whole_group(const Misread *misread, int64_t row, int64_t column)
{
    int64_t group = misread->right->group, width = misread->right->width;
    int64_t last = (width / group - 1) * group, first = column / group * group;
    return row * width + (first < last ? first : last);
}

static void tail_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    places_of_others(misread, first, count, out, whole_group);
}

static bool has_tail(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    const Encoding *right = weight->encoding;
    return right->group > 0 && right->group < right->width && right->width % right->group != 0 &&
           has_several_scales(checkpoint, weight, misread);
}

static void tail_scale(Checkpoint *checkpoint) { misread_weights(checkpoint, has_tail, tail_places); }

static int64_t rounded_up(int64_t count, int64_t of) { return (count + of - 1) / of; }

/* Parts of a row, and of a column, are all as long as these are, divided by how many scales they have. */
static void equal_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    const Encoding *right = misread->right;
    int64_t width = right->width, rows = misread->elements / width;
    int64_t part = rounded_up(width, rounded_up(width, right->group));
    int64_t row_part = rounded_up(rows, rounded_up(rows, right->row_group));
    right_places(misread, first, count, out);
    for (int64_t i = 0, some; i < count; i += some) {
        int64_t row = (first + i) / width, column = (first + i) % width, left = part - column % part;
        int64_t other = row / row_part * right->row_group * width + column / part * right->group;
        CodePlace of_other;
        right_places(misread, other, 1, &of_other);
        some = left < width - column ? left : width - column;
        for (int64_t j = i; j < i + some && j < count; j++) out[j] = with_scale(out[j], of_other.scale);
    }
}

static bool has_short_block(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    const Encoding *right = weight->encoding;
    if (right->group <= 0 || right->group > right->width) return false;
    int64_t rows = misread->elements / right->width;
    bool is_short = right->width % right->group != 0 || (right->row_group < rows && rows % right->row_group != 0);
    return is_short && has_several_scales(checkpoint, weight, misread);
}

static void blocks_of_equal_size(Checkpoint *checkpoint)
{
    misread_weights(checkpoint, has_short_block, equal_places);
}

/* ---- scales of other modules */

static void gate_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    right_places(misread, first, count, out);
    if (misread->right->global_scale != 1) {
        double factor = misread->gate->global_scale / misread->right->global_scale;
        for (int64_t i = 0; i < count; i++) out[i] = with_scale(out[i], out[i].scale * factor);
        return;
    }
    CodePlace gate[MISREAD_BLOCK];
    misread->gate->places(misread->gate, first, count, gate);
    for (int64_t i = 0; i < count; i++) out[i] = with_scale(out[i], gate[i].scale);
}

static bool is_beside_gate(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    static const char ending[] = ".up_proj.weight";
    size_t length = strlen(weight->name), tail = sizeof ending - 1;
    if (length < tail || strcmp(weight->name + length - tail, ending) != 0) return false;
    const char *name = arena_format(&checkpoint->arena, "%.*s.gate_proj.weight", (int)(length - tail), weight->name);
    const CheckpointTensor *found = checkpoint_find(checkpoint, name);
    const Array *gate = found ? found->array : NULL;
    if (!gate || gate->dtype != DTYPE_ENCODED || !array_has_shape(gate, weight->rank, weight->shape)) return false;
    misread->gate = gate->encoding;
    return gate->encoding->bits > 0 && gate->encoding->group == weight->encoding->group &&
           (weight->encoding->global_scale == 1 || gate->encoding->global_scale != weight->encoding->global_scale);
}

static void gate_scale_for_up(Checkpoint *checkpoint) { misread_weights(checkpoint, is_beside_gate, gate_places); }

static void local_places(const Misread *misread, int64_t first, int64_t count, CodePlace *out)
{
    right_places(misread, first, count, out);
    for (int64_t i = 0; i < count; i++) out[i] = with_scale(out[i], out[i].scale / misread->right->global_scale);
}

static bool has_global_scale(Checkpoint *checkpoint, const Array *weight, Misread *misread)
{
    (void)checkpoint, (void)misread;
    return weight->encoding->global_scale != 1;
}

static void global_scale_missing(Checkpoint *checkpoint)
{
    misread_weights(checkpoint, has_global_scale, local_places);
}

/* ---------------------------------------------------------------- inputs of products */

static void change_inputs(Checkpoint *checkpoint, bool (*change)(Array *weight))
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        Array weight = *checkpoint->tensors[i].array;
        if (!change(&weight)) continue;
        Array *kept = arena_allocate(&checkpoint->arena, sizeof *kept);
        *kept = weight;
        checkpoint->tensors[i].array = kept;
    }
}

static bool rounded_as_a_whole(Array *weight)
{
    bool is_int8 = weight->inputs == INPUTS_INT8_TOKEN || weight->inputs == INPUTS_INT8_TOKEN_SYM ||
                   weight->inputs == INPUTS_INT8_TOKEN_255;
    if (!is_int8 && weight->inputs != INPUTS_FP8_TOKEN) return false;
    weight->inputs = is_int8 ? INPUTS_INT8_TENSOR : INPUTS_FP8_TENSOR;
    return true;
}

static bool rounded_without_scale(Array *weight)
{
    if (weight->inputs != INPUTS_INT8_STATIC && weight->inputs != INPUTS_FP8_STATIC) return false;
    weight->input_scale = 1;
    return true;
}

static void inputs_per_tensor(Checkpoint *checkpoint) { change_inputs(checkpoint, rounded_as_a_whole); }
static void input_scale_missing(Checkpoint *checkpoint) { change_inputs(checkpoint, rounded_without_scale); }

const Bug quantisation_bugs[] = {
    { .id = "quant-nibbles-exchanged",
      .stage = "weights",
      .mechanism = "the two codes of a byte are exchanged",
      .source = "https://github.com/sgl-project/sglang/pull/23625",
      .sources = 1,
      .exposed_by = "weights of 4 bits",
      .weights = nibbles_exchanged },
    { .id = "quant-scales-ignored",
      .stage = "weights",
      .mechanism = "codes are taken for weights, without their scales",
      .source = "https://github.com/Epistates/pmetal/issues/27",
      .sources = 1,
      .exposed_by = "weights of 8 bits",
      .weights = scales_ignored },
    { .id = "quant-zero-off-by-one",
      .stage = "weights",
      .mechanism = "zeros are one too large: GPTQ's files hold them one too small, and newer ones do not",
      .source = "https://github.com/vllm-project/vllm/pull/38966",
      .sources = 3,
      .exposed_by = "weights with zeros, or of 4 bits around 8",
      .weights = zero_off_by_one },
    { .id = "quant-zero-twice",
      .stage = "weights",
      .mechanism = "zeros, counted from the least code, are subtracted twice",
      .source = "https://github.com/mit-han-lab/llm-awq/pull/321",
      .sources = 1,
      .exposed_by = "weights with zeros, or of 4 bits around 8",
      .weights = zero_twice },
    { .id = "quant-zero-clamped",
      .stage = "weights",
      .mechanism = "code - zero is kept in 4 bits: what lies beyond -8 .. 7 is cut off",
      .source = "https://github.com/NVIDIA/TensorRT-Edge-LLM/issues/105",
      .sources = 1,
      .exposed_by = "weights of 4 bits with zeros away from 8",
      .weights = zero_clamped },
    { .id = "quant-neighbour-scale",
      .stage = "weights",
      .mechanism = "each group has the scale of the group behind it",
      .source = "no known report; an index of groups that is off by one, in a kernel or its test",
      .exposed_by = "weights with more than one scale",
      .weights = neighbour_scale },
    { .id = "quant-scales-transposed",
      .stage = "weights",
      .mechanism = "scales [rows, groups] are read as [groups, rows]",
      .source = "no known report; layouts differ in it, so that one kernel needs what the other has not",
      .exposed_by = "weights with several groups a row",
      .weights = scales_transposed },
    { .id = "quant-tail-scale",
      .stage = "weights",
      .mechanism = "columns behind a row's last whole group have the scale of that group",
      .source = "https://github.com/vllm-project/vllm-ascend/pull/9159",
      .sources = 3,
      .exposed_by = "weights whose rows are no whole number of groups or blocks",
      .weights = tail_scale },
    { .id = "quant-blocks-of-equal-size",
      .stage = "weights",
      .mechanism = "rows are cut into equal parts, as many as they have scales, though the last block is shorter",
      .source = "https://github.com/NVIDIA/TensorRT-Model-Connect/pull/1115",
      .sources = 2,
      .exposed_by = "weights in blocks, the last one in part",
      .weights = blocks_of_equal_size },
    { .id = "quant-gate-scale-for-up",
      .stage = "weights",
      .mechanism = "up_proj has gate_proj's scales, or its global scale, where the two are one product",
      .source = "https://github.com/vllm-project/vllm/issues/54974",
      .sources = 3,
      .exposed_by = "gate_proj and up_proj with scales that differ",
      .weights = gate_scale_for_up },
    { .id = "quant-global-scale-missing",
      .stage = "weights",
      .mechanism = "the global scale of NVFP4 is left out",
      .source = "https://github.com/huggingface/transformers/pull/48372",
      .sources = 2,
      .exposed_by = "weights with a global scale",
      .weights = global_scale_missing },
    { .id = "quant-inputs-per-tensor",
      .stage = "weights",
      .mechanism = "inputs of products are rounded with one scale, not with one a token",
      .source = "no known report; kernels offer both, and files say which",
      .exposed_by = "weights whose inputs are rounded per token",
      .weights = inputs_per_tensor },
    { .id = "quant-input-scale-missing",
      .stage = "weights",
      .mechanism = "inputs of products are rounded with 1 for the file's input_scale",
      .source = "https://github.com/vllm-project/vllm/pull/45212",
      .sources = 1,
      .exposed_by = "weights with an input_scale",
      .weights = input_scale_missing },
    { 0 },
};
