/* test_choices.c - experts and tokens that the dump holds, and which others an honest backend may have chosen */
#include <stdlib.h>

#include "flips.h"
#include "dump/tap_name.h"

/* ---------------------------------------------------------------- experts that the dump holds */

START_TEST(near_experts_are_tied)
{
    Text text = near_experts(1 + 1e-6, PAIRED);
    const char *dump = flipped_dump(text, "bf16", 3, PAIRED, NULL);
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    assert_passes(grade, dump);
    ck_assert_int_eq(grade->tie_count, flips);
    for (int n = 0; n < grade->tie_count; n++) {
        const Tie *tie = &grade->ties[n];
        ck_assert_int_eq(llabs(tie->found - tie->expected), PAIRED);
        ck_assert(tie->gap <= 0.1 * tie->noise && tie->noise > 0);
    }
    grade_free(grade);
}
END_TEST

/* Near and far ones: in bf16 a rounding is 1.5e-3 of a probability. */
static const struct {
    const char *class;
    double factor;
    bool tied;
} apart[] = {
    { "bf16", 1.001, true }, { "bf16", 0.999, true }, { "bf16", 1.4, false }, { "bf16", 0.6, false },
    { "fp32", 1.0, true },   { "fp32", 1.01, false }, { "fp16", 1.0, true },  { "fp16", 1.2, false },
};

START_TEST(far_experts_are_wrong)
{
    Text text = near_experts(apart[_i].factor, PAIRED);
    const char *dump = flipped_dump(text, apart[_i].class, 0, PAIRED, NULL);
    Grade *grade = graded_text(text, dump, apart[_i].class, NULL);
    if (apart[_i].tied) {
        assert_passes(grade, dump);
        ck_assert_int_gt(grade->tie_count, 0);
    } else {
        assert_bent_at(grade, first_flip);
        const Step *step = &grade->steps[grade->first_bent];
        ck_assert_double_eq(fabs(step->worst_found - step->worst_expected), PAIRED);
        for (int n = 0; n < grade->step_count; n++)
            if (!tap_is_experts(grade->steps[n].tap)) ck_assert_int_eq(grade->steps[n].verdict, VERDICT_PASS);
    }
    grade_free(grade);
}
END_TEST

static void reverse(Value *value, const void *context)
{
    value->dropped = is_dropped(value->name, context);
    bool weights = tap_ends(value->name, ".router#top_k_weights");
    if (!tap_is_experts(value->name) && !weights) return;
    int64_t width = value->shape[1];
    for (int64_t row = 0; row < value->shape[0]; row++)
        for (int64_t j = 0; j < width / 2; j++) {
            float *first = value_at(value, row, j), *last = value_at(value, row, width - 1 - j), kept = *first;
            *first = *last;
            *last = kept;
        }
}

/* Experts are a set: in another order, with their weights in that order too. */
START_TEST(another_order)
{
    static const char *const lacks[][2] = { { NULL }, { ".router#top_k_index" }, { ".router" } };
    Text text = text_of("{" MOE "}", two_rows);
    for (int i = 0; i < COUNT(lacks); i++) {
        const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
        Grade *grade = graded_text(text, edited_dump(dump, reverse, lacks[i]), "bf16", NULL);
        assert_passes(grade, dump);
        ck_assert_int_eq(grade->tie_count, 0);
        grade_free(grade);
    }
}
END_TEST

static void reverse_weights(Value *value, const void *context)
{
    if (!tap_is_experts(value->name)) reverse(value, context);
}

START_TEST(weights_of_others)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
    Grade *grade = graded_text(text, edited_dump(dump, reverse_weights, NULL), "bf16", NULL);
    assert_bent_at(grade, ROUTER("0") "#top_k_weights");
    grade_free(grade);
}
END_TEST

static void twice(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t row = 0; row < value->shape[0]; row++) *value_at(value, row, 2) = *value_at(value, row, 0);
}

/* With all experts alike, nothing but this is wrong with it. */
START_TEST(one_expert_twice)
{
    Text text = text_of("{" MOE "}", two_rows);
    for (int layer = 0; layer < 4; layer++)
        for (int expert = 1; expert < 8; expert++)
            copy_weight_row(text, arena_format(&scratch, ROUTER("%d") ".proj.weight", layer), 0, expert, 1);
    static const char *const tap = ROUTER("0") "#top_k_index";
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .edit = twice, .context = tap });
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    assert_bent_at(grade, tap);
    grade_free(grade);
}
END_TEST

/* ---------------------------------------------------------------- tokens, held or not */

static const struct {
    double factor;
    const char *lacks[6];
    const char *bent; /* NULL: it passes, with a tie in each row */
} token_swaps[] = {
    { 1, { NULL }, NULL },
    { 1.001, { "logits" }, NULL },
    { 1, { "input_ids" }, NULL },
    { 0.999, { "input_ids", "logits" }, NULL },
    { 1, { "input_ids", "logits", "lm_head" }, NULL },
    { 1, { "input_ids", "logits", "lm_head", "model.embed_tokens" }, NULL },
    { 1.5, { NULL }, "input_ids@2" },
    { 1.5, { "logits", "lm_head" }, "input_ids@2" },
    { 1.5, { "input_ids" }, "model.embed_tokens@2" },
};

START_TEST(near_tokens_are_tied)
{
    Text text = near_tokens(token_swaps[_i].factor);
    const char *dump = flipped_token_dump(text, token_swaps[_i].lacks);
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    if (token_swaps[_i].bent) {
        assert_bent_at(grade, token_swaps[_i].bent);
    } else {
        assert_passes(grade, dump);
        ck_assert_int_eq(grade->tie_count, 2);
        for (int64_t row = 0; row < 2; row++) {
            const Tie *tie = tie_of(grade, "input_ids@2", row);
            ck_assert_ptr_nonnull(tie);
            ck_assert_int_eq(llabs(tie->found - tie->expected), OTHER_TOKEN - TOKEN);
        }
    }
    grade_free(grade);
}
END_TEST

Suite *choices_suite(void)
{
    Suite *suite = suite_create("choices");
    TCase *tcase = theme(suite, "experts");
    tcase_add_test(tcase, near_experts_are_tied);
    tcase_add_loop_test(tcase, far_experts_are_wrong, 0, COUNT(apart));
    tcase_add_test(tcase, another_order);
    tcase_add_test(tcase, weights_of_others);
    tcase_add_test(tcase, one_expert_twice);
    tcase = theme(suite, "tokens");
    tcase_add_loop_test(tcase, near_tokens_are_tied, 0, COUNT(token_swaps));
    return suite;
}
