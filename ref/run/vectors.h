/* vectors.h - one loop, compiled for several processors
 *
 * A program that is built for every x86-64 processor knows vectors of four floats and no fused multiply-add. Loops that
 * take time beside the products are therefore compiled again, for AVX2 and for AVX-512, and the processor that runs
 * them chooses. A program that is built for one processor, or another architecture, has the one path of its build.
 *
 *     static ALWAYS_INLINE void halve_body(real *x, int64_t count) { for (..) x[i] /= 2; }
 *     FOR_PROCESSORS(void, halve, (real *x, int64_t count), (x, count), (x, count))          defines halve
 *
 * The last list is what the body is given, in which `fused` may stand: whether the processor multiplies and adds in
 * one rounding. AVX2 and AVX-512 give the same bits: a body adds up in lanes of its own, and not in as many as a vector
 * has.
 */
#ifndef PLUMB_VECTORS_H
#define PLUMB_VECTORS_H

#include <stdbool.h>

typedef enum { VECTORS_OF_BUILD, VECTORS_AVX2, VECTORS_AVX512 } Vectors;

Vectors vectors_best(void); /* of the paths in this program, on this processor */
Vectors vectors_used(void); /* the best, unless a test chose */
void vectors_use(Vectors vectors);
const char *vectors_name(Vectors vectors);

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* The double build is never in a hurry. */
#if defined __x86_64__ && !defined __AVX2__ && !defined REAL_IS_DOUBLE
#define HAS_VECTOR_PATHS true
#define FOR_PROCESSORS(type, name, parameters, arguments, of_body)                                     \
    PATH(__attribute__((target("avx2,fma"))), true, type, name##_avx2 parameters, name##_body of_body) \
    PATH(__attribute__((target("avx2,fma,avx512f,avx512cd,avx512bw,avx512dq,avx512vl"))), true, type,  \
         name##_avx512 parameters, name##_body of_body)                                                \
    PATH(inline, FUSED_IN_BUILD, type, name##_of_build parameters, name##_body of_body)                \
    static inline type name parameters                                                                 \
    {                                                                                                  \
        switch (vectors_used()) {                                                                      \
        case VECTORS_AVX512: return name##_avx512 arguments;                                           \
        case VECTORS_AVX2: return name##_avx2 arguments;                                               \
        default: return name##_of_build arguments;                                                     \
        }                                                                                              \
    }
#else
#define HAS_VECTOR_PATHS false
#define FOR_PROCESSORS(type, name, parameters, arguments, of_body) \
    PATH(inline, FUSED_IN_BUILD, type, name parameters, name##_body of_body)
#endif

#ifdef __FP_FAST_FMAF
#define FUSED_IN_BUILD true
#else
#define FUSED_IN_BUILD false
#endif

#define PATH(attributes, is_fused, type, declaration, call) \
    static attributes type declaration                      \
    {                                                       \
        const bool fused = is_fused;                        \
        (void)fused;                                        \
        return call;                                        \
    }

#endif
