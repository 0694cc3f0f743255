/* test_text_rotary_embedding.c - frequencies of each type of layer, and the tables of their angles */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

#define ROPE(type, more)                                                                                \
    "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"" type "\", \"rope_theta\": 1e6" more \
    "}, \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 100}}}"

/* Full layers have head_dim 8, four pairs of channels; what their frequencies are */
static const struct {
    const char *changes;
    double full[4];
} frequencies[] = {
    { "{}", { 1, 0, 0, 0 } }, /* proportional, a quarter of them */
    { ROPE("proportional", ", \"partial_rotary_factor\": 0.5"), { 1, 0x1.030dc6p-5, 0, 0 } },
    { ROPE("proportional", ", \"partial_rotary_factor\": 0.74"), { 1, 0x1.030dc6p-5, 0, 0 } }, /* 2.96 pairs are 2 */
    { ROPE("proportional", ", \"partial_rotary_factor\": 1"), { 1, 0x1.030dc6p-5, 0x1.0624dep-10, 0x1.094564p-15 } },
    { ROPE("proportional", ""), { 1, 0x1.030dc6p-5, 0x1.0624dep-10, 0x1.094564p-15 } },
    { ROPE("proportional", ", \"partial_rotary_factor\": 0"), { 0, 0, 0, 0 } },
    { ROPE("proportional", ", \"partial_rotary_factor\": 0.5, \"factor\": 8"), { 0.125, 0x1.030dc6p-8, 0, 0 } },
    /* the default takes no notice of either */
    { ROPE("default", ", \"partial_rotary_factor\": 0.5, \"factor\": 8"),
      { 1, 0x1.030dc6p-5, 0x1.0624dep-10, 0x1.094564p-15 } },
};

START_TEST(inv_freq)
{
    Tiny *tiny = tiny_open(frequencies[_i].changes);
    const Gemma4TextRotaryEmbedding *m = &tiny->m.model.rotary_emb;
    ck_assert_str_eq(m->path, "model.rotary_emb");
    ck_assert_int_eq(m->head_dim[FULL_ATTENTION], TINY_FULL_DIM);
    ck_assert_int_eq(m->head_dim[SLIDING_ATTENTION], TINY_SLIDING_DIM);
    for (int i = 0; i < TINY_FULL_DIM / 2; i++)
        assert_near(m->inv_freq[FULL_ATTENTION][i], frequencies[_i].full[i], 0, "full", i);
    double theta = _i == 0 ? 1e4 : 100;
    for (int i = 0; i < TINY_SLIDING_DIM / 2; i++)
        assert_near(m->inv_freq[SLIDING_ATTENTION][i], pow(theta, -i / 3.0), 2e-7, "sliding", i);
    tiny_close(tiny);
}
END_TEST

/* A type that no layer is of has no frequencies. */
START_TEST(one_type_alone)
{
    Tiny *tiny = tiny_open("{\"num_hidden_layers\": 1, \"layer_types\": [\"full_attention\"]}");
    ck_assert_ptr_null(tiny->m.model.rotary_emb.inv_freq[SLIDING_ATTENTION]);
    tiny_close(tiny);
}
END_TEST

static const int64_t positions[] = { 0, 1, 5, 60000, 7, 0 }; /* [2, 3] */

static void assert_tables(PositionEmbeddings e, const float *inv_freq, int64_t head_dim)
{
    ck_assert_int_eq(e.cos.rank, 3);
    ck_assert_mem_eq(e.cos.shape, ((int64_t[]){ 2, 3, head_dim }), 3 * sizeof(int64_t));
    ck_assert_mem_eq(e.sin.shape, e.cos.shape, sizeof e.cos.shape);
    for (int64_t i = 0; i < 6 * head_dim; i++) {
        real freq = (real)positions[i / head_dim] * (real)inv_freq[i % head_dim % (head_dim / 2)]; /* both halves */
        assert_near(e.cos.data[i], cos((double)freq), CLOSE / 4, "cos", i);
        assert_near(e.sin.data[i], sin((double)freq), CLOSE / 4, "sin", i);
    }
}

START_TEST(tables)
{
    Tiny *tiny = tiny_open("{}");
    const Gemma4TextRotaryEmbedding *m = &tiny->m.model.rotary_emb;
    Recording taps = { 0 };
    Run *run = recording_run(&taps, ROUNDING_NONE);
    PositionEmbeddings full = gemma4_text_rotary_embedding_forward(m, positions, 2, 3, FULL_ATTENTION, run);
    PositionEmbeddings sliding = gemma4_text_rotary_embedding_forward(m, positions, 2, 3, SLIDING_ATTENTION, run);
    assert_tables(full, m->inv_freq[FULL_ATTENTION], TINY_FULL_DIM);
    assert_tables(sliding, m->inv_freq[SLIDING_ATTENTION], TINY_SLIDING_DIM);
    assert_tensor(tap_of(&taps, "model.rotary_emb#full_attention_cos"), full.cos, 0, "full cos");
    assert_tensor(tap_of(&taps, "model.rotary_emb#full_attention_sin"), full.sin, 0, "full sin");
    assert_tensor(tap_of(&taps, "model.rotary_emb#sliding_attention_cos"), sliding.cos, 0, "sliding cos");
    assert_tensor(tap_of(&taps, "model.rotary_emb#sliding_attention_sin"), sliding.sin, 0, "sliding sin");
    tiny_close(tiny);
}
END_TEST

/* The angles are float32 in every class; the tables are rounded to its dtype. */
START_TEST(tables_are_rounded)
{
    Tiny *tiny = tiny_open("{}");
    const Gemma4TextRotaryEmbedding *m = &tiny->m.model.rotary_emb;
    PositionEmbeddings fine = gemma4_text_rotary_embedding_forward(m, positions, 2, 3, FULL_ATTENTION,
                                                                   run_as(ROUNDING_NONE));
    PositionEmbeddings coarse = gemma4_text_rotary_embedding_forward(m, positions, 2, 3, FULL_ATTENTION,
                                                                     run_as(ROUNDING_BF16));
    assert_tensor(coarse.cos, to_dtype_(fine.cos, run_as(ROUNDING_BF16)), 0, "cos");
    assert_tensor(coarse.sin, to_dtype_(fine.sin, run_as(ROUNDING_BF16)), 0, "sin");
    tiny_close(tiny);
}
END_TEST

Suite *text_rotary_embedding_suite(void)
{
    Suite *suite = suite_create("text_rotary_embedding");
    TCase *tcase = theme(suite, "frequencies");
    tcase_add_loop_test(tcase, inv_freq, 0, COUNT(frequencies));
    tcase_add_test(tcase, one_type_alone);
    tcase = theme(suite, "tables");
    tcase_add_test(tcase, tables);
    tcase_add_test(tcase, tables_are_rounded);
    return suite;
}
