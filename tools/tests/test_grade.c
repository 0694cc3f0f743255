/* test_grade.c - plumb grade, of text: decode steps, choices, what plumb itself has written */
#include "command.h"

#define WHOLE_HONEST WHOLE "/dumps/honest-bf16-eager.safetensors"
#define EXPERTS_HONEST EXPERTS "/dumps/honest-bf16-eager.safetensors"

/* A dump's name, the options, the exit status, and a phrase of what is printed. */
static const struct {
    const char *arguments[10];
    int status;
    const char *says;
} grades[] = {
    { { TEXT, TEXT "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { WHOLE, WHOLE "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { EXPERTS, EXPERTS "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { WHOLE, WHOLE_HONEST }, 0, "\nlogits@2 " },
    { { WHOLE, WHOLE_HONEST }, 0, "\ninput_ids@2 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\nmodel.language_model.layers.3@2 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\nmodel.language_model.embed_tokens_per_layer@1 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\ninput_ids@1 " },
    { { WHOLE, WHOLE_HONEST, "--only", "logits@*" }, 0, "PASS  all 2 steps" },
    { { WHOLE, WHOLE_HONEST, "--ignore-eos" }, 0, "PASS" },
    { { TEXT, EXPERTS_HONEST }, 2, "" },
};

static Result grade(const char *const *arguments)
{
    const char *all[16] = { "grade" };
    for (int i = 0; arguments[i]; i++) all[i + 1] = arguments[i];
    return run_plumb(all);
}

START_TEST(graded)
{
    Result result = grade(grades[_i].arguments);
    assert_status(result, grades[_i].status);
    ck_assert_msg(strstr(result.out, grades[_i].says) != NULL, "no \"%s\" in:\n%s", grades[_i].says, result.out);
}
END_TEST

/* What plumb writes is a dump without a gap. */
START_TEST(own_generation_is_graded)
{
    static const char *const folders[] = { TEXT, WHOLE, EXPERTS };
    const char *dump = temporary("dump.safetensors");
    assert_status(
        plumb("run", folders[_i], "--precision", "bf16", "--max-new-tokens", "4", "--ignore-eos", "--out", dump), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "bf16", "--strict", "--ignore-eos"), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "bf16", "--layers", "--ignore-eos"), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "fp32", "--ignore-eos"), 1);
}
END_TEST

START_TEST(own_logits_are_graded)
{
    const char *dump = temporary("logits.safetensors");
    assert_status(plumb("generate", TEXT, "--max-new-tokens", "5", "--ignore-eos", "--logits", dump), 0);
    Result result = plumb("grade", TEXT, dump, "--ignore-eos");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "PASS  all 5 steps") != NULL, "%s", result.out);
}
END_TEST

static const struct {
    const char *dump, *array;
    int64_t choice;
    const char *names[4];
} absurd[] = {
    { WHOLE_HONEST,
      "input_ids@2",
      320,
      { "dump.safetensors: input_ids@2: found 320 ", "expected a token from 0 to 319" } },
    { WHOLE_HONEST, "input_ids@1", -1, { "dump.safetensors: input_ids@1: found -1 ", "expected a token" } },
    { EXPERTS_HONEST,
      "model.language_model.layers.1.router#top_k_index",
      8,
      { "layers.1.router#top_k_index: found 8 ", "expected an expert from 0 to 7" } },
};

START_TEST(absurd_choice)
{
    const char *dump = temporary("dump.safetensors");
    copy_file(absurd[_i].dump, dump);
    set_bytes(dump, absurd[_i].array, &absurd[_i].choice, sizeof absurd[_i].choice);
    const char *folder = strstr(absurd[_i].dump, EXPERTS) ? EXPERTS : WHOLE;
    assert_one_line(plumb("grade", folder, dump), absurd[_i].names);
}
END_TEST

/* Another expert than any noise could choose is bent there, whatever follows. */
START_TEST(wrong_choice)
{
    static const char *const tap = "model.language_model.layers.1.router#top_k_index";
    const char *dump = temporary("dump.safetensors");
    copy_file(EXPERTS_HONEST, dump);
    const int64_t same[] = { 0, 0, 0 };
    set_bytes(dump, tap, same, sizeof same);
    Result result = plumb("grade", EXPERTS, dump);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "FAIL  first bent step: model.language_model.layers.1.router#top_k_index (") !=
                      NULL,
                  "%s", result.out);
}
END_TEST

Suite *grade_suite(void)
{
    Suite *suite = suite_create("grade");
    TCase *tcase = theme(suite, "text");
    tcase_add_loop_test(tcase, graded, 0, COUNT(grades));
    tcase_add_loop_test(tcase, own_generation_is_graded, 0, 3);
    tcase_add_test(tcase, own_logits_are_graded);
    tcase_add_loop_test(tcase, absurd_choice, 0, COUNT(absurd));
    tcase_add_test(tcase, wrong_choice);
    return suite;
}
