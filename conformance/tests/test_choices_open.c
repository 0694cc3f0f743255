/* test_choices_open.c - choices that the dump does not hold: near-ties are tried, and cost passes */
#include <stdlib.h>

#include "flips.h"
#include "lockstep/ends.h"
#include "dump/tap_name.h"

static const struct {
    const char *lacks[5];
    const char *const *only;
} unheld[] = {
    { { ".router#top_k_index" }, NULL },
    { { ".router#top_k_index", ".router" }, NULL },
    { { ".router#top_k_index", ".router", ".router.proj", ".router#top_k_weights" }, NULL },
    { { NULL }, layer_outputs },
};

START_TEST(near_ties_are_tried)
{
    Text text = near_experts(1 + 1e-6, PAIRED);
    const char *dump = flipped_dump(text, "bf16", 3, PAIRED, unheld[_i].lacks);
    Grade *grade = graded_text(text, dump, "bf16", unheld[_i].only);
    assert_passes(grade, dump);
    ck_assert_int_eq(grade->tie_count, flips);
    for (int n = 0; n < grade->tie_count; n++)
        ck_assert_int_eq(llabs(grade->ties[n].found - grade->ties[n].expected), PAIRED);
    grade_free(grade);
}
END_TEST

/* Only some layers are in the dump, so that choices follow each other with nothing between them: what the later ones
 * are depends on the earlier ones. A choice that float32 makes otherwise than double, and that is flipped, is the
 * oracle's own and no tie: how many are left depends on the kernel that OpenBLAS computes with. */
START_TEST(near_ties_take_turns)
{
    static const char *const sparse[] = { "model.layers.1", "model.layers.3", "logits", NULL };
    int most = 0;
    for (int model = 0; model < 4; model++) {
        Text text = near_experts(1 + 1e-6, 1);
        const char *dump = flipped_dump(text, "fp32", 0, 1, NULL);
        ck_assert_int_gt(flips, 2);
        Grade *grade = graded_text(text, dump, "fp32", sparse);
        assert_passes(grade, dump);
        ck_assert_int_eq(grade->step_count, 3);
        ck_assert_int_le(grade->tie_count, flips);
        if (grade->tie_count > most) most = grade->tie_count;
        grade_free(grade);
    }
    ck_assert_int_gt(most, 2);
}
END_TEST

static void same_scale(Value *value, const void *context)
{
    (void)context;
    for (int64_t i = 0; tap_ends(value->name, "per_expert_scale") && i < value->shape[0]; i++) value->values[i] = 1;
}

static void to_bf16(Value *value, const void *context)
{
    (void)context;
    int64_t count = 1;
    for (int d = 0; d < value->rank; d++) count *= value->shape[d];
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &value->values[i], sizeof bits);
        bits &= 0xffff0000;
        memcpy(&value->values[i], &bits, sizeof bits);
    }
}

static void edit_weights(Text text, Edit *edit)
{
    const char *weights = arena_format(&scratch, "%s/model.safetensors", text.model);
    ck_assert_int_eq(rename(edited_dump(weights, edit, NULL), weights), 0);
}

/* The weights of near-tied experts are as near: they tell nothing, what the experts compute does. */
START_TEST(weights_do_not_decide)
{
    static const char *const lacks[] = { ".router#top_k_index", ".router", NULL };
    Text text = near_experts(1 + 1e-6, PAIRED);
    edit_weights(text, same_scale);
    const char *dump = flipped_dump(text, "fp32", 0, PAIRED, lacks);
    Grade *grade = graded_text(text, dump, "fp32", NULL);
    assert_passes(grade, dump);
    ck_assert_int_gt(grade->tie_count, 0);
    grade_free(grade);
}
END_TEST

/* A backend more exact than the class chooses as the oracle does, and only the replay does not: what it does with other
 * experts is not the noise of these. */
START_TEST(only_the_replay_flips)
{
    Text text = near_experts(1.003, PAIRED);
    edit_weights(text, to_bf16);
    const char *dump = backend_dump(text, &(Backend){ .class = "fp32" });
    Grade *grade = graded_text(text, dump, "bf16", layer_outputs);
    assert_passes(grade, dump);
    for (int n = 0; n < grade->step_count; n++)
        ck_assert_msg(grade->steps[n].honest < 0.03, "%s: %g", grade->steps[n].tap, grade->steps[n].honest);
    grade_free(grade);
}
END_TEST

