/* test_bug_part.c - bugs in all of a model, in none of it, and in a part */
#include "bugs/bug_part.h"

#include "bug_cases.h"

static Recording recorded_with(const BugCase *c, const OpenedCase *opened, BuggyModel *buggy)
{
    Recording recording = { 0 };
    Pass pass = { .cache = c->cache,
                  .hook = record,
                  .hook_context = &recording,
                  .max_new_tokens = c->tokens,
                  .ignore_eos = true };
    buggy_model_forward(buggy, &reference_f32, &opened->inputs, &pass);
    buggy_model_close(buggy);
    return recording;
}

static Recording recorded_in_part(const BugCase *c, const OpenedCase *opened, const Bug *bug, const BugPart *part)
{
    Error error = { "" };
    Model *model = model_open(opened->model, &error);
    BuggyModel *buggy = buggy_model_in_part(model, &bug, 1, part, &error);
    assert_clean(&error);
    Recording recording = recorded_with(c, opened, buggy);
    model_close(model);
    return recording;
}

static void assert_same(const Recording *a, const Recording *b, const char *bug, const char *where)
{
    ck_assert_msg(a->count == b->count, "%s %s: %d taps, %d expected", bug, where, a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        Tensor left = a->taps[i].value, right = b->taps[i].value;
        ck_assert_msg(memcmp(left.data, right.data, (size_t)elements(left) * sizeof(real)) == 0, "%s %s: %s differs",
                      bug, where, a->taps[i].name);
    }
}

/* Whichever way a bug is switched on: all of it is the bug, and none of it is the honest model. */
START_TEST(all_of_a_bug_and_none_of_it)
{
    const BugCase *c = &bug_cases[_i];
    OpenedCase opened = bug_case_open(c);
    Error error = { "" };
    BuggyModel *none = buggy_model_open(opened.model, NULL, 0, &error);
    assert_clean(&error);
    Recording honest = recorded_with(c, &opened, none);
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        BuggyModel *buggy = bug_is_of_model(bug) && bug_shows(c, bug->id)
                                ? buggy_model_open(opened.model, &bug, 1, &error)
                                : NULL;
        if (!buggy) continue;
        Recording whole = recorded_with(c, &opened, buggy);
        Recording all = recorded_in_part(c, &opened, bug, &(BugPart){ .strength = 1 });
        Recording nothing = recorded_in_part(c, &opened, bug, &(BugPart){ .strength = 0 });
        assert_same(&all, &whole, bug->id, "everywhere");
        assert_same(&nothing, &honest, bug->id, "nowhere");
    }
    inputs_close(&opened.inputs);
}
END_TEST

/* ---------------------------------------------------------------- parts */

#define QUERIES "model.layers.0.self_attn#query_states"
#define VISION "model.vision_tower.encoder.layers.0"

static const struct {
    const char *tap;
    int rank;
    int64_t shape[4];
    BugPart part;
    int64_t element;
    double share; /* -1: the tap is not in the part at all */
} shares[] = {
    { "model.layers.3.mlp", 3, { 1, 2, 4 }, { .strength = 0.5 }, 5, 0.5 },
    { "model.layers.3.mlp", 3, { 1, 2, 4 }, { .layers = 1 << 3, .strength = 1 }, 0, 1 },
    { "model.layers.3.mlp", 3, { 1, 2, 4 }, { .layers = 1 << 2, .strength = 1 }, 0, -1 },
    { "model.norm", 3, { 1, 2, 4 }, { .layers = 1 << 2, .strength = 1 }, 0, -1 },
    { "model.layers.3.mlp@2", 3, { 1, 2, 4 }, { .sites = " model.layers.*.mlp", .strength = 1 }, 0, 1 },
    { "model.layers.3.mlp.act_fn", 3, { 1, 2, 4 }, { .sites = " model.layers.*.mlp", .strength = 1 }, 0, -1 },
    { "model.norm", 3, { 1, 2, 4 }, { .sites = " model.layers.*.mlp model.norm", .strength = 1 }, 0, 1 },
    { "model.norm", 3, { 2, 2, 4 }, { .unit = UNIT_SEQUENCE, .units = 2, .strength = 1 }, 7, 0 },
    { "model.norm", 3, { 2, 2, 4 }, { .unit = UNIT_SEQUENCE, .units = 2, .strength = 1 }, 8, 1 },
    { QUERIES, 4, { 1, 2, 3, 4 }, { .unit = UNIT_HEAD, .units = 2, .strength = 1 }, 11, 0 },
    { QUERIES, 4, { 1, 2, 3, 4 }, { .unit = UNIT_HEAD, .units = 2, .strength = 1 }, 12, 1 },
    { "model.layers.0.self_attn.q_norm", 4, { 1, 3, 2, 4 }, { .unit = UNIT_HEAD, .units = 2, .strength = 1 }, 12, 1 },
    { "model.layers.0.self_attn.q_norm", 4, { 1, 3, 2, 4 }, { .unit = UNIT_HEAD, .units = 2, .strength = 1 }, 8, 0 },
    { "model.layers.0.mlp", 3, { 1, 2, 4 }, { .unit = UNIT_HEAD, .units = 1, .strength = 1 }, 0, -1 },
    { VISION, 3, { 2, 2, 4 }, { .unit = UNIT_PICTURE, .units = 2, .strength = 1 }, 8, 1 },
};

START_TEST(element_is_in_a_part)
{
    Tap tap = { .name = shares[_i].tap, .rank = shares[_i].rank };
    memcpy(tap.shape, shares[_i].shape, sizeof shares[_i].shape);
    ck_assert_int_eq(bug_part_has(&shares[_i].part, &tap), shares[_i].share >= 0);
    if (shares[_i].share >= 0)
        ck_assert_double_eq(bug_part_share(&shares[_i].part, &tap, shares[_i].element), shares[_i].share);
}
END_TEST

START_TEST(sites_are_noted_by_layer)
{
    Sites sites = { .count = 0 };
    sites_note(&sites, &(Tap){ .name = "model.layers.0.mlp", .rank = 3 });
    sites_note(&sites, &(Tap){ .name = "model.layers.12.mlp@3", .rank = 3 });
    sites_note(&sites, &(Tap){ .name = "logits@1", .rank = 3 });
    ck_assert_int_eq(sites.count, 2);
    ck_assert_str_eq(sites.list[0].name, "model.layers.*.mlp");
    ck_assert(sites.list[0].layers == (1 | 1 << 12));
    ck_assert_str_eq(sites.list[1].name, "logits");
    ck_assert(sites.list[1].layers == 0);
}
END_TEST

Suite *bug_part_suite(void)
{
    Suite *suite = suite_create("bug_part");
    tcase_add_loop_test(long_theme(suite, "all or nothing"), all_of_a_bug_and_none_of_it, 0, bug_case_count);
    TCase *tcase = theme(suite, "parts");
    tcase_add_loop_test(tcase, element_is_in_a_part, 0, COUNT(shares));
    tcase_add_test(tcase, sites_are_noted_by_layer);
    return suite;
}
