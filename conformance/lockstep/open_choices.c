/* open_choices.c - alternatives, and which of them the backend took */
#include "lockstep/open_choices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/arena.h"
#include "lockstep/ties.h"

/* Taps that a choice does not reach come out the same to the last bit; those that it does, by more than this. */
#define REACHED 1e-6

/* The oracle's own choice stays unless another comes twice as near: where no tap lies between, what the alternatives of
 * other tokens do shows here as well. */
#define DECISIVE 0.25

OpenChoices open_choices_new(const PaddingRows *rows, int max_new_tokens)
{
    OpenChoices open_choices = { .batch = rows->batch, .columns = rows->tokens + max_new_tokens };
    open_choices.open = allocate_zeroed(checked_size(open_choices.batch, open_choices.columns, 1) + 1,
                                        sizeof *open_choices.open);
    open_choices_begin(&open_choices, 0, 0);
    return open_choices;
}

void open_choices_begin_beside(OpenChoices *open_choices)
{
    size_t columns = (size_t)(open_choices->batch * open_choices->columns) + 1, count = (size_t)open_choices->count;
    OpenChoice *list = allocate_zeroed(count + 1, sizeof *list);
    for (size_t n = 0; n < count; n++) list[n] = open_choices->list[n];
    open_choices->list = list;
    open_choices->open = allocate_zeroed(columns, sizeof *open_choices->open);
}

void open_choices_free(OpenChoices *open_choices)
{
    free(open_choices->list);
    free(open_choices->open);
    *open_choices = (OpenChoices){ 0 };
}

void open_choices_clear(OpenChoices *open_choices) { open_choices->count = open_choices->decided = 0; }

void open_choices_begin(OpenChoices *open_choices, int turn, int alternative)
{
    open_choices->turn = turn;
    open_choices->alternative = alternative;
    for (int64_t i = 0; i < open_choices->batch * open_choices->columns; i++) open_choices->open[i] = -1;
}

/* Keeps the nearest, nearest first. */
static void add_alternative(OpenChoice *open_choice, Alternative alternative)
{
    int n = open_choice->alternatives;
    if (n == MOST_ALTERNATIVES && open_choice->alternative[--n].gap <= alternative.gap) return;
    for (; n > 0 && open_choice->alternative[n - 1].gap > alternative.gap; n--)
        open_choice->alternative[n] = open_choice->alternative[n - 1];
    open_choice->alternative[n] = alternative;
    if (open_choice->alternatives < MOST_ALTERNATIVES) open_choice->alternatives++;
}

int open_choices_consider(OpenChoices *open_choices, OpenChoice open_choice, ScoredRow row, double limit)
{
    const double *scores = row.scores;
    double least = INFINITY, most = limit * open_choice.noise;
    for (int64_t j = 0; j < row.width; j++) least = fmin(least, scores[row.chosen[j]]);
    for (int64_t winner = 0; winner < row.candidates; winner++) {
        if (!(least - scores[winner] <= most) || set_place(winner, row.chosen, row.width) >= 0) continue;
        for (int64_t j = 0; j < row.width; j++) {
            double gap = scores[row.chosen[j]] - scores[winner];
            /* Less than nothing: a row that has ended goes on with padding, whatever its scores. */
            if (gap >= 0 && gap <= most) add_alternative(&open_choice, (Alternative){ row.chosen[j], winner, gap });
        }
    }
    if (open_choice.alternatives == 0) return -1;

    for (int a = 0; a <= MOST_ALTERNATIVES; a++)
        for (int j = 0; j < TAPS_COMPARED; j++) open_choice.difference[a][j] = INFINITY;
    open_choices->list = reallocate(open_choices->list, (size_t)(open_choices->count + 1), sizeof open_choice);
    open_choices->list[open_choices->count] = open_choice;
    return open_choices->count++;
}

const Alternative *open_choices_taken(const OpenChoices *open_choices, int n)
{
    const OpenChoice *open_choice = &open_choices->list[n];
    int a = open_choice->turn < open_choices->decided ? open_choice->kept
            : open_choice->turn == open_choices->turn ? open_choices->alternative
                                                      : 0;
    return a > 0 && a <= open_choice->alternatives ? &open_choice->alternative[a - 1] : NULL;
}

void open_choices_open(OpenChoices *open_choices, int n, Token token)
{
    OpenChoice *open_choice = &open_choices->list[n];
    int *open = &open_choices->open[token.batch * open_choices->columns + token.column];
    bool same_gap = *open >= 0 && open_choices->list[*open].choice >= open_choice->choice - open_choice->turn;
    open_choice->before = same_gap ? *open : -1;
    open_choice->taps = 0;
    open_choice->last_step = -1;
    *open = n;
}

static void compare(OpenChoice *open_choice, int alternative, int step, double difference)
{
    if (open_choice->last_step != step) {
        if (open_choice->taps == TAPS_COMPARED) return;
        open_choice->last_step = step;
        open_choice->difference[alternative][open_choice->taps++] = 0;
    }
    open_choice->difference[alternative][open_choice->taps - 1] += difference;
}

void open_choices_compare(OpenChoices *open_choices, Token token, int step, double difference)
{
    int n = open_choices->open[token.batch * open_choices->columns + token.column];
    for (; n >= 0; n = open_choices->list[n].before) {
        OpenChoice *open_choice = &open_choices->list[n];
        if (open_choices->alternative == 0 ||
            (open_choice->turn == open_choices->turn && open_choices_taken(open_choices, n)))
            compare(open_choice, open_choices->alternative, step, difference);
    }
}

int open_choices_turns(const OpenChoices *open_choices)
{
    int turns = 0;
    for (int n = 0; n < open_choices->count; n++)
        if (open_choices->list[n].turn >= turns) turns = open_choices->list[n].turn + 1;
    return turns < MOST_TURNS ? turns : MOST_TURNS;
}

int open_choices_most_alternatives(const OpenChoices *open_choices, int turn)
{
    int most = 0;
    for (int n = 0; n < open_choices->count; n++)
        if (open_choices->list[n].turn == turn && open_choices->list[n].alternatives > most)
            most = open_choices->list[n].alternatives;
    return most;
}

/* The alternative that the backend took, as the first tap says that the choice reaches */
static int decide(const OpenChoice *open_choice)
{
    for (int j = 0; j < TAPS_COMPARED; j++) {
        int least = 0, most = 0;
        for (int a = 1; a <= open_choice->alternatives; a++) {
            if (open_choice->difference[a][j] < open_choice->difference[least][j]) least = a;
            if (open_choice->difference[a][j] > open_choice->difference[most][j]) most = a;
        }
        double nearest = open_choice->difference[least][j];
        if (open_choice->difference[most][j] > (1 + REACHED) * nearest)
            return nearest < DECISIVE * open_choice->difference[0][j] ? least : 0;
    }
    return 0;
}

bool open_choices_decide(OpenChoices *open_choices, int turn)
{
    bool another = false;
    open_choices->decided = turn + 1;
    for (int n = 0; n < open_choices->count; n++) {
        OpenChoice *open_choice = &open_choices->list[n];
        if (open_choice->turn != turn) continue;
        open_choice->kept = decide(open_choice);
        another = another || open_choice->kept > 0;
    }
    return another;
}

void open_choices_drop_undecided(OpenChoices *open_choices)
{
    int count = 0;
    for (int n = 0; n < open_choices->count; n++)
        if (open_choices->list[n].turn < open_choices->decided) open_choices->list[count++] = open_choices->list[n];
    open_choices->count = count;
}
