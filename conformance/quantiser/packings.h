/* packings.h - what a quantiser may have got wrong, each as another way to read its codes and scales
 *
 * A file whose quantiser has one of these bugs is right when it is read in that way, and only then.
 */
#ifndef PLUMB_PACKINGS_H
#define PLUMB_PACKINGS_H

#include "quantiser/code_steps.h"
#include "run/arena.h"

/* A row of a quantised tensor [rows, columns], taken apart */
typedef struct {
    const Array *tensor;
    int64_t rows, columns, row;
    CodePlace *at, *next_row, *previous_row; /* [columns]; the first row is behind the last */
    int64_t *group_end;                      /* [columns]: the first column behind the group of each */
    int64_t *group_start;
    const double *values;
    int bits;
} QuantisedRow;

typedef struct {
    const char *id;   /* "neighbouring-scale" */
    const char *text; /* what the quantiser did: "each group has the scale of the group behind it" */
    /* The element in a file that is read so: its value, and the scale that it has then */
    CodePlace (*read)(const QuantisedRow *row, int64_t column);
} Packing;

extern const Packing packings[];
extern const int packing_count;

QuantisedRow quantised_row(const Array *tensor, Arena *arena); /* of which no row is read yet */
void quantised_row_read(QuantisedRow *row, int64_t number);
double code_place_value(const QuantisedRow *row, CodePlace place);

#endif
