/* passes.c - one hook for every pass, and passes in turn */
#include "lockstep/passes.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "dump/tap_name.h"
#include "lockstep/side_by_side.h"

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

/* Asked in PASS_SUSPECT, and in passes of a shard. No visitor sees what a layer that is known still shows. */
static bool on_layer(void *context, const char *layer)
{
    Lockstep *l = context;
    l->given = l->pass == PASS_SUSPECT ? known_layers_have(l->known, layer)
               : l->pass == PASS_FREE  ? shard_needs_no_more(l->shard, layer)
                                       : shard_leaves_out(l->shard, layer);
    l->steps.skips = l->given;
    return l->given;
}

static void end_known_layer(Lockstep *l, const Tap *tap)
{
    step_list_pass_over(&l->steps, l->given);
    choices_pass_over(l->choices, l->given);
    if (l->left_out)
        shard_pass_over(l->shard, tap);
    else
        known_layers_fill(l->known, tap);
}

static pthread_mutex_t shown = PTHREAD_MUTEX_INITIALIZER; /* one terminal: who is told of progress or of a verdict */

static void show_progress(const Lockstep *l, const Tap *tap)
{
    const GradeOptions *options = &l->trial.options;
    if (!options->progress) return;
    pthread_mutex_lock(&shown);
    options->progress(options->progress_context, l->pass_number, l->passes, tap->name);
    pthread_mutex_unlock(&shown);
}

static void conclude_next(Lockstep *l)
{
    pthread_mutex_lock(&shown);
    step_list_conclude_next(&l->steps);
    pthread_mutex_unlock(&shown);
}

/* Another tap has come since those of the steps before this one. */
static void go_by(Lockstep *l, int end)
{
    for (; l->gone_by < end; l->gone_by++) {
        if (l->pass == PASS_ORACLE || l->pass == PASS_RANDOM) step_sums_end_replay(&l->steps.sums[l->gone_by]);
        if (l->pass == PASS_RANDOM && l->last) conclude_next(l);
        if (l->pass == PASS_PATH) l->free_visitor->end_step(l->free_visitor->context, l->sample, l->gone_by);
    }
    if (l->turns) turns_go_by(l->turns, l->turn, end);
}

static void wait_for_turn(const Lockstep *l, int steps)
{
    if (l->turns && l->turn > 0) turns_wait(l->turns, l->turn - 1, steps);
}

static void on_tap(void *context, const Tap *tap)
{
    Lockstep *l = context;
    VisitRow *visit = l->visit;
    bool is_end = l->given && strcmp(tap->name, l->given) == 0;
    l->left_out = l->given && l->pass != PASS_SUSPECT;
    if (l->shard && l->pass == PASS_REPLAY) shard_note(l->shard, tap);
    if (l->given) l->visit = NULL;
    if (is_end) end_known_layer(l, tap);
    if (is_end) l->given = NULL;
    l->steps.skips = l->given;
    show_progress(l, tap);
    padding_rows_observe(&l->rows, tap);
    if (!tap_is_token(tap->name) && tap_step(tap->name) > l->decode_step) l->decode_step = tap_step(tap->name);
    int n = error_is_set(&l->error) ? -1 : step_list_find(&l->steps, tap);
    if (error_is_set(&l->error) || tap->count == 0) return;
    go_by(l, n >= 0 ? n : l->steps.current + 1);
    if (n >= 0) wait_for_turn(l, n + 1);

    if (tap_is_choice(tap->name))
        choose(l, n, tap);
    else if (n >= 0)
        visit_rows(l, n, tap);
    choices_observe(l->choices, tap, n >= 0);
    l->visit = visit;
    if (l->known && l->pass == PASS_SUSPECT) known_layers_observe(l->known, tap, n >= 0 ? &l->steps.sums[n] : NULL);
}

/* ---------------------------------------------------------------- passes */

void run_pass(Lockstep *l, PassKind kind, int turn, int alternative)
{
    if (error_is_set(&l->error)) return;
    const ArithmeticClass *class = l->steps.grade->class;
    bool replay = kind == PASS_REPLAY || kind == PASS_RANDOM || kind == PASS_NEAREST;
    if (kind == PASS_PATH) replay = l->sample >= 0;
    bool is_narrow = replay || (kind == PASS_SUSPECT && l->narrow_visits);
    const Reference *reference = is_narrow ? &reference_f32 : &reference_f64;
    Pass pass = l->steps.pass;
    pass.results = replay ? class->results : ROUNDING_NONE;
    bool random = replay && (kind == PASS_RANDOM || kind == PASS_PATH) && l->sample > 0;
    if (random && l->sample == 1) pass.results = class->second;
    pass.seed = random ? (uint32_t)l->sample : 0;
    pass.near_ties = kind == PASS_PATH;
    pass.weights = class->weights;
    pass.exact_codes = !replay || l->exact_codes;
    pass.cache = l->trial.cache;
    pass.features = replay ? class->features : 0;
    pass.hook = on_tap;
    pass.hook_context = l;
    if (l->known && kind == PASS_SUSPECT) known_layers_begin(l->known, l->remembering);
    if (l->known && kind == PASS_SUSPECT && !l->remembering) pass.known = on_layer;
    /* Another rounding draws other numbers of bits than those that the first pass counted. */
    bool is_counted = kind == PASS_ORACLE || kind == PASS_FREE ||
                      (kind == PASS_RANDOM && pass.results == class->results);
    if (l->shard && is_counted) pass.known = on_layer;
    if (l->shard && kind == PASS_REPLAY) shard_begin(l->shard);

    l->pass = kind;
    l->decode_step = l->gone_by = 0;
    l->given = NULL;
    l->steps.current = -1;
    choices_begin(l->choices, kind, turn, alternative);
    l->subject.forward(l->subject.self, reference, l->trial.inputs, &pass);
    wait_for_turn(l, l->steps.grade->step_count);
    go_by(l, l->steps.grade->step_count);
    l->steps.listed = true;
    l->pass_number++;
}

typedef struct {
    Turns *turns;
    const OrderedPass *passes;
    int first; /* the number of the first of them */
} InTurn;

static void run_in_turn(void *context, Lockstep *l, int job)
{
    const InTurn *all = context;
    const OrderedPass *pass = &all->passes[job];
    l->turns = all->turns;
    l->turn = job;
    l->sample = pass->sample;
    l->last = pass->last;
    l->exact_codes = pass->kind == PASS_RANDOM && pass->sample % 2 == 1;
    l->pass_number = all->first + job;
    run_pass(l, pass->kind, 0, 0);
    turns_go_by(all->turns, job, INT_MAX);
}

void run_passes_in_turn(Lockstep *l, const OrderedPass *passes, int count)
{
    InTurn all = { turns_new(count), passes, l->pass_number };
    side_by_side(l, count, run_in_turn, &all);
    turns_free(all.turns);
    for (int i = 0; i < count; i++)
        if (passes[i].last) l->steps.concluded = l->steps.grade->step_count;
    l->pass_number = all.first + count;
    l->turns = NULL;
    l->last = l->exact_codes = false;
}
