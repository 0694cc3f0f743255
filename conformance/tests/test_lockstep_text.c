/* test_lockstep_text.c - the text model: padding and last positions; on backends made here */
#include <math.h>

#include "backends.h"

static const char *const models[] = { "{}", "{" SHARED "}", "{" MOE "}", "{" MOE ", " SHARED "}" };
static const char *const classes[] = { "fp32", "bf16", "fp16", "tf32" };

/* Whatever the model, and with whichever taps: the replay itself is honest. */
START_TEST(own_dump_passes)
{
    Text text = text_of(models[_i], two_rows);
    for (int c = 0; c < COUNT(classes); c++)
        for (int tokens = 0; tokens <= 6; tokens += 3) {
            Backend backend = { .class = classes[c], .max_new_tokens = tokens };
            const char *dump = backend_dump(text, &backend);
            Grade *full = graded_text(text, dump, classes[c], NULL);
            Grade *layers = graded_text(text, dump, classes[c], layer_outputs);
            assert_passes(full, dump);
            assert_passes(layers, dump);
            ck_assert_int_eq(full->not_graded_count + full->unknown_count, 0);
            ck_assert_int_eq(full->tie_count, 0);
            ck_assert_int_gt(layers->step_count, tokens ? 6 * tokens : 6);
            ck_assert_int_eq(step_of(full, "logits")->rows, 14);
            ck_assert_int_eq(step_of(full, "logits")->graded_rows, 11);
            if (tokens) ck_assert_int_eq(step_of(full, "logits@2")->graded_rows, 2);
            grade_free(full);
            grade_free(layers);
        }
}
END_TEST

/* ---------------------------------------------------------------- changes */

/* Adds `by` to an element of row `row` of a tap: of what the backend computes, or of the file alone. */
typedef struct {
    const char *tap;
    int64_t row;
    double by;
} Change;

static void change(Value *value, const void *context)
{
    const Change *c = context;
    if (strcmp(value->name, c->tap) == 0) *value_at(value, c->row, 1) += (float)c->by;
}

#define LAST "model.layers.3"
#define ATTENTION_OF(layer) "model.layers." layer ".self_attn"

/* Row 8 of [2, 7, ..] is padding, token 1 of the second prompt. */
static const struct {
    Change change;
    int tokens;
    bool fails;
} changes[] = {
    { { "model.layers.0", 6, 0.5 }, 0, true },
    { { "model.layers.0", 8, 0.5 }, 0, false },
    { { "model.layers.0", 8, NAN }, 0, true },
    { { "model.embed_tokens", 8, 0.5 }, 0, false },
    { { "model.embed_tokens", 11, 0.5 }, 0, true },
    { { "logits", 8, 0.5 }, 0, false },
    { { "logits", 13, 0.5 }, 0, true },
    { { "model.layers.2.router", 8, 0.5 }, 0, false },
    { { "model.layers.2.router", 9, 0.5 }, 0, false }, /* the last of its padding */
    { { "model.layers.2.router", 10, 0.5 }, 0, true },
    { { "model#causal_mask_mapping.sliding_attention", 9, 1 }, 0, false },
    { { "model#causal_mask_mapping.sliding_attention", 10, 1 }, 0, true },
    { { ATTENTION_OF("0") "#attn_weights", 4 * 7 + 2, 0.5 }, 0, false }, /* head 0 of the second prompt */
    { { ATTENTION_OF("0") "#attn_weights", 4 * 7 + 3, 0.5 }, 0, true },
    { { ATTENTION_OF("1") "#key_states@1", 2 * 8 + 2, 0.5 }, 3, false }, /* all eight tokens are kept; a padding key */
    { { ATTENTION_OF("1") "#key_states@1", 2 * 8 + 3, 0.5 }, 3, true },
    { { ATTENTION_OF("0") "#key_states@1", 2 * 3 + 0, 0.5 }, 3, true }, /* the window keeps two, none of them padding */
    { { "model.layers.0@2", 1, 0.5 }, 3, true },
    { { "logits@2", 1, 0.5 }, 3, true },
    { { LAST ".router@1", 1, 0.5 }, 3, true },
};

