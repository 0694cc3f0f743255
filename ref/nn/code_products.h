/* code_products.h - a few rows of x by a weight of codes, which is read as it lies in the file */
#ifndef PLUMB_CODE_PRODUCTS_H
#define PLUMB_CODE_PRODUCTS_H

#include "nn/nn.h"

/* y = x weight^T of a weight whose encoding has groups. x has whole groups in a row. */
void code_products(Matrix y, Matrix x, const Array *weight, Run *run);
/* The same of one whose encoding has a table */
void table_products(Matrix y, Matrix x, const Array *weight, Run *run);

#endif
