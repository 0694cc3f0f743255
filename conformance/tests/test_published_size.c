/* test_published_size.c - which published model a configuration is of */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "report/published_size.h"

#define COMMON                                                                                      \
    " \"vocab_size\": 262144, \"head_dim\": 256, \"global_head_dim\": 512, \"rms_norm_eps\": 1e-6," \
    " \"hidden_activation\": \"gelu_pytorch_tanh\", "
#define E2B_TEXT                                                                                                 \
    COMMON "\"num_hidden_layers\": 35, \"hidden_size\": 1536, \"intermediate_size\": 6144, "                     \
           "\"num_attention_heads\": 8, \"num_key_value_heads\": 1, \"num_kv_shared_layers\": 20, "              \
           "\"use_double_wide_mlp\": true, \"sliding_window\": 512, \"layer_types\": [" FIVE ", " FIVE ", " FIVE \
           ", " FIVE ", " FIVE ", " FIVE ", " FIVE "]"
#define FIVE                                                                                       \
    "\"sliding_attention\", \"sliding_attention\", \"sliding_attention\", \"sliding_attention\", " \
    "\"full_attention\""
#define E4B_TEXT                                                                                    \
    COMMON "\"num_hidden_layers\": 42, \"hidden_size\": 2560, \"intermediate_size\": 10240, "       \
           "\"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"num_kv_shared_layers\": 18, " \
           "\"sliding_window\": 512"
#define BIG_TEXT(layers, hidden, intermediate, heads, key_values, global_key_values)                                 \
    COMMON "\"num_hidden_layers\": " #layers ", \"hidden_size\": " #hidden ", \"intermediate_size\": " #intermediate \
           ", \"num_attention_heads\": " #heads ", \"num_key_value_heads\": " #key_values                            \
           ", \"num_global_key_value_heads\": " #global_key_values ", \"attention_k_eq_v\": true, "                  \
           "\"sliding_window\": 1024, \"use_bidirectional_attention\": \"vision\", \"hidden_size_per_layer_input\": 0"
#define EXPERTS \
    ", \"enable_moe_block\": true, \"num_experts\": 128, \"top_k_experts\": 8, \"moe_intermediate_size\": 704"
#define TOWER(layers, hidden, intermediate, heads, clipped, standardize)                                       \
    "{\"num_hidden_layers\": " #layers ", \"hidden_size\": " #hidden ", \"intermediate_size\": " #intermediate \
    ", \"num_attention_heads\": " #heads ", \"num_key_value_heads\": " #heads ", \"head_dim\": 64, "           \
    "\"hidden_activation\": \"gelu_pytorch_tanh\", \"rms_norm_eps\": 1e-6, \"pooling_kernel_size\": 3, "       \
    "\"patch_size\": 16, \"position_embedding_size\": 10240, \"use_clipped_linears\": " #clipped               \
    ", \"standardize\": " #standardize "}"
#define SMALL_TOWER TOWER(16, 768, 3072, 12, true, false)
#define BIG_TOWER TOWER(27, 1152, 4304, 16, false, true)
#define SOUND                                                                                                   \
    "{\"hidden_size\": 1024, \"num_hidden_layers\": 12, \"num_attention_heads\": 8, \"hidden_act\": \"silu\", " \
    "\"subsampling_conv_channels\": [128, 32], \"conv_kernel_size\": 5, \"residual_weight\": 0.5, "             \
    "\"attention_chunk_size\": 12, \"attention_context_left\": 13, \"attention_logit_cap\": 50.0, "             \
    "\"use_clipped_linears\": true, \"output_proj_dims\": 1536}"
#define WHOLE(text, vision, audio)                                                         \
    "{\"model_type\": \"gemma4\", \"text_config\": {" text "}, \"vision_config\": " vision \
    ", \"audio_config\": " audio "}"
#define UNIFIED                                                                                           \
    "{\"model_type\": \"gemma4_unified\", \"text_config\": {" BIG_TEXT(                                   \
        48, 3840, 15360, 16, 8,                                                                           \
        1) "}, "                                                                                          \
           "\"vision_config\": {\"patch_size\": 16, \"pooling_kernel_size\": 3, \"mm_embed_dim\": 3840, " \
           "\"mm_posemb_size\": 1120}, \"audio_config\": {\"audio_embed_dim\": 640}}"

