/* lockstep.c - several passes with one hook */
#include "lockstep/lockstep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/choices.h"
#include "dump/decode_steps.h"
#include "lockstep/step_list.h"
#include "dump/tap_name.h"
#include "dump/tap_value.h"

struct Lockstep {
    Subject subject;
    Trial trial;
    Error error; /* of its own, because passes come after the caller's may be gone */
    PaddingRows rows;
    StepList steps;
    Choices *choices;
    PassKind pass;
    int pass_number, passes;
    int samples, sample; /* how many replays there are, and the number of this one */
    bool last;           /* no pass comes after this one */
    bool exact_codes;    /* of the replay: some kernels multiply codes and never round what they stand for */
    int decode_step;     /* the pass has come to this one */
    VisitRow *visit;     /* sees the rows of PASS_SUSPECT and PASS_NEAREST */
    void *visit_context;
};

/* ---------------------------------------------------------------- rows */

static double squared_distance(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t j = 0; j < count; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* Whether the bug that the dump is graded with explains each value of the row that is infinite or not a number: the
 * replay, which is as narrow as the backend, must have the same there. An honest row is finite. */
static bool bug_predicts_nonfinite(const Lockstep *l, const StepSums *sums, int64_t dump_row, const double *found)
{
    const float *replay = sums->deviation + dump_row * sums->row_map.width;
    bool foretold = l->subject.has_bugs;
    for (int64_t j = 0; foretold && j < sums->row_map.width; j++)
        if (!isfinite(found[j]) || !isfinite(replay[j]))
            foretold = isnan(found[j]) ? isnan(replay[j]) : found[j] == (double)replay[j];
    return foretold;
}

/* The buffers hold a row each: the reference's values, the same as they are compared, the backend's. */
static void visit_row(Lockstep *l, int n, const Tap *tap, int64_t row, int64_t dump_row, double *buffers)
{
    Step *step = &l->steps.grade->steps[n];
    StepSums *sums = &l->steps.sums[n];
    int64_t width = sums->row_map.width, non_finite = 0;
    double *own = buffers, *expected = own + width, *found = expected + width;
    for (int64_t j = 0; j < width; j++) own[j] = expected[j] = tap_value(tap, row * width - tap->first + j);
    /* Where the dump does not say which experts the weights belong to, their only order is that of their size. */
    bool weights = tap_ends(tap->name, ".router#top_k_weights");
    sums->sorted = weights && choices_order_is_free(l->choices);
    if (sums->sorted) step_sums_sort_row(expected, width);
    step_sums_read_found(sums, dump_row, found);
    for (int64_t j = 0; j < width; j++) non_finite += !isfinite(found[j]);

    if (l->pass == PASS_PATH && sums->row_norm[dump_row] >= 0) l->visit(l->visit_context, n, dump_row, expected);
    if (l->pass == PASS_PATH) return;
    if (l->pass == PASS_FREE) step_sums_keep_free(sums, dump_row, expected);
    if (l->pass == PASS_REPLAY) step_sums_keep_replay(sums, dump_row, expected);
    if (l->pass == PASS_RANDOM) step_sums_add_replay(sums, l->steps.grade->class, dump_row, expected, found);
    if (l->pass == PASS_ORACLE && !bug_predicts_nonfinite(l, sums, dump_row, found)) step->non_finite += non_finite;
    if (l->pass == PASS_SUSPECT && l->visit && non_finite > 0 && padding_rows_graded(&l->rows, tap, row))
        l->visit(l->visit_context, n, dump_row, expected);
    /* A row that is not finite would spoil every step after it; the reference's own goes on instead. */
    if (l->pass == PASS_FREE || non_finite > 0 || padding_rows_overwritten(&l->rows, tap, row)) return;
    if (l->pass == PASS_ORACLE && padding_rows_graded(&l->rows, tap, row))
        step_sums_measure(sums, step, dump_row, expected, found);
    if ((l->pass == PASS_SUSPECT || l->pass == PASS_NEAREST) && l->visit && sums->row_norm[dump_row] >= 0)
        l->visit(l->visit_context, n, dump_row, expected);
    bool chooses = l->pass == PASS_ORACLE || l->pass == PASS_ALTERNATIVE || l->pass == PASS_SETTLE;
    if (chooses && !weights) choices_compare(l->choices, tap, row, n, squared_distance(expected, found, width));
    if (l->subject.has_masks && tap_is_mask(tap->name)) return;
    for (int64_t j = 0; j < width; j++)
        tap_set(tap, row * width - tap->first + j, found[sums->sorted ? step_sums_rank(own, width, j) : j]);
}

static void visit_rows(Lockstep *l, int n, const Tap *tap)
{
    const RowMap *row_map = &l->steps.sums[n].row_map;
    double *buffers = allocate_zeroed((size_t)(3 * row_map->width), sizeof *buffers);
    for (int64_t row = tap->first / row_map->width; row < (tap->first + tap->count) / row_map->width; row++) {
        int64_t dump_row = row_map_dump_row(row_map, row);
        if (dump_row >= 0) visit_row(l, n, tap, row, dump_row, buffers);
    }
    free(buffers);
}

static void choose(Lockstep *l, int n, const Tap *tap)
{
    Grade *grade = l->steps.grade;
    ChoiceContext at = { .tap = tap, .shows = l->steps.current < grade->step_count - 1, .grade = grade };
    if (n >= 0) {
        at.step = &grade->steps[n];
        at.sums = &l->steps.sums[n];
        at.backend = at.sums->backend;
        at.row_map = at.sums->row_map;
    } else if (tap_is_token(tap->name)) {
        at.backend = step_list_array(&l->steps, tap, &at.row_map);
    }
    choices_choose(l->choices, &at);
}

static void on_tap(void *context, const Tap *tap)
{
    Lockstep *l = context;
    if (l->trial.options.progress)
        l->trial.options.progress(l->trial.options.progress_context, l->pass_number, l->passes, tap->name);
    padding_rows_observe(&l->rows, tap);
    if (!tap_is_token(tap->name) && tap_step(tap->name) > l->decode_step) l->decode_step = tap_step(tap->name);
    int n = error_is_set(&l->error) ? -1 : step_list_find(&l->steps, tap);
    if (error_is_set(&l->error) || tap->count == 0) return;
    if (l->last) step_list_end_before(&l->steps, n >= 0 ? n : l->steps.current + 1);

    if (tap_is_choice(tap->name))
        choose(l, n, tap);
    else if (n >= 0)
        visit_rows(l, n, tap);
    choices_observe(l->choices, tap, n >= 0);
}

/* ---------------------------------------------------------------- passes */

static void run_pass(Lockstep *l, PassKind kind, int turn, int alternative)
{
    if (error_is_set(&l->error)) return;
    const ArithmeticClass *class = l->steps.grade->class;
    bool replay = kind == PASS_REPLAY || kind == PASS_RANDOM || kind == PASS_NEAREST;
    if (kind == PASS_PATH) replay = l->sample >= 0;
    const Reference *reference = replay ? &reference_f32 : &reference_f64;
    Pass pass = l->steps.pass;
    pass.results = replay ? class->results : ROUNDING_NONE;
    bool random = replay && (kind == PASS_RANDOM || kind == PASS_PATH) && l->sample > 0;
    if (random && l->sample == 1) pass.results = class->second;
    pass.seed = random ? (uint32_t)l->sample : 0;
    pass.weights = class->weights;
    pass.exact_codes = !replay || l->exact_codes;
    pass.features = replay ? class->features : 0;
    pass.hook = on_tap;
    pass.hook_context = l;

    l->pass = kind;
    l->decode_step = 0;
    l->steps.current = -1;
    choices_begin(l->choices, kind, turn, alternative);
    l->subject.forward(l->subject.self, reference, l->trial.inputs, &pass);
    for (int n = l->steps.concluded; n < l->steps.grade->step_count; n++)
        if (kind == PASS_ORACLE || kind == PASS_RANDOM) step_sums_end_replay(&l->steps.sums[n]);
    l->steps.listed = true;
    l->pass_number++;
}

static void run_round(Lockstep *l)
{
    int passes = l->trial.options.with_total ? 3 : 2;
    l->passes = l->pass_number + passes + l->samples - 1;
    step_list_clear(&l->steps);
    if (l->trial.options.with_total) run_pass(l, PASS_FREE, 0, 0);
    run_pass(l, PASS_REPLAY, 0, 0);
    run_pass(l, PASS_ORACLE, 0, 0);
}

/* The oracle's choices are settled by now, and these follow them. */
static void run_samples(Lockstep *l)
{
    for (l->sample = 1; l->sample < l->samples; l->sample++) {
        l->exact_codes = l->sample % 2 == 1;
        l->last = l->sample + 1 == l->samples;
        run_pass(l, PASS_RANDOM, 0, 0);
    }
    l->exact_codes = l->last = false;
}

/* A choice costs passes only where the dump leaves it open and it is nearly tied. */
static void run_rounds(Lockstep *l)
{
    run_round(l);
    if (l->steps.too_few) {
        l->steps.pass.logits_to_keep = 0;
        choices_reset(l->choices);
        run_round(l);
    }
    if (choices_differ(l->choices)) run_round(l); /* now the replay knows what the oracle chooses */

    for (int turn = 0; turn < choices_turns(l->choices); turn++) {
        int alternatives = choices_most_alternatives(l->choices, turn);
        l->passes += alternatives;
        for (int a = 1; a <= alternatives; a++) run_pass(l, PASS_ALTERNATIVE, turn, a);
        if (!choices_decide(l->choices, turn)) continue;
        l->passes++;
        run_pass(l, PASS_SETTLE, 0, 0);
        run_round(l);
    }
}

Lockstep *lockstep_begin(const Trial *trial, Subject subject, Error *error)
{
    const Inputs *inputs = trial->inputs;
    const GradeOptions *options = &trial->options;
    const Dump *dump = trial->dump;
    Grade *grade = allocate_zeroed(1, sizeof *grade);
    grade->class = trial->class;
    grade->declared = trial->declared ? trial->declared : trial->class;
    grade->straightened = options->straightened;
    Lockstep *l = allocate_zeroed(1, sizeof *l);
    *l = (Lockstep){ .subject = subject,
                     .trial = *trial,
                     .rows = padding_rows_of(inputs, model_config(trial->model)),
                     .samples = options->samples ? options->samples : SAMPLES };
    grade->readings = options->readings;
    l->rows.sequences = options->sequences;
    l->steps = step_list_new(dump, &l->trial.options, &l->rows, grade, &l->error);
    l->steps.inputs = inputs;
    l->steps.pass.max_new_tokens = inputs->input_ids ? decode_steps_new_tokens(dump) : 0;
    l->steps.pass.logits_to_keep = decode_steps_logits_to_keep(dump, inputs);
    l->steps.pass.ignore_eos = options->ignore_eos;
    l->choices = choices_new(&l->rows, trial->class, l->steps.pass.max_new_tokens);

    choices_suppress(l->choices, trial->model);
    decode_steps_check_choices(dump, trial->model, &l->error);
    if (!error_is_set(&l->error) && l->steps.pass.max_new_tokens > 0)
        model_check_generation(trial->model, inputs, l->steps.pass.max_new_tokens, &l->error);
    run_rounds(l);
    run_samples(l);
    decode_steps_check_end(dump, inputs, l->decode_step, &l->error);
    step_list_conclude(&l->steps);
    if (error_is_set(&l->error)) {
        *error = l->error;
        grade_free(lockstep_end(l));
        return NULL;
    }
    return l;
}

const Grade *lockstep_grade_so_far(const Lockstep *l) { return l->steps.grade; }
const StepSums *lockstep_sums(const Lockstep *l, int step) { return &l->steps.sums[step]; }
const PaddingRows *lockstep_rows(const Lockstep *l) { return &l->rows; }

void lockstep_visit(Lockstep *l, Subject subject, VisitRow *visit, void *context)
{
    Subject graded = l->subject;
    l->subject = subject;
    l->visit = visit;
    l->visit_context = context;
    run_pass(l, PASS_SUSPECT, 0, 0);
    l->subject = graded;
}

void lockstep_visit_replay(Lockstep *l, const ArithmeticClass *class, VisitRow *visit, void *context)
{
    const ArithmeticClass *own = l->steps.grade->class;
    l->steps.grade->class = class;
    l->visit = visit;
    l->visit_context = context;
    run_pass(l, PASS_NEAREST, 0, 0);
    l->steps.grade->class = own;
}

void lockstep_visit_free(Lockstep *l, int sample, VisitRow *visit, void *context)
{
    l->sample = sample;
    l->visit = visit;
    l->visit_context = context;
    if (l->pass_number == l->passes) l->passes++;
    run_pass(l, PASS_PATH, 0, 0);
}

void lockstep_set_ends(Lockstep *l, Ends ends)
{
    free(l->steps.grade->ends.list);
    l->steps.grade->ends = ends;
}

Grade *lockstep_end(Lockstep *l)
{
    Grade *grade = l->steps.grade;
    step_list_free(&l->steps);
    choices_free(l->choices);
    padding_rows_free(&l->rows);
    if (l->subject.close) l->subject.close(l->subject.self);
    free(l);
    return grade;
}

Grade *lockstep_grade(const Trial *trial, Error *error)
{
    Lockstep *l = lockstep_begin(trial, honest_subject(trial->model), error);
    return l ? lockstep_end(l) : NULL;
}
