/* choices.c - choices compared, recorded and followed */
#include "lockstep/choices.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "lockstep/choices_state.h"
#include "lockstep/ties.h"
#include "dump/tap_value.h"

Choices *choices_new(const PaddingRows *rows, const ArithmeticClass *class, int max_new_tokens)
{
    Choices *choices = allocate_zeroed(1, sizeof *choices);
    choices->rows = rows;
    choices->class = class;
    choices->limit = class->limits.tie;
    choices->open_choices = open_choices_new(rows, max_new_tokens);
    return choices;
}

void choices_suppress(Choices *choices, const Model *model)
{
    choices->scores.suppress_count = model_suppress_tokens(model, &choices->scores.suppress_tokens);
}

void choices_reset(Choices *choices)
{
    for (int n = 0; n < choices->count; n++) {
        free(choices->list[n].tap);
        free(choices->list[n].replay_scores);
        free(choices->list[n].replayed);
        free(choices->list[n].chosen);
        free(choices->list[n].open_choice);
    }
    choices->count = 0;
    choices->known = choices->differ = false;
    open_choices_clear(&choices->open_choices);
}

void choices_free(Choices *choices)
{
    choices_reset(choices);
    free(choices->list);
    free(choices->scores.values);
    open_choices_free(&choices->open_choices);
    free(choices);
}

/* The oracle notes near-ties anew in each of its passes, but for those that are decided. */
static void forget_undecided(Choices *choices)
{
    open_choices_drop_undecided(&choices->open_choices);
    for (int n = 0; n < choices->count; n++)
        for (int64_t row = 0; row < choices->list[n].rows; row++) choices->list[n].open_choice[row] = -1;
    for (int n = 0; n < choices->open_choices.count; n++) {
        const OpenChoice *open_choice = &choices->open_choices.list[n];
        choices->list[open_choice->choice].open_choice[open_choice->row] = n;
    }
}

void choices_begin(Choices *choices, PassKind pass, int turn, int alternative)
{
    choices->pass = pass;
    choices->current = -1;
    choices->unseen = 0;
    if (pass == PASS_ORACLE) {
        choices->known = true;
        choices->differ = false;
        forget_undecided(choices);
    }
    open_choices_begin(&choices->open_choices, turn, alternative);
}

void choices_pass_over(Choices *choices, const char *layer)
{
    char of[256];
    while (choices->current + 1 < choices->count &&
           tap_layer_name(choices->list[choices->current + 1].tap, of, sizeof of) && strcmp(of, layer) == 0)
        choices->current++;
}

void choices_observe(Choices *choices, const Tap *tap, bool held)
{
    if (!choice_scores_are(tap->name)) return;
    choice_scores_observe(&choices->scores, choices->rows, tap);
    choices->scores_held = held;
}

/* ---------------------------------------------------------------- rows */

static void set_row(const Tap *tap, int64_t row, const int64_t *values)
{
    int64_t width = tap->shape[tap->rank - 1];
    for (int64_t j = 0; j < width; j++) tap_set(tap, row * width + j, (double)values[j]);
}

static double row_noise(const Choices *choices, const Choice *choice, int64_t row)
{
    return choice_scores_noise(&choices->scores, choice->replay_scores, row, choices->class);
}

/* ---------------------------------------------------------------- what the dump holds */

static void follow_backend(Choices *choices, Choice *choice, const ChoiceContext *at)
{
    size_t width = (size_t)choice->width;
    int64_t *own = allocate_zeroed(width, sizeof *own), *taken = allocate_zeroed(width, sizeof *taken);
    double *found = allocate_zeroed(width, sizeof *found), *expected = allocate_zeroed(width, sizeof *expected);
    const TapRows rows = padding_rows_tap(choices->rows, at->tap);
    for (int64_t row = 0; row < choice->rows; row++) {
        int64_t dump_row = row_map_dump_row(&at->row_map, row);
        if (dump_row < 0) continue;
        array_read_f64(at->backend, dump_row * choice->width, choice->width, found);
        for (size_t j = 0; j < width; j++) {
            own[j] = (int64_t)tap_value(at->tap, row * choice->width + (int64_t)j);
            taken[j] = (int64_t)found[j];
        }
        if (choices->pass == PASS_ORACLE && at->step && padding_rows_graded(choices->rows, &rows, row)) {
            const ChosenRow judged = { choice->tap,
                                       row,
                                       choice->width,
                                       choice_scores_row(&choices->scores, row),
                                       row_noise(choices, choice, row),
                                       choices->limit };
            ties_judge(&judged, own, taken, expected, at->grade);
            step_sums_count(at->sums, at->step, dump_row, expected, found);
        }
        set_row(at->tap, row, taken);
    }
    free(own);
    free(taken);
    free(found);
    free(expected);
}

/* ---------------------------------------------------------------- what it does not hold */

static void consider(Choices *choices, Choice *choice, const TapRows *rows, int64_t row, const int64_t *own)
{
    Token token;
    if (!padding_rows_token(choices->rows, rows, row, &token)) return;
    OpenChoice open_choice = {
        .choice = choices->current, .row = row, .turn = choice->turn, .noise = row_noise(choices, choice, row)
    };
    ScoredRow scored = { choice_scores_row(&choices->scores, row), choices->scores.candidates, own, choice->width };
    choice->open_choice[row] = open_choices_consider(&choices->open_choices, open_choice, scored, choices->limit);
}

