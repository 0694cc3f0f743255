/* real.h - the number the reference computes with
 *
 * Everything under ref/ is compiled twice into one program: with real = float, and with real = double, whose symbols
 * are hidden behind the one name reference_f64 (reference.h). The double build is the oracle: the same sources, so a
 * difference between the two is rounding and nothing else.
 */
#ifndef PLUMB_REAL_H
#define PLUMB_REAL_H

#include <float.h>

#ifdef REAL_IS_DOUBLE
typedef double real;
#define REAL_LOWEST (-DBL_MAX)
#define array_read array_read_f64
#else
typedef float real;
#define REAL_LOWEST (-FLT_MAX)
#define array_read array_read_f32
#endif

#endif
