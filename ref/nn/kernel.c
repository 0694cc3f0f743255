/* kernel.c - the kernel that OpenBLAS computes with, and a better one where it does not know the processor */
#include "nn/kernel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#include "nn/nn.h"

/* The program that starts itself again leaves the former kernel's name here. */
static const char before[] = "PLUMB_KERNEL_BEFORE";

/* Kernels by their widest instructions, as openblas_get_corename names them. Those that are missing are left alone.
 * Cooperlake and SapphireRapids differ from SkylakeX in products of bfloat16 only, which nobody calls. */
static const char *const before_avx2[] = { "Katmai",    "Coppermine", "Northwood",  "Banias",     "Prescott",
                                           "Core2",     "Penryn",     "Dunnington", "Nehalem",    "Sandybridge",
                                           "Atom",      "Nano",       "Athlon",     "Opteron",    "Opteron_SSE3",
                                           "Barcelona", "Bobcat",     "Bulldozer",  "Piledriver", "Steamroller",
                                           NULL };
static const char *const with_avx2[] = { "Haswell", "Zen", "Excavator", NULL };
static const char *const any_armv8[] = { "armv8", NULL };

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp(name, *names) == 0) return true;
    return false;
}

Processor processor_here(void)
{
    Processor here = { 0 };
#if defined __x86_64__ || defined __i386__
    __builtin_cpu_init();
    here.fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    here.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
#elif defined __aarch64__
    unsigned long flags = getauxval(AT_HWCAP);
    here.asimd_dp = flags & HWCAP_ASIMDDP;
    here.sve = (flags & HWCAP_SVE) && (flags & HWCAP_USCAT);
#endif
    return here;
}

const char *kernel_wanted(Processor processor, const char *chosen)
{
    if (!chosen) return NULL;
    bool is_old = is_one_of(chosen, before_avx2);
    if (processor.avx512 && (is_old || is_one_of(chosen, with_avx2))) return "SkylakeX";
    if (processor.fma && is_old) return "Haswell";
    if (processor.sve && is_one_of(chosen, any_armv8)) return "NeoverseV1";
    if (processor.asimd_dp && is_one_of(chosen, any_armv8)) return "NeoverseN1";
    return NULL;
}

void kernel_start(char **argv)
{
    if (getenv("OPENBLAS_CORETYPE")) return; /* the user's, or ours the second time */
    unsetenv(before);
    if (strcmp(matmul_library(), "OpenBLAS") != 0) return;
    const char *chosen = matmul_kernel(), *wanted = kernel_wanted(processor_here(), chosen);
    if (!wanted || setenv(before, chosen, 1) != 0 || setenv("OPENBLAS_CORETYPE", wanted, 1) != 0) return;
    execv("/proc/self/exe", argv);
    unsetenv("OPENBLAS_CORETYPE"); /* no /proc: the slow kernel is right too */
    unsetenv(before);
}

const char *kernel_before(void) { return getenv(before); }
