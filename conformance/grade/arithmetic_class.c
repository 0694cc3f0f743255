/* arithmetic_class.c - the one table of classes */
#include "grade/arithmetic_class.h"

#include <math.h>
#include <string.h>

#include "grade/features.h"
#include "run/arena.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

/* Rounding to p significant bits errs by at most 2^-p of the power of two below the value, uniformly: rms 2^-p/sqrt(3)
 * for significands whose rms is sqrt(7/3), that is 0.378 * 2^-p of the value. */
#define ROUNDED_TO(bits) (0.378 / (double)(1 << (bits)))

/* A narrow class computes exp, tanh, erf and 1/sqrt in float32 and rounds once. In float32 itself their error is the
 * result's: libraries promise 1 to 4 ulp for them, and they come one after another. */
#define FLOAT32_FUNCTION (4 * ROUNDED_TO(24))

/* Rounding at random is off by 1/6 of a squared unit on average, rounding to nearest by 1/12. In float32 most of the
 * error is in how products are added up, which is the same in each replay. */
#define OF_A_ROUNDING 2
#define OF_SUMS 1

/* Limits stand in the order of the gates, but for the last, of ties, which are as rows. Honest: the largest of Hugging
 * Face's own dumps, eager and sdpa, on the models of `make check-hf`, which prints them; legal: products summed up in
 * other ways, in the same models (docs/tolerances.md).
 *
 * Tensor cores add by truncation, a few bits beyond float32's: a roundoff of 2^-22 holds for their sums (Fasi et al.
 * 2021). They may truncate a tf32 factor, too. A factor in the dump of a narrow class may be the rounded image of what
 * the backend kept.
 *
 * The tightest class comes first, the one of the widest noise last. */
static const ArithmeticClass classes[] = {
    { .name = "fp32",
      .dtype = "fp32",
      .output_rounding = FLOAT32_FUNCTION,
      .random_over_nearest = OF_SUMS,
      .limits = { 10, 30, 30, 100, 2, 30,
                  "honest: 4.2, 7.3, 9.2, 38, 1.4; legal: a plain sum of products, 4.3, 6.7, 9.7, 9.7, 1.1, and as the "
                  "square root of their number, 7 for 21504; tails of GELU, where float32 cancels, are the elements; "
                  "bugs stand at 100 and up" },
      .ends = { 3, 5, 3, "honest: 1.9, 2.9, 1.9; legal: a plain sum of products, 2.4, 2.7, 2.3" },
      .roundoffs = { 0x1p-24, 0, 0x1p-24, 0x1p-126, 0x1p-126, false, "float32 sums in any order, u = 2^-24" } },
    { .name = "tf32",
      .dtype = "tf32",
      .results = ROUNDING_TF32,
      .second = ROUNDING_TF32_CUT,
      .output_rounding = FLOAT32_FUNCTION,
      .random_over_nearest = OF_A_ROUNDING,
      .limits = { 10, 30, 30, 100, 2, 30,
                  "as fp32, which it is in all steps without a product; legal: factors cut off at 10 bits, 3.9, 3.9, "
                  "6.2, 19, 3.7 where replays have a bias too; emulated, not calibrated on hardware" },
      .ends = { 3, 5, 3,
                "as fp32; legal: factors cut off at 10 bits, 1.9, 2.1, 1.6; emulated, not calibrated on hardware" },
      .roundoffs = { 0x1p-22, 0x1p-10, 0x1p-24, 0x1p-126, 0x1p-126, true,
                     "factors rounded or cut to tf32, float32 sums in any order, as tensor cores add: u = 2^-22" } },
    { .name = "fp16",
      .dtype = "fp16",
      .results = ROUNDING_FP16,
      .second = ROUNDING_FP16,
      .weights = ROUNDING_FP16,
      .output_rounding = ROUNDED_TO(11),
      .random_over_nearest = OF_A_ROUNDING,
      .limits = { 2, 8, 5, 8, 0.5, 8, "honest: 1.7, 2.5, 5.5 of one row, 5.5, 1.0; otherwise as bf16" },
      .ends = { 3, 5, 3, "honest: 2.4, 2.6, 2.3; legal: halves of a product rounded, too, 2.1, 2.2, 2.2" },
      .roundoffs = { 0x1p-22, 0x1p-11, 0x1p-11, 0x1p-14, 0x1p-25, false,
                     "float32 sums in any order, as tensor cores add: u = 2^-22; not of float16 sums, whose bound says "
                     "nothing" } },
    { .name = "bf16",
      .dtype = "bf16",
      .results = ROUNDING_BF16,
      .second = ROUNDING_BF16,
      .weights = ROUNDING_BF16,
      .output_rounding = ROUNDED_TO(8),
      .random_over_nearest = OF_A_ROUNDING,
      .limits = { 2, 8, 5, 8, 0.5, 8,
                  "honest: 1.8 of one row, 2.4, 3.9 of one row, 4.8, 1.0 where replays have a bias too; legal: three "
                  "roundings where Hugging Face has one, 1.7, 5.4, 4.3, 6.6; cutting off instead of rounding has a "
                  "bias of 1.7" },
      .ends = { 3, 5, 3,
                "honest: 1.7, 2.1, 1.6, and of 11 layers of 14 channels 2.2, 2.3, 2.3; legal: three roundings where "
                "Hugging Face has one, 1.3, 2.1, 1.4" },
      .roundoffs = { 0x1p-22, 0x1p-8, 0x1p-8, 0x1p-126, 0x1p-126, false,
                     "float32 sums in any order, as tensor cores add: u = 2^-22; not of bfloat16 sums, whose bound "
                     "says nothing" } },
};
const char *const class_names = "fp32, tf32, fp16 or bf16, perhaps with features (bf16+norms-in-dtype), or a preset: "
                                "ggml-f32, ggml-f16, mlx-bf16, gemma-bf16, openvino-bf16";

