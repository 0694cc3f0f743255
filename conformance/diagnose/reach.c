/* reach.c - coefficients of a bug in each sequence of a batch */
#include "diagnose/reach.h"

#include <math.h>
#include <stdlib.h>

#include "diagnose/part_words.h"
#include "dump/tap_name.h"

enum { MOST_TRIED = 12, MOST_SEQUENCES = 64 };

/* A bug has to explain so much of the step's error, in the sequences that have it, to be graded there. */
static const double MOST_OF_IT = 0.5;

/* The coefficient that a sequence without the bug may seem to have */
static const double NEARLY_NONE = 0.2;

/* Sums over the elements of a step, for each sequence */
typedef struct {
    double product[MOST_SEQUENCES], power[MOST_SEQUENCES];
} Sums;

/* How many sequences the step's rows are of; 0: they are of none */
static int64_t sequences_of(const Suspects *s, int step)
{
    const Layout *layout = &lockstep_sums(s->base, step)->row_map.layout;
    int64_t batch = lockstep_rows(s->base)->batch;
    bool is_text = !tap_is_media(suspects_graded(s)->steps[step].tap) && layout->outer / layout->heads == batch;
    return is_text && batch <= MOST_SEQUENCES ? batch : 0;
}

static int64_t sequence_of(const RowMap *row_map, int64_t dump_row)
{
    return dump_row / row_map->layout.inner / row_map->held / row_map->layout.heads;
}

static Sums sums_of(const Suspects *s, int step, const float *residual, const float *difference)
{
    const RowMap *row_map = &lockstep_sums(s->base, step)->row_map;
    Sums sums = { 0 };
    for (int64_t i = 0; i < matched_filter_elements(s->filter, step); i++) {
        int64_t sequence = sequence_of(row_map, i / row_map->width);
        sums.product[sequence] += (double)residual[i] * difference[i];
        sums.power[sequence] += (double)difference[i] * difference[i];
    }
    return sums;
}

/* The sequences that have the bug; 0 unless each one that would show it either has it or has it not. */
static uint64_t sequences_with(const Sums *sums, int64_t count, double squares)
{
    uint64_t with = 0, without = 0;
    double explained = 0;
    for (int64_t b = 0; b < count; b++) {
        double z = sqrt(sums->power[b]), coefficient = z > 0 ? sums->product[b] / sums->power[b] : 0;
        if (z < SEEN) continue;
        bool is_there = coefficient_is_one(coefficient, z);
        if (!is_there && fabs(coefficient) > NEARLY_NONE) return 0;
        *(is_there ? &with : &without) |= (uint64_t)1 << b;
        if (is_there) explained += 2 * sums->product[b] - sums->power[b];
    }
    return without && explained >= MOST_OF_IT * squares ? with : 0;
}

/* Whether each step is straight, with the bug in some sequences and without it in the others */
static bool *straight_with(const Suspects *s, int place, uint64_t with, int64_t count)
{
    uint64_t all = count == MOST_SEQUENCES ? UINT64_MAX : ((uint64_t)1 << count) - 1;
    bool *there = suspects_grade_sequences(s, place, with);
    bool *elsewhere = suspects_grade_sequences(s, -1, all & ~with);
    for (int n = 0; n < suspects_graded(s)->step_count; n++) there[n] &= elsewhere[n];
    free(elsewhere);
    return there;
}

bool reach_find(const Suspects *s, int step, Reach *reach)
{
    int64_t count = sequences_of(s, step), elements = matched_filter_elements(s->filter, step);
    if (count < 2) return false;
    float *residual = allocate_zeroed((size_t)elements, sizeof *residual);
    float *difference = allocate_zeroed((size_t)elements, sizeof *difference);
    matched_filter_residuals(s->filter, step, residual);
    *reach = (Reach){ 0 };
    for (int i = 0, tried = 0; i < s->count && tried < MOST_TRIED && !reach->straight; i++) {
        Match match = s->list[i].matches[step];
        if (!(match.product > 0)) continue;
        tried++;
        for (int64_t j = 0; j < elements; j++) difference[j] = 0;
        suspects_differences(s, &s->list[i], step, difference);
        Sums sums = sums_of(s, step, residual, difference);
        uint64_t with = sequences_with(&sums, count, matched_filter_residual(s->filter, step));
        if (!with) continue;
        bool *straight = straight_with(s, i, with, count);
        if (straight[step])
            *reach = (Reach){ i, with, straight };
        else
            free(straight);
    }
    free(difference);
    free(residual);
    return reach->straight != NULL;
}

const char *reach_text(uint64_t sequences, Arena *arena)
{
    return arena_format(arena, "in %s of the batch only", numbers_in_words("sequence", sequences, arena));
}
