/* test_expert_stack.c - experts whose matrices are in the file one by one */
#include "checkpoint/expert_stack.h"

#include "helpers.h"
#include "nn/nn.h"

static Checkpoint *stacked(const char *arrays, Error *error)
{
    write_arrays(temporary("model.safetensors"), arrays);
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), error);
    assert_clean(error);
    stack_experts(checkpoint, error);
    return checkpoint;
}

#define FIRST \
    "\"model.experts.0.gate_proj.weight\": [[1.5, 2], [3, 4]], \"model.experts.0.up_proj.weight\": [[5.5, 6], [7, 8]]"
#define DOWN \
    "\"model.experts.0.down_proj.weight\": [[0.5, 1], [2, 3]], \"model.experts.1.down_proj.weight\": [[4.5, 5], [6, 7]]"
#define SECOND \
    "\"model.experts.1.gate_proj.weight\": [[-1.5, 2], [3, 4]], \"model.experts.1.up_proj.weight\": [[-5.5, 6], [7, 8]]"

START_TEST(gate_and_up_lie_side_by_side)
{
    Error error = { "" };
    Checkpoint *checkpoint = stacked("{" FIRST ", " SECOND ", " DOWN "}", &error);
    assert_clean(&error);
    const Array *gate_up = checkpoint_find(checkpoint, "model.experts.gate_up_proj")->array;
    const Array *down = checkpoint_find(checkpoint, "model.experts.down_proj")->array;
    ck_assert(array_has_shape(gate_up, 3, (int64_t[]){ 2, 4, 2 }) && array_has_shape(down, 3, (int64_t[]){ 2, 2, 2 }));
    static const double expected[] = { 1.5, 2, 3, 4, 5.5, 6, 7, 8, -1.5, 2, 3, 4, -5.5, 6, 7, 8 };
    double found[COUNT(expected)];
    array_read_f64(gate_up, 0, COUNT(expected), found);
    for (int i = 0; i < COUNT(expected); i++) ck_assert(found[i] == expected[i]);
    array_read_f64(gate_up, 3, 8, found); /* from one matrix into the next but one */
    for (int i = 0; i < 8; i++) ck_assert(found[i] == expected[3 + i]);
    Array second = array_at(down, 1);
    array_read_f64(&second, 1, 1, found);
    ck_assert(found[0] == 5);
    ck_assert(array_is_finite(gate_up));
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(experts_may_be_in_moe)
{
    Error error = { "" };
    Checkpoint *checkpoint = stacked("{\"model.moe.experts.0.gate_proj.weight\": [[1.5, 2]], "
                                     "\"model.moe.experts.0.up_proj.weight\": [[5.5, 6]], "
                                     "\"model.moe.experts.0.down_proj.weight\": [[0.5], [2.5]]}",
                                     &error);
    assert_clean(&error);
    double found[4];
    array_read_f64(checkpoint_find(checkpoint, "model.experts.gate_up_proj")->array, 0, 4, found);
    ck_assert(found[0] == 1.5 && found[2] == 5.5);
    ck_assert_ptr_nonnull(checkpoint_find(checkpoint, "model.experts.down_proj"));
    checkpoint_close(checkpoint);
}
END_TEST

/* Edited matrices are stacked anew in the place of the old stack. */
START_TEST(a_stack_follows_its_matrices)
{
    Error error = { "" };
    Checkpoint *checkpoint = stacked("{" FIRST ", " SECOND ", " DOWN "}", &error);
    int count = checkpoint->tensor_count;
    Checkpoint *edited = checkpoint_borrow(checkpoint);
    CheckpointTensor *up = checkpoint_find(edited, "model.experts.0.up_proj.weight");
    Array other = *checkpoint_find(edited, "model.experts.0.gate_proj.weight")->array;
    other.name = up->array->name;
    up->array = &other;
    stack_experts(edited, &error);
    assert_clean(&error);
    double found;
    array_read_f64(checkpoint_find(edited, "model.experts.gate_up_proj")->array, 4, 1, &found);
    ck_assert(found == 1.5 && edited->tensor_count == count);
    array_read_f64(checkpoint_find(checkpoint, "model.experts.gate_up_proj")->array, 4, 1, &found);
    ck_assert(found == 5.5);
    checkpoint_close(edited);
    checkpoint_close(checkpoint);
}
END_TEST

/* Global scales of FP4 multiply, so that the smallest is what the largest scale is. Who has none keeps none. */
START_TEST(fp4_shares_the_smallest_global_scale)
{
    const float scales[] = { 3, 2, 0, 5 }, shared[] = { 2, 2, 0, 2 };
    const char *const names[] = { "0.gate_proj", "0.up_proj", "1.gate_proj", "1.up_proj" };
    Error error = { "" };
    Array changed[COUNT(scales)];
    ck_assert(input_codes_declare("largest-of-experts", &declared_inputs));
    write_arrays(temporary("model.safetensors"), "{" FIRST ", " SECOND ", " DOWN "}");
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), &error);
    for (int i = 0; i < COUNT(scales); i++) {
        const char *name = arena_format(&scratch, "model.experts.%s.weight", names[i]);
        CheckpointTensor *tensor = checkpoint_find(checkpoint, name);
        changed[i] = *tensor->array;
        changed[i].inputs = INPUTS_FP4_GROUP;
        changed[i].input_scale = scales[i];
        tensor->array = &changed[i];
    }
    stack_experts(checkpoint, &error);
    assert_clean(&error);
    const Array *stack = checkpoint_find(checkpoint, "model.experts.gate_up_proj")->array;
    for (int i = 0; i < COUNT(scales); i++) {
        Array gate_up = array_at(stack, i / 2);
        ck_assert_float_eq(array_matrix(&gate_up, i % 2 * 2)->input_scale, shared[i]);
    }
    checkpoint_close(checkpoint);
    declared_inputs = (DeclaredInputs){ 0 };
}
END_TEST

