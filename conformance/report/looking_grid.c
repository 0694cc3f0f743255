/* looking_grid.c - heads together: a key is looked at where one of them does */
#include "report/looking_grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "run/arena.h"

/* A weight that is smaller may have become 0 by rounding, and says nothing. */
static const double SMALL_WEIGHT = 1e-4;

/* Where a query's rows are: its place in the batch, and its place among the queries */
typedef struct {
    int64_t batch, query;
} Query;

/* The largest weight that a head of the dump, or of the reference, gives the key; -1 where no row is graded */
static double most_looked(const Step *step, const StepSums *sums, Query at, int64_t key, bool of_dump)
{
    double most = -1;
    for (int64_t head = 0; head < step->shape[1]; head++) {
        int64_t row = (at.batch * step->shape[1] + head) * step->shape[2] + at.query;
        int64_t dump_row = row_map_dump_row(&sums->row_map, row);
        if (dump_row < 0 || sums->row_norm[dump_row] < 0) continue;
        int64_t i = dump_row * sums->row_map.width + key;
        double weight = of_dump ? step_sums_found(sums, i) : step_sums_expected(sums, i);
        if (weight > most) most = weight;
    }
    return most;
}

static char letter_of(const Step *step, const StepSums *sums, Query at, int64_t key)
{
    double found = most_looked(step, sums, at, key, true), expected = most_looked(step, sums, at, key, false);
    if (expected < 0) return ' ';
    bool looks = found > 0, should = expected > 0;
    if (looks == should) return looks ? '#' : '.';
    bool unsure = (looks ? found : expected) < SMALL_WEIGHT;
    return unsure ? '.' : looks ? '+' : '-';
}

static json_t *query_json(const Step *step, const StepSums *sums, Query at)
{
    int64_t keys = step->shape[3], begin = 0;
    char *runs = allocate_zeroed((size_t)keys * 2 + 32, 1), *to = runs, last = letter_of(step, sums, at, 0);
    for (int64_t key = 1; key <= keys; key++) {
        char letter = key < keys ? letter_of(step, sums, at, key) : '\0';
        if (letter == last) continue;
        to += sprintf(to, key - begin > 1 ? "%c%lld" : "%c", last, (long long)(key - begin));
        begin = key;
        last = letter;
    }
    json_t *text = json_string(runs);
    free(runs);
    return text;
}

json_t *looking_grid_json(const Step *step, const StepSums *sums)
{
    bool looks = tap_is_mask(step->tap) || tap_ends(step->tap, "#attn_weights");
    bool drawn = looks && step->rank == 4 && step->shape[2] <= LOOKING_GRID_MOST && step->shape[3] <= LOOKING_GRID_MOST;
    if (!drawn || !tap_begins(step->tap, "model") || tap_is_media(step->tap)) return json_null();
    json_t *batches = json_array();
    for (int64_t batch = 0; batch < step->shape[0]; batch++) {
        json_t *queries = json_array();
        for (int64_t query = 0; query < step->shape[2]; query++)
            json_array_append_new(queries, query_json(step, sums, (Query){ batch, query }));
        json_array_append_new(batches, queries);
    }
    return batches;
}
