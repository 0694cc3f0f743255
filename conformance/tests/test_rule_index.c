/* test_rule_index.c - the first pattern that fits is found as if each were tried, and in time */
#include "names/rule_index.h"

#include "helpers.h"

static const char *const patterns[] = {
    "blk.{}.attn", "blk.{}.attn.out", "blk.0.mlp", "blk.*", "*.attn", "*", "out@{}", "out", "out@2",
    "{}",          "a{}b{}",          "a*b",       "a*b*c", "x.{}.",  "",  "@{}",
};
static const char *const names[] = {
    "blk.3.attn", "blk.3.attn.out", "blk.0.mlp", "blk.0.mlp@2", "blk.9", "q.attn", "out", "out@2", "out@3", "17",
    "17@4",       "a1b2",           "a1b",       "axbyc",       "ab",    "x.4.",   "x.",  "q",     "",      "a12b34@5",
};

/* Patterns from i on, by trying each */
static int first_of(int begin, const char *name)
{
    Captured captured;
    for (int i = begin; i < COUNT(patterns); i++)
        if (name_pattern_fits(patterns[i], name, &captured)) return i - begin;
    return -1;
}

START_TEST(as_if_each_were_tried)
{
    for (int begin = 0; begin < COUNT(patterns); begin++) {
        RuleIndex *index = rule_index_new(COUNT(patterns) - begin, &scratch);
        for (int i = begin; i < COUNT(patterns); i++) rule_index_add(index, patterns[i]);
        for (int n = 0; n < COUNT(names); n++) {
            Captured captured;
            int expected = first_of(begin, names[n]), found = rule_index_find(index, names[n], &captured);
            ck_assert_msg(found == expected, "%s from %s: found %d, expected %d", names[n], patterns[begin], found,
                          expected);
        }
    }
}
END_TEST

/* Every pattern with every name: two billion comparisons */
START_TEST(large_map_and_large_dump)
{
    enum { MANY = 45000 };
    RuleIndex *index = rule_index_new(MANY, &scratch);
    for (int i = 0; i < MANY; i++) rule_index_add(index, arena_format(&scratch, "blk.{}.tensor.%d", i));
    for (int i = 0; i < MANY; i++) {
        Captured captured;
        const char *name = arena_format(&scratch, "blk.%d.tensor.%d", i % 60, MANY - 1 - i);
        if (rule_index_find(index, name, &captured) != MANY - 1 - i) ck_abort_msg("%s", name);
        ck_assert_int_eq(captured_number(&captured, 0), i % 60);
    }
}
END_TEST

/* Seven texts in a name of 20,000 characters: if each were tried in each, they would never end. */
START_TEST(texts_are_not_tried_in_each_other)
{
    char *name = memset(arena_allocate(&scratch, 20001), 'a', 20000);
    name[20000] = '\0';
    Captured captured;
    ck_assert(!name_pattern_fits("*a*a*a*a*a*a*a*b", name, &captured));
    ck_assert(name_pattern_fits("*a*a*a*a*a*a*a*a", name, &captured));
    ck_assert_int_eq(captured.texts[0].length, 1);
    ck_assert_int_eq(captured.texts[7].length, 20000 - 15);
}
END_TEST

Suite *rule_index_suite(void)
{
    Suite *suite = suite_create("rule_index");
    TCase *tcase = theme(suite, "rule_index");
    tcase_add_test(tcase, as_if_each_were_tried);
    tcase_add_test(tcase, large_map_and_large_dump);
    tcase_add_test(tcase, texts_are_not_tried_in_each_other);
    return suite;
}
