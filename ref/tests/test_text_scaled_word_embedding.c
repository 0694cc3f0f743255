/* test_text_scaled_word_embedding.c - rows of a table, times a factor of the table's dtype */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

START_TEST(scaled_rows)
{
    Tiny *tiny = tiny_open("{\"hidden_size_per_layer_input\": 5}");
    const int64_t ids[] = { 22, 0, 3, 3 };
    Tensor table = tiny_weight(tiny, "model.embed_tokens.weight"), per_layer;
    Recording taps = { 0 };
    Run *run = recording_run(&taps, ROUNDING_NONE);
    Tensor y = gemma4_text_scaled_word_embedding_forward(&tiny->m.model.embed_tokens, ids, 2, 2, run);
    ck_assert_mem_eq(y.shape, ((int64_t[]){ 2, 2, TINY_HIDDEN }), 3 * sizeof *y.shape);
    for (int i = 0; i < 4 * TINY_HIDDEN; i++)
        assert_near(y.data[i], sqrt(TINY_HIDDEN) * table.data[ids[i / TINY_HIDDEN] * TINY_HIDDEN + i % TINY_HIDDEN],
                    2e-6, "embedding", i); /* the factor is float32 */
    assert_tensor(tap_of(&taps, "model.embed_tokens"), y, 0, "tap");

    per_layer = tiny_weight(tiny, "model.embed_tokens_per_layer.weight");
    y = gemma4_text_scaled_word_embedding_forward(&tiny->m.model.embed_tokens_per_layer, ids, 1, 4, run);
    ck_assert_mem_eq(y.shape, ((int64_t[]){ 1, 4, 5 * TINY_LAYERS }), 3 * sizeof *y.shape);
    for (int i = 0; i < 4 * 20; i++)
        assert_near(y.data[i], sqrt(5) * per_layer.data[ids[i / 20] * 20 + i % 20], 2e-6, "per layer", i);
    assert_tensor(tap_of(&taps, "model.embed_tokens_per_layer"), y, 0, "tap");
    tiny_close(tiny);
}
END_TEST

/* sqrt(1536) = 39.19.. is 39.25 in bfloat16; 39.19 in float16 is 0x1.398p5. In both builds it is first a float32. */
static const struct {
    Rounding weights;
    double expected;
} scales[] = { { ROUNDING_NONE, 0x1.3988e2p5 },
               { ROUNDING_TF32, 0x1.3988e2p5 },
               { ROUNDING_BF16, 39.25 },
               { ROUNDING_FP16, 0x1.398p5 } };

START_TEST(factor_is_rounded_as_a_weight)
{
    Array weight = array_of(view(values(1), 1, 1));
    Gemma4TextScaledWordEmbedding m = { "model.embed_tokens", &weight, (float)sqrt(1536) };
    Run *run = run_as(ROUNDING_NONE);
    run->weights = scales[_i].weights;
    Tensor y = gemma4_text_scaled_word_embedding_forward(&m, (int64_t[]){ 0 }, 1, 1, run);
    ck_assert_double_eq(y.data[0], scales[_i].expected);
}
END_TEST

START_TEST(product_is_rounded)
{
    Array weight = array_of(view(values((real)0x1.02p0), 1, 1));
    Gemma4TextScaledWordEmbedding m = { "model.embed_tokens", &weight, (float)0x1.02p0 };
    Tensor y = gemma4_text_scaled_word_embedding_forward(&m, (int64_t[]){ 0 }, 1, 1, run_as(ROUNDING_BF16));
    ck_assert_double_eq(y.data[0], 0x1.04p0);
}
END_TEST

Suite *text_scaled_word_embedding_suite(void)
{
    Suite *suite = suite_create("text_scaled_word_embedding");
    TCase *tcase = theme(suite, "forward");
    tcase_add_test(tcase, scaled_rows);
    tcase_add_loop_test(tcase, factor_is_rounded_as_a_weight, 0, COUNT(scales));
    tcase_add_test(tcase, product_is_rounded);
    return suite;
}
