/* peak.h - what the machine can do at most: multiply-adds from registers, and bytes from memory */
#ifndef PLUMB_PEAK_H
#define PLUMB_PEAK_H

/* Both take some hundredths of a second, by the clock of bench_threads, on as many threads. */
double fma_flops(int threads);             /* floating-point operations a second, two in each multiply-add */
double read_bytes_per_second(int threads); /* from memory that no cache holds */

#endif
