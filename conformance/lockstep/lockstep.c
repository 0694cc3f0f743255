/* lockstep.c - several passes with one hook */
#include "lockstep/lockstep.h"

#include <stdlib.h>
#include <string.h>

#include "dump/decode_steps.h"
#include "dump/tap_name.h"
#include "lockstep/pass_state.h"

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

/* Asked in PASS_SUSPECT. No visitor sees what a layer that is known still shows. */
static bool on_layer(void *context, const char *layer)
{
    Lockstep *l = context;
    l->given = known_layers_have(l->known, layer);
    l->steps.skips = l->given;
    return l->given;
}

static void end_known_layer(Lockstep *l, const Tap *tap)
{
    step_list_pass_over(&l->steps, l->given);
    choices_pass_over(l->choices, l->given);
    known_layers_fill(l->known, tap);
}

static void on_tap(void *context, const Tap *tap)
{
    Lockstep *l = context;
    VisitRow *visit = l->visit;
    bool is_end = l->given && strcmp(tap->name, l->given) == 0;
    if (l->given) l->visit = NULL;
    if (is_end) end_known_layer(l, tap);
    if (is_end) l->given = NULL;
    l->steps.skips = l->given;
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
    l->visit = visit;
    if (l->known && l->pass == PASS_SUSPECT) known_layers_observe(l->known, tap, n >= 0 ? &l->steps.sums[n] : NULL);
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
    if (l->known && kind == PASS_SUSPECT) known_layers_begin(l->known, l->remembering);
    if (l->known && kind == PASS_SUSPECT && !l->remembering) pass.known = on_layer;

    l->pass = kind;
    l->decode_step = 0;
    l->given = NULL;
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

void lockstep_remember(Lockstep *l, Subject honest)
{
    l->remembering = !l->known;
    if (!l->known) l->known = known_layers_new(model_config(l->trial.model));
    lockstep_visit(l, honest, NULL, NULL);
    l->remembering = false;
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
    known_layers_free(l->known);
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
