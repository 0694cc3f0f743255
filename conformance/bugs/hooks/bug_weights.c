/* bug_weights.c - bugs that edit weights, and weights that hooks read */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_run.h"

/* ---------------------------------------------------------------- edits */

/* An array of the same shape in memory of its own: what is in the file is not written to. */
static float *replaced(Checkpoint *checkpoint, CheckpointTensor *tensor)
{
    int64_t count = array_elements(tensor->array);
    float *values = arena_allocate(&checkpoint->arena, (size_t)count * sizeof *values);
    Array *array = arena_allocate(&checkpoint->arena, sizeof *array);
    *array = *tensor->array;
    array->dtype = DTYPE_F32;
    array->data = (const unsigned char *)values;
    tensor->array = array;
    return values;
}

void fill_weights(Checkpoint *checkpoint, const char *glob, float value)
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        CheckpointTensor *tensor = &checkpoint->tensors[i];
        if (fnmatch(glob, tensor->array->name, 0) != 0) continue;
        float *values = replaced(checkpoint, tensor);
        for (int64_t j = 0; j < array_elements(tensor->array); j++) values[j] = value;
    }
}

/* The tensor that is called as this one, with another ending; NULL where the name has not that ending */
static CheckpointTensor *twin(Checkpoint *checkpoint, const char *name, const char *ending, const char *other)
{
    size_t length = strlen(name), tail = strlen(ending);
    if (length < tail || strcmp(name + length - tail, ending) != 0) return NULL;
    return checkpoint_find(checkpoint, arena_format(&checkpoint->arena, "%.*s%s", (int)(length - tail), name, other));
}

/* to's values become from's; only the array's description is new */
static void point(Checkpoint *checkpoint, CheckpointTensor *to, const Array *from)
{
    Array *array = arena_allocate(&checkpoint->arena, sizeof *array);
    *array = *from;
    array->name = to->array->name;
    to->array = array;
}

void swap_weights(Checkpoint *checkpoint, const char *ending, const char *other)
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        CheckpointTensor *tensor = &checkpoint->tensors[i];
        CheckpointTensor *partner = twin(checkpoint, tensor->array->name, ending, other);
        if (!partner) continue;
        const Array *array = tensor->array;
        point(checkpoint, tensor, partner->array);
        point(checkpoint, partner, array);
    }
}

void copy_weights(Checkpoint *checkpoint, const char *glob, const char *ending, const char *from)
{
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        CheckpointTensor *tensor = &checkpoint->tensors[i];
        if (fnmatch(glob, tensor->array->name, 0) != 0) continue;
        CheckpointTensor *source = twin(checkpoint, tensor->array->name, ending, from);
        if (source) point(checkpoint, tensor, source->array);
    }
}

/* ---------------------------------------------------------------- reading */

const Array *array_named(BugRun *run, const char *name) { return checkpoint_array(model_checkpoint(run->model), name); }

const Array *array_in_layer(BugRun *run, const Tap *tap, int layer, const char *local)
{
    char name[NAME_SIZE];
    name_in_layer(name, sizeof name, tap, layer, local);
    return array_named(run, name);
}

const Array *array_beside(BugRun *run, const Tap *tap, const char *local)
{
    return array_in_layer(run, tap, -1, local);
}

static void read_part(const BugRun *run, const Array *weight, int64_t first, int64_t count, double *out)
{
    enum { BLOCK = 512 };
    float narrow[BLOCK];
    for (int64_t i = 0; i < count; i += BLOCK) {
        int64_t some = count - i < BLOCK ? count - i : BLOCK;
        Run as_read = { .weights = run->pass->weights, .exact_codes = run->pass->exact_codes };
        read_weight(&as_read, weight, first + i, some, narrow);
        for (int64_t j = 0; j < some; j++) out[i + j] = narrow[j];
    }
}

void read_row(const BugRun *run, const Array *weight, int64_t row, double *out)
{
    int64_t width = weight->shape[weight->rank - 1];
    read_part(run, weight, row * width, width, out);
}

const double *weight_named(BugRun *run, const char *name)
{
    for (int i = 0; i < run->read_count; i++)
        if (strcmp(run->read[i].name, name) == 0) return run->read[i].values;
    const Array *array = array_named(run, name);
    if (!array) return NULL;

    int64_t count = array_elements(array);
    run->read = reallocate(run->read, (size_t)(run->read_count + 1), sizeof *run->read);
    double *values = bug_memory(run, (size_t)count * sizeof *values);
    read_part(run, array, 0, count, values);
    run->read[run->read_count].name = arena_format(&run->arena, "%s", name);
    run->read[run->read_count++].values = values;
    return values;
}

const double *weight_beside(BugRun *run, const Tap *tap, const char *local)
{
    char name[NAME_SIZE];
    name_in_layer(name, sizeof name, tap, -1, local);
    return weight_named(run, name);
}

static const double *parameter_of(BugRun *run, const Tap *tap, const char *parameter)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s.%s", (int)tap_base_length(tap->name), tap->name, parameter);
    return weight_named(run, name);
}

const double *weight_of(BugRun *run, const Tap *tap) { return parameter_of(run, tap, "weight"); }
const double *bias_of(BugRun *run, const Tap *tap) { return parameter_of(run, tap, "bias"); }

/* x as a product with the matrix rounds it: in float32, in every pass */
static const double *rounded_rows(BugRun *run, const double *x, int64_t rows, const Array *matrix)
{
    if (matrix->inputs == INPUTS_PLAIN) return x;
    int64_t width = matrix->shape[1];
    double *wide = scratch_row(run, rows * width);
    Run narrow = { .arena = &run->scratch };
    ArenaMark mark = scratch_mark(run);
    Tensor values = new_tensor(&narrow, rows, width);
    for (int64_t i = 0; i < rows * width; i++) values.data[i] = (float)x[i];
    values = input_codes(values, matrix, &narrow);
    for (int64_t i = 0; i < rows * width; i++) wide[i] = values.data[i];
    scratch_release(run, mark);
    return wide;
}

void linear_rows(BugRun *run, double *out, const double *x, int64_t rows, const Array *weight, const Array *bias)
{
    int64_t out_features = weight->shape[0], in_features = weight->shape[1];
    ArenaMark mark = scratch_mark(run);
    double *weight_row = scratch_row(run, in_features), *wide_bias = bias ? scratch_row(run, out_features) : NULL;
    const Array *matrix = NULL;
    const double *rounded = x;
    if (bias) read_part(run, bias, 0, out_features, wide_bias);
    for (int64_t i = 0, first = 0; i < out_features; i++) {
        if (!matrix || i == first + matrix->shape[0]) { /* the next of a stack of experts */
            matrix = array_matrix(weight, first = i);
            rounded = rounded_rows(run, x, rows, matrix);
        }
        read_row(run, weight, i, weight_row);
        for (int64_t r = 0; r < rows; r++) {
            double sum = dot(run, rounded + r * in_features, weight_row, in_features);
            out[r * out_features + i] = as_result(run, bias ? sum + wide_bias[i] : sum);
        }
    }
    scratch_release(run, mark);
}
