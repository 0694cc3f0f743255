/* visit_rows.c - a step's rows: the reference's compared with the backend's, and replaced by them */
#include <math.h>
#include <stdlib.h>

#include "dump/tap_name.h"
#include "dump/tap_value.h"
#include "lockstep/pass_state.h"

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

/* All that a tap tells once, and not for each row */
typedef struct {
    TapRows rows;
    bool is_weights;  /* of experts, whose order may be free */
    bool is_followed; /* the backend's values take the place of the reference's */
    double *buffers;  /* a row each: the reference's values, the same as they are compared, the backend's */
} Visit;

static void visit_row(Lockstep *l, int n, const Visit *visit, int64_t row, int64_t dump_row)
{
    const TapRows *rows = &visit->rows;
    const Tap *tap = rows->tap;
    Step *step = &l->steps.grade->steps[n];
    StepSums *sums = &l->steps.sums[n];
    int64_t width = sums->row_map.width, non_finite = 0;
    double *own = visit->buffers, *expected = own + width, *found = expected + width;
    for (int64_t j = 0; j < width; j++) own[j] = expected[j] = tap_value(tap, row * width - tap->first + j);
    /* Where the dump does not say which experts the weights belong to, their only order is that of their size. */
    bool sorted = visit->is_weights && choices_order_is_free(l->choices);
    if (sums->sorted != sorted) sums->sorted = sorted; /* the first pass does; bugs are tried side by side */
    if (sums->sorted) step_sums_sort_row(expected, width);
    step_sums_read_found(sums, dump_row, found);
    for (int64_t j = 0; j < width; j++) non_finite += !isfinite(found[j]);
    if (l->left_out) {
        if (l->pass == PASS_ORACLE && padding_rows_graded(&l->rows, rows, row))
            step_sums_note_graded(sums, step, dump_row);
        for (int64_t j = 0; j < width; j++) tap_set(tap, row * width - tap->first + j, found[j]);
        return;
    }

    if (l->pass == PASS_PATH && sums->row_norm[dump_row] >= 0)
        l->free_visitor->row(l->free_visitor->context, l->sample, (VisitedRow){ n, dump_row, expected });
    if (l->pass == PASS_PATH) return;
    if (l->pass == PASS_FREE) step_sums_keep_free(sums, dump_row, expected);
    if (l->pass == PASS_REPLAY) step_sums_keep_replay(sums, dump_row, expected);
    if (l->pass == PASS_RANDOM) step_sums_add_replay(sums, l->steps.grade->class, dump_row, expected, found);
    if (l->pass == PASS_ORACLE && !bug_predicts_nonfinite(l, sums, dump_row, found)) step->non_finite += non_finite;
    if (l->pass == PASS_SUSPECT && l->visit && non_finite > 0 && padding_rows_graded(&l->rows, rows, row))
        l->visit(l->visit_context, n, dump_row, expected);
    /* A row that is not finite would spoil every step after it; the reference's own goes on instead. */
    if (l->pass == PASS_FREE || non_finite > 0 || padding_rows_overwritten(&l->rows, rows, row)) return;
    if (l->pass == PASS_ORACLE && padding_rows_graded(&l->rows, rows, row))
        step_sums_measure(sums, step, dump_row, expected, found);
    if ((l->pass == PASS_SUSPECT || l->pass == PASS_NEAREST) && l->visit && sums->row_norm[dump_row] >= 0)
        l->visit(l->visit_context, n, dump_row, expected);
    bool chooses = l->pass == PASS_ORACLE || l->pass == PASS_ALTERNATIVE || l->pass == PASS_SETTLE;
    if (chooses && !visit->is_weights)
        choices_compare(l->choices, rows, row, n, squared_distance(expected, found, width));
    if (!visit->is_followed) return;
    for (int64_t j = 0; j < width; j++)
        tap_set(tap, row * width - tap->first + j, found[sums->sorted ? step_sums_rank(own, width, j) : j]);
}

void visit_rows(Lockstep *l, int n, const Tap *tap)
{
    const RowMap *row_map = &l->steps.sums[n].row_map;
    const Visit visit = { .rows = padding_rows_tap(&l->rows, tap),
                          .is_weights = tap_ends(tap->name, ".router#top_k_weights"),
                          .is_followed = !l->subject.has_masks || !tap_is_mask(tap->name),
                          .buffers = allocate_zeroed((size_t)(3 * row_map->width), sizeof(double)) };
    for (int64_t row = tap->first / row_map->width; row < (tap->first + tap->count) / row_map->width; row++) {
        int64_t dump_row = row_map_dump_row(row_map, row);
        if (dump_row >= 0) visit_row(l, n, &visit, row, dump_row);
    }
    free(visit.buffers);
}
