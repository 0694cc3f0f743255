/* code_grid.h - a weight [rows, columns] that a file holds as small codes, with a scale for each group of them
 *
 *     element = (value of code - zero) * scale * factor / divisor + bias
 *
 * The meaning of a code is in a table: -8 .. 7 for int4, the numbers of e2m1, the quantiles of nf4. A scale belongs to
 * row_group rows and column_group columns; so do a zero and a bias, where there are any. Layouts differ in where a code
 * and a zero lie: those are functions.
 */
#ifndef PLUMB_CODE_GRID_H
#define PLUMB_CODE_GRID_H

#include "checkpoint/array.h"
#include "run/arena.h"

enum { CODE_VALUES = 256 };

typedef struct CodeGrid CodeGrid;
struct CodeGrid {
    Encoding encoding;
    int64_t rows, columns;
    int bits;             /* of a code, 1 to 8 */
    const double *values; /* [2^bits]: what a code means */
    bool is_counted;      /* set by code_grid_init: values[code] is values[flip] + (code ^ flip) */
    unsigned char flip;
    Array codes; /* as in the file */
    void (*read_codes)(const CodeGrid *grid, int64_t row, int64_t first, int64_t count, unsigned char *out);

    int64_t row_group, column_group;
    Array scales;
    double (*scale)(const CodeGrid *grid, int64_t row, int64_t group); /* of a row and a group of columns */
    double factor, divisor; /* of all scales: 1 unless the file has a global scale, or its reciprocal */
    const Array *zeros;     /* NULL: none */
    double (*zero)(const CodeGrid *grid, int64_t row, int64_t group);
    const Array *biases;       /* as scales; NULL: none */
    const Array *column_index; /* [columns]: the group of each column; NULL: column / column_group */
};

/* Sets encoding but for its scheme; read_codes, where it is NULL, to rows whose codes follow each other bit by
 * bit; and scale to scales [groups of rows, groups of columns]. */
void code_grid_init(CodeGrid *grid);

/* code_values.c - tables of `values`: 2^bits integers from -2^(bits - 1) on, or from 0; two's complement; e4m3, e5m2 */
const double *integer_values(int bits, int64_t first, Arena *arena);
const double *complement_values(int bits, Arena *arena);
const double *float8_values(Dtype dtype, Arena *arena);
const double *e2m1_values(Arena *arena);

/* For `scale`: those of scales that are exponents of two, code - 127 */
double e8m0_scale(const CodeGrid *grid, int64_t row, int64_t group);

#endif
