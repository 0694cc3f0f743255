/* test_name_pattern.c - names with holes */
#include "names/name_pattern.h"

#include "dumps.h"

static const struct {
    const char *pattern, *tap, *name, *expected; /* NULL: the pattern does not fit */
} named[] = {
    { "blk.{}.attn", "model.layers.{}.self_attn", "blk.12.attn", "model.layers.12.self_attn" },
    { "blk.{}", "model.layers.{}", "blk.7", "model.layers.7" },
    { "blk.{}", "model.layers.{}", "blk.7.attn", NULL },
    { "blk.{}", "model.layers.{}", "blk.", NULL },
    { "blk.{}", "model.layers.{}", "blk.x", NULL },
    { "blk.{}", "model.layers.{}", "my.blk.7", NULL },
    { "blk.{}", "model.layers.{}", "blk.7@2", "model.layers.7@2" },
    { "blk.{}", "model.layers.{}", "blk.1234567890", NULL },
    { "out", "model.norm", "out", "model.norm" },
    { "out", "model.norm", "outer", NULL },
    { "*", "model.*", "norm", "model.norm" },
    { "*", "model.*", "layers.0.mlp@1", "model.layers.0.mlp@1" },
    { "lm.*", "model.language_model.*", "lm.layers.3", "model.language_model.layers.3" },
    { "lm.*", "model.language_model.*", "lm.", NULL },
    { "*_out", "model.*", "norm_out", "model.norm" },
    { "*_out", "model.*", "norm_in", NULL },
    { "*.w.*", "*.x.*", "a.w.b.w.c", "a.x.b.w.c" },
    { "g{}.l{}", "m.{}.e.{}", "g1.l20", "m.1.e.20" },
    { "g{}.l{}", "m.{1}.e.{0}", "g1.l20", "m.20.e.1" },
    { "x.{}@{}", "y.{}@{}", "x.3@4", "y.3@4" },
    { "x.{}@{}", "y.{}@{}", "x.3", "y.3" },
    { "x@{}", "y.{}", "x@5", "y.5" },
    { "x@{}", "y.{}", "x", "y.0" },
    { "x.step{}", "y@{}", "x.step2", "y@2" },
    { "x.step{}", "y@{}", "x.step0", "y" },
    { "x@2", "y", "x@2", "y" },
    { "x@2", "y", "x", NULL },
    { "l.*", "l.{i}.*", "l.norm", "l.5.norm" },
};

START_TEST(filled)
{
    Captured captured;
    bool fits = name_pattern_fits(named[_i].pattern, named[_i].name, &captured);
    ck_assert_int_eq(fits, named[_i].expected != NULL);
    if (!fits) return;
    ck_assert_str_eq(name_pattern_fill(named[_i].tap, &captured, 5, &scratch), named[_i].expected);
    ck_assert_ptr_null(name_pattern_complaint(named[_i].pattern));
    ck_assert_ptr_null(name_pattern_tap_complaint(named[_i].pattern, named[_i].tap));
}
END_TEST

static const struct {
    const char *pattern, *tap, *says;
} bad[] = {
    { "", "a", "an empty name" },
    { "a{", "a", "{ or } alone" },
    { "a}", "a", "{ or } alone" },
    { "a{i}", "a", "{ or } alone" },
    { "a@{}.b", "a", "found @ and more behind it" },
    { "a@x", "a", "found @ and more behind it" },
    { "{}.{}.{}.{}.{}.{}.{}.{}.{}", "a", "more than 8" },
    { "a", "", "an empty tap" },
    { "a", "b.{}", "more {} in the tap" },
    { "a.{}", "b.{1}", "more {} in the tap" },
    { "a.{}", "b.{x}", "alone in the tap" },
    { "a.{}", "b.*", "more * in the tap" },
};

START_TEST(complained_of)
{
    const char *wrong = name_pattern_complaint(bad[_i].pattern);
    if (!wrong) wrong = name_pattern_tap_complaint(bad[_i].pattern, bad[_i].tap);
    ck_assert_ptr_nonnull(wrong);
    ck_assert_msg(strstr(wrong, bad[_i].says) != NULL, "%s", wrong);
}
END_TEST

Suite *name_pattern_suite(void)
{
    Suite *suite = suite_create("name_pattern");
    TCase *tcase = theme(suite, "pattern");
    tcase_add_loop_test(tcase, filled, 0, COUNT(named));
    tcase_add_loop_test(tcase, complained_of, 0, COUNT(bad));
    return suite;
}
