/* test_tap_meaning.c - the table of meanings has a row for each tap of each fixture, and no row that no tap needs */
#include "dump/tap_meaning.h"

#include <ctype.h>

#include "dumps.h"
#include "reference.h"

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
    { "fixtures/96-chunks", FAMILY_TEXT },      { "fixtures/96-rows", FAMILY_GEMMA4 },
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

/* "Gemma4TextScaledWordEmbedding.forward" -> "text_scaled_word_embedding.c", "Gemma4RMSNorm.forward" -> "rms_norm.c" */
static void file_of_class(const char *class, char *file)
{
    const char *from = class + strlen("Gemma4");
    if (strncmp(from, "Unified", strlen("Unified")) == 0) from += strlen("Unified");
    for (const char *c = from; *c != '.'; c++) {
        bool begins = isupper(*c) && (islower(c[-1]) || (islower(c[1]) && c > from));
        if (begins && c > from) *file++ = '_';
        *file++ = (char)tolower(*c);
    }
    memcpy(file, ".c", sizeof ".c");
}

/* One file for two classes, or for a function of a class */
static const char *const shared_files[] = { "masks.c", "for_causal_lm.c" };

static bool is_shared(const char *file)
{
    for (int i = 0; i < (int)COUNT(shared_files); i++)
        if (strcmp(file, shared_files[i]) == 0) return true;
    return false;
}

static void compare_files(void *context, const Tap *tap)
{
    const Family *family = context;
    const TapMeaning *meaning = tap_meaning(tap->name, *family);
    ck_assert_ptr_nonnull(meaning);
    ck_assert_int_gt(tap->line, 0);
    char expected[128];
    if (strncmp(meaning->hugging_face, "Gemma4", strlen("Gemma4")) != 0) return;
    file_of_class(meaning->hugging_face, expected);
    const char *file = strrchr(tap->file, '/') + 1;
    ck_assert_msg(is_shared(file) || strcmp(file, expected) == 0, "%s: found at %s:%d, expected in %s", tap->name,
                  tap->file, tap->line, expected);
}

/* The table says which class computes a tap, and the tap itself which line: one class, one file. */
START_TEST(each_tap_comes_from_its_class_s_file)
{
    char path[128];
    Error error = { "" };
    snprintf(path, sizeof path, "%s/model", fixtures[_i].fixture);
    Model *model = model_open(path, &error);
    assert_clean(&error);
    snprintf(path, sizeof path, "%s/inputs.safetensors", fixtures[_i].fixture);
    Inputs inputs = inputs_open(path, &error);
    assert_clean(&error);
    Family family = fixtures[_i].family;
    reference_f32.forward(model, &inputs, &(Pass){ .hook = compare_files, .hook_context = &family });
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

static const struct {
    const char *name;
    Family family;
    const char *place; /* up to the line, which is another in each release */
} places[] = {
    { "model.layers.0.self_attn.q_norm", FAMILY_TEXT, "Gemma4RMSNorm.forward (modeling_gemma4.py:" },
    { "model.norm@3", FAMILY_UNIFIED, "Gemma4UnifiedRMSNorm.forward (modeling_gemma4_unified.py:" },
    { "model.embed_vision", FAMILY_GEMMA4, "Gemma4MultimodalEmbedder.forward (modeling_gemma4.py:" },
    { "model.embed_vision", FAMILY_UNIFIED, "Gemma4UnifiedVisionEmbedder.forward (modeling_gemma4_unified.py:" },
    { "model.vision_tower.encoder.layers.12", FAMILY_GEMMA4, "Gemma4VisionEncoderLayer.forward (modeling_gemma4.py:" },
    { "model.language_model.layers.12", FAMILY_GEMMA4, "Gemma4TextDecoderLayer.forward (modeling_gemma4.py:" },
    { "lm_head", FAMILY_UNIFIED, "torch.nn.Linear" },
    { "model.layers.0.mlp.act_fn", FAMILY_UNIFIED, "GELUTanh.forward (activations.py:" },
    { "input_ids@1", FAMILY_TEXT, "GenerationMixin.generate (generation/utils.py:" },
    { "model.layers.0.self_attn#attn_weights", FAMILY_TEXT, "eager_attention_forward (modeling_gemma4.py:" },
    { "model.layers.0.self_attn#attn_weights",
      FAMILY_UNIFIED,
      "eager_attention_forward (modeling_gemma4_unified.py:" },
};

START_TEST(place_of_the_family)
{
    char text[160];
    const TapMeaning *meaning = tap_meaning(places[_i].name, places[_i].family);
    ck_assert_ptr_nonnull(meaning);
    const char *place = tap_meaning_place(meaning, places[_i].family, text, sizeof text);
    ck_assert_msg(strncmp(place, places[_i].place, strlen(places[_i].place)) == 0, "found %s, expected %s..", place,
                  places[_i].place);
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
    tcase_add_loop_test(tests, each_tap_comes_from_its_class_s_file, 0, (int)COUNT(fixtures));
    tcase_add_loop_test(tests, place_of_the_family, 0, (int)COUNT(places));
    tcase_add_test(tests, unknown_tap);
    tcase_add_test(tests, family_by_model_type);
    return suite;
}
