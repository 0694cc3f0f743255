/* test_vision_mask_option.c - --vision-mask of run, generate, grade and diagnose */
#include "command.h"

#define GOOGLE UNIFIED "/dumps/google-masks-bf16-eager.safetensors"
#define HUGGING_FACE UNIFIED "/dumps/honest-bf16-eager.safetensors"
#define SAYS_SO "\nvision mask: google's reading, see docs/masks.md\n"

static const struct {
    const char *arguments[8];
    int status;
    bool says_so;
} grades[] = {
    { { "grade", UNIFIED, GOOGLE }, 0, true },
    { { "grade", UNIFIED, GOOGLE, "--vision-mask", "google" }, 0, true },
    { { "grade", UNIFIED, GOOGLE, "--vision-mask", "hf" }, 1, false },
    { { "grade", UNIFIED, HUGGING_FACE }, 0, false },
    { { "grade", UNIFIED, HUGGING_FACE, "--vision-mask", "google" }, 1, true },
    { { "diagnose", UNIFIED, GOOGLE, "--layers" }, 0, true },
    { { "diagnose", UNIFIED, GOOGLE, "--layers", "--vision-mask", "hf" }, 1, false },
};

START_TEST(graded)
{
    Result result = run_plumb(grades[_i].arguments);
    assert_status(result, grades[_i].status);
    ck_assert_msg((strstr(result.out, SAYS_SO) != NULL) == grades[_i].says_so, "%s", result.out);
}
END_TEST

static void assert_json_says(const char *dump, const char *reading)
{
    const char *report = temporary("report.json");
    assert_status(plumb("grade", UNIFIED, dump, "--json", report), 0);
    json_t *json = read_json(report);
    ck_assert_str_eq(json_string_value(json_object_get(json, "vision_mask")), reading);
    json_decref(json);
}

START_TEST(json_says_so)
{
    assert_json_says(GOOGLE, "google");
    assert_json_says(HUGGING_FACE, "hf");
}
END_TEST

/* A dump that plumb computed by a reading is graded by that reading, with a bug or without. */
START_TEST(own_runs_are_graded)
{
    const char *dump = temporary("dump.safetensors");
    assert_status(plumb("run", UNIFIED, "--vision-mask", "google", "--precision", "bf16", "--out", dump), 0);
    Result result = plumb("grade", UNIFIED, dump, "--as", "bf16", "--strict");
    assert_status(result, 0);
    ck_assert(strstr(result.out, SAYS_SO));
    assert_status(plumb("run", UNIFIED, "--vision-mask", "google", "--bug", "softcap-missing", "--out", dump), 0);
    result = plumb("grade", UNIFIED, dump);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, SAYS_SO) && strstr(result.out, "first bent step: logits"), "%s", result.out);
}
END_TEST

/* Whether two runs of generate chose from the same logits, to the last bit */
static bool is_same(const char *reading)
{
    const char *one = temporary("one.safetensors"), *other = temporary("other.safetensors");
    assert_status(plumb("generate", UNIFIED, "--max-new-tokens", "2", "--ignore-eos", "--logits", one), 0);
    assert_status(plumb("generate", UNIFIED, "--max-new-tokens", "2", "--ignore-eos", "--logits", other,
                        "--vision-mask", reading),
                  0);
    return strstr(plumb("compare", one, other).out, "\nlogits@1    0.000e+00") != NULL;
}

START_TEST(generated)
{
    ck_assert(is_same("hf"));
    ck_assert(!is_same("google"));
}
END_TEST

START_TEST(refused)
{
    Result result = plumb("run", TEXT, "--vision-mask", "google");
    assert_status(result, 2);
    assert_one_line(result, (const char *const[]){ "--vision-mask google", "gemma4_text", "gemma4_unified", NULL });
    assert_status(plumb("grade", UNIFIED, GOOGLE, "--vision-mask", "both"), 2);
    assert_status(plumb("run", TEXT, "--vision-mask", "hf"), 0);
}
END_TEST

Suite *vision_mask_option_suite(void)
{
    Suite *suite = suite_create("vision_mask_option");
    TCase *used = theme(suite, "used");
    tcase_add_loop_test(used, graded, 0, COUNT(grades));
    tcase_add_test(used, json_says_so);
    tcase_add_test(used, own_runs_are_graded);
    tcase_add_test(used, generated);
    tcase_add_test(used, refused);
    return suite;
}
