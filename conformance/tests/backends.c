/* backends.c - backends made at test time */
#include "backends.h"

#include "reference.h"
#include "dump/tap_name.h"

const char two_rows[] = "{\"input_ids\": [[5, 9, 2, 11, 7, 3, 8], [0, 0, 0, 4, 12, 6, 10]],"
                        " \"attention_mask\": [[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1]]}";

Text text_of(const char *changes, const char *inputs)
{
    Text text = { tiny_write(changes), temporary("inputs.safetensors") };
    write_arrays(text.inputs, inputs);
    return text;
}

typedef struct {
    const char *tensor;
    int64_t from, to;
    float factor;
} RowCopy;

static void copy_row(Value *value, const void *context)
{
    const RowCopy *copy = context;
    if (strcmp(value->name, copy->tensor) != 0) return;
    for (int64_t j = 0; j < value->shape[value->rank - 1]; j++)
        *value_at(value, copy->to, j) = copy->factor * *value_at(value, copy->from, j);
}

void copy_weight_row(Text text, const char *tensor, int64_t from, int64_t to, double factor)
{
    RowCopy copy = { tensor, from, to, (float)factor };
    const char *weights = arena_format(&scratch, "%s/model.safetensors", text.model);
    ck_assert_int_eq(rename(edited_dump(weights, copy_row, &copy), weights), 0);
}

/* ---------------------------------------------------------------- dumps */

typedef struct {
    const Backend *backend;
    SafetensorsWriter *writer;
} Writing;

static void on_tap(void *context, const Tap *tap)
{
    Writing *writing = context;
    Value value = {
        .name = tap->name, .rank = tap->rank, .values = tap->values, .first = tap->first, .count = tap->count
    };
    memcpy(value.shape, tap->shape, sizeof tap->shape);
    if (writing->backend->edit) writing->backend->edit(&value, writing->backend->context);
    if (value.dropped) return;
    bool choice = tap_is_choice(tap->name);
    if (tap->first == 0)
        safetensors_writer_begin(writing->writer, value.name, choice ? DTYPE_I64 : DTYPE_F32, value.rank, value.shape);
    for (int64_t i = 0; i < tap->count; i++)
        if (choice)
            safetensors_writer_append(writing->writer, &(int64_t){ (int64_t)value.values[i] }, 8);
        else
            safetensors_writer_append(writing->writer, &value.values[i], 4);
}

const char *backend_dump(Text text, const Backend *backend)
{
    Error error = { "" };
    const char *path = temporary("backend.safetensors");
    const ArithmeticClass *class = class_find(backend->class);
    Model *model = model_open(text.model, &error);
    Inputs inputs = inputs_open(text.inputs, &error);
    Writing writing = { backend, safetensors_writer_open(path, &error) };
    assert_clean(&error);
    model_check(model, &inputs, &error);
    assert_clean(&error);
    reference_f32.forward(model, &inputs,
                          &(Pass){ .results = backend->exact ? ROUNDING_NONE : class->results,
                                   .weights = class->weights,
                                   .features = class->features,
                                   .hook = on_tap,
                                   .hook_context = &writing,
                                   .max_new_tokens = backend->max_new_tokens,
                                   .ignore_eos = true,
                                   .logits_to_keep = backend->logits_to_keep });
    safetensors_writer_close(writing.writer, &error);
    assert_clean(&error);
    inputs_close(&inputs);
    model_close(model);
    return path;
}

/* ---------------------------------------------------------------- grades */

Grade *grade_text(Text text, const char *dump, const char *class, const GradeOptions *options, Error *error)
{
    return grade_with(text.model, text.inputs, dump, class, options, error);
}

Grade *graded_text(Text text, const char *dump, const char *class, const char *const *only)
{
    Error error = { "" };
    Grade *grade = grade_text(text, dump, class, &(GradeOptions){ .only = only, .ignore_eos = true }, &error);
    assert_clean(&error);
    return grade;
}

const Tie *tie_of(const Grade *grade, const char *tap, int64_t row)
{
    for (int n = 0; n < grade->tie_count; n++)
        if (strcmp(grade->ties[n].tap, tap) == 0 && grade->ties[n].row == row) return &grade->ties[n];
    return NULL;
}
