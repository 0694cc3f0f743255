/* test_lockstep_bent.c - dumps made from an honest one: what must fail, and what must not */
#include "dumps.h"

/* Patches 9 .. 17 of image 1 are padding: rows 27 .. 35 of a [2, 18, width] tap. */
enum { PADDING_ROW = 30 };

typedef struct {
    const char *tap;
    int64_t row, other_row;
    double factor, value; /* 0: no such change */
} Change;

static void change(Value *value, const void *context)
{
    const Change *c = context;
    if (strcmp(value->name, c->tap) != 0) return;
    int64_t width = value->shape[value->rank - 1];
    float *largest = value_at(value, c->row, 0);
    for (int64_t j = 0; j < width; j++)
        if (fabsf(*value_at(value, c->row, j)) > fabsf(*largest)) largest = value_at(value, c->row, j);
    if (c->factor) *largest = (float)(*largest * c->factor);
    if (c->value) *value_at(value, c->row, 5) = (float)c->value;
    for (int64_t j = 0; c->other_row && j < width; j++) {
        float kept = *value_at(value, c->row, j);
        *value_at(value, c->row, j) = *value_at(value, c->other_row, j);
        *value_at(value, c->other_row, j) = kept;
    }
}

static const struct {
    const char *dump, *class;
    Change change;
    int64_t non_finite, worst_row; /* -2: of no interest */
} bent[] = {
    { BF16, "bf16", { LAYER, 3, 0, 0, NAN }, 1, -2 },
    { BF16, "bf16", { LAYER, 3, 0, 0, -INFINITY }, 1, -2 },
    { BF16, "bf16", { LAYER, PADDING_ROW, 0, 0, INFINITY }, 1, -2 },
    { BF16, "bf16", { LAYER ".self_attn#attn_weights", 2 * 18 + 3, 0, 0, NAN }, 1, -2 },
    { BF16, "bf16", { LAYER, 2, 3, 0, 0 }, 0, -2 },
    { BF16, "bf16", { LAYER, 20, 0, 3, 0 }, 0, 20 },
    { BF16, "bf16", { "model.vision_tower", 1, 2, 0, 0 }, 0, -2 },
    { E2B "/expected.safetensors", "fp32", { LAYER, 20, 0, 1.01, 0 }, 0, 20 },
    { E2B "/expected.safetensors", "fp32", { LAYER ".mlp.act_fn", 7, 0, 1.01, 0 }, 0, 7 },
    { E2B "/expected.safetensors", "fp32", { "model.embed_vision", 2, 0, 1.01, 0 }, 0, 2 },
    { E2B "/expected.safetensors", "fp32", { LAYER ".self_attn#attn_weights", 4, 0, 1.01, 0 }, 0, 4 },
    { E2B "/dumps/honest-fp16-eager.safetensors", "fp16", { "model.vision_tower.pooler", 0, 0, 1.01, 0 }, 0, 0 },
};

START_TEST(bent_dump_fails_there)
{
    const char *dump = edited_dump(bent[_i].dump, change, &bent[_i].change);
    Grade *grade = graded(E2B, dump, bent[_i].class, NULL);
    assert_bent_at(grade, bent[_i].change.tap);
    const Step *step = step_of(grade, bent[_i].change.tap);
    ck_assert_int_eq(step->non_finite, bent[_i].non_finite);
    if (step->non_finite > 0) /* the reference's own row goes on */
        for (int n = grade->first_bent + 1; n < grade->step_count; n++)
            ck_assert_msg(grade->steps[n].verdict == VERDICT_PASS, "%s fails too", grade->steps[n].tap);
    if (bent[_i].worst_row != -2) ck_assert_int_eq(step->worst_row, bent[_i].worst_row);
    grade_free(grade);
}
END_TEST

START_TEST(worst_element_is_named)
{
    Change c = { LAYER, 20, 0, 3, 0 };
    Grade *grade = graded(E2B, edited_dump(BF16, change, &c), "bf16", NULL);
    const Step *step = step_of(grade, LAYER);
    ck_assert_int_eq(step->worst_element / 128, 20);
    assert_near(step->worst_found / step->worst_expected, 3, 0.1, "found over expected", 0);
    ck_assert_double_gt(step->ratio, 1);
    ck_assert_double_gt(step->worst_row_ratio, step->ratio);
    grade_free(grade);
}
END_TEST

/* Nothing depends on what padding rows hold, so long as it is finite. */
START_TEST(garbage_in_padding_passes)
{
    Change c = { LAYER, PADDING_ROW, 0, 0, 1000 };
    Grade *grade = graded(E2B, edited_dump(BF16, change, &c), "bf16", NULL);
    assert_passes(grade, "garbage in padding");
    ck_assert_int_eq(step_of(grade, LAYER)->rows, 36);
    ck_assert_int_eq(step_of(grade, LAYER)->graded_rows, 27);
    grade_free(grade);
}
END_TEST

