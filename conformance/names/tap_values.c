/* tap_values.c - gathers a tap's pieces, and compares */
#include "names/tap_values.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_VALUES = 1 << 16 };

const double VALUES_NEAR = 0.2;

/* Masks of the text come behind its first taps, so that which rows are padding is learned in a pass of its own. */
static void learn_padding(void *context, const Tap *tap) { padding_rows_observe(context, tap); }

TapValues tap_values_open(NamesCase *c)
{
    TapValues v = { .rows = padding_rows_of(c->inputs, model_config(c->model)),
                    .values = allocate_zeroed(MOST_VALUES, sizeof(float)) };
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, learn_padding, &v.rows);
    return v;
}

void tap_values_close(TapValues *v)
{
    padding_rows_free(&v->rows);
    free(v->values);
}

static int64_t elements_of(const Tap *tap)
{
    int64_t elements = 1;
    for (int i = 0; i < tap->rank; i++) elements *= tap->shape[i];
    return elements;
}

static int64_t compared(const Tap *tap)
{
    int64_t elements = elements_of(tap);
    return elements < MOST_VALUES ? elements : MOST_VALUES;
}

static int64_t width_of(const Tap *tap) { return tap->rank ? tap->shape[tap->rank - 1] : 1; }

static double norm_of(const TapValues *v, const Tap *tap)
{
    int64_t count = compared(tap), width = width_of(tap);
    const TapRows rows = padding_rows_tap(&v->rows, tap);
    double norm = 0;
    for (int64_t i = 0; i < count; i++)
        if (tap->rank == 0 || padding_rows_graded(&v->rows, &rows, i / width))
            norm += (double)v->values[i] * v->values[i];
    return norm;
}

bool tap_values_take(TapValues *v, const Tap *tap)
{
    padding_rows_observe(&v->rows, tap);
    for (int64_t i = 0; i < tap->count && tap->first + i < MOST_VALUES; i++)
        v->values[tap->first + i] = ((const float *)tap->values)[i];
    v->norm = -1;
    return tap->first + tap->count == elements_of(tap);
}

/* Compares the columns that begin at `at` of an array of `whole` columns. */
static double distance(TapValues *v, const Array *array, int64_t whole, int64_t at, const Tap *tap)
{
    int64_t width = width_of(tap), count = compared(tap);
    const TapRows rows = padding_rows_tap(&v->rows, tap);
    if (v->norm < 0) v->norm = norm_of(v, tap);
    double difference = 0, most = 4 * VALUES_NEAR * VALUES_NEAR * v->norm;
    for (int64_t i = 0; i < count && difference <= most; i++) {
        double found;
        if (tap->rank > 0 && !padding_rows_graded(&v->rows, &rows, i / width)) continue;
        array_read_f64(array, i / width * whole + at + i % width, 1, &found);
        difference += (found - v->values[i]) * (found - v->values[i]);
    }
    return v->norm > 0 && difference <= most ? sqrt(difference / v->norm) : INFINITY;
}

double tap_values_distance(TapValues *v, const Array *array, const Tap *tap)
{
    return distance(v, array, width_of(tap), 0, tap);
}

double tap_values_distance_at(TapValues *v, const Array *array, int64_t at, const Tap *tap)
{
    return distance(v, array, array->shape[array->rank - 1], at, tap);
}
