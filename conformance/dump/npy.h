/* npy.h - NumPy's .npy, versions 1 to 3 */
#ifndef PLUMB_NPY_H
#define PLUMB_NPY_H

#include "checkpoint/array.h"
#include "run/arena.h"
#include "run/error.h"

/* The array in bytes, which must live as long as it. Fortran order is put into C order, in the arena.
 * bfloat16, which NumPy stores as the bare two bytes V2, is read as bfloat16. */
Array npy_read(Arena *arena, const char *file, const char *name, const unsigned char *bytes, size_t size, Error *error);

/* A copy of array with its dimensions in another order, as numpy.transpose(array, axes); in the arena. */
Array array_permuted(const Array *array, const int *axes, Arena *arena);

#endif
