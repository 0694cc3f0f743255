/* test_profile.c - features of arithmetic: declared, found in a dump, and not taken for a bug's excuse */
#include "readings/profile.h"

#include "backends.h"
#include "grade/features.h"

static const struct {
    const char *name, *dtype;
    unsigned features;
} classes[] = {
    { "bf16", "bf16", 0 },
    { "bf16+norms-in-dtype", "bf16", FEATURE_NORMS_IN_DTYPE },
    { "fp32+gelu-table-f16+conv-f16", "fp32", FEATURE_GELU_TABLE_F16 | FEATURE_CONV_F16 },
    { "ggml-f32", "fp32", FEATURE_GELU_TABLE_F16 | FEATURE_CONV_F16 },
    { "openvino-bf16", "bf16", FEATURE_CONSTANTS_IN_DTYPE },
};

START_TEST(classes_by_name)
{
    const ArithmeticClass *class = class_find(classes[_i].name);
    ck_assert_ptr_nonnull(class);
    ck_assert_str_eq(class->dtype, classes[_i].dtype);
    ck_assert_uint_eq(class->features, classes[_i].features);
    ck_assert_ptr_eq(class, class_find(class->name)); /* one of each */
}
END_TEST

START_TEST(no_such_class)
{
    static const char *const names[] = { "bf17", "bf16+", "bf16+norms", "bf16norms-in-dtype", "+norms-in-dtype", "" };
    for (int i = 0; i < COUNT(names); i++) ck_assert_msg(!class_find(names[i]), "%s", names[i]);
}
END_TEST

/* A dump of the tiny text model in a class with a feature, graded as its dtype */
static const struct {
    const char *made_as, *graded_as;
} dumps[] = {
    { "fp32+gelu-table-f16", "fp32" },
    { "fp32+flash-f16-accumulator", "fp32" },
    { "fp16+gelu-table-f16", "fp16+gelu-table-f16" },
    { "bf16+norms-in-dtype", "bf16+norms-in-dtype" },
};

START_TEST(a_dump_shows_its_feature)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = dumps[_i].made_as });
    Grade *grade = graded_text(text, dump, dumps[_i].graded_as, NULL);
    assert_passes(grade, dumps[_i].made_as);
    ck_assert_str_eq(grade->class->name, dumps[_i].made_as);
    ck_assert_str_eq(grade->declared->name, dumps[_i].graded_as);
    bool found = strcmp(dumps[_i].made_as, dumps[_i].graded_as) != 0;
    ck_assert((grade->straightened > 0) == found);
    grade_free(grade);
}
END_TEST

START_TEST(a_plain_dump_shows_none)
{
    Text text = text_of("{}", two_rows);
    Grade *grade = graded_text(text, backend_dump(text, &(Backend){ .class = "bf16" }), "bf16", NULL);
    assert_passes(grade, "bf16");
    ck_assert_ptr_eq(grade->class, grade->declared);
    grade_free(grade);
}
END_TEST

/* In layer outputs alone these bugs are near the noise: a feature that widens it would let them pass. */
static const struct {
    const char *folder, *dump;
} near_noise[] = {
    { "fixtures/e2b-text", "buggy-kv-shared-recomputed-bf16" },
    { "fixtures/e2b-text", "buggy-layer-scalar-misplaced-bf16" },
    { "fixtures/31b", "buggy-softcap-missing-bf16" },
    { "fixtures/12b-video-audio", "buggy-softcap-missing-bf16" },
};

START_TEST(no_feature_excuses_a_bug)
{
    const char *folder = near_noise[_i].folder;
    const char *dump = arena_format(&scratch, "%s/dumps/%s.safetensors", folder, near_noise[_i].dump);
    Grade *grade = graded(folder, dump, "bf16", layer_outputs);
    ck_assert_int_ge(grade->first_bent, 0);
    ck_assert_ptr_eq(grade->class, grade->declared);
    grade_free(grade);
}
END_TEST

Suite *profile_suite(void)
{
    Suite *suite = suite_create("profile");
    TCase *names = theme(suite, "names"), *found = theme(suite, "found");
    tcase_add_loop_test(names, classes_by_name, 0, COUNT(classes));
    tcase_add_test(names, no_such_class);
    tcase_add_loop_test(found, a_dump_shows_its_feature, 0, COUNT(dumps));
    tcase_add_test(found, a_plain_dump_shows_none);
    tcase_add_loop_test(found, no_feature_excuses_a_bug, 0, COUNT(near_noise));
    return suite;
}