/* Engines were seen to do this: docs/tolerances.md says where. */
static const struct {
    const char *name, *dtype;
    unsigned features;
} presets[] = {
    { "ggml-f32", "fp32", FEATURE_GELU_TABLE_F16 | FEATURE_CONV_F16 },
    { "ggml-f16", "fp16", FEATURE_GELU_TABLE_F16 | FEATURE_CONV_F16 | FEATURE_FLASH_F16_ACCUMULATOR },
    { "mlx-bf16", "bf16", FEATURE_CONSTANTS_IN_DTYPE | FEATURE_SEQUENTIAL_SUMS },
    { "gemma-bf16", "bf16", FEATURE_NORMS_IN_DTYPE | FEATURE_CONSTANTS_IN_DTYPE },
    { "openvino-bf16", "bf16", FEATURE_CONSTANTS_IN_DTYPE },
};

static const ArithmeticClass *find_dtype(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(classes); i++)
        if (strncmp(name, classes[i].name, length) == 0 && classes[i].name[length] == 0) return &classes[i];
    return NULL;
}

typedef struct Composed {
    ArithmeticClass class;
    struct Composed *next;
} Composed;
static Composed *composed; /* each combination that was asked for */

const ArithmeticClass *class_with(const ArithmeticClass *class, unsigned features)
{
    features |= class->features;
    if (features == class->features) return class;
    for (const Composed *c = composed; c; c = c->next)
        if (c->class.dtype == class->dtype && c->class.features == features) return &c->class;

    char *name = allocate_zeroed(strlen(class->dtype) + FEATURE_NAMES_SIZE, 1);
    strcpy(name, class->dtype);
    for (int i = 0; features_all[i].name; i++)
        if (features & features_all[i].flag) strcat(strcat(name, "+"), features_all[i].name);
    Composed *made = allocate_zeroed(1, sizeof *made);
    *made = (Composed){ *class, composed };
    made->class.name = name;
    made->class.features = features;
    composed = made;
    return &made->class;
}

const ArithmeticClass *class_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(presets); i++)
        if (strcmp(name, presets[i].name) == 0) return class_with(class_find(presets[i].dtype), presets[i].features);

    size_t length = strcspn(name, "+");
    const ArithmeticClass *class = find_dtype(name, length);
    while (class && name[length] == '+') {
        const char *feature = name + length + 1;
        size_t feature_length = strcspn(feature, "+");
        unsigned flag = feature_flag(feature, feature_length);
        class = flag ? class_with(class, flag) : NULL;
        length += 1 + feature_length;
    }
    return class;
}

const ArithmeticClass *class_wider(const ArithmeticClass *class)
{
    const ArithmeticClass *next = find_dtype(class->dtype, strlen(class->dtype)) + 1;
    return next < classes + COUNT_OF(classes) ? next : NULL;
}

bool class_is_narrow(const ArithmeticClass *class)
{
    return class->results == ROUNDING_BF16 || class->results == ROUNDING_FP16;
}

double noise_floored(const ArithmeticClass *class, double deviation, double norm)
{
    return fmax(deviation, class->output_rounding * norm);
}
