/* test_tap.c - what the hook sees, and what it may do */
#include "helpers.h"

static Tap seen;
static char seen_name[64];
static double seen_first;
static int calls;

/* Remembers the tap and doubles its values. */
static void watch(void *context, const Tap *tap)
{
    ck_assert_ptr_eq(context, &calls);
    calls++;
    seen = *tap;
    snprintf(seen_name, sizeof seen_name, "%s", tap->name);
    real *values = tap->values;
    if (tap->count > 0) seen_first = values[0];
    for (int64_t i = 0; i < tap->count; i++) values[i] *= 2;
}

static Run *watched_run(void)
{
    Run *run = run_as(ROUNDING_NONE);
    run->hook = watch;
    run->hook_context = &calls;
    calls = 0;
    return run;
}

static void assert_seen(const char *name, int rank, const int64_t *shape, int64_t first, int64_t count)
{
    ck_assert_int_eq(calls, 1);
    ck_assert_str_eq(seen_name, name);
    ck_assert_int_eq(seen.rank, rank);
    ck_assert_mem_eq(seen.shape, shape, (size_t)rank * sizeof *shape);
    ck_assert_int_eq(seen.first, first);
    ck_assert_int_eq(seen.count, count);
    ck_assert_uint_eq(seen.value_size, sizeof(real));
}

START_TEST(output_is_seen_and_replaced)
{
    Tensor value = view(values(1, 2, 3, 4, 5, 6), 2, 3);
    Tensor after = tap_output(watched_run(), "model.embed_vision", value);
    assert_seen("model.embed_vision", SHAPE(2, 3), 0, 6);
    ck_assert_ptr_eq(after.data, value.data);
    ck_assert_double_eq(after.data[5], 12);
}
END_TEST

START_TEST(local_value_is_named_after_its_module)
{
    Tensor after = tap_local(watched_run(), "model.x", "cos", view(values(1, 2), 1, 2));
    assert_seen("model.x#cos", SHAPE(1, 2), 0, 2);
    ck_assert_double_eq(after.data[1], 4);
}
END_TEST

START_TEST(tap_knows_the_line_that_hands_it_over)
{
    const int line = __LINE__ + 1;
    tap_output(watched_run(), "model.x", values(1, 2));
    ck_assert_str_eq(seen.file, __FILE__);
    ck_assert_int_eq(seen.line, line);
    tap_mask(watched_run(), "model.x", "mask", &(bool){ true }, 1, 1);
    ck_assert_int_eq(seen.line, line + 3);
}
END_TEST

START_TEST(part_says_where_it_belongs)
{
    Tensor part = view(values(1, 2, 3, 4, 5, 6), 2, 3);
    tap_part(watched_run(), "model.x", "attn_weights", (TensorPart){ part, 15, SHAPE(2, 4, 3) });
    assert_seen("model.x#attn_weights", SHAPE(2, 4, 3), 15, 6);
    ck_assert_double_eq(part.data[0], 2);
}
END_TEST

START_TEST(mask_is_ones_and_zeros_and_not_read_back)
{
    const bool mask[] = { true, false, true, true, false, false };
    tap_mask(watched_run(), "model.x", "mask", mask, 2, 3);
    assert_seen("model.x#mask", SHAPE(2, 3), 0, 6);
    ck_assert_double_eq(seen_first, 1);
    ck_assert(mask[0] && !mask[1]);
}
END_TEST

START_TEST(empty_value_is_seen)
{
    tap_output(watched_run(), "model.x", new_tensor(run_as(ROUNDING_NONE), 0, 3));
    assert_seen("model.x", SHAPE(0, 3), 0, 0);
}
END_TEST

/* A value that others hold too may be replaced all the same: the hook sees a copy. */
START_TEST(copy_is_replaced_and_the_value_stays)
{
    Tensor value = view(values(1, 2, 3, 4), 2, 2), copy = tap_copy(watched_run(), "model.x", "key_states", value);
    assert_seen("model.x#key_states", SHAPE(2, 2), 0, 4);
    ck_assert_ptr_ne(copy.data, value.data);
    ck_assert_int_eq(copy.rank, 2);
    for (int i = 0; i < 4; i++) assert_near(copy.data[i], 2 * (i + 1), 0, "copy", i);
    for (int i = 0; i < 4; i++) assert_near(value.data[i], i + 1, 0, "value", i);
}
END_TEST

static const struct {
    int repeat;
    const char *output, *local;
} repeats[] = { { 0, "model.x", "model.x#y" },
                { 1, "model.x@1", "model.x#y@1" },
                { 12, "model.x@12", "model.x#y@12" } };

START_TEST(repeated_module_has_its_number_at_the_end)
{
    Run *run = watched_run();
    run->repeat = repeats[_i].repeat;
    tap_output(run, "model.x", values(1, 2));
    ck_assert_str_eq(seen_name, repeats[_i].output);
    tap_local(run, "model.x", "y", values(1, 2));
    ck_assert_str_eq(seen_name, repeats[_i].local);
    tap_copy(run, "model.x", "y", values(1, 2));
    ck_assert_str_eq(seen_name, repeats[_i].local);
    tap_part(run, "model.x", "y", (TensorPart){ values(3, 4), 2, SHAPE(2, 2) });
    ck_assert_str_eq(seen_name, repeats[_i].local);
    tap_mask(run, "model.x", "y", &(bool){ true }, 1, 1);
    ck_assert_str_eq(seen_name, repeats[_i].local);
}
END_TEST

START_TEST(nobody_looks)
{
    Run *run = run_as(ROUNDING_NONE);
    Tensor value = values(1, 2);
    calls = 0;
    tap_output(run, "model.x", value);
    tap_local(run, "model.x", "y", value);
    tap_mask(run, "model.x", "mask", &(bool){ true }, 1, 1);
    ck_assert_ptr_eq(tap_copy(run, "model.x", "y", value).data, value.data); /* no copy is needed */
    ck_assert_int_eq(calls, 0);
    ck_assert_double_eq(value.data[1], 2);
}
END_TEST

START_TEST(taps_leave_no_memory_behind)
{
    Run *run = watched_run();
    run->repeat = 3;
    Tensor value = values(1, 2);
    void *before = arena_mark(&scratch).chunk;
    size_t used = arena_mark(&scratch).used;
    tap_output(run, "model.x", value);
    tap_local(run, "model.x", "y", value);
    tap_mask(run, "model.x", "mask", &(bool){ true }, 1, 1);
    ck_assert_ptr_eq(arena_mark(&scratch).chunk, before);
    ck_assert_uint_eq(arena_mark(&scratch).used, used);
}
END_TEST

Suite *tap_suite(void)
{
    Suite *suite = suite_create("tap");
    TCase *tcase = theme(suite, "hook");
    tcase_add_test(tcase, output_is_seen_and_replaced);
    tcase_add_test(tcase, local_value_is_named_after_its_module);
    tcase_add_test(tcase, tap_knows_the_line_that_hands_it_over);
    tcase_add_test(tcase, part_says_where_it_belongs);
    tcase_add_test(tcase, mask_is_ones_and_zeros_and_not_read_back);
    tcase_add_test(tcase, empty_value_is_seen);
    tcase_add_test(tcase, copy_is_replaced_and_the_value_stays);
    tcase_add_loop_test(tcase, repeated_module_has_its_number_at_the_end, 0, COUNT(repeats));
    tcase_add_test(tcase, nobody_looks);
    tcase_add_test(tcase, taps_leave_no_memory_behind);
    return suite;
}
