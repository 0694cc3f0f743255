/* test_dry_run.c - one pass tells which hooks change anything, and is itself not changed */
#include "bugs/audio_reading.h"
#include "bugs/switch/dry_run.h"
#include "bugs/vision_reading.h"

#include "bug_cases.h"

static Pass pass_of(const BugCase *c, Recording *recording)
{
    return (Pass){ .results = c->rounding,
                   .weights = c->rounding,
                   .cache = c->cache,
                   .hook = record,
                   .hook_context = recording,
                   .max_new_tokens = c->tokens,
                   .ignore_eos = true };
}

static void assert_same(const Recording *a, const Recording *b)
{
    ck_assert_int_eq(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        Tensor left = a->taps[i].value, right = b->taps[i].value;
        ck_assert_str_eq(a->taps[i].name, b->taps[i].name);
        ck_assert_msg(memcmp(left.data, right.data, (size_t)elements(left) * sizeof(real)) == 0, "%s is changed",
                      a->taps[i].name);
    }
}

START_TEST(hooks_leave_no_trace)
{
    const BugCase *c = &bug_cases[_i];
    Error error = { "" };
    OpenedCase opened = bug_case_open(c);
    Model *model = model_open(opened.model, &error);
    assert_clean(&error);
    const Bug **bugs = allocate_zeroed((size_t)bug_count(), sizeof *bugs);
    int count = 0;
    for (int i = 0; i < bug_count(); i++)
        if (dry_run_is_enough_for(bug_at(i))) bugs[count++] = bug_at(i);
    ck_assert_int_gt(count, 40);

    Recording honest = { 0 }, tried = { 0 };
    Pass pass = pass_of(c, &honest);
    reference_f32.forward(model, &opened.inputs, &pass);
    DryRun *dry = dry_run_new(model, bugs, count);
    pass = pass_of(c, &tried);
    dry_run_forward(dry, &reference_f32, &opened.inputs, &pass);
    assert_same(&honest, &tried);
    for (int i = 0; i < count; i++)
        ck_assert_msg(dry_run_changes(dry, i) == bug_shows(c, bugs[i]->id), "%s %s", bugs[i]->id,
                      dry_run_changes(dry, i) ? "changes a tap, where it cannot show" : "changes nothing");
    dry_run_free(dry);
    free(bugs);
    model_close(model);
    inputs_close(&opened.inputs);
}
END_TEST

/* A reading does leave a trace: that of a model that is read so. */
START_TEST(readings_are_followed)
{
    const Bug *const readings[] = { &google_vision_mask, &audio_mask_before_5_20 };
    const BugCase *c = &bug_cases[_i / COUNT(readings)];
    const Bug *reading = readings[_i % COUNT(readings)], *bug = bug_find("window-off-by-one");
    Error error = { "" };
    OpenedCase opened = bug_case_open(c);
    Model *model = model_open(opened.model, &error);
    assert_clean(&error);
    Recording read = { 0 }, tried = { 0 };
    BuggyModel *around = buggy_model_around(model, NULL, 0);
    buggy_model_set_mask_reading(around, reading);
    Pass pass = pass_of(c, &read);
    buggy_model_forward(around, &reference_f32, &opened.inputs, &pass);
    DryRun *dry = dry_run_new(model, &bug, 1);
    dry_run_set_mask_reading(dry, reading);
    pass = pass_of(c, &tried);
    dry_run_forward(dry, &reference_f32, &opened.inputs, &pass);
    assert_same(&read, &tried);
    dry_run_free(dry);
    buggy_model_close(around);
    model_close(model);
    inputs_close(&opened.inputs);
}
END_TEST

START_TEST(configuration_and_weights_need_a_pass)
{
    ck_assert(dry_run_is_enough_for(bug_find("window-off-by-one")));
    ck_assert(!dry_run_is_enough_for(bug_find("softcap-missing")));
    ck_assert(!dry_run_is_enough_for(bug_find("vision-clip-omitted")));
}
END_TEST

Suite *dry_run_suite(void)
{
    Suite *suite = suite_create("dry_run");
    TCase *tcase = theme(suite, "hooks");
    tcase_add_loop_test(tcase, hooks_leave_no_trace, 0, bug_case_count);
    tcase_add_loop_test(theme(suite, "readings"), readings_are_followed, 0, 2 * bug_case_count);
    tcase_add_test(tcase, configuration_and_weights_need_a_pass);
    return suite;
}