static const struct {
    const char *config, *nearest, *differences;
} sizes[] = {
    { WHOLE(E2B_TEXT, SMALL_TOWER, SOUND), "E2B", "" },
    { "{\"model_type\": \"gemma4_text\", " E2B_TEXT "}", "E2B", "" },
    { WHOLE(E4B_TEXT, SMALL_TOWER, SOUND), "E4B", "" },
    { WHOLE(E2B_TEXT, SMALL_TOWER, "null"), "E2B",
      "audio_config.num_hidden_layers 12 0; audio_config.hidden_size 1024 0; " },
    { WHOLE(BIG_TEXT(60, 5376, 21504, 32, 16, 4), BIG_TOWER, "null"), "31B", "" },
    { WHOLE(BIG_TEXT(30, 2816, 2112, 16, 8, 2) EXPERTS, BIG_TOWER, "null"), "26B-A4B", "" },
    { UNIFIED, "12B", "" },
    { WHOLE(BIG_TEXT(6, 5376, 21504, 32, 16, 4), BIG_TOWER, "null"), "31B",
      "text_config.num_hidden_layers 60 6; text_config.layer_types: full_attention 10 1; " },
    { "{\"model_type\": \"gemma4_text\", " BIG_TEXT(60, 5376, 21504, 32, 16, 2) "}", "31B",
      "num_global_key_value_heads 4 2; " },
};

START_TEST(nearest_of)
{
    Arena arena = { 0 };
    json_t *config = json_loads(sizes[_i].config, 0, NULL);
    ck_assert_ptr_nonnull(config);
    PublishedSize size = published_size_of(config, true, &arena);
    const char *text = "";
    for (int i = 0; i < size.count; i++) {
        const SizeDifference *d = &size.differences[i];
        text = arena_format(&arena, "%s%s %d %d; ", text, d->key, d->published, d->found);
    }
    ck_assert_str_eq(size.nearest, sizes[_i].nearest);
    ck_assert_str_eq(text, sizes[_i].differences);
    ck_assert_int_eq(size.text_only, strstr(sizes[_i].config, "gemma4_text") != NULL);
    json_decref(config);
    arena_free(&arena);
}
END_TEST

/* Each fixture is small in every width, and still of its kind. */
static const struct {
    const char *file, *nearest;
    bool towers_only;
} fixtures[] = {
    { "fixtures/e2b/model/config.json", "E2B", false },
    { "fixtures/e2b-text/model/config.json", "E2B", false },
    { "fixtures/e2b-vision/model/config.json", "E2B and E4B", true },
    { "fixtures/31b/model/config.json", "31B", false },
    { "fixtures/31b-vision/model/config.json", "26B-A4B and 31B", true },
    { "fixtures/26b-a4b/model/config.json", "26B-A4B", false },
    { "fixtures/12b-image/model/config.json", "12B", false },
};

START_TEST(fixture_is_nearest_to)
{
    Arena arena = { 0 };
    json_t *config = json_load_file(fixtures[_i].file, 0, NULL);
    PublishedSize size = published_size_of(config, !fixtures[_i].towers_only, &arena);
    ck_assert_str_eq(size.nearest, fixtures[_i].nearest);
    ck_assert_int_eq(size.towers_only, fixtures[_i].towers_only);
    ck_assert_int_gt(size.count, 3);
    for (int i = 0; i < size.count; i++)
        ck_assert(!size.towers_only || strncmp(size.differences[i].key, "text_config", 11) != 0);
    json_decref(config);
    arena_free(&arena);
}
END_TEST

Suite *published_size_suite(void)
{
    Suite *suite = suite_create("published_size");
    TCase *tcase = tcase_create("sizes");
    tcase_add_loop_test(tcase, nearest_of, 0, sizeof sizes / sizeof *sizes);
    tcase_add_loop_test(tcase, fixture_is_nearest_to, 0, sizeof fixtures / sizeof *fixtures);
    suite_add_tcase(suite, tcase);
    return suite;
}
