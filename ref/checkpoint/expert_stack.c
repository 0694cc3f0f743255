/* expert_stack.c - an encoding that passes each part of a stack on to the matrix that it is in */
#include "checkpoint/expert_stack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/code_grid.h"

typedef struct {
    Encoding encoding;
    const Array **matrices;  /* [count], all of one shape */
    int64_t count, elements; /* elements: of one */
} Stack;

typedef struct {
    const Array *matrix;
    int64_t first, count;
} StackPart;

/* Elements first .. first + count - 1, as far as they lie in the matrix of the first */
static StackPart part_at(const Stack *stack, int64_t first, int64_t count)
{
    int64_t inside = first % stack->elements, left = stack->elements - inside;
    return (StackPart){ stack->matrices[first / stack->elements], inside, count < left ? count : left };
}

static void read_stack(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    for (int64_t i = 0; i < count;) {
        StackPart part = part_at((const Stack *)encoding, first + i, count - i);
        array_read_f64(part.matrix, part.first, part.count, out + i);
        i += part.count;
    }
}

static void places_in_stack(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    for (int64_t i = 0; i < count;) {
        StackPart part = part_at((const Stack *)encoding, first + i, count - i);
        part.matrix->encoding->places(part.matrix->encoding, part.matrix->offset + part.first, part.count, out + i);
        i += part.count;
    }
}

static bool stack_is_finite(const Encoding *encoding)
{
    const Stack *stack = (const Stack *)encoding;
    for (int64_t i = 0; i < stack->count; i++)
        if (!array_is_finite(stack->matrices[i])) return false;
    return true;
}

typedef struct {
    Checkpoint *checkpoint;
    Error *error;
    const char *module; /* "model.layers.0.experts" */
} Experts;

/* They come into the checkpoint's table all at once, which is copied for them. */
typedef struct {
    const Array **stacks;
    int count;
} NewStacks;

/* NULL if absent */
static const Array *matrix_of(const Experts *experts, int64_t expert, const char *part)
{
    ArenaMark mark = arena_mark(&experts->checkpoint->arena);
    const char *name = arena_format(&experts->checkpoint->arena, "%s.%lld.%s.weight", experts->module,
                                    (long long)expert, part);
    CheckpointTensor *tensor = checkpoint_find(experts->checkpoint, name);
    arena_release(&experts->checkpoint->arena, mark);
    if (tensor) tensor->asked = true;
    return tensor ? tensor->array : NULL;
}

/* Codes that mean the same are taken apart together; others are only read. */
static void set_codes(Stack *stack)
{
    const Encoding *first = stack->matrices[0]->encoding;
    for (int64_t i = 0; i < stack->count; i++) {
        const Encoding *own = stack->matrices[i]->encoding;
        if (!own || own->bits == 0 || own->bits != first->bits || own->group != first->group) return;
        if (memcmp(own->values, first->values, ((size_t)1 << own->bits) * sizeof *own->values) != 0) return;
    }
    stack->encoding.bits = first->bits;
    stack->encoding.values = first->values;
    stack->encoding.width = first->width;
    stack->encoding.group = first->group;
    stack->encoding.row_group = first->row_group;
    stack->encoding.pair = first->pair;
    stack->encoding.places = places_in_stack;
}

static void check_alike(const Array *matrix, const Array *first, Error *error)
{
    bool is_encoded = matrix->dtype == DTYPE_ENCODED;
    if (matrix->rank != 2 || !dtype_is_float(matrix->dtype))
        error_set(error, "%s: %s: found %s %s, expected rows and columns of a float dtype or of codes", matrix->file,
                  matrix->name, array_scheme(matrix), SHAPE_TEXT(matrix->rank, matrix->shape));
    else if (!array_has_shape(matrix, 2, first->shape) || is_encoded != (first->dtype == DTYPE_ENCODED))
        error_set(error, "%s: %s: found %s %s, expected what %s is, %s %s", matrix->file, matrix->name,
                  array_scheme(matrix), SHAPE_TEXT(matrix->rank, matrix->shape), first->name, array_scheme(first),
                  SHAPE_TEXT(first->rank, first->shape));
}

static bool is_static(const Array *matrix)
{
    return matrix->inputs == INPUTS_INT8_STATIC || matrix->inputs == INPUTS_FP8_STATIC;
}

static bool is_fp4(const Array *matrix) { return matrix->inputs == INPUTS_FP4_GROUP && matrix->input_scale > 0; }

/* The largest scale of those that are static; of FP4, whose inputs are multiplied by theirs, the smallest */
static float widest_scale(const Stack *stack, bool of_fp4)
{
    float widest = 0;
    for (int64_t i = 0; i < stack->count; i++) {
        const Array *matrix = stack->matrices[i];
        if (of_fp4 ? !is_fp4(matrix) : !is_static(matrix)) continue;
        float scale = matrix->input_scale;
        if (widest == 0 || (of_fp4 ? scale < widest : scale > widest)) widest = scale;
    }
    return widest;
}

