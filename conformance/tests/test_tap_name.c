/* test_tap_name.c - names taken apart */
#include "dump/tap_name.h"

#include "dumps.h"

static const struct {
    const char *name, *base;
    int run, step;
    bool vision, experts, token;
} names[] = {
    { "logits", "logits", 0, 0, false, false, false },
    { "logits@3", "logits", 3, 3, false, false, false },
    { "model.layers.0@12", "model.layers.0", 12, 12, false, false, false },
    { "model.layers.0.self_attn#key_states@1", "model.layers.0.self_attn#key_states", 1, 1, false, false, false },
    { "model.vision_tower@1", "model.vision_tower", 1, 0, true, false, false },
    { "model.embed_vision", "model.embed_vision", 0, 0, true, false, false },
    { "model.embed_audio", "model.embed_audio", 0, 0, false, false, false },
    { "model.embed_audio.embedding_projection@1", "model.embed_audio.embedding_projection", 1, 0, false, false, false },
    { "model.layers.1.router#top_k_index@2", "model.layers.1.router#top_k_index", 2, 2, false, true, false },
    { "model.layers.1.router#top_k_index", "model.layers.1.router#top_k_index", 0, 0, false, true, false },
    { "model.layers.1.router#top_k_weights", "model.layers.1.router#top_k_weights", 0, 0, false, false, false },
    { "input_ids@4", "input_ids", 4, 4, false, false, true },
    { "input_ids", "input_ids", 0, 0, false, false, false },
    { "my.input_ids@4", "my.input_ids", 4, 4, false, false, false },
    { "logits@", "logits@", 0, 0, false, false, false },
    { "logits@0", "logits@0", 0, 0, false, false, false },
    { "logits@01", "logits@01", 0, 0, false, false, false },
    { "logits@1x", "logits@1x", 0, 0, false, false, false },
    { "logits@-1", "logits@-1", 0, 0, false, false, false },
    { "logits@1234567890", "logits@1234567890", 0, 0, false, false, false },
    { "logits@123456789", "logits", 123456789, 123456789, false, false, false },
    { "a@1@2", "a@1", 2, 2, false, false, false },
};

START_TEST(taken_apart)
{
    const char *name = names[_i].name, *base = names[_i].base;
    ck_assert_int_eq(tap_run(name), names[_i].run);
    ck_assert_uint_eq(tap_base_length(name), strlen(base));
    ck_assert_int_eq(tap_step(name), names[_i].step);
    ck_assert_int_eq(tap_is_vision(name), names[_i].vision);
    ck_assert_int_eq(tap_is_media(name), names[_i].vision || tap_is_audio(name));
    ck_assert_int_eq(tap_is_audio(name), strncmp(base, "model.embed_audio", 17) == 0);
    ck_assert_int_eq(tap_is_experts(name), names[_i].experts);
    ck_assert_int_eq(tap_is_token(name), names[_i].token);
    ck_assert_int_eq(tap_is_choice(name), names[_i].experts || names[_i].token);
    ck_assert(tap_is(name, base) && tap_ends(name, base) && tap_ends(name, base + 1) && tap_begins(name, base));
    ck_assert(!tap_is(name, base + 1) && !tap_is(name, arena_format(&scratch, "%sx", base)));
    ck_assert(!tap_ends(name, arena_format(&scratch, "x%s", base)) && !tap_begins(name, base + 1));
}
END_TEST

static const struct {
    const char *name;
    bool is_layer_output;
} outputs[] = {
    { "model.layers.0", true },
    { "model.language_model.layers.34@2", true },
    { "model.vision_tower.encoder.layers.15", true },
    { "model.vision_tower.encoder.layers.15@1", true },
    { "model.layers.100", true },
    { "model.language_model.layers.127@2", true },
    { "model.layers.100.mlp", false },
    { "model.vision_tower.patch_embedder", true },
    { "model.vision_tower.pooler", true },
    { "model.vision_tower", true },
    { "model.embed_vision@1", true },
    { "model.language_model.embed_tokens", true },
    { "model.embed_tokens_per_layer", true },
    { "model.language_model.layers.99@2", true },
    { "model.layers.100", true },
    { "model.layers.1234@1", true },
    { "model.layers.", false },
    { "model.layers.1x", false },
    { "model.norm", true },
    { "input_features_mask", true },
    { "model.language_model.norm@1", true },
    { "logits@3", true },
    { "input_ids@3", true },
    { "model.layers.0.mlp", false },
    { "model.layers.0.self_attn.q_norm@1", false },
    { "model.layers.0.router.norm", false },
    { "model.layers.0.self_attn#key_states", false },
    { "model.vision_tower.pooler#mask", false },
    { "model#inputs_embeds", false },
    { "lm_head", false },
};

START_TEST(layer_outputs_are_told)
{
    bool matches = false;
    for (const char *const *glob = tap_layer_outputs; *glob; glob++) matches |= tap_matches(*glob, outputs[_i].name);
    ck_assert_msg(matches == outputs[_i].is_layer_output, "%s", outputs[_i].name);
}
END_TEST

static const struct {
    const char *glob, *name;
    bool matches;
} globs[] = {
    { "a+([0-9])", "a12", true },
    { "a+([0-9])", "a", false },
    { "a+([0-9])", "a1x", false },
    { "a1+([0-9])", "a12", true },
    { "*+([0-9]).b+([0-9])", "a7.b8", true },
    { "*+([0-9]).b+([0-9])", "a7.b", false },
    { "+([0-9])", "7", true },
    { "a.+([0-9])?", "a.77", true },
    { "a.?", "a.+([0-9])", false },
    { "a*", "a12", true },
};

START_TEST(a_number_may_be_asked_for)
{
    ck_assert_msg(tap_matches(globs[_i].glob, globs[_i].name) == globs[_i].matches, "%s", globs[_i].glob);
}
END_TEST

static const struct {
    const char *name, *unit; /* NULL: it is of none */
} units[] = {
    { "model.layers.3.mlp@1", "model.layers.3@1" },
    { "model.layers.3", "model.layers.3" },
    { "lm_head", "logits" },
    { "lm_head@2", "logits@2" },
    { "logits@2", "logits@2" },
    { "model.norm", NULL },
};

START_TEST(what_is_computed_whole)
{
    char unit[32];
    bool is_of_one = tap_unit_name(units[_i].name, unit, sizeof unit);
    ck_assert_int_eq(is_of_one, units[_i].unit != NULL);
    if (is_of_one) ck_assert_str_eq(unit, units[_i].unit);
    ck_assert(!tap_unit_name(units[_i].name, unit, 4));
}
END_TEST

Suite *tap_name_suite(void)
{
    Suite *suite = suite_create("tap_name");
    TCase *tcase = theme(suite, "names");
    tcase_add_loop_test(tcase, taken_apart, 0, COUNT(names));
    tcase_add_loop_test(tcase, layer_outputs_are_told, 0, COUNT(outputs));
    tcase_add_loop_test(tcase, a_number_may_be_asked_for, 0, COUNT(globs));
    tcase_add_loop_test(tcase, what_is_computed_whole, 0, COUNT(units));
    return suite;
}
