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
    tcase_add_test(tcase, every_operation_is_rounded);
    return suite;
}
