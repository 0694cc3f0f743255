/* test_inputs.c - opens inputs.safetensors */
#include "inputs.h"

#include "helpers.h"

START_TEST(fixture)
{
    Error error = { "" };
    Inputs inputs = inputs_open(E2B "/inputs.safetensors", &error);
    assert_clean(&error);
    ck_assert_str_eq(inputs.pixel_values->name, "pixel_values");
    ck_assert_str_eq(inputs.image_position_ids->name, "image_position_ids");
    inputs_close(&inputs);
    ck_assert_ptr_null(inputs.pixel_values);
    inputs_close(&inputs);
}
END_TEST

START_TEST(other_arrays_only)
{
    Error error = { "" };
    write_safetensors(temporary("inputs"), "{\"input_ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
                      -1, 8);
    Inputs inputs = inputs_open(temporary("inputs"), &error);
    assert_clean(&error);
    ck_assert_ptr_null(inputs.pixel_values);
    ck_assert_ptr_null(inputs.image_position_ids);
    inputs_close(&inputs);
}
END_TEST

START_TEST(no_file)
{
    Error error = { "" };
    Inputs inputs = inputs_open(temporary("absent"), &error);
    assert_refused(&error, temporary("absent"), "No such file");
    ck_assert_ptr_null(inputs.file);
}
END_TEST

Suite *inputs_suite(void)
{
    Suite *suite = suite_create("inputs");
    TCase *tcase = theme(suite, "open");
    tcase_add_test(tcase, fixture);
    tcase_add_test(tcase, other_arrays_only);
    tcase_add_test(tcase, no_file);
    return suite;
}
