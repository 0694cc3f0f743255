/* test_known_layers.c - a pass that leaves known layers out is the whole pass, and what it leaves out is honest */
#include <math.h>

#include "bug_cases.h"
#include "bugs/switch/dry_run.h"
#include "dump/tap_name.h"
#include "dumps.h"
#include "readings/subjects.h"

static void write_tap(void *writer, const Tap *tap)
{
    if (tap->first == 0) safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* An honest backend's in bfloat16 */
static Dump *dump_of(const BugCase *c, const OpenedCase *opened, Model *model)
{
    Error error = { "" };
    const char *path = temporary("dump.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    reference_f32.forward(model, &opened->inputs,
                          &(Pass){ .results = ROUNDING_BF16,
                                   .weights = ROUNDING_BF16,
                                   .cache = c->cache,
                                   .hook = write_tap,
                                   .hook_context = writer,
                                   .max_new_tokens = c->tokens,
                                   .ignore_eos = true });
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    return dump;
}

/* ---------------------------------------------------------------- what a visitor sees */

typedef struct {
    double *values;
    bool *seen;
    int64_t rows, width;
} SeenStep;

typedef struct {
    SeenStep *steps;
    int count;
} Seen;

static void see(void *context, int n, int64_t row, const double *values)
{
    SeenStep *step = &((Seen *)context)->steps[n];
    step->seen[row] = true;
    memcpy(step->values + row * step->width, values, (size_t)step->width * sizeof *values);
}

static Seen visited(Lockstep *l, Subject subject)
{
    Seen seen = { .count = lockstep_grade_so_far(l)->step_count };
    seen.steps = arena_allocate(&scratch, (size_t)seen.count * sizeof *seen.steps);
    for (int n = 0; n < seen.count; n++) {
        SeenStep *step = &seen.steps[n];
        step->rows = row_map_rows(&lockstep_sums(l, n)->row_map);
        step->width = lockstep_sums(l, n)->row_map.width;
        step->values = arena_allocate(&scratch, (size_t)(step->rows * step->width) * sizeof *step->values);
        step->seen = memset(arena_allocate(&scratch, (size_t)step->rows), 0, (size_t)step->rows);
    }
    lockstep_visit(l, subject, see, &seen);
    return seen;
}

static bool is_same_row(const SeenStep *a, const SeenStep *b, int64_t row)
{
    return memcmp(a->values + row * a->width, b->values + row * b->width, (size_t)a->width * sizeof *a->values) == 0;
}

/* Rows that a short pass left out: of logits, and of all */
typedef struct {
    int64_t logits, all;
} LeftOut;

static LeftOut compare(const Seen *honest, const Seen *whole, const Seen *less, const char *bug, const Grade *grade)
{
    LeftOut left_out = { 0 };
    for (int n = 0; n < whole->count; n++)
        for (int64_t row = 0; row < whole->steps[n].rows; row++) {
            const SeenStep *a = &whole->steps[n], *b = &less->steps[n];
            if (!a->seen[row]) continue;
            left_out.all += !b->seen[row];
            left_out.logits += !b->seen[row] && tap_is(grade->steps[n].tap, "logits");
            ck_assert_msg(is_same_row(a, b->seen[row] ? b : &honest->steps[n], row), "%s: %s, row %d %s", bug,
                          grade->steps[n].tap, (int)row,
                          b->seen[row] ? "is another than in the whole pass" : "is left out, and the bug changes it");
        }
    return left_out;
}

/* ---------------------------------------------------------------- all bugs */

static BuggyModel *with_bug(Model *model, const Bug *bug)
{
    Error error = { "" };
    BuggyModel *buggy = buggy_model_of(model, &bug, 1, &error);
    assert_clean(&error);
    return buggy;
}

/* Which layers the bug touches; this pass is remembered if it is the lockstep's first. */
static TouchedLayers touched_by(Lockstep *l, const Trial *trial, const Bug *bug)
{
    DryRun *dry = dry_run_new(trial->model, &bug, 1);
    lockstep_remember(l, subject_of_dry_run(dry, &trial->options), NULL, NULL);
    TouchedLayers touched = dry_run_touched(dry, 0);
    dry_run_free(dry);
    return touched;
}

/* Counts what all of the short passes left out. */
static LeftOut try_all_bugs(Lockstep *l, const Trial *trial)
{
    LeftOut left_out = { 0 };
    Seen honest = visited(l, honest_subject(trial->model));
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        ArenaMark mark = arena_mark(&scratch);
        if (!dry_run_is_enough_for(bug)) continue;
        TouchedLayers touched = touched_by(l, trial, bug);
        BuggyModel *buggy = with_bug(trial->model, bug);
        Seen whole = visited(l, subject_with_bugs(buggy, &trial->options));
        buggy_model_set_touched(buggy, &touched);
        Seen less = visited(l, subject_with_bugs(buggy, &trial->options));
        LeftOut more = compare(&honest, &whole, &less, bug->id, lockstep_grade_so_far(l));
        left_out.all += more.all;
        left_out.logits += more.logits;
        buggy_model_close(buggy);
        touched_layers_free(&touched);
        arena_release(&scratch, mark);
    }
    return left_out;
}

/* All taps, or outputs of layers alone, or only some: where rows that the dump has not flow on from layer to layer */
START_TEST(what_is_left_out_is_honest)
{
    static const char *const no_first_layers[] = { "*layers.1*", "*layers.2*", "*embed*", "logits*", NULL };
    const char *const *const some[] = { NULL, layer_outputs, no_first_layers };
    const BugCase *c = &bug_cases[_i];
    Error error = { "" };
    OpenedCase opened = bug_case_open(c);
    Model *model = model_open(opened.model, &error);
    assert_clean(&error);
    Dump *dump = dump_of(c, &opened, model);
    Trial trial = { .model = model,
                    .inputs = &opened.inputs,
                    .dump = dump,
                    .class = class_find("bf16"),
                    .options = { .ignore_eos = true, .samples = 1, .only = some[_i % COUNT(some)] },
                    .cache = c->cache };
    Lockstep *l = lockstep_begin(&trial, honest_subject(model), &error);
    assert_clean(&error);
    LeftOut left_out = try_all_bugs(l, &trial);
    ck_assert_int_gt(left_out.all, 0);
    bool has_logits = false;
    for (int n = 0; n < lockstep_grade_so_far(l)->step_count; n++)
        has_logits |= tap_is(lockstep_grade_so_far(l)->steps[n].tap, "logits");
    ck_assert_int_eq(left_out.logits > 0, has_logits);
    grade_free(lockstep_end(l));
    dump_close(dump);
    model_close(model);
    inputs_close(&opened.inputs);
}
END_TEST

Suite *known_layers_suite(void)
{
    Suite *suite = suite_create("known_layers");
    tcase_add_loop_test(theme(suite, "bugs"), what_is_left_out_is_honest, 0, bug_case_count);
    return suite;
}
