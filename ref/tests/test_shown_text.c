/* test_shown_text.c - control characters of strangers' text, and those that nobody sees, become question marks */
#include "run/shown_text.h"

#include "helpers.h"

static const struct {
    const char *text, *shown;
} texts[] = {
    { "", "" },
    { "model.layers.0#q", "model.layers.0#q" },
    { "a\nPASS  all", "a?PASS  all" },
    { "\033[2J\r\t\x7f.", "?[2J???." },
    { "\xc2\x9b"
      "31m\xc2\xa0",
      "??31m\xc2\xa0" },                                         /* CSI in one character; a space that does not break */
    { "\xe2\x80\xa8|\xe2\x80\xae|\xe2\x81\xa6", "???|???|???" }, /* a line's end, and two that turn the writing */
    { "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "????????" },         /* marks of its direction */
    { "l\xe2\x80\x8bo\xe2\x81\xa0g\xef\xbb\xbfits\xc2\xad", "l???o???g???its??" }, /* no width */
    { "\xf3\xa0\x81\xa1|\xef\xb8\x8f|\xe3\x85\xa4", "????|???|???" },               /* a tag, a variant, a filler */
    { "\xc0\x8a\xe0\x80\x8a", "?????" },                                          /* lines' ends, written too long */
    { "\x9b" "31m", "?31m" },                                                       /* CSI of an eight-bit terminal */
    { "\xe2\x80\xa6 \xc3\xbc \xe2\x82\xac", "\xe2\x80\xa6 \xc3\xbc \xe2\x82\xac" },
    { "\xc2", "\xc2" }, /* cut short */
    { "\xe2\x82", "\xe2?" },
    { "\xd8\xa7\xf0\x9f\x99\x82", "\xd8\xa7\xf0\x9f\x99\x82" }, /* letters and pictures stay */
};

START_TEST(controls_are_hidden)
{
    char copy[64];
    const char *shown = shown_text(copy, sizeof copy, texts[_i].text);
    ck_assert_str_eq(shown, texts[_i].shown);
    ck_assert((shown == texts[_i].text) == (strcmp(texts[_i].text, texts[_i].shown) == 0));
}
END_TEST

/* The copy has what fits, and a character that is cut there ends nothing. */
START_TEST(long_text)
{
    char copy[8];
    ck_assert_str_eq(shown_text(copy, sizeof copy, "a\nbcdef\xc2\x9b"), "a?bcdef");
    ck_assert_str_eq(shown_text(copy, sizeof copy, "a\nbcde\xc2\x9b"), "a?bcde\xc2");
    ck_assert_ptr_null(shown_text(copy, sizeof copy, NULL));
}
END_TEST

Suite *shown_text_suite(void)
{
    Suite *suite = suite_create("shown_text");
    TCase *tcase = theme(suite, "texts");
    tcase_add_loop_test(tcase, controls_are_hidden, 0, COUNT(texts));
    tcase_add_test(tcase, long_text);
    return suite;
}
