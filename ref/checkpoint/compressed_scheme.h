/* compressed_scheme.h - config_groups of a compressed-tensors quantization_config: which module is quantised how
 *
 * Names are the library's (QuantizationScheme, QuantizationArgs). A module belongs to the first group one of whose
 * targets is its name, or else matches it as a regular expression, or else is the class Linear.
 */
#ifndef PLUMB_COMPRESSED_SCHEME_H
#define PLUMB_COMPRESSED_SCHEME_H

#include "checkpoint/config.h"
#include "checkpoint/input_codes.h"
#include "run/arena.h"

typedef enum { STRATEGY_TENSOR, STRATEGY_CHANNEL, STRATEGY_GROUP, STRATEGY_BLOCK } Strategy;

typedef struct {
    const json_t *targets;
    bool is_float, symmetric;
    int num_bits;
    Strategy strategy;
    int group_size;         /* STRATEGY_GROUP */
    int block_structure[2]; /* STRATEGY_BLOCK: rows, columns */
    InputCodes inputs;      /* input_activations */
} CompressedScheme;

/* -> the groups that have weights, and how many; in arena */
int compressed_schemes_load(CompressedScheme **schemes, ConfigReader at, Arena *arena);
/* NULL where no group's targets match; the error where a target is no regular expression */
const CompressedScheme *compressed_scheme_of(const CompressedScheme *schemes, int count, const char *module,
                                             ConfigReader at);
/* Whether the configuration says that the module is kept as it is: targets are not asked then */
bool compressed_ignores(const char *module, ConfigReader at);
/* "int4, groups of 32, asymmetric" */
const char *compressed_scheme_text(const CompressedScheme *scheme, Arena *arena);

#endif