/* As kernels have it that round the input of all experts at once */
static void share_widest_scale(Stack *stack, Arena *arena)
{
    float of_static = widest_scale(stack, false), of_fp4 = widest_scale(stack, true);
    for (int64_t i = 0; i < stack->count; i++) {
        const Array *own = stack->matrices[i];
        if (!is_static(own) && !is_fp4(own)) continue;
        Array *matrix = arena_allocate(arena, sizeof *matrix);
        *matrix = *own;
        matrix->input_scale = is_fp4(own) ? of_fp4 : of_static;
        stack->matrices[i] = matrix;
    }
}

static Array *stack_of(const Experts *experts, const char *const *parts, int part_count)
{
    Arena *arena = &experts->checkpoint->arena;
    int64_t count = 0;
    while (matrix_of(experts, count, parts[0])) count++;
    if (count == 0) count = 1; /* which is found missing */
    Stack *stack = arena_allocate(arena, sizeof *stack);
    *stack = (Stack){ .matrices = arena_allocate(arena, checked_size(count, part_count, sizeof *stack->matrices)) };
    for (int64_t i = 0; i < count * part_count; i++) {
        const Array *matrix = matrix_of(experts, i / part_count, parts[i % part_count]);
        if (!matrix)
            error_set(experts->error, "%s: %s.%lld.%s.weight: found no such tensor, expected one beside the experts'",
                      experts->checkpoint->file, experts->module, (long long)(i / part_count), parts[i % part_count]);
        else
            check_alike(matrix, i > 0 ? stack->matrices[0] : matrix, experts->error);
        if (error_is_set(experts->error)) return NULL;
        stack->matrices[stack->count++] = matrix;
    }
    if (declared_inputs.largest_scales) share_widest_scale(stack, arena);
    const Array *first = stack->matrices[0];
    stack->elements = array_elements(first);
    stack->encoding = (Encoding){
        .scheme = array_scheme(first), .global_scale = 1, .read = read_stack, .is_finite = stack_is_finite
    };
    set_codes(stack);
    Array *array = arena_allocate(arena, sizeof *array);
    *array = *first;
    array->dtype = DTYPE_ENCODED;
    array->encoding = &stack->encoding;
    array->offset = 0;
    array->matrices = stack->matrices;
    array->rank = 3;
    array->shape[0] = count;
    array->shape[1] = part_count * first->shape[0];
    array->shape[2] = first->shape[1];
    return array;
}

/* Some exports have the experts in a module moe, which the model lacks: "model.layers.0.moe.experts" */
static const char *name_in_model(const Experts *experts, const char *name)
{
    static const char ending[] = ".moe.experts";
    size_t length = strlen(experts->module), tail = sizeof ending - 1;
    bool is_inside = length > tail && strcmp(experts->module + length - tail, ending) == 0;
    return is_inside ? arena_format(&experts->checkpoint->arena, "%.*s.experts.%s", (int)(length - tail),
                                    experts->module, name)
                     : arena_format(&experts->checkpoint->arena, "%s.%s", experts->module, name);
}

/* In the place of an older stack of the same matrices, if there is one */
static void put(const Experts *experts, const char *name, Array *array, NewStacks *made)
{
    if (error_is_set(experts->error)) return;
    array->name = name_in_model(experts, name);
    CheckpointTensor *known = checkpoint_find(experts->checkpoint, array->name);
    if (!known) {
        made->stacks = grown(made->stacks, made->count, sizeof *made->stacks);
        made->stacks[made->count++] = array;
    } else if (known->is_stack) {
        known->array = array;
    } else {
        error_set(experts->error, "%s: %s: found it beside %s.0.gate_proj.weight, expected one or the other",
                  known->array->file, array->name, experts->module);
    }
}

/* "model.layers.0.experts", where the name is of a first expert's matrix; NULL */
static const char *module_of(const char *name, Arena *arena)
{
    static const char ending[] = ".experts.0.gate_proj.weight";
    size_t length = strlen(name), tail = sizeof ending - 1;
    if (length < tail || strcmp(name + length - tail, ending) != 0) return NULL;
    return arena_format(arena, "%.*s.experts", (int)(length - tail), name);
}

static void add_stacks(Checkpoint *checkpoint, const NewStacks *made)
{
    size_t count = (size_t)checkpoint->tensor_count;
    if (made->count == 0) return;
    CheckpointTensor *tensors = arena_allocate(&checkpoint->arena, (count + (size_t)made->count) * sizeof *tensors);
    memcpy(tensors, checkpoint->tensors, count * sizeof *tensors);
    for (int i = 0; i < made->count; i++)
        tensors[checkpoint->tensor_count++] = (CheckpointTensor){ .array = made->stacks[i], .is_stack = true };
    checkpoint->tensors = tensors;
    checkpoint_sort(checkpoint);
}

void stack_experts(Checkpoint *checkpoint, Error *error)
{
    NewStacks made = { .stacks = NULL };
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(error); i++) {
        Experts experts = { checkpoint, error, module_of(checkpoint->tensors[i].array->name, &checkpoint->arena) };
        if (!experts.module) continue;
        put(&experts, "gate_up_proj", stack_of(&experts, (const char *const[]){ "gate_proj", "up_proj" }, 2), &made);
        if (!error_is_set(error))
            put(&experts, "down_proj", stack_of(&experts, (const char *const[]){ "down_proj" }, 1), &made);
    }
    if (!error_is_set(error)) add_stacks(checkpoint, &made);
    free(made.stacks);
}
