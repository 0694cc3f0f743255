/* kernel.h - the kernel that OpenBLAS computes with, and a better one where it does not know the processor
 *
 * OpenBLAS holds a kernel for each family of processors and chooses when it is loaded. A processor newer than the
 * library may get one that is years too old: OpenBLAS 0.3.21 takes Prescott's for Intel's family 6 model 207, a quarter
 * as fast as SkylakeX's. The choice can't be changed later, so a program that finds a lesser kernel starts itself again
 * with OPENBLAS_CORETYPE set.
 */
#ifndef PLUMB_KERNEL_H
#define PLUMB_KERNEL_H

#include <stdbool.h>

/* Instructions that both the processor and the operating system support; those of other architectures are false. */
typedef struct {
    bool fma;      /* x86: AVX2 and FMA */
    bool avx512;   /* x86: AVX-512 F, CD, BW, DQ and VL */
    bool asimd_dp; /* aarch64: dot products, as every Neoverse has them */
    bool sve;      /* aarch64: vectors of any length, and Armv8.4 */
} Processor;

Processor processor_here(void);

/* The name of a kernel for that processor that is better than the chosen one; NULL where the chosen one is as good,
 * or is NULL or a name that is not known here. */
const char *kernel_wanted(Processor processor, const char *chosen);

/* To be called first in main. Starts the program again, once, where another kernel is wanted and OPENBLAS_CORETYPE is
 * not set: what the user set stays. Returns where there is nothing to do or it can't be done. */
void kernel_start(char **argv);

/* Returns the kernel that OpenBLAS had chosen before the program started itself again; NULL if it did not. */
const char *kernel_before(void);

#endif
