/* test_kernel.c - which kernel of OpenBLAS is better than the one that it chose */
#include "helpers.h"
#include "nn/kernel.h"
#include "nn/nn.h"

#define SSE \
    {       \
        0   \
    }
#define AVX2        \
    {               \
        .fma = true \
    }
#define AVX512                      \
    {                               \
        .fma = true, .avx512 = true \
    }

static const struct {
    const char *name;
    Processor processor;
    const char *chosen, *wanted;
} processors[] = {
    { "Intel family 6 model 207, unknown to 0.3.21", AVX512, "Prescott", "SkylakeX" },
    { "the same, known to a later OpenBLAS", AVX512, "SapphireRapids", NULL },
    { "Intel Cascade Lake", AVX512, "SkylakeX", NULL },
    { "Intel Cooper Lake", AVX512, "Cooperlake", NULL },
    { "Intel Alder Lake, unknown, without AVX-512", AVX2, "Prescott", "Haswell" },
    { "Intel Alder Lake, known", AVX2, "Haswell", NULL },
    { "AVX-512 that the operating system does not save", AVX2, "Haswell", NULL },
    { "Intel Sandy Bridge", SSE, "Sandybridge", NULL },
    { "Intel Core 2", SSE, "Core2", NULL },
    { "an old Intel with SSE only", SSE, "Prescott", NULL },
    { "AMD Zen 3", AVX2, "Zen", NULL },
    { "AMD Zen 3, unknown to an old OpenBLAS", AVX2, "Barcelona", "Haswell" },
    { "AMD Zen 4", AVX512, "Cooperlake", NULL },
    { "AMD Zen 4, taken for an older Zen", AVX512, "Zen", "SkylakeX" },
    { "AMD Zen 5, unknown", AVX512, "Prescott", "SkylakeX" },
    { "AMD Zen 5, taken for Haswell", AVX512, "Haswell", "SkylakeX" },
    { "AMD Excavator", AVX2, "Excavator", NULL },
    { "Arm Cortex-A72", { 0 }, "armv8", NULL },
    { "Arm Neoverse N1, unknown", { .asimd_dp = true }, "armv8", "NeoverseN1" },
    { "Arm Neoverse N1, known", { .asimd_dp = true }, "neoversen1", NULL },
    { "Arm Neoverse V2, unknown", { .asimd_dp = true, .sve = true }, "armv8", "NeoverseV1" },
    { "a name that is not known here", AVX512, "Panther", NULL },
    { "another library, which names no kernel", AVX512, NULL, NULL },
};

START_TEST(wanted)
{
    const char *found = kernel_wanted(processors[_i].processor, processors[_i].chosen);
    const char *expected = processors[_i].wanted;
    ck_assert_msg(expected ? found && strcmp(found, expected) == 0 : !found, "%s: found %s, expected %s",
                  processors[_i].name, found ? found : "none", expected ? expected : "none");
}
END_TEST

/* Or the program would start itself again without end. */
START_TEST(nothing_is_better_than_the_wanted)
{
    const char *better = kernel_wanted(processors[_i].processor, processors[_i].chosen);
    if (better) ck_assert_ptr_null(kernel_wanted(processors[_i].processor, better));
}
END_TEST

Suite *kernel_suite(void)
{
    Suite *suite = suite_create("kernel");
    TCase *tcase = theme(suite, "kernel_wanted");
    tcase_add_loop_test(tcase, wanted, 0, COUNT(processors));
    tcase_add_loop_test(tcase, nothing_is_better_than_the_wanted, 0, COUNT(processors));
    return suite;
}