START_TEST(changed_row)
{
    const Change *c = &changes[_i].change;
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = changes[_i].tokens });
    Grade *grade = graded_text(text, edited_dump(dump, change, c), "bf16", NULL);
    ck_assert_msg(step_of(grade, c->tap) != NULL, "%s is not graded", c->tap);
    if (changes[_i].fails) {
        assert_bent_at(grade, c->tap);
        if (isfinite(c->by)) ck_assert_int_eq(step_of(grade, c->tap)->worst_row, c->row);
    } else {
        assert_passes(grade, dump);
    }
    grade_free(grade);
}
END_TEST

/* Where nothing differs at all, the first row that counts. */
START_TEST(worst_row_is_no_padding)
{
    Text text = text_of("{}", "{\"input_ids\": [[0, 0, 4, 12], [5, 9, 2, 11]],"
                              " \"attention_mask\": [[0, 0, 1, 1], [1, 1, 1, 1]]}");
    Grade *grade = graded_text(text, backend_dump(text, &(Backend){ .class = "bf16" }), "bf16", NULL);
    const Step *mask = step_of(grade, "model#causal_mask_mapping.full_attention");
    ck_assert_int_eq(mask->rows, 8);
    ck_assert_int_eq(mask->graded_rows, 6);
    ck_assert_int_eq(mask->worst_row, 2);
    grade_free(grade);
}
END_TEST

/* A backend that is wrong in one step, and goes on with it: that step fails and the others are straight. */
START_TEST(wrong_in_one_step)
{
    static const char *const taps[] = { ATTENTION_OF("1") "#key_states@2", LAST "@1", "model.norm@2",
                                        "model.layers.1.mlp.up_proj", "model#per_layer_inputs@1" };
    Text text = text_of("{" SHARED "}", two_rows);
    for (int i = 0; i < COUNT(taps); i++) {
        Change c = { taps[i], 1, 0.7 };
        const char *dump = backend_dump(
            text, &(Backend){ .class = "bf16", .max_new_tokens = 4, .edit = change, .context = &c });
        Grade *grade = graded_text(text, dump, "bf16", NULL);
        assert_bent_at(grade, taps[i]);
        for (int n = grade->first_bent + 1; n < grade->step_count; n++)
            ck_assert_msg(grade->steps[n].verdict == VERDICT_PASS, "%s: then %s fails too", taps[i],
                          grade->steps[n].tap);
        grade_free(grade);
    }
}
END_TEST

/* ---------------------------------------------------------------- last positions */

/* As Hugging Face's generate runs: shared layers, norm and logits for the last position only. */
START_TEST(last_positions_pass)
{
    for (int m = 0; m < COUNT(models); m++) {
        Text text = text_of(models[m], two_rows);
        for (int tokens = 0; tokens <= 3; tokens += 3) {
            Backend backend = { .class = "bf16", .max_new_tokens = tokens, .logits_to_keep = 1 };
            const char *dump = backend_dump(text, &backend);
            Grade *full = graded_text(text, dump, "bf16", NULL);
            Grade *layers = graded_text(text, dump, "bf16", layer_outputs);
            assert_passes(full, dump);
            assert_passes(layers, dump);
            ck_assert_int_eq(full->not_graded_count + full->unknown_count, 0);
            ck_assert_int_eq(step_of(full, "logits")->rows, 2);
            ck_assert_int_eq(step_of(full, "logits")->graded_rows, 2);
            ck_assert_int_eq(step_of(layers, "model.layers.3")->rows, m % 2 ? 2 : 14);
            grade_free(full);
            grade_free(layers);
        }
    }
}
END_TEST

static void last_rows_only(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t width = value->shape[2], count = value->shape[1];
    for (int64_t b = 0; b < 2; b++)
        memmove(value->values + b * width, value->values + (b * count + count - 1) * width,
                (size_t)width * sizeof(float));
    value->shape[1] = 1;
}

