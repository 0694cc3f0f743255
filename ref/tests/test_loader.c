/* test_loader.c - path, exact shape, sticky error */
#include "checkpoint/loader.h"

#include "helpers.h"

static const struct {
    const char *name;
    Dtype dtype;
    int rank;
    int64_t shape[2];
    double value; /* of every element */
} tensors[] = {
    { "model.layers.3.weight", DTYPE_F64, 2, { 2, 3 }, 0.5 },
    { "model.layers.3.whole", DTYPE_I64, 1, { 2 }, 1 },
    { "model.layers.3.nan", DTYPE_F64, 1, { 2 }, NAN },
    { "model.layers.3.nan_table", DTYPE_F64, 2, { 1, 2 }, NAN },
    { "model.layers.3.infinite", DTYPE_F64, 1, { 2 }, INFINITY },
    { "model.layers.3.input_min", DTYPE_F64, 0, { 0 }, -INFINITY },
    { "model.layers.3.output_min", DTYPE_F64, 0, { 0 }, NAN },
    { "model.layers.3.output_max", DTYPE_F64, 0, { 0 }, 7.25 },
};

/* Writes the table without the first `skip` letters of each name, and opens it. */
static Loader loader_of(size_t skip, Error *error)
{
    const char *path = temporary("model.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, error);
    for (int i = 0; i < COUNT(tensors); i++) {
        safetensors_writer_begin(writer, tensors[i].name + skip, tensors[i].dtype, tensors[i].rank, tensors[i].shape);
        Array array = { .rank = tensors[i].rank, .shape = { tensors[i].shape[0], tensors[i].shape[1] } };
        for (int64_t j = 0; j < array_elements(&array); j++) safetensors_writer_append(writer, &tensors[i].value, 8);
    }
    safetensors_writer_close(writer, error);
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), error);
    assert_clean(error);
    return child_at((Loader){ checkpoint, "model", error }, "layers", 3);
}

static const size_t prefixes[] = { 0, sizeof "model." - 1 };

START_TEST(tensor_is_found)
{
    Error error = { "" };
    Loader at = loader_of(prefixes[_i], &error);
    ck_assert_str_eq(at.path, "model.layers.3");
    ck_assert_str_eq(child(at, "self_attn").path, "model.layers.3.self_attn");

    const Array *weight = load_tensor(at, "weight", 2, 3);
    assert_clean(&error);
    ck_assert_str_eq(weight->name, &"model.layers.3.weight"[prefixes[_i]]);
    ck_assert_double_eq(load_scalar(at, "input_min"), -INFINITY);
    ck_assert_double_eq(load_scalar(at, "output_max"), 7.25);
    assert_clean(&error);

    int asked = 0;
    for (int i = 0; i < at.checkpoint->tensor_count; i++) asked += at.checkpoint->tensors[i].asked;
    ck_assert_int_eq(asked, 3);
    checkpoint_close(at.checkpoint);
}
END_TEST

static void ask(Loader at, int what)
{
    switch (what) {
    case 0: ck_assert_ptr_null(load_tensor(at, "absent", 2, 3)); break;
    case 1: ck_assert_ptr_null(load_tensor(at, "weight", 3, 2)); break;
    case 2: ck_assert_ptr_null(load_tensor(at, "weight", 6)); break;
    case 3: ck_assert_ptr_null(load_tensor(at, "whole", 2)); break;
    case 4: load_tensor(at, "nan", 2); break;
    case 5: load_tensor(at, "infinite", 2); break;
    case 6: load_scalar(at, "output_min"); break;
    case 7: load_scalar(at, "weight"); break;
    case 8: ck_assert_ptr_null(load_table(at, "weight", 3, 2)); break;
    case 9: ck_assert_ptr_null(load_table(at, "whole", 2, 1)); break;
    case 10: ck_assert_ptr_null(load_table(at, "absent", 2, 3)); break;
    }
}

/* A table is not looked at: it may be large, and only some of its rows are read. */
START_TEST(table_is_found)
{
    Error error = { "" };
    Loader at = loader_of(prefixes[_i], &error);
    const Array *table = load_table(at, "weight", 2, 3), *nan = load_table(at, "nan_table", 1, 2);
    assert_clean(&error);
    ck_assert_str_eq(table->name, &"model.layers.3.weight"[prefixes[_i]]);
    ck_assert_ptr_nonnull(nan);
    ck_assert(checkpoint_find(at.checkpoint, nan->name)->asked);
    checkpoint_close(at.checkpoint);
}
END_TEST

/* Asked whether it is there, a tensor is still left over, and nothing is an error. */
START_TEST(tensor_is_there)
{
    Error error = { "" };
    Loader at = loader_of(prefixes[_i], &error);
    ck_assert(has_tensor(at, "weight") && has_tensor(at, "whole"));
    ck_assert(!has_tensor(at, "absent") && !has_tensor(at, "weigh"));
    ck_assert(has_tensor((Loader){ at.checkpoint, "", &error }, "model.layers.3.weight"));
    assert_clean(&error);
    for (int i = 0; i < at.checkpoint->tensor_count; i++) ck_assert(!at.checkpoint->tensors[i].asked);
    checkpoint_close(at.checkpoint);
}
END_TEST

static const char *const refusals[] = {
    ": model.layers.3.absent: found no such tensor, expected [2, 3]",
    ": model.layers.3.weight: found shape [2, 3], expected [3, 2]",
    ": model.layers.3.weight: found shape [2, 3], expected [6]",
    ": model.layers.3.whole: found dtype I64, expected a float dtype",
    ": model.layers.3.nan: found NaN or infinity, expected finite weights",
    ": model.layers.3.infinite: found NaN or infinity, expected finite weights",
    ": model.layers.3.output_min: found NaN, expected a number",
    ": model.layers.3.weight: found shape [2, 3], expected []",
    ": model.layers.3.weight: found shape [2, 3], expected [3, 2]",
    ": model.layers.3.whole: found shape [2], expected [2, 1]",
    ": model.layers.3.absent: found no such tensor, expected [2, 3]",
};

START_TEST(tensor_is_refused)
{
    Error error = { "" };
    Loader at = loader_of(0, &error);
    ask(at, _i);
    assert_refused(&error, temporary("model.safetensors"), refusals[_i]);

    ask(at, 0); /* the first error stays, and nothing is loaded any more */
    assert_refused(&error, NULL, refusals[_i]);
    ck_assert_ptr_null(load_tensor(at, "weight", 2, 3));
    checkpoint_close(at.checkpoint);
}
END_TEST

START_TEST(memory_is_cleared)
{
    Error error = { "" };
    Loader at = loader_of(0, &error);
    ArenaMark mark = arena_mark(&at.checkpoint->arena);
    memset(load_memory(at, 1000), 0xff, 1000);
    arena_release(&at.checkpoint->arena, mark);
    const char *memory = load_memory(at, 1000);
    for (int i = 0; i < 1000; i++) assert_near(memory[i], 0, 0, "byte", i);
    checkpoint_close(at.checkpoint);
}
END_TEST

Suite *loader_suite(void)
{
    Suite *suite = suite_create("loader");
    TCase *tcase = theme(suite, "tensors");
    tcase_add_loop_test(tcase, tensor_is_found, 0, COUNT(prefixes));
    tcase_add_loop_test(tcase, table_is_found, 0, COUNT(prefixes));
    tcase_add_loop_test(tcase, tensor_is_there, 0, COUNT(prefixes));
    tcase_add_loop_test(tcase, tensor_is_refused, 0, COUNT(refusals));
    tcase_add_test(tcase, memory_is_cleared);
    return suite;
}
