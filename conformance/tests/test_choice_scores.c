/* test_choice_scores.c - what is chosen by, and its noise */
#include "lockstep/choice_scores.h"

#include <stdlib.h>

#include "dumps.h"

static const PaddingRows two_prompts = { .batch = 2, .tokens = 3 };

static Tap tap_of_shape(const char *name, int rank, const int64_t *shape)
{
    Tap tap = { .name = name, .rank = rank, .value_size = sizeof(double) };
    memcpy(tap.shape, shape, (size_t)rank * sizeof *shape);
    return tap;
}

static void observe(ChoiceScores *scores, Tap tap, int64_t first, int64_t count, const double *values)
{
    tap.first = first;
    tap.count = count;
    tap.values = (void *)(values + first);
    choice_scores_observe(scores, &two_prompts, &tap);
}

START_TEST(names)
{
    static const char *const good[] = { "logits", "logits@3", "model.layers.0.router", "model.layers.0.router@1" };
    static const char *const bad[] = { "lm_head", "model.layers.0.router.proj", "model.layers.0.router#top_k_weights",
                                       "my.logits" };
    for (int i = 0; i < 4; i++) ck_assert(choice_scores_are(good[i]) && !choice_scores_are(bad[i]));
}
END_TEST

/* Logits of the last position only, though they come in parts. */
START_TEST(last_position)
{
    ChoiceScores scores = { 0 };
    const double logits[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    observe(&scores, tap_of_shape("logits", SHAPE(2, 3, 2)), 0, 4, logits);
    observe(&scores, tap_of_shape("logits", SHAPE(2, 3, 2)), 4, 8, logits);
    ck_assert_int_eq(scores.rows, 2);
    ck_assert_int_eq(scores.candidates, 2);
    ck_assert_mem_eq(choice_scores_row(&scores, 0), ((double[]){ 5, 6 }), 16);
    ck_assert_mem_eq(choice_scores_row(&scores, 1), ((double[]){ 11, 12 }), 16);
    observe(&scores, tap_of_shape("logits@1", SHAPE(2, 1, 3)), 0, 6, logits);
    ck_assert_mem_eq(choice_scores_row(&scores, 1), ((double[]){ 4, 5, 6 }), 24);
    free(scores.values);
}
END_TEST

/* They are far below the others, the same in every pass, and add nothing to the noise. */
START_TEST(suppressed)
{
    const int64_t tokens[] = { 1, 40 };
    ChoiceScores scores = { .suppress_tokens = tokens, .suppress_count = 2 };
    const ArithmeticClass *bf16 = class_find("bf16");
    observe(&scores, tap_of_shape("logits", SHAPE(2, 1, 2)), 0, 4, (const double[]){ 3, 90, 4, -5 });
    ck_assert(choice_scores_row(&scores, 0)[1] < -1e6 && choice_scores_row(&scores, 1)[1] < -1e6);
    ck_assert_double_eq(choice_scores_row(&scores, 1)[0], 4);
    float *replay = choice_scores_copy(&scores);
    assert_near(choice_scores_noise(&scores, replay, 0, bf16), 3 * bf16->output_rounding, 1e-12, "noise", 0);
    free(replay);
    observe(&scores, tap_of_shape("model.layers.0.router", SHAPE(2, 2)), 0, 4, (const double[]){ 0.9, 0.1, 0.5, 0.5 });
    assert_near(choice_scores_row(&scores, 0)[1], log(0.1), 1e-15, "an expert", 0);
    free(scores.values);
}
END_TEST

START_TEST(logarithms)
{
    ChoiceScores scores = { 0 };
    const double probabilities[] = { 0.5, 0.25, 1, 0 };
    observe(&scores, tap_of_shape("model.layers.0.router", SHAPE(2, 2)), 0, 4, probabilities);
    ck_assert_int_eq(scores.rows, 2);
    assert_near(choice_scores_row(&scores, 0)[0] - choice_scores_row(&scores, 0)[1], log(2), 1e-15, "gap", 0);
    ck_assert(isfinite(choice_scores_row(&scores, 1)[1]));
    free(scores.values);
}
END_TEST

START_TEST(noise)
{
    ChoiceScores scores = { 0 };
    const ArithmeticClass *bf16 = class_find("bf16");
    observe(&scores, tap_of_shape("logits", SHAPE(2, 1, 2)), 0, 4, (const double[]){ -3, -4, 30, 40 });
    float *replay = choice_scores_copy(&scores);
    assert_near(choice_scores_noise(&scores, NULL, 1, bf16), 40 * bf16->output_rounding, 1e-12, "held", 0);
    assert_near(choice_scores_noise(&scores, replay, 0, bf16), 3 * bf16->output_rounding, 1e-12, "exact", 0);
    replay[2] += 3, replay[3] -= 4;
    assert_near(choice_scores_noise(&scores, replay, 1, bf16), sqrt(12.5), 1e-12, "rms", 0);
    assert_near(choice_scores_noise(&scores, replay, 0, bf16), 3 * bf16->output_rounding, 1e-12, "another row", 0);
    free(replay);
    observe(&scores, tap_of_shape("model.layers.0.router", SHAPE(2, 2)), 0, 4,
            (const double[]){ 0.9, 0.1, 1e-6, 1e-7 });
    assert_near(choice_scores_noise(&scores, NULL, 1, bf16), bf16->output_rounding, 1e-12, "a probability", 0);
    free(scores.values);
}
END_TEST

Suite *choice_scores_suite(void)
{
    Suite *suite = suite_create("choice_scores");
    TCase *tcase = theme(suite, "scores");
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, last_position);
    tcase_add_test(tcase, suppressed);
    tcase_add_test(tcase, logarithms);
    tcase_add_test(tcase, noise);
    return suite;
}
