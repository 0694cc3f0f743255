/* test_colour.c - --color, NO_COLOR, and that colour is around words and changes none */
#include "command.h"

#define BENT TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors"

static const char *without_colour(const char *text)
{
    char *kept = arena_allocate(&scratch, strlen(text) + 1), *to = kept;
    for (const char *at = text; *at; at++) {
        if (*at == '\033')
            at += strcspn(at, "m");
        else
            *to++ = *at;
    }
    *to = '\0';
    return kept;
}

START_TEST(always)
{
    Result plain = plumb("diagnose", TEXT, BENT), coloured = plumb("diagnose", TEXT, BENT, "--color=always");
    ck_assert_ptr_null(strchr(plain.out, '\033'));
    ck_assert_ptr_nonnull(strstr(coloured.out, "\n\033[1;31mFAIL\033[0m  first bent step"));
    ck_assert_ptr_nonnull(strstr(coloured.out, "\n\033[1mmatches known bug\033[0m window-off-by-one"));
    ck_assert_str_eq(without_colour(coloured.out), plain.out);
}
END_TEST

START_TEST(columns)
{
    Result coloured = plumb("grade", TEXT, BENT, "--color=always");
    ck_assert_ptr_nonnull(strstr(coloured.out, "  \033[1;31mFAIL\033[0m\n"));
    ck_assert_str_eq(without_colour(coloured.out), plumb("grade", TEXT, BENT, "--color=never").out);
}
END_TEST

START_TEST(names_write_to_no_terminal)
{
    size_t size;
    const char *dump = temporary("named.safetensors"), *bytes = read_text(BENT, &size);
    write_bytes(dump, (const unsigned char *)bytes, size);
    set_field(dump, "logits", NULL, "\033[31mstranger");
    Result result = plumb("grade", TEXT, dump, "--color=never");
    ck_assert_ptr_null(strchr(result.out, '\033'));
    ck_assert_msg(strstr(result.out, ": ?[31mstranger\n"), "%s", result.out);
}
END_TEST

START_TEST(no_such_time)
{
    Result result = plumb("grade", TEXT, BENT, "--color=sometimes");
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "--color: found sometimes, expected auto, always or never"));
}
END_TEST

Suite *colour_suite(void)
{
    Suite *suite = suite_create("colour");
    TCase *tcase = theme(suite, "colour");
    tcase_add_test(tcase, always);
    tcase_add_test(tcase, columns);
    tcase_add_test(tcase, names_write_to_no_terminal);
    tcase_add_test(tcase, no_such_time);
    return suite;
}
