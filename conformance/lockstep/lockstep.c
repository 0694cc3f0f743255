/* lockstep.c - which passes a grade takes */
#include "lockstep/lockstep.h"

#include <stdlib.h>
#include <string.h>

#include "dump/decode_steps.h"
#include "lockstep/passes.h"
#include "lockstep/side_by_side.h"

static void list_samples(const Lockstep *l, OrderedPass *passes, int *count)
{
    for (int sample = 1; sample < l->samples; sample++)
        passes[(*count)++] = (OrderedPass){ PASS_RANDOM, sample, sample + 1 == l->samples };
}

static bool has_steps(const Lockstep *l) { return !l->shard || shard_has_steps(l->shard, l->steps.grade->step_count); }

static ShardChoices choices_to_share(const Lockstep *l)
{
    if (choices_none(l->choices)) return SHARD_NO_CHOICES;
    bool open = choices_matter_open(l->choices, l->steps.pass.max_new_tokens);
    return open ? SHARD_CHOICES_OPEN : SHARD_CHOICES_HELD;
}

/* The replay lists the steps. Where nothing has to be chosen, all other passes follow in turn, the samples among them;
 * else the oracle's choices are settled first. */
static void run_round(Lockstep *l)
{
    bool with_total = l->trial.options.with_total;
    OrderedPass *passes = allocate_zeroed((size_t)l->samples + 2, sizeof *passes);
    int count = 0;
    l->passes = l->pass_number + (with_total ? 3 : 2) + l->samples - 1;
    step_list_clear(&l->steps);
    run_pass(l, PASS_REPLAY, 0, 0);
    if (l->steps.too_few) {
        l->steps.pass.logits_to_keep = 0;
        choices_reset(l->choices);
        step_list_clear(&l->steps);
        l->passes++;
        run_pass(l, PASS_REPLAY, 0, 0);
    }
    if (l->shard) shard_plan(l->shard, l->steps.grade, l->steps.sums, choices_to_share(l));
    if (!has_steps(l) && !shard_has_ends(l->shard)) {
        free(passes);
        return;
    }
    l->has_path = with_total && has_steps(l) && choices_none(l->choices);
    if (with_total && has_steps(l)) passes[count++] = (OrderedPass){ .kind = PASS_FREE };
    passes[count++] = (OrderedPass){ .kind = PASS_ORACLE };
    l->sampled = side_by_side_allowed(l) && choices_all_held(l->choices) && has_steps(l);
    if (l->sampled) {
        list_samples(l, passes, &count);
        run_passes_in_turn(l, passes, count);
    }
    for (int i = 0; !l->sampled && i < count; i++) run_pass(l, passes[i].kind, 0, 0);
    free(passes);
}

/* The oracle's choices are settled by now, and these follow them. */
static void run_samples(Lockstep *l)
{
    OrderedPass *passes = allocate_zeroed((size_t)l->samples + 1, sizeof *passes);
    int count = 0;
    if (!l->sampled && has_steps(l)) list_samples(l, passes, &count);
    run_passes_in_turn(l, passes, count);
    free(passes);
}

/* A choice costs passes only where the dump leaves it open and it is nearly tied. */
static void run_rounds(Lockstep *l)
{
    run_round(l);
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
                     .narrow_visits = class_is_narrow(trial->class),
                     .samples = options->samples ? options->samples : SAMPLES };
    grade->readings = options->readings;
    l->rows.sequences = options->sequences;
    l->steps = step_list_new(dump, &l->trial.options, &l->rows, grade, &l->error);
    l->steps.inputs = inputs;
    if (options->shard.count > 0) l->shard = shard_new(options->shard, l->samples, model_config(trial->model));
    l->steps.shard = l->shard;
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
const Shard *lockstep_shard(const Lockstep *l) { return l->shard; }
Model *lockstep_model(const Lockstep *l) { return l->trial.model; }

void lockstep_visit(Lockstep *l, Subject subject, VisitRow *visit, void *context)
{
    Subject graded = l->subject;
    l->subject = subject;
    l->visit = visit;
    l->visit_context = context;
    run_pass(l, PASS_SUSPECT, 0, 0);
    l->subject = graded;
}

bool lockstep_visits_are_narrow(const Lockstep *l) { return l->narrow_visits; }

void lockstep_remember(Lockstep *l, Subject honest, VisitRow *visit, void *context)
{
    l->remembering = !l->known;
    if (!l->known) l->known = known_layers_new(model_config(l->trial.model));
    lockstep_visit(l, honest, visit, context);
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

void lockstep_visit_free(Lockstep *l, int first, int end, const FreeVisitor *visitor)
{
    OrderedPass *passes = allocate_zeroed((size_t)(end - first), sizeof *passes);
    for (int i = 0; i < end - first; i++) passes[i] = (OrderedPass){ .kind = PASS_PATH, .sample = first + i };
    l->free_visitor = visitor;
    l->passes += end - first;
    run_passes_in_turn(l, passes, end - first);
    free(passes);
}

bool lockstep_has_path(const Lockstep *l) { return l->has_path; }

void lockstep_set_ends(Lockstep *l, Ends ends)
{
    free(l->steps.grade->ends.list);
    l->steps.grade->ends = ends;
}

Grade *lockstep_end(Lockstep *l)
{
    Grade *grade = l->steps.grade;
    side_by_side_end(l);
    step_list_free(&l->steps);
    choices_free(l->choices);
    known_layers_free(l->known);
    shard_free(l->shard);
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
