/* test_properties.c - what is no number passes at no tap, and hides no bug */
#include <math.h>

#include "backends.h"
#include "findings.h"

#define E2B_TEXT "fixtures/e2b-text"

typedef struct {
    const char *tap;
    float value;
} Spoilt;

static void spoil(Value *value, const void *context)
{
    const Spoilt *spoilt = context;
    if (strcmp(value->name, spoilt->tap) == 0) *value_at(value, 0, value->shape[value->rank - 1] - 1) = spoilt->value;
}

static const float no_numbers[] = { NAN, INFINITY };

/* Row 0 is no padding. */
START_TEST(no_tap_passes_with_it)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *path = backend_dump(text, &(Backend){ .class = "bf16" });
    Error none = { "" };
    Dump *dump = dump_open(path, &none);
    assert_clean(&none);
    int tried = 0;
    for (int i = 0; i < dump_count(dump); i++) {
        Error error = { "" };
        Spoilt spoilt = { dump_array(dump, i)->name, no_numbers[_i] };
        Grade *grade = grade_text(text, edited_dump(path, spoil, &spoilt), "bf16",
                                  &(GradeOptions){ .samples = 1, .ignore_eos = true }, &error);
        ck_assert_msg(!grade || grade->first_bent >= 0, "%s: %g passes", spoilt.tap, no_numbers[_i]);
        grade_free(grade);
        tried++;
    }
    ck_assert_int_gt(tried, 90);
    dump_close(dump);
}
END_TEST

/* ---------------------------------------------------------------- beside a bug */

/* The dump with each array in float64, and the value as the first of the last row of one */
static const char *spoilt(const char *from, const char *tap, double value)
{
    Error error = { "" };
    const char *path = temporary("spoilt.safetensors");
    Dump *dump = dump_open(from, &error);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        int64_t count = array_elements(array);
        double *values = arena_allocate(&scratch, (size_t)count * sizeof *values);
        array_read_f64(array, 0, count, values);
        if (strcmp(array->name, tap) == 0) values[count - array->shape[array->rank - 1]] = value;
        safetensors_writer_begin(writer, array->name, DTYPE_F64, array->rank, array->shape);
        safetensors_writer_append(writer, values, (size_t)count * sizeof *values);
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    dump_close(dump);
    return path;
}

/* No float32 is 1e200. */
static const struct {
    const char *tap;
    double value;
} hiding[] = { { "model.layers.2.self_attn#attn_weights", 1e200 },
               { "model.layers.2.self_attn#attn_weights", NAN },
               { "model.layers.2", -1e300 },
               { "model.layers.2", INFINITY },
               { "logits", 1e200 } };

/* The bug beside it is named, and the value is bent itself. */
START_TEST(no_number_hides_a_bug)
{
    const char *dump = spoilt(E2B_TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors", hiding[_i].tap,
                              hiding[_i].value);
    Finding finding = find(E2B_TEXT, dump, "bf16", NULL);
    const Step *step = step_of(finding.grade, hiding[_i].tap);
    ck_assert_str_eq(first_name(finding), "window-off-by-one");
    ck_assert_str_eq(finding.diagnosis->candidates[0].bug->id, "window-off-by-one");
    ck_assert(step->verdict == VERDICT_FAIL && step->non_finite == 1);
    finding_free(finding);
}
END_TEST

Suite *properties_suite(void)
{
    Suite *suite = suite_create("properties");
    TCase *tcase = theme(suite, "no numbers");
    tcase_add_loop_test(tcase, no_tap_passes_with_it, 0, COUNT(no_numbers));
    tcase_add_loop_test(theme(suite, "beside a bug"), no_number_hides_a_bug, 0, COUNT(hiding));
    return suite;
}
