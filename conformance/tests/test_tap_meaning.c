/* test_tap_meaning.c - the table of meanings has a row for each tap of each fixture, and no row that no tap needs */
#include "dump/tap_meaning.h"

#include <unistd.h>

#include "dumps.h"

static const struct {
    const char *fixture;
    Family family;
} fixtures[] = {
    { "fixtures/e2b-vision", FAMILY_GEMMA4 },   { "fixtures/31b-vision", FAMILY_GEMMA4 },
    { "fixtures/e2b-text", FAMILY_TEXT },       { "fixtures/e2b-shared", FAMILY_TEXT },
    { "fixtures/e2b", FAMILY_GEMMA4 },          { "fixtures/31b", FAMILY_GEMMA4 },
    { "fixtures/31b-extremes", FAMILY_GEMMA4 }, { "fixtures/26b-a4b", FAMILY_GEMMA4 },
    { "fixtures/12b-image", FAMILY_UNIFIED },   { "fixtures/12b-video-audio", FAMILY_UNIFIED },
    { "fixtures/e2b-audio", FAMILY_GEMMA4 },    { "fixtures/e4b-audio-vision", FAMILY_GEMMA4 },
};

static int look_up(int fixture, bool *used)
{
    char path[128];
    Error error = { "" };
    snprintf(path, sizeof path, "%s/expected.safetensors", fixtures[fixture].fixture);
    Dump *dump = dump_open(path, &error);
    ck_assert_msg(dump != NULL, "%s", error.message);
    int count = dump_count(dump);
    for (int i = 0; i < count; i++) {
        const char *name = dump_array(dump, i)->name;
        const TapMeaning *meaning = tap_meaning(name, fixtures[fixture].family);
        ck_assert_msg(meaning != NULL, "%s: %s: found no row in conformance/dump/tap_meaning.c, expected one", path,
                      name);
        used[meaning - tap_meanings] = true;
    }
    dump_close(dump);
    return count;
}

START_TEST(each_tap_has_a_row_and_each_row_a_tap)
{
    bool used[256] = { false };
    ck_assert_int_lt(tap_meaning_count, (int)COUNT(used));
    for (int i = 0; i < (int)COUNT(fixtures); i++) ck_assert_int_gt(look_up(i, used), 0);
    for (int i = 0; i < tap_meaning_count; i++)
        ck_assert_msg(used[i], "%s: found no tap of any fixture that needs this row", tap_meanings[i].pattern);
}
END_TEST

START_TEST(files_are_there)
{
    ck_assert_msg(access(tap_meanings[_i].file, R_OK) == 0, "%s: found no such file", tap_meanings[_i].file);
}
END_TEST

static const struct {
    const char *name;
    Family family;
    const char *class;
} classes[] = {
    { "model.layers.0.self_attn.q_norm", FAMILY_TEXT, "Gemma4RMSNorm.forward" },
    { "model.layers.0.self_attn.q_norm@3", FAMILY_UNIFIED, "Gemma4UnifiedRMSNorm.forward" },
    { "model.embed_vision", FAMILY_GEMMA4, "Gemma4MultimodalEmbedder.forward" },
    { "model.embed_vision", FAMILY_UNIFIED, "Gemma4UnifiedVisionEmbedder.forward" },
    { "model.vision_tower.encoder.layers.12", FAMILY_GEMMA4, "Gemma4VisionEncoderLayer.forward" },
    { "model.language_model.layers.12", FAMILY_GEMMA4, "Gemma4TextDecoderLayer.forward" },
    { "lm_head", FAMILY_UNIFIED, "torch.nn.Linear" },
    { "model.layers.0.self_attn#attn_weights", FAMILY_UNIFIED, "eager_attention_forward" },
};

START_TEST(class_of_the_family)
{
    char text[128];
    const TapMeaning *meaning = tap_meaning(classes[_i].name, classes[_i].family);
    ck_assert_ptr_nonnull(meaning);
    ck_assert_str_eq(tap_meaning_class(meaning, classes[_i].family, text, sizeof text), classes[_i].class);
}
END_TEST

START_TEST(unknown_tap) { ck_assert_ptr_null(tap_meaning("my.tap", FAMILY_GEMMA4)); }
END_TEST

START_TEST(family_by_model_type)
{
    ck_assert_int_eq(family_of("gemma4"), FAMILY_GEMMA4);
    ck_assert_int_eq(family_of("gemma4_text"), FAMILY_TEXT);
    ck_assert_int_eq(family_of("gemma4_unified"), FAMILY_UNIFIED);
    ck_assert_int_eq(family_of("gemma4_unified_text"), FAMILY_TEXT);
}
END_TEST

Suite *tap_meaning_suite(void)
{
    Suite *suite = suite_create("tap_meaning");
    TCase *tests = theme(suite, "meanings");
    tcase_add_test(tests, each_tap_has_a_row_and_each_row_a_tap);
    tcase_add_loop_test(tests, files_are_there, 0, tap_meaning_count);
    tcase_add_loop_test(tests, class_of_the_family, 0, (int)COUNT(classes));
    tcase_add_test(tests, unknown_tap);
    tcase_add_test(tests, family_by_model_type);
    return suite;
}