/* A copy is exact in the replay; a backend that computes it from unrounded values may still be a rounding off. */
START_TEST(rounding_of_a_copy_passes)
{
    Change c = { "model.embed_vision", 1, 0, 1 + 0x1p-8, 0 };
    Grade *grade = graded(E2B, edited_dump(BF16, change, &c), "bf16", NULL);
    assert_passes(grade, "one rounding off");
    ck_assert_double_gt(step_of(grade, c.tap)->worst_row_ratio, 0);
    grade_free(grade);
}
END_TEST

static void drop(Value *value, const void *context) { value->dropped = strcmp(value->name, context) == 0; }

START_TEST(bug_in_a_missing_tap_shows_in_the_next)
{
    static const char *const missing = "model.vision_tower";
    const char *dump = edited_dump(BIG "/dumps/buggy-std-not-loaded-bf16.safetensors", drop, missing);
    Grade *grade = graded(BIG, dump, "bf16", NULL);
    assert_bent_at(grade, "model.embed_vision.embedding_pre_projection_norm");
    ck_assert(is_listed(grade->not_graded, grade->not_graded_count, missing));
    ck_assert_ptr_null(step_of(grade, missing));
    grade_free(grade);
}
END_TEST

static void unbatch(Value *value, const void *context)
{
    (void)context;
    if (value->rank < 3 || value->shape[0] != 1) return;
    value->rank--;
    memmove(value->shape, value->shape + 1, (size_t)value->rank * sizeof *value->shape);
}

START_TEST(batch_dimension_is_optional)
{
    Grade *grade = graded(BIG, edited_dump(BIG "/dumps/honest-bf16-eager.safetensors", unbatch, NULL), "bf16", NULL);
    assert_passes(grade, "without a batch");
    grade_free(grade);
}
END_TEST

static void misshape(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t second = value->shape[1];
    value->shape[1] = value->shape[2];
    value->shape[2] = second;
}

static void rename_all(Value *value, const void *context)
{
    value->name = arena_format(&scratch, "%s%s", (const char *)context, value->name);
}

START_TEST(unknown_dump_is_refused)
{
    const char *dump = edited_dump(BF16, rename_all, "my.");
    for (int with_total = 0; with_total < 2; with_total++) {
        Error error = { "" };
        ck_assert_ptr_null(grade_case(E2B, dump, "bf16", NULL, with_total, &error));
        assert_refused(&error, dump, ": found 68 arrays and no known tap among them, expected names like model.embed_");
    }
}
END_TEST

static const struct {
    const char *tap, *found, *expected, *advice;
} misfits[] = {
    { LAYER, "[2, 128, 18]", "[2, 18, 128]", "\"permute\": [0, 2, 1] would fit" },
    { LAYER ".self_attn#attn_weights", "[2, 18, 2, 18]", "[2, 2, 18, 18]", "\"permute\": [0, 2, 1, 3] would fit" },
};

/* One array of another shape is told with what would make it fit, and the others are graded. */
START_TEST(misfit_is_told)
{
    Grade *grade = graded(E2B, edited_dump(BF16, misshape, misfits[_i].tap), "bf16", NULL);
    ck_assert_int_eq(grade->misfit_count, 1);
    ck_assert_str_eq(grade->misfits[0].tap, misfits[_i].tap);
    ck_assert_str_eq(grade->misfits[0].found, misfits[_i].found);
    ck_assert_str_eq(grade->misfits[0].expected, misfits[_i].expected);
    ck_assert_str_eq(grade->misfits[0].advice, misfits[_i].advice);
    ck_assert_int_eq(grade->step_count, 67);
    ck_assert_int_eq(grade->first_bent, -1);
    ck_assert_int_eq(grade->unknown_count, 0);
    ck_assert(is_listed(grade->not_graded, grade->not_graded_count, misfits[_i].tap));
    grade_free(grade);
}
END_TEST

static void rename_one(Value *value, const void *context)
{
    if (strcmp(value->name, context) == 0) value->name = "my.own";
}

START_TEST(unknown_name_is_listed)
{
    Grade *grade = graded(E2B, edited_dump(BF16, rename_one, LAYER), "bf16", NULL);
    ck_assert_int_eq(grade->unknown_count, 1);
    ck_assert_str_eq(grade->unknown[0], "my.own");
    ck_assert(is_listed(grade->not_graded, grade->not_graded_count, LAYER));
    assert_passes(grade, "one tap under another name");
    grade_free(grade);
}
END_TEST

Suite *lockstep_bent_suite(void)
{
    Suite *suite = suite_create("lockstep_bent");
    TCase *tcase = theme(suite, "must fail");
    tcase_add_loop_test(tcase, bent_dump_fails_there, 0, COUNT(bent));
    tcase_add_test(tcase, worst_element_is_named);
    tcase_add_test(tcase, bug_in_a_missing_tap_shows_in_the_next);
    tcase_add_test(tcase, unknown_dump_is_refused);
    tcase_add_loop_test(tcase, misfit_is_told, 0, COUNT(misfits));
    tcase = theme(suite, "must pass");
    tcase_add_test(tcase, garbage_in_padding_passes);
    tcase_add_test(tcase, rounding_of_a_copy_passes);
    tcase_add_test(tcase, batch_dimension_is_optional);
    tcase_add_test(tcase, unknown_name_is_listed);
    return suite;
}
