/* open_choices.c - alternatives, and which of them the backend took */
#include "lockstep/open_choices.h"

#include <assert.h>
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
    OpenChoices contests = { .batch = rows->batch, .columns = rows->tokens + max_new_tokens };
    contests.open = allocate_zeroed((size_t)(contests.batch * contests.columns) + 1, sizeof *contests.open);
    open_choices_begin(&contests, 0, 0);
    return contests;
}

void open_choices_free(OpenChoices *contests)
{
    free(contests->list);
    free(contests->open);
    *contests = (OpenChoices){ 0 };
}

void open_choices_clear(OpenChoices *contests) { contests->count = contests->decided = 0; }

void open_choices_begin(OpenChoices *contests, int turn, int alternative)
{
    contests->turn = turn;
    contests->alternative = alternative;
    for (int64_t i = 0; i < contests->batch * contests->columns; i++) contests->open[i] = -1;
}

/* Keeps the nearest, nearest first. */
static void add_alternative(OpenChoice *contest, Alternative alternative)
{
    int n = contest->alternatives;
    if (n == MOST_ALTERNATIVES && contest->alternative[--n].gap <= alternative.gap) return;
    for (; n > 0 && contest->alternative[n - 1].gap > alternative.gap; n--)
        contest->alternative[n] = contest->alternative[n - 1];
    contest->alternative[n] = alternative;
    if (contest->alternatives < MOST_ALTERNATIVES) contest->alternatives++;
}

int open_choices_consider(OpenChoices *contests, OpenChoice contest, const double *scores, int64_t candidates,
                          const int64_t *chosen, int64_t width, double limit)
{
    double least = INFINITY, most = limit * contest.noise;
    for (int64_t j = 0; j < width; j++) least = fmin(least, scores[chosen[j]]);
    for (int64_t winner = 0; winner < candidates; winner++) {
        if (!(least - scores[winner] <= most) || set_place(winner, chosen, width) >= 0) continue;
        for (int64_t j = 0; j < width; j++) {
            double gap = scores[chosen[j]] - scores[winner];
            /* Less than nothing: a row that has ended goes on with padding, whatever its scores. */
            if (gap >= 0 && gap <= most) add_alternative(&contest, (Alternative){ chosen[j], winner, gap });
        }
    }
    if (contest.alternatives == 0) return -1;

    for (int a = 0; a <= MOST_ALTERNATIVES; a++)
        for (int j = 0; j < TAPS_COMPARED; j++) contest.difference[a][j] = INFINITY;
    contests->list = realloc(contests->list, (size_t)(contests->count + 1) * sizeof contest);
    assert(contests->list);
    contests->list[contests->count] = contest;
    return contests->count++;
}

const Alternative *open_choices_taken(const OpenChoices *contests, int n)
{
    const OpenChoice *contest = &contests->list[n];
    int a = contest->turn < contests->decided ? contest->kept
            : contest->turn == contests->turn ? contests->alternative
                                              : 0;
    return a > 0 && a <= contest->alternatives ? &contest->alternative[a - 1] : NULL;
}

void open_choices_open(OpenChoices *contests, int n, Token token)
{
    OpenChoice *contest = &contests->list[n];
    int *open = &contests->open[token.batch * contests->columns + token.column];
    bool same_gap = *open >= 0 && contests->list[*open].choice >= contest->choice - contest->turn;
    contest->before = same_gap ? *open : -1;
    contest->taps = 0;
    contest->last_step = -1;
    *open = n;
}

static void compare(OpenChoice *contest, int alternative, int step, double difference)
{
    if (contest->last_step != step) {
        if (contest->taps == TAPS_COMPARED) return;
        contest->last_step = step;
        contest->difference[alternative][contest->taps++] = 0;
    }
    contest->difference[alternative][contest->taps - 1] += difference;
}

void open_choices_compare(OpenChoices *contests, Token token, int step, double difference)
{
    int n = contests->open[token.batch * contests->columns + token.column];
    for (; n >= 0; n = contests->list[n].before) {
        OpenChoice *contest = &contests->list[n];
        if (contests->alternative == 0 || (contest->turn == contests->turn && open_choices_taken(contests, n)))
            compare(contest, contests->alternative, step, difference);
    }
}

int open_choices_turns(const OpenChoices *contests)
{
    int turns = 0;
    for (int n = 0; n < contests->count; n++)
        if (contests->list[n].turn >= turns) turns = contests->list[n].turn + 1;
    return turns < MOST_TURNS ? turns : MOST_TURNS;
}

int open_choices_most_alternatives(const OpenChoices *contests, int turn)
{
    int most = 0;
    for (int n = 0; n < contests->count; n++)
        if (contests->list[n].turn == turn && contests->list[n].alternatives > most)
            most = contests->list[n].alternatives;
    return most;
}

/* By the first tap that it reaches. */
static int decide(const OpenChoice *contest)
{
    for (int j = 0; j < TAPS_COMPARED; j++) {
        int least = 0, most = 0;
        for (int a = 1; a <= contest->alternatives; a++) {
            if (contest->difference[a][j] < contest->difference[least][j]) least = a;
            if (contest->difference[a][j] > contest->difference[most][j]) most = a;
        }
        double nearest = contest->difference[least][j];
        if (contest->difference[most][j] > (1 + REACHED) * nearest)
            return nearest < DECISIVE * contest->difference[0][j] ? least : 0;
    }
    return 0;
}

bool open_choices_decide(OpenChoices *contests, int turn)
{
    bool another = false;
    contests->decided = turn + 1;
    for (int n = 0; n < contests->count; n++) {
        OpenChoice *contest = &contests->list[n];
        if (contest->turn != turn) continue;
        contest->kept = decide(contest);
        another = another || contest->kept > 0;
    }
    return another;
}

void open_choices_drop_undecided(OpenChoices *contests)
{
    int count = 0;
    for (int n = 0; n < contests->count; n++)
        if (contests->list[n].turn < contests->decided) contests->list[count++] = contests->list[n];
    contests->count = count;
}
