/* ties.c - candidates that only one of the two chose */
#include "lockstep/ties.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

int64_t set_place(int64_t candidate, const int64_t *set, int64_t width)
{
    for (int64_t j = 0; j < width; j++)
        if (set[j] == candidate) return j;
    return -1;
}

bool set_equals(const int64_t *a, const int64_t *b, int64_t width)
{
    for (int64_t j = 0; j < width; j++)
        if (set_place(a[j], b, width) < 0 || set_place(b[j], a, width) < 0) return false;
    return true;
}

/* The place of the largest score among those of the set that are not done; -1 when all are. */
static int64_t best_left(const double *scores, const int64_t *set, const bool *done, int64_t width)
{
    int64_t best = -1;
    for (int64_t j = 0; j < width; j++)
        if (!done[j] && (best < 0 || scores[set[j]] > scores[set[best]])) best = j;
    return best;
}

void ties_judge(const ChosenRow *row, const int64_t *own, const int64_t *found, double *expected, Grade *grade)
{
    int64_t width = row->width, wrong;
    bool *used = allocate_zeroed((size_t)width, sizeof *used), *right = allocate_zeroed((size_t)width, sizeof *right);
    for (int64_t j = 0; j < width; j++) {
        int64_t place = set_place(found[j], own, width);
        right[j] = place >= 0 && !used[place];
        if (right[j]) used[place] = true;
        expected[j] = (double)found[j];
    }
    while ((wrong = best_left(row->scores, found, right, width)) >= 0) {
        int64_t missed = best_left(row->scores, own, used, width);
        double gap = fabs(row->scores[own[missed]] - row->scores[found[wrong]]);
        bool twice = set_place(found[wrong], own, width) >= 0;
        right[wrong] = used[missed] = true;
        if (gap <= row->limit * row->noise && !twice)
            grade_add_tie(grade, (Tie){ row->tap, row->row, found[wrong], own[missed], gap, row->noise });
        else
            expected[wrong] = (double)own[missed];
    }
    free(used);
    free(right);
}
