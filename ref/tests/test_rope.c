/* test_rope.c - rotary position embeddings */
#include "helpers.h"
#include "nn/nn.h"

enum { POSITIONS = 3, HEADS = 2, HEAD_DIM = 12 };

/* [positions, head_dim] of an angle a position and channel */
static Tensor table_of(double (*function)(double angle))
{
    Tensor table = new_tensor(run_as(ROUNDING_NONE), POSITIONS, HEAD_DIM);
    for (int i = 0; i < POSITIONS * HEAD_DIM; i++) table.data[i] = (real)function(0.1 + 0.37 * i);
    return table;
}

static const struct {
    int first, width;
} splits[] = { { 0, HEAD_DIM }, { 0, 4 }, { 4, 8 }, { 6, 6 }, { 2, 0 } };

/* x * cos + rotate_half(x) * sin in the split; nothing beside it. */
START_TEST(split_is_turned)
{
    Tensor x = random_values(POSITIONS, HEADS, HEAD_DIM), cosines = table_of(cos), sines = table_of(sin);
    Tensor before = clamp(x, -INFINITY, INFINITY, run_as(ROUNDING_NONE));
    int first = splits[_i].first, width = splits[_i].width;
    apply_rotary_pos_emb_(x, cosines, sines, first, width, run_as(ROUNDING_NONE));
    for (int i = 0; i < POSITIONS * HEADS * HEAD_DIM; i++) {
        int channel = i % HEAD_DIM, position = i / HEAD_DIM / HEADS;
        double expected = before.data[i];
        if (channel >= first && channel < first + width) {
            int half = width / 2;
            bool lower = channel - first < half;
            double other = lower ? -before.data[i + half] : before.data[i - half];
            expected = expected * cosines.data[position * HEAD_DIM + channel] +
                       other * sines.data[position * HEAD_DIM + channel];
        }
        assert_near(x.data[i], expected, CLOSE, "turned", i);
    }
}
END_TEST

/* The tables of one row turn every row of the batch, as those repeated for each row do. */
START_TEST(one_row_of_positions_for_a_batch)
{
    enum { BATCH = 3 };
    Run *run = run_as(ROUNDING_NONE);
    Tensor x = random_values(BATCH, POSITIONS, HEADS, HEAD_DIM), y = tensor_clone(x, run);
    Tensor cosines = table_of(cos), sines = table_of(sin);
    Tensor all_cosines = cat(cat(cosines, cosines, 0, run), cosines, 0, run);
    Tensor all_sines = cat(cat(sines, sines, 0, run), sines, 0, run);
    apply_rotary_pos_emb_(x, cosines, sines, 0, HEAD_DIM, run);
    apply_rotary_pos_emb_(y, all_cosines, all_sines, 0, HEAD_DIM, run);
    for (int64_t i = 0; i < elements(x); i++) assert_near(x.data[i], y.data[i], 0, "turned", i);
}
END_TEST

START_TEST(no_positions)
{
    Tensor none = new_tensor(run_as(ROUNDING_NONE), 0, HEADS, HEAD_DIM),
           table = new_tensor(run_as(ROUNDING_NONE), 0, HEAD_DIM);
    apply_rotary_pos_emb_(none, table, table, 0, HEAD_DIM, run_as(ROUNDING_NONE));
}
END_TEST

/* 1e6^-(2i / 512) and 1e4^-(2i / 256), as numpy's float32 has them: correctly rounded, bit for bit */
static const struct {
    double base;
    int i, dim;
    float expected;
} frequencies[] = {
    { 1e6, 0, 512, 0x1.0000000000000p+0f },    { 1e6, 2, 512, 0x1.e519f00000000p-1f },
    { 1e6, 40, 512, 0x1.5bf9fe0000000p-2f },   { 1e6, 126, 512, 0x1.116b100000000p-5f },
    { 1e6, 510, 512, 0x1.1b51f20000000p-20f }, { 1e4, 0, 256, 0x1.0000000000000p+0f },
    { 1e4, 2, 256, 0x1.dc73f00000000p-1f },    { 1e4, 40, 256, 0x1.e5a8460000000p-3f },
    { 1e4, 126, 256, 0x1.6020a40000000p-7f },  { 1e4, 254, 256, 0x1.c2b9220000000p-14f },
};

START_TEST(frequency)
{
    ck_assert_float_eq(inverse_frequency(frequencies[_i].base, frequencies[_i].i, frequencies[_i].dim),
                       frequencies[_i].expected);
}
END_TEST

/* HF: (x * cos) + (rotate_half(x) * sin). Leave out the rounding of any of the three, and one of these changes. */
START_TEST(every_operation_is_rounded)
{
    const real c = (real)0x1.54p-1, s = (real)0x1.5p-1;
    Tensor x = view(values((real)0x1.94p0, (real)0x1.22p0), 1, 1, 2);
    apply_rotary_pos_emb_(x, view(values(c, c), 1, 2), view(values(s, s), 1, 2), 0, 2, run_as(ROUNDING_BF16));
    ck_assert_double_eq(x.data[0], 0x1.38p-2);
    ck_assert_double_eq(x.data[1], 0x1.ccp0);
}
END_TEST

Suite *rope_suite(void)
{
    Suite *suite = suite_create("rope");
    TCase *tcase = theme(suite, "apply_rotary_pos_emb");
    tcase_add_loop_test(tcase, split_is_turned, 0, COUNT(splits));
    tcase_add_test(tcase, one_row_of_positions_for_a_batch);
    tcase_add_test(tcase, no_positions);
    tcase_add_test(tcase, every_operation_is_rounded);
    tcase_add_loop_test(theme(suite, "inverse_frequency"), frequency, 0, COUNT(frequencies));
    return suite;
}
