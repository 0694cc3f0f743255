/* tap_values.c - gathers a tap's pieces, and compares */
#include "names/tap_values.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_VALUES = 1 << 16 };

const double VALUES_NEAR = 0.2;

TapValues tap_values_open(NamesCase *c)
{
    names_case_tap(c, ""); /* lists the taps */
    return (TapValues){ .rows = &c->rows, .values = allocate_zeroed(MOST_VALUES, sizeof(float)) };
}

void tap_values_close(TapValues *v) { free(v->values); }

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
    const TapRows rows = padding_rows_tap(v->rows, tap);
    double norm = 0;
    for (int64_t i = 0; i < count; i++)
        if (tap->rank == 0 || padding_rows_graded(v->rows, &rows, i / width))
            norm += (double)v->values[i] * v->values[i];
    return norm;
}

bool tap_values_take(TapValues *v, const Tap *tap)
{
    padding_rows_observe(v->rows, tap); /* a video's are other rows than an image's */
    for (int64_t i = 0; i < tap->count && tap->first + i < MOST_VALUES; i++)
        v->values[tap->first + i] = ((const float *)tap->values)[i];
    v->norm = -1;
    return tap->first + tap->count == elements_of(tap);
}

/* Compares the columns that begin at `at` of an array of `whole` columns. */
static double distance(TapValues *v, const Array *array, int64_t whole, int64_t at, const Tap *tap)
{
    int64_t width = width_of(tap), count = compared(tap);
    const TapRows rows = padding_rows_tap(v->rows, tap);
    if (v->norm < 0) v->norm = norm_of(v, tap);
    double difference = 0, most = 4 * VALUES_NEAR * VALUES_NEAR * v->norm;
    for (int64_t i = 0; i < count && difference <= most; i++) {
        double found;
        if (tap->rank > 0 && !padding_rows_graded(v->rows, &rows, i / width)) continue;
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
