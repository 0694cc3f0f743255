/* test_layout_advice.c - what would make an array lie on a tap, and the map that is written from it */
#include "names/layout_advice.h"

#include "dumps.h"
#include "names/first_map.h"
#include "names/nearest_tap.h"

#define TEXT "fixtures/e2b-text" /* 2 rows of 12 tokens, 21 of them real */

#define SELECT "\"select\": {\"axis\": "
#define OR_FIRST "} would fit, or \"first\": "
#define IF_PADDING ", if what it leaves out is padding"
#define JOIN "dump them together, or join such arrays by \"stack\": 0"

static const struct {
    int array_rank;
    int64_t array[5];
    int rank;
    int64_t shape[4];
    const char *says;
} advice[] = {
    { 3, { 1, 36, 64 }, 3, { 1, 36, 64 }, "fits as it is" },
    { 2, { 36, 64 }, 3, { 1, 36, 64 }, "fits as it is" },
    { 2, { 64, 36 }, 3, { 1, 36, 64 }, "\"permute\": [1, 0] would fit" },
    { 3, { 1, 64, 36 }, 3, { 1, 36, 64 }, "\"permute\": [0, 2, 1] would fit" },
    { 4, { 1, 36, 4, 16 }, 4, { 1, 4, 36, 16 }, "\"permute\": [0, 2, 1, 3] would fit" },
    { 4, { 1, 4, 36, 16 }, 3, { 1, 36, 64 }, "\"permute\": [0, 2, 1, 3] would fit" },
    { 2, { 36, 64 }, 4, { 1, 4, 36, 16 }, "\"permute\": [0, 2, 1, 3] would fit" },
    { 2, { 21, 64 }, 3, { 2, 12, 64 }, "\"rows\": \"tokens\" would fit" },
    { 3, { 21, 4, 16 }, 3, { 2, 12, 64 }, "\"rows\": \"tokens\" would fit" },
    { 2, { 21, 32 }, 3, { 2, 12, 64 }, "no permutation or reshape fits" },
    { 2, { 11, 64 }, 3, { 2, 12, 64 }, "no permutation or reshape fits" },
    { 3, { 1, 36, 63 }, 3, { 1, 36, 64 }, "no permutation or reshape fits" },
    { 3, { 6, 6, 64 }, 3, { 4, 9, 64 }, "no permutation or reshape fits" },
    { 3, { 2, 16, 64 }, 3, { 2, 12, 64 }, SELECT "1, \"first\": 0, \"count\": 12" OR_FIRST "4" IF_PADDING },
    { 3, { 4, 12, 64 }, 3, { 2, 12, 64 }, SELECT "0, \"first\": 0, \"count\": 2" OR_FIRST "2" IF_PADDING },
    { 3, { 2, 16, 32 }, 3, { 2, 12, 64 }, "no permutation or reshape fits" },
    { 2, { 12, 64 }, 3, { 2, 12, 64 }, "it is 1 of the 2 places of axis 0: " JOIN },
    { 3, { 1, 12, 64 }, 3, { 2, 12, 64 }, "it is 1 of the 2 places of axis 0: " JOIN },
    { 1, { 96 }, 2, { 3, 96 }, "it is 1 of the 3 places of axis 0: " JOIN },
    { 2, { 12, 64 }, 4, { 1, 2, 12, 64 }, "it is 1 of the 2 places of axis 1: " JOIN },
};

START_TEST(advised)
{
    Error error = { "" };
    Inputs inputs = inputs_open(TEXT "/inputs.safetensors", &error);
    assert_clean(&error);
    Array array = { .rank = advice[_i].array_rank };
    memcpy(array.shape, advice[_i].array, sizeof advice[_i].array);
    LayoutAdvice found = layout_advice(&array, advice[_i].rank, advice[_i].shape, &inputs);
    ck_assert_str_eq(layout_advice_text(&found, &scratch), advice[_i].says);
    inputs_close(&inputs);
}
END_TEST

static const struct {
    const char *name, *tap;
} entries[] = {
    { "blk.0.q", "model.layers.0.self_attn.q_proj" },     { "blk.1.q", "model.layers.1.self_attn.q_proj" },
    { "blk.1.q@2", "model.layers.1.self_attn.q_proj@2" }, { "norm_1-3", "model.layers.3.post_feedforward_layernorm_1" },
    { "blk.4.q", "model.layers.4.self_attn.k_proj" }, /* another thing than the first says */
};

START_TEST(entries_of_layers_are_one)
{
    json_t *map = json_object();
    LayoutAdvice none = { .kind = ADVICE_FITS }, permute = { .kind = ADVICE_PERMUTE, .order = { 1, 0 }, .count = 2 };
    for (int i = 0; i < COUNT(entries); i++) first_map_add(map, entries[i].name, entries[i].tap, &none, &scratch);
    first_map_add(map, "blk.0.k", "model.layers.0.self_attn.k_proj", &permute, &scratch);
    char *text = json_dumps(map, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"blk.{}.q\":\"model.layers.{}.self_attn.q_proj\","
                           "\"norm_1-3\":\"model.layers.3.post_feedforward_layernorm_1\","
                           "\"blk.4.q\":\"model.layers.4.self_attn.k_proj\","
                           "\"blk.{}.k\":{\"tap\":\"model.layers.{}.self_attn.k_proj\",\"permute\":[1,0]}}");
    free(text);
    json_decref(map);
}
END_TEST

static ListedTap few_taps[] = {
    { .name = "model.layers.0.self_attn.q_proj" },
    { .name = "model.layers.0.self_attn.k_proj" },
    { .name = "model.layers.1.self_attn.q_proj" },
    { .name = "model.layers.0.mlp.down_proj" },
    { .name = "model.layers.0.input_layernorm" },
    { .name = "model.norm" },
    { .name = "logits" },
};

static const struct {
    const char *name;
    int nearest; /* -1: none */
} alike[] = {
    { "blk.0.attn_q", 0 },
    { "blk.0.attention.key", 1 },
    { "blk.1.attn_q", 2 },
    { "blk.7.attn_q", -1 }, /* no such layer */
    { "decoder_block_0.ffn.down", 3 },
    { "layers.0.input_norm", 4 },
    { "final_norm", 5 },
    { "logits", 6 },
    { "something", -1 },
    { "theirs.model.norm.logits", 6 },
    { "module.model.layers.0.self_attn.k_proj", 1 },
    { "model.layers.0.self_attn.k_proj.0", 1 },
    { "model.layers.0.self_attn.k_proj_output0", 1 },
    { "model.layers.0.self_attn.k_proj.3", -1 },
    { "logits.0", 6 },
};

START_TEST(nearest_by_name)
{
    double likeness;
    TapList taps = { .taps = few_taps, .count = COUNT(few_taps) };
    TapWords *words = tap_words_new(&taps);
    ck_assert_int_eq(nearest_tap(words, alike[_i].name, NULL, &likeness), alike[_i].nearest);
    ck_assert(likeness >= 0 && likeness <= 1);
    ck_assert((likeness > 0) == (alike[_i].nearest >= 0));
    tap_words_free(words);
}
END_TEST

Suite *layout_advice_suite(void)
{
    Suite *suite = suite_create("layout_advice");
    TCase *tcase = theme(suite, "advice");
    tcase_add_loop_test(tcase, advised, 0, COUNT(advice));
    tcase_add_test(tcase, entries_of_layers_are_one);
    tcase_add_loop_test(tcase, nearest_by_name, 0, COUNT(alike));
    return suite;
}
