/* test_lockstep.c - the fixtures: honest dumps pass; a bug is found at the step that has it */
#include <dirent.h>
#include <stdlib.h>

#include "dumps.h"
#include "report/report_grade.h"

static const char *const folders[] = {
    E2B,
    BIG,
    "fixtures/e2b-text",
    "fixtures/31b",
    "fixtures/26b-a4b",
    "fixtures/e2b",
    "fixtures/e2b-shared",
    "fixtures/31b-extremes",
    "fixtures/12b-image",
    "fixtures/12b-video-audio",
    "fixtures/e2b-audio",
    "fixtures/e4b-audio-vision",
    "fixtures/96-chunks",
    "fixtures/96-rows",
};

static void assert_honest(const char *folder, const char *dump, const char *class)
{
    Grade *full = graded(folder, dump, class, NULL), *layers = graded(folder, dump, class, layer_outputs);
    assert_passes(full, dump);
    assert_passes(layers, dump);
    ck_assert_int_eq(full->unknown_count, 0);
    ck_assert_int_ge(layers->step_count, 5);
    ck_assert_int_eq(layers->step_count + layers->not_graded_count, full->step_count + full->not_graded_count);
    grade_free(full);
    grade_free(layers);
}

/* Each honest dump: its class is in its name. */
START_TEST(honest_dumps_pass)
{
    const char *dumps = arena_format(&scratch, "%s/dumps", folders[_i]);
    DIR *folder = opendir(dumps);
    ck_assert_msg(folder != NULL, "%s cannot be read", dumps);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char class[5] = "";
        if (sscanf(entry->d_name, "honest-%4s", class) != 1) continue;
        assert_honest(folders[_i], arena_format(&scratch, "%s/%s", dumps, entry->d_name), class);
        count++;
    }
    closedir(folder);
    ck_assert_int_eq(count, strstr(folders[_i], "chunks") ? 7 : 5);
    assert_honest(folders[_i], arena_format(&scratch, "%s/expected.safetensors", folders[_i]), "fp32");
}
END_TEST

/* Every name of Hugging Face is there, whichever the pass. */
START_TEST(expected_is_complete)
{
    Grade *grade = graded(folders[_i], arena_format(&scratch, "%s/expected.safetensors", folders[_i]), "fp32", NULL);
    for (int n = 0; n < grade->not_graded_count; n++) ck_assert_msg(false, "%s is missing", grade->not_graded[n]);
    grade_free(grade);
}
END_TEST

/* Each bug of case.json, where it says that it shows. */
START_TEST(buggy_dump_fails_where_it_should)
{
    json_t *whole = json_load_file(arena_format(&scratch, "%s/case.json", folders[_i]), 0, NULL), *bug;
    size_t i;
    ck_assert_uint_ge(json_array_size(json_object_get(whole, "exposes")), 2);
    json_array_foreach(json_object_get(whole, "exposes"), i, bug)
    {
        const char *dump, *class, *first_bent;
        ck_assert_int_eq(json_unpack(bug, "{s:s, s:s, s:s}", "dump", &dump, "class", &class, "first_bent", &first_bent),
                         0);
        const char *in_layer_outputs = json_string_value(json_object_get(bug, "first_bent_in_layer_outputs"));
        dump = arena_format(&scratch, "%s/%s", folders[_i], dump);
        Grade *full = graded(folders[_i], dump, class, NULL), *layers = graded(folders[_i], dump, class, layer_outputs);
        assert_bent_at(full, first_bent);
        if (in_layer_outputs)
            assert_bent_at(layers, in_layer_outputs);
        else
            assert_passes(layers, dump); /* it is smaller than the rounding of a layer's output */
        grade_free(full);
        grade_free(layers);
    }
    json_decref(whole);
}
END_TEST

/* Steps after a bent one are judged from the backend's own values. */
START_TEST(later_steps_are_straight)
{
    Grade *grade = graded(BIG, BIG "/dumps/buggy-pool-padding-not-zeroed-bf16.safetensors", "bf16", NULL);
    assert_bent_at(grade, "model.vision_tower.pooler");
    for (int n = grade->first_bent + 1; n < grade->step_count; n++)
        ck_assert_msg(grade->steps[n].verdict == VERDICT_PASS, "%s fails too", grade->steps[n].tap);
    grade_free(grade);
}
END_TEST

START_TEST(dump_in_a_wider_class_fails)
{
    Grade *grade = graded(E2B, BF16, "fp32", NULL);
    ck_assert_int_ge(grade->first_bent, 0);
    grade_free(grade);
}
END_TEST

/* ---------------------------------------------------------------- numbers */

START_TEST(total_is_introduced_and_inherited)
{
    Error error = { "" };
    Grade *with = grade_case(E2B, BF16, "bf16", NULL, true, &error), *without = graded(E2B, BF16, "bf16", NULL);
    assert_clean(&error);
    for (int n = 0; n < with->step_count; n++) {
        const Step *step = &with->steps[n];
        ck_assert_msg(step->total <= 1.01 * (step->introduced + step->inherited) + 1e-12, "%s: %g > %g + %g", step->tap,
                      step->total, step->introduced, step->inherited);
        ck_assert_double_nan(without->steps[n].total);
        ck_assert_double_nan(without->steps[n].inherited);
        ck_assert_double_eq(without->steps[n].introduced, step->introduced);
    }
    ck_assert_double_eq(with->steps[0].inherited, 0);
    ck_assert_double_gt(step_of(with, "model.embed_vision")->inherited, 0);
    grade_free(with);
    grade_free(without);
}
END_TEST

