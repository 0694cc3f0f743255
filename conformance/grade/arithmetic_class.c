/* arithmetic_class.c - the classes */
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

static const ArithmeticClass classes[] = {
    { "fp32", "fp32", ROUNDING_NONE, ROUNDING_NONE, ROUNDING_NONE, FLOAT32_FUNCTION, OF_SUMS, 0 },
    { "tf32", "tf32", ROUNDING_TF32, ROUNDING_TF32_CUT, ROUNDING_NONE, FLOAT32_FUNCTION, OF_A_ROUNDING, 0 },
    { "fp16", "fp16", ROUNDING_FP16, ROUNDING_FP16, ROUNDING_FP16, ROUNDED_TO(11), OF_A_ROUNDING, 0 },
    { "bf16", "bf16", ROUNDING_BF16, ROUNDING_BF16, ROUNDING_BF16, ROUNDED_TO(8), OF_A_ROUNDING, 0 },
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

double noise_floored(const ArithmeticClass *class, double deviation, double norm)
{
    return fmax(deviation, class->output_rounding * norm);
}
