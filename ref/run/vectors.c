/* vectors.c - which of a loop's paths the processor takes */
#include "run/vectors.h"

static int used = -1; /* none asked yet; threads may ask at the same time, and all get one answer */

Vectors vectors_best(void)
{
#if HAS_VECTOR_PATHS
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return VECTORS_AVX512;
    if (avx2) return VECTORS_AVX2;
#endif
    return VECTORS_OF_BUILD;
}

Vectors vectors_used(void)
{
    int known = __atomic_load_n(&used, __ATOMIC_RELAXED);
    if (known >= 0) return (Vectors)known;
    Vectors best = vectors_best();
    __atomic_store_n(&used, (int)best, __ATOMIC_RELAXED);
    return best;
}

void vectors_use(Vectors vectors) { __atomic_store_n(&used, (int)vectors, __ATOMIC_RELAXED); }

const char *vectors_name(Vectors vectors)
{
    static const char *const names[] = {
        [VECTORS_OF_BUILD] = "as built",
        [VECTORS_AVX2] = "AVX2",
        [VECTORS_AVX512] = "AVX-512",
    };
    return names[vectors];
}