/* One tap is of the last position, and those around it of all: such rows are compared, and replaced. */
START_TEST(last_positions_of_one_tap)
{
    static const char *const taps[] = { "model.layers.1", "model.layers.3", "logits", "lm_head", "model.norm" };
    Text text = text_of("{" SHARED "}", two_rows);
    for (int i = 0; i < COUNT(taps); i++) {
        const char *whole = backend_dump(text, &(Backend){ .class = "bf16" });
        Grade *grade = graded_text(text, edited_dump(whole, last_rows_only, taps[i]), "bf16", NULL);
        assert_passes(grade, taps[i]);
        ck_assert_int_eq(step_of(grade, taps[i])->rows, 2);
        ck_assert_int_eq(grade->not_graded_count + grade->unknown_count, 0);
        grade_free(grade);

        Change c = { taps[i], 13, 0.7 };
        const char *bent = backend_dump(text, &(Backend){ .class = "bf16", .edit = change, .context = &c });
        grade = graded_text(text, edited_dump(bent, last_rows_only, taps[i]), "bf16", NULL);
        assert_bent_at(grade, taps[i]);
        ck_assert_int_eq(step_of(grade, taps[i])->worst_row, 13);
        ck_assert_int_eq(step_of(grade, taps[i])->worst_element / step_of(grade, taps[i])->shape[2], 13);
        for (int n = grade->first_bent + 1; n < grade->step_count; n++)
            ck_assert_int_eq(grade->steps[n].verdict, VERDICT_PASS);
        grade_free(grade);
    }
}
END_TEST

static void last_of_list(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t width = value->shape[1], count = value->shape[0] / 2;
    for (int64_t b = 0; b < 2; b++)
        memmove(value->values + b * width, value->values + (b * count + count - 1) * width,
                (size_t)width * sizeof(float));
    value->shape[0] = 2;
}

/* The same of what experts see: the tokens of all prompts in one list. */
START_TEST(last_positions_of_experts)
{
    static const char *const taps[] = { "model.layers.1.router", "model.layers.1.router#top_k_index",
                                        "model.layers.1.router#top_k_weights", "model.layers.1.experts" };
    Text text = text_of("{" MOE "}", two_rows);
    for (int i = 0; i < COUNT(taps); i++) {
        const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
        Grade *grade = graded_text(text, edited_dump(dump, last_of_list, taps[i]), "bf16", NULL);
        assert_passes(grade, taps[i]);
        ck_assert_int_eq(step_of(grade, taps[i])->rows, 2);
        ck_assert_int_eq(step_of(grade, taps[i])->graded_rows, 2);
        grade_free(grade);
    }
}
END_TEST

static void add_position(Value *value, const void *context)
{
    if (strcmp(value->name, context) == 0) value->shape[1]++, value->shape[2] -= 3;
}

START_TEST(other_positions_are_misfits)
{
    static const struct {
        const char *tap, *found, *expected;
    } refused[] = {
        { "model.layers.1", "[2, 8, 9]", "[2, 7, 12]" },
        { "logits", "[2, 8, 20]", "[2, 7, 23]" },
    };
    Text text = text_of("{}", two_rows);
    for (int i = 0; i < COUNT(refused); i++) {
        Error error = { "" };
        const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
        dump = edited_dump(dump, add_position, refused[i].tap);
        Grade *grade = grade_text(text, dump, "bf16", &(GradeOptions){ 0 }, &error);
        assert_clean(&error);
        ck_assert_int_eq(grade->misfit_count, 1);
        ck_assert_str_eq(grade->misfits[0].tap, refused[i].tap);
        ck_assert_str_eq(grade->misfits[0].found, refused[i].found);
        ck_assert_str_eq(grade->misfits[0].expected, refused[i].expected);
        grade_free(grade);
    }
}
END_TEST

Suite *lockstep_text_suite(void)
{
    Suite *suite = suite_create("lockstep_text");
    TCase *tcase = theme(suite, "honest");
    tcase_add_loop_test(tcase, own_dump_passes, 0, COUNT(models));
    tcase = theme(suite, "rows");
    tcase_add_loop_test(tcase, changed_row, 0, COUNT(changes));
    tcase_add_test(tcase, worst_row_is_no_padding);
    tcase_add_test(tcase, wrong_in_one_step);
    tcase = theme(suite, "last positions");
    tcase_add_test(tcase, last_positions_pass);
    tcase_add_test(tcase, last_positions_of_one_tap);
    tcase_add_test(tcase, last_positions_of_experts);
    tcase_add_test(tcase, other_positions_are_misfits);
    return suite;
}