/* A contested row takes what this pass is to try, or what was kept. */
static void take(Choices *choices, const Choice *choice, const ChoiceContext *at, int64_t row, int64_t *own)
{
    Token token;
    int n = choice->open_choice[row];
    if (n < 0) return;
    const TapRows rows = padding_rows_tap(choices->rows, at->tap);
    padding_rows_token(choices->rows, &rows, row, &token);
    open_choices_open(&choices->open_choices, n, token);
    const Alternative *taken = open_choices_taken(&choices->open_choices, n);
    int64_t place = taken ? set_place(taken->loser, own, choice->width) : -1;
    if (place < 0) return;
    own[place] = taken->winner;
    if (choices->pass == PASS_ORACLE)
        grade_add_tie(at->grade, (Tie){ choice->tap, row, taken->winner, taken->loser, taken->gap,
                                        choices->open_choices.list[n].noise });
}

static void choose_row(Choices *choices, Choice *choice, const ChoiceContext *at, int64_t row, int64_t *own)
{
    const TapRows rows = padding_rows_tap(choices->rows, at->tap);
    bool shows = at->shows && padding_rows_graded(choices->rows, &rows, row);
    size_t size = (size_t)choice->width * sizeof *own;
    int64_t *chosen = choice->chosen + row * choice->width, *replayed = choice->replayed + row * choice->width;
    switch (choices->pass) {
    case PASS_FREE: /* other experts are a difference to be seen, but another token is another text */
        if (choices->known && tap_is_token(at->tap->name)) memcpy(own, chosen, size);
        break;
    case PASS_REPLAY:
        if (choices->known) memcpy(own, chosen, size);
        memcpy(replayed, own, size);
        break;
    case PASS_RANDOM:
    case PASS_NEAREST:
    case PASS_PATH: memcpy(own, chosen, size); break;
    case PASS_ORACLE:
        if (shows && choice->open_choice[row] < 0) consider(choices, choice, &rows, row, own);
        take(choices, choice, at, row, own);
        if (shows && !set_equals(own, replayed, choice->width)) choices->differ = true;
        memcpy(chosen, own, size);
        break;
    case PASS_SUSPECT: /* or what a near-tie decides would look like the bug's doing */
    case PASS_ALTERNATIVE: take(choices, choice, at, row, own); break;
    case PASS_SETTLE:
        take(choices, choice, at, row, own);
        memcpy(chosen, own, size);
        break;
    }
}

static void follow_oracle(Choices *choices, Choice *choice, const ChoiceContext *at)
{
    int64_t *own = allocate_zeroed((size_t)choice->width, sizeof *own);
    if (choices->pass == PASS_ORACLE) choice->turn = choices->unseen++;
    for (int64_t row = 0; row < choice->rows; row++) {
        for (int64_t j = 0; j < choice->width; j++) own[j] = (int64_t)tap_value(at->tap, row * choice->width + j);
        choose_row(choices, choice, at, row, own);
        set_row(at->tap, row, own);
    }
    free(own);
}

/* ---------------------------------------------------------------- taps */

static Choice *next_choice(Choices *choices, const Tap *tap, bool held)
{
    if (++choices->current == choices->count) {
        choices->list = reallocate(choices->list, (size_t)++choices->count, sizeof *choices->list);
        int64_t width = tap->shape[tap->rank - 1], rows = width ? tap->count / width : 0;
        size_t size = strlen(tap->name) + 1;
        char *name = memcpy(allocate_zeroed(size, 1), tap->name, size);
        int *open_choice = allocate_zeroed((size_t)rows + 1, sizeof *open_choice);
        for (int64_t row = 0; row < rows; row++) open_choice[row] = -1;
        choices->list[choices->current] = (Choice){
            .tap = name,
            .rows = rows,
            .width = width,
            .held = held,
            .replayed = allocate_zeroed((size_t)tap->count + 1, sizeof(int64_t)),
            .chosen = allocate_zeroed((size_t)tap->count + 1, sizeof(int64_t)),
            .open_choice = open_choice,
        };
    }
    Choice *choice = &choices->list[choices->current];
    assert(strcmp(choice->tap, tap->name) == 0);
    return choice;
}

void choices_choose(Choices *choices, const ChoiceContext *at)
{
    Choice *choice = next_choice(choices, at->tap, at->backend != NULL);
    if (choices->pass == PASS_REPLAY && !choices->scores_held) {
        free(choice->replay_scores);
        choice->replay_scores = choice_scores_copy(&choices->scores);
    }
    if (!at->backend)
        follow_oracle(choices, choice, at);
    else if (choices->pass != PASS_FREE || tap_is_token(at->tap->name))
        follow_backend(choices, choice, at);
}

void choices_compare(Choices *choices, const TapRows *tap, int64_t row, int step, double difference)
{
    Token token;
    choices->unseen = 0;
    if (padding_rows_token(choices->rows, tap, row, &token))
        open_choices_compare(&choices->open_choices, token, step, difference);
}

bool choices_order_is_free(const Choices *choices) { return !choices->list[choices->current].held; }
bool choices_differ(const Choices *choices) { return choices->differ; }
int choices_turns(const Choices *choices) { return open_choices_turns(&choices->open_choices); }

int choices_most_alternatives(const Choices *choices, int turn)
{
    return open_choices_most_alternatives(&choices->open_choices, turn);
}

bool choices_decide(Choices *choices, int turn) { return open_choices_decide(&choices->open_choices, turn); }
