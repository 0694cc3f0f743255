/* features.c - the one table of features */
#include "grade/features.h"

#include <string.h>

const FeatureName features_all[] = {
    { FEATURE_GELU_TABLE_F16, "gelu-table-f16", "GELU is looked up in a table of float16" },
    { FEATURE_CONV_F16, "conv-f16", "patches and the weight that projects them are float16" },
    { FEATURE_FLASH_F16_ACCUMULATOR, "flash-f16-accumulator", "attention adds values up in float16" },
    { FEATURE_NORMS_IN_DTYPE, "norms-in-dtype", "each operation inside a norm rounds to the dtype" },
    { FEATURE_SEQUENTIAL_SUMS, "sequential-sums", "norms add up element after element, in one sum" },
    { FEATURE_CONSTANTS_IN_DTYPE, "constants-in-dtype",
      "roots of widths and the pooler's share are rounded to the dtype" },
    { FEATURE_ACCUMULATE_IN_DTYPE, "accumulate-in-dtype", "linear layers add up in the dtype" },
    { 0 },
};

unsigned feature_flag(const char *name, size_t length)
{
    for (const FeatureName *f = features_all; f->name; f++)
        if (strlen(f->name) == length && strncmp(f->name, name, length) == 0) return f->flag;
    return 0;
}