/* A replay's own output has introduced exactly what honesty does, wherever that is above one rounding. */
START_TEST(honest_is_near_one)
{
    Grade *grade = graded(E2B, BF16, "bf16", NULL);
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        ck_assert_msg(step->ratio < 2, "%s: ratio %g", step->tap, step->ratio);
        if (step->introduced > 0) ck_assert_double_gt(step->honest, 0);
    }
    grade_free(grade);
}
END_TEST

/* Reference and replay both hold the weights as a backend of the class does. */
START_TEST(weights_are_rounded_to_the_class)
{
    Error error = { "" };
    Grade *exact = graded(E2B, BF16, "bf16", NULL);
    Grade *nudged = grade_with(nudged_model(), E2B "/inputs.safetensors", BF16, "bf16", &(GradeOptions){ 0 }, &error);
    assert_clean(&error);
    for (int n = 0; n < exact->step_count; n++) {
        assert_near(nudged->steps[n].introduced, exact->steps[n].introduced, 0, "introduced", n);
        assert_near(nudged->steps[n].honest, exact->steps[n].honest, 0, "honest", n);
    }
    grade_free(exact);
    grade_free(nudged);
}
END_TEST

static const char *report_of(Grade *grade)
{
    char *text = NULL;
    size_t size = 0;
    Error error = { "" };
    FILE *out = open_memstream(&text, &size);
    report_text(out, grade, (ReportTitle){ "case", "dump", 0 });
    fclose(out);
    report_json(temporary("report.json"), grade, (ReportTitle){ "case", "dump", 0 }, &error);
    assert_clean(&error);
    grade_free(grade);
    const char *both = arena_format(&scratch, "%s%s", text, read_text(temporary("report.json"), NULL));
    free(text);
    return both;
}

/* With samples at random */
START_TEST(twice_the_same_bytes)
{
    Error error = { "" };
    const char *once = report_of(grade_case(E2B, BF16, "bf16", NULL, true, &error));
    const char *again = report_of(grade_case(E2B, BF16, "bf16", NULL, true, &error));
    ck_assert_str_eq(once, again);
}
END_TEST

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

static const struct {
    const char *dump, *class;
} samples[] = {
    { BF16, "bf16" },
    { E2B "/dumps/honest-fp16-eager.safetensors", "fp16" },
    { E2B "/expected.safetensors", "fp32" },
    { E2B "/expected.safetensors", "tf32" },
};

/* Rounding at random errs more than rounding to nearest, which is taken out: on most steps the noise is the same. */
START_TEST(samples_agree)
{
    double ratios[128];
    int count = 0;
    Error error = { "" };
    Grade *nearest = grade_with(E2B "/model", E2B "/inputs.safetensors", samples[_i].dump, samples[_i].class,
                                &(GradeOptions){ .samples = 1 }, &error);
    Grade *pooled = grade_with(E2B "/model", E2B "/inputs.safetensors", samples[_i].dump, samples[_i].class,
                               &(GradeOptions){ .samples = 16 }, &error);
    assert_clean(&error);
    for (int n = 0; n < nearest->step_count; n++) {
        ck_assert_int_eq(nearest->steps[n].samples, 1);
        ck_assert_int_eq(pooled->steps[n].samples, 16);
        ratios[count++] = pooled->steps[n].honest / nearest->steps[n].honest;
    }
    qsort(ratios, (size_t)count, sizeof *ratios, by_value);
    assert_near(ratios[count / 2], 1, 0.05, "median", _i);
    ck_assert_double_gt(ratios[count / 10], 0.75);
    ck_assert_double_lt(ratios[count * 9 / 10], 1.25);
    grade_free(nearest);
    grade_free(pooled);
}
END_TEST

enum { PASSES = 2 + SAMPLES }; /* one more with inherited and total */

/* Every tap of each. */
static void count_passes(void *context, int pass, int passes, const char *tap)
{
    int *seen = context;
    if (strcmp(tap, "model.embed_vision") == 0) seen[pass]++;
    seen[PASSES] = passes;
}

START_TEST(progress_is_told)
{
    Error error = { "" };
    int seen[PASSES + 1] = { 0 };
    Model *model = model_open(E2B "/model", &error);
    Inputs inputs = inputs_open(E2B "/inputs.safetensors", &error);
    Dump *dump = dump_open(BF16, &error);
    GradeOptions options = { .with_total = true, .progress = count_passes, .progress_context = seen };
    Trial trial = { .model = model, .inputs = &inputs, .dump = dump, .class = class_find("bf16"), .options = options };
    grade_free(lockstep_grade(&trial, &error));
    assert_clean(&error);
    for (int pass = 0; pass < PASSES; pass++) ck_assert_int_eq(seen[pass], 1);
    ck_assert_int_eq(seen[PASSES], PASSES);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    grade_free(NULL);
}
END_TEST

Suite *lockstep_suite(void)
{
    Suite *suite = suite_create("lockstep");
    TCase *tcase = theme(suite, "fixtures");
    tcase_add_loop_test(tcase, honest_dumps_pass, 0, COUNT(folders));
    tcase_add_loop_test(tcase, expected_is_complete, 0, COUNT(folders));
    tcase_add_loop_test(tcase, buggy_dump_fails_where_it_should, 0, COUNT(folders));
    tcase_add_test(tcase, later_steps_are_straight);
    tcase_add_test(tcase, dump_in_a_wider_class_fails);
    tcase = theme(suite, "numbers");
    tcase_add_test(tcase, total_is_introduced_and_inherited);
    tcase_add_test(tcase, honest_is_near_one);
    tcase_add_test(tcase, weights_are_rounded_to_the_class);
    tcase_add_test(tcase, twice_the_same_bytes);
    tcase_add_loop_test(tcase, samples_agree, 0, COUNT(samples));
    tcase_add_test(tcase, progress_is_told);
    return suite;
}
