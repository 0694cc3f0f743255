/* test_vision_rotary_embedding.c - angles [x, x, y, y] in quarters of head_dim, and the two turns by them */
#include "gemma4.h"

#include "helpers.h"

enum { HEAD_DIM = 16, QUARTER = HEAD_DIM / 4, PATCHES = 3 };

static const int64_t xy[2 * PATCHES] = { 0, 0, 7, 2, -1, -1 };
static const PositionIds position_ids = { xy, 1, PATCHES };

/* HF: 1 / base^(2i / (head_dim / 2)), in float32 */
static PositionEmbeddings embeddings(double theta)
{
    static float inv_freq[QUARTER];
    for (int i = 0; i < QUARTER; i++) inv_freq[i] = 1.0f / powf((float)theta, (float)(2 * i) / (HEAD_DIM / 2));
    Gemma4VisionRotaryEmbedding m = { "rotary_emb", HEAD_DIM, inv_freq };
    return gemma4_vision_rotary_embedding_forward(&m, position_ids, run_as(ROUNDING_NONE));
}

START_TEST(quarters)
{
    PositionEmbeddings e = embeddings(100);
    for (int64_t i = 0; i < PATCHES * HEAD_DIM; i++) {
        int64_t patch = i / HEAD_DIM, channel = i % HEAD_DIM, position = xy[2 * patch + (channel >= HEAD_DIM / 2)];
        double angle = (double)position * pow(100, -(double)(channel % QUARTER) / QUARTER);
        assert_near(e.cos.data[i], cos(angle), 1e-5, "cos", i); /* inv_freq is float32 */
        assert_near(e.sin.data[i], sin(angle), 1e-5, "sin", i);
    }
}
END_TEST

/* x turns the first half of head_dim and y the second: no channel of one reaches the other. */
START_TEST(halves_turn_apart)
{
    PositionEmbeddings e = embeddings(100);
    Tensor x = random_values(1, PATCHES, 1, HEAD_DIM), before = clamp(x, -1, 1, run_as(ROUNDING_NONE));
    apply_multidimensional_rope_(x, e, run_as(ROUNDING_NONE));
    for (int64_t i = 0; i < PATCHES * HEAD_DIM; i++) {
        bool lower = i % (HEAD_DIM / 2) < QUARTER;
        double other = lower ? -before.data[i + QUARTER] : before.data[i - QUARTER];
        assert_near(x.data[i], before.data[i] * e.cos.data[i] + other * e.sin.data[i], CLOSE, "turned", i);
    }
}
END_TEST

Suite *vision_rotary_embedding_suite(void)
{
    Suite *suite = suite_create("vision_rotary_embedding");
    TCase *tcase = theme(suite, "angles");
    tcase_add_test(tcase, quarters);
    tcase_add_test(tcase, halves_turn_apart);
    return suite;
}
