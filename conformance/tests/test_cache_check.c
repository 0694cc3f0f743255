/* test_cache_check.c - dumps of attention that reads a cache of narrow codes: right by one rule alone, which is told */
#include "readings/cache_check.h"

#include "dumps.h"
#include "readings/reading.h"

#define FOLDER "fixtures/quantised/e2b-fp8-cache"

typedef struct {
    CacheCheck cache;
    bool straight;
} Checked;

static Checked check(const char *folder, const char *dump_file, InputCodes declared, const char *const *only)
{
    Error error = { "" };
    Followed followed;
    Model *model = model_open(arena_format(&scratch, "%s/model", folder), &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    Dump *dump = dump_open(arena_format(&scratch, "%s/dumps/%s-bf16.safetensors", folder, dump_file), &error);
    assert_clean(&error);
    Trial trial = { .model = model,
                    .inputs = &inputs,
                    .dump = dump,
                    .class = class_find("bf16"),
                    .options = { .only = only },
                    .cache = declared };
    Lockstep *l = readings_begin(&trial, &followed, &error);
    assert_clean(&error);
    Grade *grade = lockstep_end(l);
    Checked checked = { followed.check.cache, grade->first_bent < 0 };
    ck_assert_int_eq(checked.cache.declared, declared);
    grade_free(grade);
    followed_free(&followed);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return checked;
}

static const struct {
    const char *dump;
    InputCodes rule;
} honest[] = {
    { "honest-fp8-rounded", INPUTS_FP8_STATIC },
    { "honest-fp8-exact", INPUTS_FP8_STATIC },
    { "honest-q8_0-rounded", INPUTS_Q8_0 },
    { "honest-q8_0-exact", INPUTS_Q8_0 },
};

START_TEST(right_by_its_own_rule_alone)
{
    for (int i = 0; i < CACHE_CODES_COUNT; i++) {
        Checked checked = check(FOLDER, honest[_i].dump, cache_codes_at(i), NULL);
        ck_assert_int_eq(checked.straight, cache_codes_at(i) == honest[_i].rule);
        ck_assert_int_eq(checked.cache.fits, honest[_i].rule);
    }
}
END_TEST

/* At outputs of layers e4m3 shows, too; 8 bits are finer than bfloat16 itself, and say nothing there. */
START_TEST(layers_tell_of_fp8)
{
    Checked checked = check(FOLDER, "honest-fp8-exact", INPUTS_PLAIN, layer_outputs);
    ck_assert(!checked.straight);
    ck_assert_int_eq(checked.cache.fits, INPUTS_FP8_STATIC);
}
END_TEST

START_TEST(plain_cache_is_told)
{
    Checked checked = check("fixtures/quantised/e2b-w4a16", "honest-torchao", INPUTS_FP8_STATIC, NULL);
    ck_assert(!checked.straight);
    ck_assert_int_eq(checked.cache.fits, INPUTS_PLAIN);
    checked = check("fixtures/quantised/e2b-mixed", "buggy-quant-zero-clamped", INPUTS_PLAIN, NULL);
    ck_assert(!checked.straight && !checked.cache.has_unused_scales);
}
END_TEST

START_TEST(scale_of_keys_for_values_is_bent)
{
    for (int i = 0; i < CACHE_CODES_COUNT; i++) {
        Checked checked = check(FOLDER, "buggy-quant-key-scale-for-value", cache_codes_at(i), NULL);
        ck_assert(!checked.straight);
        ck_assert_int_eq(checked.cache.fits, cache_codes_at(i));
        ck_assert(checked.cache.has_unused_scales == (cache_codes_at(i) == INPUTS_PLAIN));
    }
}
END_TEST

static void print(FILE *out, const void *what) { cache_check_text(out, what); }

START_TEST(reported)
{
    CacheCheck plain = { 0 }, told = { .declared = INPUTS_FP8_STATIC, .fits = INPUTS_Q8_0 };
    ck_assert_str_eq(printed(print, &plain), "");
    plain.has_unused_scales = true;
    ck_assert_str_eq(printed(print, &plain),
                     "      the checkpoint has k_scale, and the cache is not declared: --kv-cache fp8 takes it so\n");
    ck_assert_str_eq(printed(print, &told),
                     "keys and values are cached as: fp8, as the checkpoint says\n"
                     "      the checkpoint's cache is fp8; every step is straight with --kv-cache q8_0\n");
    declared_cache.given = true;
    ck_assert_str_eq(printed(print, &told),
                     "keys and values are cached as: fp8, as declared\n"
                     "      declared --kv-cache fp8; every step is straight with --kv-cache q8_0\n");
    declared_cache.given = false;
    json_t *json = cache_check_json(&told);
    ck_assert_str_eq(json_string_value(json_object_get(json, "declared")), "fp8");
    ck_assert_str_eq(json_string_value(json_object_get(json, "fits")), "q8_0");
    json_decref(json);
}
END_TEST

Suite *cache_check_suite(void)
{
    Suite *suite = suite_create("cache_check");
    TCase *rules = theme(suite, "rules");
    tcase_add_loop_test(rules, right_by_its_own_rule_alone, 0, COUNT(honest));
    tcase_add_test(rules, layers_tell_of_fp8);
    tcase_add_test(rules, plain_cache_is_told);
    tcase_add_test(rules, scale_of_keys_for_values_is_bent);
    tcase_add_test(theme(suite, "reports"), reported);
    return suite;
}
