/* blas_memory.h - whether there is room for what OpenBLAS takes
 *
 * OpenBLAS asks for 128 MiB of addresses for each of its threads, the first time when it is loaded, before main. Where
 * there are none (ulimit -v) it asks again, for ever. So it is looked for before it is asked for.
 */
#ifndef PLUMB_BLAS_MEMORY_H
#define PLUMB_BLAS_MEMORY_H

#include <stdbool.h>

/* Whether addresses for so many threads are to be had now. It needs nothing that a library must set up first. */
bool blas_memory_is_there(int threads);

/* Ends the program with one line and exit status 2 where blas_memory_is_there says no. */
void blas_memory_check(int threads);

/* The same for the threads that OpenBLAS starts when it is loaded: OPENBLAS_NUM_THREADS, or one a processor. For
 * .preinit_array, before any library runs. */
void blas_memory_check_before_load(int argc, char **argv, char **environment);

#endif
