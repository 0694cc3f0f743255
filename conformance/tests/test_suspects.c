/* test_suspects.c - each bug tried on a dump, ranked by what it explains, and graded with */
#include "diagnose/suspects.h"

#include "dumps.h"

#define TEXT "fixtures/e2b-text"
/* In one of the two layers that it would affect: the other, whose output is step 2, has the honest window. */
#define BUG "window-off-by-one"
#define WITHOUT_BUG 2
#define BUGGY TEXT "/dumps/buggy-" BUG "-bf16.safetensors"
#define HONEST TEXT "/dumps/honest-bf16-eager.safetensors"

/* ---------------------------------------------------------------- when a suspect is the bug */

static const struct {
    double z, z_needed, coefficient;
    bool is_the_bug;
} suspected[] = {
    { 8, 8, 1, true },      { 7.9, 8, 1, false },   { 12, 12, 1, true },    { 11.9, 12, 1, false },
    { 100, 8, 0.7, false }, { 100, 8, 1.22, true }, { -100, 8, -1, false }, { NAN, 8, 1, false },
};

START_TEST(suspect_is_the_bug_by_z_and_coefficient)
{
    Suspect suspect = { .candidate = { .z = suspected[_i].z, .coefficient = suspected[_i].coefficient },
                        .z_needed = suspected[_i].z_needed };
    ck_assert_msg(suspect_is_the_bug(&suspect) == suspected[_i].is_the_bug, "z %g of %g, coefficient %g",
                  suspected[_i].z, suspected[_i].z_needed, suspected[_i].coefficient);
}
END_TEST

/* ---------------------------------------------------------------- a dump */

typedef struct {
    Error error;
    Model *model;
    Inputs inputs;
    Dump *dump;
    GradeOptions options;
    Search search;
    Suspects suspects;
    int shown, last, passes; /* by the progress bar: how often, how far, out of how many */
} Trying;

static void show(void *context, int pass, int passes, const char *tap)
{
    Trying *trying = context;
    (void)tap;
    ck_assert(pass >= trying->last || passes < trying->passes);
    ck_assert_int_lt(pass, passes);
    trying->shown++;
    trying->last = pass;
    trying->passes = passes;
}

static void begin_on(int threads, Trying *s, const char *dump, const Bug *below)
{
    *s = (Trying){ 0 };
    s->model = model_open(TEXT "/model", &s->error);
    s->dump = dump_open(dump, &s->error);
    s->inputs = inputs_open(TEXT "/inputs.safetensors", &s->error);
    assert_clean(&s->error);
    s->options = (GradeOptions){ .ignore_eos = true, .threads = threads, .progress = show, .progress_context = s };
    s->search = (Search){ .trial = { .model = s->model,
                                     .inputs = &s->inputs,
                                     .dump = s->dump,
                                     .class = class_find("bf16"),
                                     .options = s->options },
                          .shown = &s->options,
                          .error = &s->error };
    ck_assert(suspects_begin(&s->suspects, &s->search, below ? &(Below){ { below }, 1 } : NULL));
    assert_clean(&s->error);
}

static void begin(Trying *s, const char *dump, const Bug *below) { begin_on(1, s, dump, below); }

static void end(Trying *s)
{
    grade_free(suspects_end(&s->suspects));
    followed_free(&s->search.followed);
    dump_close(s->dump);
    inputs_close(&s->inputs);
    model_close(s->model);
}

/* Each bug is listed or not exposed, once; those that are listed show at least 12 standard deviations. */
static void assert_each_bug_is_placed(const Suspects *s, const Bug *below)
{
    for (int i = 0; i < bug_count(); i++) {
        int places = bug_at(i) == below;
        for (int k = 0; k < s->count; k++) places += s->list[k].candidate.bug == bug_at(i);
        for (int k = 0; k < s->not_exposed_count; k++) places += s->not_exposed[k] == bug_at(i);
        ck_assert_msg(places == 1, "%s has %d places", bug_at(i)->id, places);
    }
    for (int k = 0; k < s->count; k++) {
        ck_assert_double_ge(s->list[k].candidate.expected_z, 12);
        ck_assert_int_le(s->list[k].candidate.absent, s->list[k].candidate.steps);
    }
}