/* Whose rule rounds the input 0.3, 1.7: to halves, to quarters up to 31.75, to e4m3's numbers, and not at all */
static const struct {
    const char *matrix;
    InputCodes inputs;
    float scale;
    double x[2];
} of_matrices[] = {
    { "0.gate_proj", INPUTS_INT8_STATIC, 0.5f, { 0.5, 1.5 } },
    { "0.up_proj", INPUTS_INT8_STATIC, 0.25f, { 0.25, 1.75 } },
    { "1.gate_proj", INPUTS_FP8_STATIC, 1, { 0.3125, 1.75 } },
    { "1.up_proj", INPUTS_PLAIN, 0, { 0.3, 1.7 } },
};
/* The same with the largest of the scales, 1, for all that have one */
static const double by_largest[][2] = { { 0, 2 }, { 0, 2 }, { 0.3125, 1.75 }, { 0.3, 1.7 } };

START_TEST(each_matrix_rounds_its_input)
{
    Error error = { "" };
    if (_i == 1) ck_assert(input_codes_declare("largest-of-experts", &declared_inputs) && !declared_inputs.given);
    write_arrays(temporary("model.safetensors"), "{" FIRST ", " SECOND ", " DOWN "}");
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), &error);
    Array changed[COUNT(of_matrices)];
    for (int i = 0; i < COUNT(of_matrices); i++) {
        const char *name = arena_format(&scratch, "model.experts.%s.weight", of_matrices[i].matrix);
        CheckpointTensor *tensor = checkpoint_find(checkpoint, name);
        changed[i] = *tensor->array;
        changed[i].inputs = of_matrices[i].inputs;
        changed[i].input_scale = of_matrices[i].scale;
        tensor->array = &changed[i];
    }
    stack_experts(checkpoint, &error);
    assert_clean(&error);
    const Array *stack = checkpoint_find(checkpoint, "model.experts.gate_up_proj")->array;
    for (int expert = 0; expert < 2; expert++) {
        Array gate_up = array_at(stack, expert);
        Tensor y = linear(view(values(0.3, 1.7), 1, 2), &gate_up, NULL, run_as(ROUNDING_NONE));
        for (int row = 0; row < 4; row++) {
            double row_of[2];
            const double *x = _i == 1 ? by_largest[2 * expert + row / 2] : of_matrices[2 * expert + row / 2].x;
            array_read_f64(&gate_up, 2 * row, 2, row_of);
            assert_near(y.data[row], x[0] * row_of[0] + x[1] * row_of[1], 1e-5, "row", 4 * expert + row);
        }
    }
    checkpoint_close(checkpoint);
    declared_inputs = (DeclaredInputs){ 0 };
}
END_TEST

static const struct {
    const char *arrays, *phrase;
} bad[] = {
    { "{" FIRST ", " DOWN ", \"model.experts.1.gate_proj.weight\": [[1.5, 2], [3, 4]]}",
      "model.experts.1.up_proj.weight: found no such tensor, expected one beside the experts'" },
    { "{" FIRST "}", "model.experts.0.down_proj.weight: found no such tensor" },
    { "{" FIRST ", " DOWN ", \"model.experts.1.gate_proj.weight\": [[1.5, 2]], \"model.experts.1.up_proj.weight\": "
      "[[1.5, 2]]}",
      "model.experts.1.gate_proj.weight: found F32 [1, 2], expected what model.experts.0.gate_proj.weight is, F32 [2, "
      "2]" },
    { "{\"model.experts.0.gate_proj.weight\": [1.5, 2]}", "found F32 [2], expected rows and columns" },
    { "{\"model.experts.0.gate_proj.weight\": [[1, 2]]}", "found I64 [1, 2], expected rows and columns of a float" },
    { "{" FIRST ", " DOWN ", \"model.experts.down_proj\": [[[0.5, 1]]]}",
      "model.experts.down_proj: found it beside model.experts.0.gate_proj.weight, expected one or the other" },
};

START_TEST(what_does_not_fit_is_refused)
{
    Error error = { "" };
    checkpoint_close(stacked(bad[_i].arrays, &error));
    assert_refused(&error, temporary("model.safetensors"), bad[_i].phrase);
}
END_TEST

Suite *expert_stack_suite(void)
{
    Suite *suite = suite_create("expert_stack");
    TCase *stacks = theme(suite, "stacks");
    tcase_add_test(stacks, gate_and_up_lie_side_by_side);
    tcase_add_test(stacks, experts_may_be_in_moe);
    tcase_add_test(stacks, a_stack_follows_its_matrices);
    tcase_add_test(stacks, fp4_shares_the_smallest_global_scale);
    tcase_add_loop_test(stacks, each_matrix_rounds_its_input, 0, 2);
    TCase *files = theme(suite, "bad_files");
    tcase_add_loop_test(files, what_does_not_fit_is_refused, 0, COUNT(bad));
    return suite;
}
