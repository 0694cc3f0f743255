/* test_class_check.c - dumps that say the truth about their arithmetic, and dumps that do not */
#include "readings/class_check.h"

#include "bugs/bug.h"
#include "findings.h"

#define TEXT "fixtures/e2b-text"
#define WHOLE "fixtures/e2b"

/* ---------------------------------------------------------------- backends: the reference in a class, or with a bug */

static void write_tap(void *context, const Tap *tap)
{
    if (tap->first == 0) safetensors_writer_begin(context, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(context, tap->values, (size_t)tap->count * tap->value_size);
}

static const char *model_of(const char *folder) { return arena_format(&scratch, "%s/model", folder); }
static const char *inputs_of(const char *folder) { return arena_format(&scratch, "%s/inputs.safetensors", folder); }

/* bug NULL: none. NULL where the bug does not fit the model */
static const char *dump_of(const char *folder, const char *class, const Bug *bug)
{
    Error error = { "" }, unfit = { "" };
    BuggyModel *buggy = bug ? buggy_model_open(model_of(folder), &bug, 1, &unfit) : NULL;
    if (bug && !buggy) return NULL;
    Model *model = bug ? NULL : model_open(model_of(folder), &error);
    Inputs inputs = inputs_open(inputs_of(folder), &error);
    SafetensorsWriter *writer = safetensors_writer_open(temporary("dump.safetensors"), &error);
    assert_clean(&error);
    const ArithmeticClass *in = class_find(class);
    Pass pass = { .results = in->results, .weights = in->weights, .hook = write_tap, .hook_context = writer };
    if (bug)
        buggy_model_forward(buggy, &reference_f32, &inputs, &pass);
    else
        reference_f32.forward(model, &inputs, &pass);
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    inputs_close(&inputs);
    buggy_model_close(buggy);
    model_close(model);
    return temporary("dump.safetensors");
}

static void to_bf16(Value *value, const void *context)
{
    int64_t count = 1;
    (void)context;
    for (int i = 0; i < value->rank; i++) count *= value->shape[i];
    round_result(&(Run){ .rounding = ROUNDING_BF16 }, value->values, count);
}

typedef struct {
    ClassCheck check;
    bool fails;
} Checked;

static Checked check(const char *folder, const char *dump_file, const char *declared, const char *const *only)
{
    Error error = { "" };
    Model *model = model_open(model_of(folder), &error);
    Inputs inputs = inputs_open(inputs_of(folder), &error);
    Dump *dump = dump_open(dump_file, &error);
    assert_clean(&error);
    Trial trial = { .model = model,
                    .inputs = &inputs,
                    .dump = dump,
                    .class = class_find(declared),
                    .options = { .only = only, .ignore_eos = true } };
    Grade *grade = lockstep_grade(&trial, &error);
    assert_clean(&error);
    Checked checked = { class_check(&trial, grade, &error), grade->first_bent >= 0 };
    assert_clean(&error);
    grade_free(grade);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return checked;
}

static const char *name_of(const ArithmeticClass *class) { return class ? class->name : "none"; }

/* ---------------------------------------------------------------- another class */

static const char *const folders[] = { TEXT, WHOLE, E2B, BIG, "fixtures/31b", "fixtures/26b-a4b" };
static const char *const classes[] = { "tf32", "fp16", "bf16" };

START_TEST(class_that_fits_is_found)
{
    const char *folder = folders[_i / COUNT(classes)], *class = classes[_i % COUNT(classes)];
    const char *dump = dump_of(folder, class, NULL);
    for (int layers = 0; layers < 2; layers++) {
        Checked checked = check(folder, dump, "fp32", layers ? layer_outputs : NULL);
        ck_assert(checked.fails && !checked.check.wider);
        ck_assert_str_eq(name_of(checked.check.fits), class);
    }
}
END_TEST

enum { SHARES = 8 }; /* of the catalogue, each a test */

/* A bug is no class, however small it is. */
START_TEST(bug_is_no_class)
{
    int failed = 0;
    for (int i = _i; i < bug_count(); i += SHARES) {
        const char *dump = dump_of(TEXT, "fp32", bug_at(i));
        for (int layers = 0; dump && layers < 2; layers++) {
            Checked checked = check(TEXT, dump, "fp32", layers ? layer_outputs : NULL);
            failed += checked.fails;
            ck_assert_msg(!checked.fails || !checked.check.fits, "%s is taken for %s, %s", bug_at(i)->id,
                          name_of(checked.check.fits), layers ? "layer outputs" : "all");
        }
    }
    ck_assert_int_gt(failed, 0);
}
END_TEST

/* ---------------------------------------------------------------- a wider one inside */

static const struct {
    const char *folder, *dump, *class;
} honest[] = {
    { E2B, "honest-bf16-eager", "bf16" },
    { E2B, "honest-fp16-sdpa", "fp16" },
    { E2B, "honest-fp32-sdpa", "fp32" },
    { BIG, "honest-bf16-sdpa", "bf16" },
    { TEXT, "honest-bf16-eager", "bf16" },
    { TEXT, "honest-fp16-sdpa-2threads", "fp16" },
    { WHOLE, "honest-bf16-sdpa-2threads", "bf16" },
    { WHOLE, "honest-fp16-eager", "fp16" },
    { "fixtures/31b", "honest-bf16-eager", "bf16" },
    { "fixtures/26b-a4b", "honest-bf16-sdpa-2threads", "bf16" },
    { "fixtures/26b-a4b", "honest-fp32-sdpa-2threads", "fp32" },
};

START_TEST(honest_dump_is_what_it_says)
{
    const char *dump = arena_format(&scratch, "%s/dumps/%s.safetensors", honest[_i].folder, honest[_i].dump);
    for (int layers = 0; layers < 2; layers++) {
        Checked checked = check(honest[_i].folder, dump, honest[_i].class, layers ? layer_outputs : NULL);
        ck_assert(!checked.fails && !checked.check.wider);
        ck_assert_str_eq(name_of(checked.check.fits), honest[_i].class);
    }
}
END_TEST

/* float32 inside, and rounded on its way into the dump: what a step of several operations tells. */
START_TEST(hidden_upcast_is_noted)
{
    const char *dump = dump_of(folders[_i], "fp32", NULL);
    Checked wide = check(folders[_i], dump, "bf16", NULL);
    ck_assert(!wide.fails && wide.check.wider);
    ck_assert_int_gt(wide.check.unrounded, wide.check.inexact / 2);
    Checked narrow = check(folders[_i], edited_dump(dump, to_bf16, NULL), "bf16", layer_outputs);
    ck_assert(!narrow.fails && narrow.check.wider);
    ck_assert_int_gt(narrow.check.telling, 1);
}
END_TEST

START_TEST(float32_is_no_tf32)
{
    Checked checked = check(TEXT, dump_of(TEXT, "fp32", NULL), "tf32", NULL);
    ck_assert(!checked.fails && checked.check.wider);
    checked = check(TEXT, dump_of(TEXT, "tf32", NULL), "tf32", NULL);
    ck_assert(!checked.fails && !checked.check.wider);
}
END_TEST

/* ---------------------------------------------------------------- reports */

static void print_check(FILE *out, const void *check) { class_check_text(out, check); }
static const char *text_of(const ClassCheck *check) { return printed(print_check, check); }

START_TEST(check_is_reported)
{
    ClassCheck tf32 = { .declared = class_find("fp32"), .fits = class_find("tf32") };
    ck_assert_str_eq(text_of(&tf32),
                     "      declared fp32; its products are those of tf32: every step is straight as tf32\n");
    ClassCheck bf16 = { .declared = class_find("fp32"), .fits = class_find("bf16") };
    ck_assert_str_eq(text_of(&bf16), "      declared fp32; it computes in bf16: every step is straight as bf16\n");
    ClassCheck none = { .declared = class_find("fp32") };
    ck_assert_str_eq(text_of(&none), "");
    ClassCheck upcast = { class_find("bf16"), class_find("bf16"), 4, 3, 90, 2, true, { 0 } };
    ck_assert_str_eq(text_of(&upcast),
                     "note  declared bf16, but it computes in a wider dtype: of 4 steps of several "
                     "operations, 3 err as if only their results were rounded; of all 90, 2 err less\n");

    json_t *json = class_check_json(&upcast);
    ck_assert_str_eq(json_string_value(json_object_get(json, "fits")), "bf16");
    ck_assert(json_is_true(json_object_get(json, "computes_wider")));
    json_decref(json);
    json = class_check_json(&none);
    ck_assert(json_is_null(json_object_get(json, "fits")));
    json_decref(json);
}
END_TEST

/* Between products tf32 is float32, whose noise a pass in float32 does not stay below. */
START_TEST(faint_bug_is_named_in_tf32)
{
    const Bug *bug = bug_find("attn-softcap-50");
    Finding finding = find(TEXT, dump_of(TEXT, "tf32", bug), "tf32", NULL);
    ck_assert_str_eq(first_name(finding), bug->id);
    finding_free(finding);
}
END_TEST

Suite *class_check_suite(void)
{
    Suite *suite = suite_create("class_check");
    TCase *fits = theme(suite, "fits"), *wider = theme(suite, "wider");
    tcase_add_loop_test(fits, class_that_fits_is_found, 0, COUNT(folders) * COUNT(classes));
    tcase_add_loop_test(long_theme(suite, "each bug"), bug_is_no_class, 0, SHARES);
    tcase_add_loop_test(wider, honest_dump_is_what_it_says, 0, COUNT(honest));
    tcase_add_loop_test(wider, hidden_upcast_is_noted, 0, COUNT(folders));
    tcase_add_test(wider, float32_is_no_tf32);
    tcase_add_test(wider, faint_bug_is_named_in_tf32);
    tcase_add_test(theme(suite, "reports"), check_is_reported);
    return suite;
}