START_TEST(likeliest_is_first_and_makes_bent_steps_straight)
{
    Trying trying;
    begin(&trying, BUGGY, NULL);
    Suspects *s = &trying.suspects;
    const Grade *grade = suspects_graded(s);
    ck_assert_int_eq(s->count, 0);
    ck_assert_int_eq(suspects_first_open(s), grade->first_bent);
    ck_assert(suspects_bent(s, grade->first_bent) && !suspects_bent(s, 0));

    suspects_try_all(s);
    assert_clean(&trying.error);
    assert_each_bug_is_placed(s, NULL);
    ck_assert_int_gt(trying.shown, s->count);
    for (int i = 0; i + 1 < s->count; i++)
        ck_assert_double_ge(s->list[i].candidate.explained + 1e-3, s->list[i + 1].candidate.explained);
    Suspect *first = &s->list[0], *last = &s->list[s->count - 1];
    ck_assert_str_eq(first->candidate.bug->id, BUG);
    ck_assert(suspect_is_the_bug(first) && first->candidate.at_first_bent);
    ck_assert(first->candidate.steps == 2 && first->candidate.absent == 1);
    ck_assert_double_gt(first->candidate.explained, 0.9);
    ck_assert_double_lt(first->residual_left, last->residual_left);
    ck_assert_double_gt(first->explained_power, last->explained_power);
    ck_assert_double_eq(first->z_needed, SEEN);

    suspects_grade(s, first);
    suspects_grade(s, last);
    for (int n = 0; n < grade->step_count; n++) ck_assert(first->straight[n] == (n != WITHOUT_BUG));
    ck_assert(!last->straight[grade->first_bent]);

    s->covered[grade->first_bent] = true;
    ck_assert_int_eq(suspects_first_open(s), -1);
    ck_assert(suspects_bent(s, grade->first_bent));
    end(&trying);
}
END_TEST

/* The base has the bug already, so that only the layer without it is bent, and the bug is no suspect. */
START_TEST(bug_below_is_no_suspect)
{
    Trying trying;
    begin(&trying, BUGGY, bug_find(BUG));
    Suspects *s = &trying.suspects;
    for (int n = 0; n < suspects_graded(s)->step_count; n++) ck_assert(suspects_bent(s, n) == (n == WITHOUT_BUG));
    suspects_try_all(s);
    assert_clean(&trying.error);
    assert_each_bug_is_placed(s, bug_find(BUG));
    end(&trying);
}
END_TEST

/* Bugs that are named one by one need not fit together: then nothing is found on top of them, and that is all. */
START_TEST(base_that_cannot_be_is_no_error)
{
    Trying trying;
    Suspects top;
    begin(&trying, BUGGY, NULL);
    ck_assert(!suspects_begin(&top, &trying.search, &(Below){ { bug_find(BUG), bug_find("resize-square") }, 2 }));
    assert_clean(&trying.error);
    ck_assert_ptr_null(suspects_end(&top));
    end(&trying);
}
END_TEST

/* More threads than passes of the grade: bugs that are tried beside each other open more models with the one below. */
START_TEST(bug_below_is_on_each_thread)
{
    Trying trying, alone;
    begin_on(16, &trying, BUGGY, bug_find(BUG));
    suspects_try_all(&trying.suspects);
    assert_clean(&trying.error);
    assert_each_bug_is_placed(&trying.suspects, bug_find(BUG));
    begin(&alone, BUGGY, bug_find(BUG));
    suspects_try_all(&alone.suspects);
    ck_assert_int_eq(trying.suspects.count, alone.suspects.count);
    for (int k = 0; k < alone.suspects.count; k++)
        ck_assert(memcmp(trying.suspects.list[k].matches, alone.suspects.list[k].matches,
                         (size_t)suspects_graded(&alone.suspects)->step_count * sizeof(Match)) == 0);
    end(&alone);
    end(&trying);
}
END_TEST

/* No step is bent: each suspect needs 12 standard deviations, of the steps that stand out, unless all steps name it. */
START_TEST(honest_dump_has_no_bug)
{
    Trying trying;
    begin(&trying, HONEST, NULL);
    Suspects *s = &trying.suspects;
    ck_assert_int_eq(suspects_first_open(s), -1);
    suspects_try_all(s);
    assert_clean(&trying.error);
    assert_each_bug_is_placed(s, NULL);
    ck_assert_int_gt(s->count, 10);
    for (int i = 0; i < s->count; i++) {
        ck_assert(!suspect_is_the_bug(&s->list[i]));
        ck_assert_double_eq(s->list[i].z_needed, 12);
    }
    end(&trying);
}
END_TEST

Suite *suspects_suite(void)
{
    Suite *suite = suite_create("suspects");
    tcase_add_loop_test(theme(suite, "the bug"), suspect_is_the_bug_by_z_and_coefficient, 0, COUNT(suspected));
    TCase *dumps = theme(suite, "dumps");
    tcase_add_test(dumps, likeliest_is_first_and_makes_bent_steps_straight);
    tcase_add_test(dumps, bug_below_is_no_suspect);
    tcase_add_test(dumps, base_that_cannot_be_is_no_error);
    tcase_add_test(dumps, bug_below_is_on_each_thread);
    tcase_add_test(dumps, honest_dump_has_no_bug);
    return suite;
}
