/* test_properties.c - what is no number passes at no tap */
#include <math.h>

#include "backends.h"

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

Suite *properties_suite(void)
{
    Suite *suite = suite_create("properties");
    TCase *tcase = theme(suite, "no numbers");
    tcase_add_loop_test(tcase, no_tap_passes_with_it, 0, COUNT(no_numbers));
    return suite;
}
