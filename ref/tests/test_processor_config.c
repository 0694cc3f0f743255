/* test_processor_config.c - which file and which object of it sets a processor */
#include "checkpoint/processor_config.h"

#include "helpers.h"

static const char *const keys[] = { "one", "two", NULL };
static const char *const files[] = { "processor_config.json", "own.json", NULL };

/* The number at "is" in what was found, or 0 */
static int found(void)
{
    Error error = { "" };
    ConfigReader at = { .error = &error };
    json_t *whole = processor_config_open(temporary_folder(), keys, files, &at, &scratch);
    int is = whole ? config_count(at, "is") : 0;
    json_decref(whole);
    assert_clean(&error);
    return is;
}

START_TEST(which)
{
    ck_assert_int_eq(found(), 0);
    write_text(temporary("own.json"), "{\"is\": 1}");
    ck_assert_int_eq(found(), 1);
    write_text(temporary("processor_config.json"), "{\"is\": 2, \"three\": {\"is\": 3}}");
    ck_assert_int_eq(found(), 1);
    write_text(temporary("processor_config.json"), "{\"two\": {\"is\": 4}}");
    ck_assert_int_eq(found(), 4);
    write_text(temporary("processor_config.json"), "{\"two\": {\"is\": 4}, \"one\": {\"is\": 5}}");
    ck_assert_int_eq(found(), 5);
}
END_TEST

START_TEST(refused)
{
    static const char *const texts[] = { "[", "{\"one\": 3}", "{\"one\": null}" };
    static const char *const says[] = { ": found invalid JSON", ": one: found 3, expected an object",
                                        ": one: found null, expected an object" };
    Error error = { "" };
    ConfigReader at = { .error = &error };
    write_text(temporary("processor_config.json"), texts[_i]);
    write_text(temporary("own.json"), "{}");
    json_decref(processor_config_open(temporary_folder(), keys, files, &at, &scratch));
    assert_refused(&error, temporary("processor_config.json"), says[_i]);
}
END_TEST

Suite *processor_config_suite(void)
{
    Suite *suite = suite_create("processor_config");
    TCase *tcase = theme(suite, "files");
    tcase_add_test(tcase, which);
    tcase_add_loop_test(tcase, refused, 0, 3);
    return suite;
}
