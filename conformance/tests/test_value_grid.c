/* test_value_grid.c - the dtype of values, however they are stored */
#include "readings/value_grid.h"

#include "dumps.h"

static void widen(Value *value, const void *context) { (void)value, (void)context; } /* edited dumps are float32 */

static ValueGrid grid_of(const char *path)
{
    Error error = { "" };
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    ValueGrid grid = value_grid_of(dump);
    dump_close(dump);
    return grid;
}

static const struct {
    const char *dump, *class;
} stored[] = {
    { BF16, "bf16" },
    { E2B "/dumps/honest-fp16-eager.safetensors", "fp16" },
    { E2B "/expected.safetensors", "fp32" },
};

START_TEST(as_they_are)
{
    ValueGrid grid = grid_of(stored[_i].dump);
    ck_assert_str_eq(grid.class->name, stored[_i].class);
}
END_TEST

START_TEST(stored_wider)
{
    ValueGrid grid = grid_of(edited_dump(stored[_i].dump, widen, NULL));
    ck_assert_str_eq(grid.class->name, stored[_i].class);
    ck_assert((grid.stored_wider > 0) == (strcmp(stored[_i].class, "fp32") != 0));
}
END_TEST

static void write_arrays_of(const char *path, int count, const Dtype *dtypes, const int64_t *lengths)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < count; i++) {
        float values[8];
        for (int64_t j = 0; j < 8; j++) values[j] = 1 + 0x1p-20f * (float)(j + 1); /* no bfloat16, no float16 */
        safetensors_writer_begin(writer, arena_format(&scratch, "a%d", i), dtypes[i], 1, &lengths[i]);
        safetensors_writer_append(writer, values, (size_t)lengths[i] * dtype_size(dtypes[i]));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
}

/* Numbers near 1 that bfloat16 has are numbers of float16 as well. */
START_TEST(of_both_grids)
{
    Error error = { "" };
    const char *path = temporary("both.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    float values[3][4] = { { 1 + 0x1p-7f, 1 + 3 * 0x1p-7f, -2, 0 }, { 0, 1, 0, 1 }, { -1, 0.5, 0, 2 } };
    for (int i = 0; i < 3; i++) {
        safetensors_writer_begin(writer, arena_format(&scratch, "a%d", i), DTYPE_F32, 1, (int64_t[]){ 4 });
        safetensors_writer_append(writer, values[i], sizeof values[i]);
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    ck_assert_str_eq(grid_of(path).class->name, "bf16");
    ck_assert_int_eq(grid_of(path).arrays, 1); /* zeros and ones are numbers of every dtype */
}
END_TEST

/* An array that is empty, or one among many, decides nothing. */
START_TEST(few_narrow_arrays)
{
    const char *path = temporary("few.safetensors");
    write_arrays_of(path, 2, (Dtype[]){ DTYPE_F32, DTYPE_BF16 }, (int64_t[]){ 8, 0 });
    ck_assert_str_eq(grid_of(path).class->name, "fp32");
    write_arrays_of(path, 3, (Dtype[]){ DTYPE_F32, DTYPE_F32, DTYPE_BF16 }, (int64_t[]){ 8, 8, 8 });
    ck_assert_str_eq(grid_of(path).class->name, "fp32");
    write_arrays_of(path, 2, (Dtype[]){ DTYPE_F32, DTYPE_BF16 },
                    (int64_t[]){ 8, 8 }); /* as many tell the one as the other */
    ck_assert_str_eq(grid_of(path).class->name, "bf16");
}
END_TEST

/* Arrays that were not graded tell nothing: names that are no taps may be many. */
START_TEST(of_graded_arrays)
{
    const char *path = temporary("many.safetensors");
    write_arrays_of(path, 3, (Dtype[]){ DTYPE_F32, DTYPE_BF16, DTYPE_BF16 }, (int64_t[]){ 8, 8, 8 });
    Error error = { "" };
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    ValueGrid grid = value_grid_of(dump), none = grid;
    ck_assert_str_eq(grid.class->name, "bf16");

    Step step = { .tap = "a0" }, input = { .tap = "a0", .of_inputs = true };
    Grade grade = { .steps = &step, .step_count = 1 }, of_inputs = { .steps = &input, .step_count = 1 };
    ck_assert(value_grid_misled(&grid, dump, &grade));
    ck_assert_str_eq(grid.class->name, "fp32");
    ck_assert_int_eq(grid.arrays, 1);
    ck_assert(!value_grid_misled(&grid, dump, &grade)); /* it is settled */
    ck_assert(!value_grid_misled(&none, dump, &of_inputs));
    ck_assert_str_eq(none.class->name, "bf16"); /* where nothing tells, all arrays do */
    dump_close(dump);
}
END_TEST

static void print_grid(FILE *out, const void *grid) { value_grid_text(out, grid); }

START_TEST(said)
{
    ValueGrid wider = { class_find("bf16"), 73, 72, 72, false }, plain = { class_find("bf16"), 73, 72, 0, false };
    ck_assert_str_eq(printed(print_grid, &wider),
                     "note  72 of 73 arrays hold bf16 numbers, 72 of them stored in a wider "
                     "dtype: graded as bf16\n");
    ck_assert_str_eq(printed(print_grid, &plain), "");
}
END_TEST

Suite *value_grid_suite(void)
{
    Suite *suite = suite_create("value_grid");
    TCase *grid = theme(suite, "grid");
    tcase_add_loop_test(grid, as_they_are, 0, COUNT(stored));
    tcase_add_loop_test(grid, stored_wider, 0, COUNT(stored));
    tcase_add_test(grid, of_both_grids);
    tcase_add_test(grid, few_narrow_arrays);
    tcase_add_test(grid, of_graded_arrays);
    tcase_add_test(grid, said);
    return suite;
}
