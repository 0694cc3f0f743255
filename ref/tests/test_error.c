/* test_error.c - the sticky one-line error */
#include "helpers.h"

START_TEST(first_error_stays)
{
    Error error = { "" };
    ck_assert(!error_is_set(&error));
    error_set(&error, "%s: found %d, expected %d", "a.json", 1, 2);
    error_set(&error, "later");
    ck_assert(error_is_set(&error));
    ck_assert_str_eq(error.message, "a.json: found 1, expected 2");
}
END_TEST

START_TEST(long_message_is_cut)
{
    Error error = { "" };
    char name[2 * sizeof error.message];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    error_set(&error, "%s", name);
    ck_assert_uint_eq(strlen(error.message), sizeof error.message - 1);
    ck_assert_int_eq(error.message[0], 'x');
}
END_TEST

START_TEST(message_stays_one_line)
{
    Error error = { "" };
    error_set(&error, "%s: found none", "na\nme\t");
    ck_assert_str_eq(error.message, "na?me?: found none");
}
END_TEST

Suite *error_suite(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = theme(suite, "message");
    tcase_add_test(tcase, first_error_stays);
    tcase_add_test(tcase, long_message_is_cut);
    tcase_add_test(tcase, message_stays_one_line);
    return suite;
}