/* The reference's own pass follows nothing but the text. */
START_TEST(total_with_other_experts)
{
    Error error = { "" };
    GradeOptions options = { .with_total = true, .ignore_eos = true };
    Text text = near_experts(1 + 1e-6, PAIRED);
    Grade *grade = grade_text(text, flipped_dump(text, "bf16", 0, PAIRED, NULL), "bf16", &options, &error);
    assert_clean(&error);
    ck_assert_double_lt(step_of(grade, "model.layers.0")->introduced, 0.01);
    ck_assert_double_gt(step_of(grade, "model.layers.0")->total, 0.05);
    grade_free(grade);

    static const char *const lacks[] = { "input_ids", "logits", NULL };
    text = near_tokens(1);
    grade = grade_text(text, flipped_token_dump(text, lacks), "bf16", &options, &error);
    assert_clean(&error);
    ck_assert_int_eq(grade->tie_count, 2);
    ck_assert_double_lt(step_of(grade, "model.embed_tokens@2")->total, 0.01);
    grade_free(grade);
}
END_TEST

/* Beyond the noise nothing is tried, and the next step fails. */
START_TEST(far_experts_show_in_the_next_step)
{
    static const char *const lacks[] = { ".router#top_k_index", ".router", ".router#top_k_weights", NULL };
    Text text = near_experts(1.4, PAIRED);
    const char *dump = flipped_dump(text, "bf16", 0, PAIRED, lacks);
    const char *layer = arena_format(&scratch, "%.*s", (int)strlen("model.layers.0"), first_flip);
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    assert_bent_at(grade, arena_format(&scratch, "%s.experts", layer));
    grade_free(grade);
    grade = graded_text(text, dump, "bf16", layer_outputs);
    assert_bent_at(grade, layer);
    grade_free(grade);
}
END_TEST

/* ---------------------------------------------------------------- passes */

static void last_pass(void *context, int pass, int passes, const char *tap)
{
    (void)tap;
    int *seen = context;
    ck_assert_int_lt(pass, passes);
    seen[0] = pass;
    seen[1] = passes;
}

static int passes_for(Text text, const char *dump, const char *const *only, int samples)
{
    Error error = { "" };
    int seen[2] = { 0 };
    GradeOptions options = {
        .only = only, .ignore_eos = true, .samples = samples, .progress = last_pass, .progress_context = seen
    };
    grade_free(grade_text(text, dump, "bf16", &options, &error));
    assert_clean(&error);
    ck_assert_int_eq(seen[0] + 1, seen[1]);
    return seen[1] - (1 + FREE_REPLAYS); /* without those for the ends, which are the same for every dump */
}

/* Only a near-tie that the dump leaves open costs passes. */
START_TEST(passes)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 3 });
    ck_assert_int_eq(passes_for(text, dump, NULL, 1), 2);
    ck_assert_int_eq(passes_for(text, dump, NULL, 5), 6);
    ck_assert_int_eq(passes_for(text, dump, NULL, 0), 1 + SAMPLES);

    text = near_experts(1.4, PAIRED);
    dump = backend_dump(text, &(Backend){ .class = "bf16" });
    ck_assert_int_eq(passes_for(text, dump, NULL, 1), 2);

    text = near_experts(1 + 1e-6, PAIRED);
    dump = flipped_dump(text, "bf16", 0, PAIRED, NULL);
    ck_assert_int_eq(passes_for(text, dump, NULL, 1), 2);
    ck_assert_int_gt(passes_for(text, dump, layer_outputs, 1), 4);
    /* No tap would show what they came to. */
    ck_assert_int_eq(passes_for(text, dump, (const char *const[]){ "model.embed_tokens", NULL }, 1), 2);
}
END_TEST

Suite *choices_open_suite(void)
{
    Suite *suite = suite_create("choices_open");
    TCase *tcase = theme(suite, "experts");
    tcase_add_loop_test(tcase, near_ties_are_tried, 0, COUNT(unheld));
    tcase_add_test(tcase, near_ties_take_turns);
    tcase_add_test(tcase, weights_do_not_decide);
    tcase_add_test(tcase, only_the_replay_flips);
    tcase_add_test(tcase, total_with_other_experts);
    tcase_add_test(tcase, far_experts_show_in_the_next_step);
    tcase = theme(suite, "passes");
    tcase_add_test(tcase, passes);
    return suite;
}
