/* compressed_scheme.c - QuantizationArgs of weights, and the match of targets */
#include "checkpoint/compressed_scheme.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static const char *const strategies[] = { "tensor", "channel", "group", "block" };

static void load_strategy(CompressedScheme *scheme, ConfigReader at)
{
    const char *otherwise = config_has(at, "group_size") ? "group" : "tensor"; /* as QuantizationArgs has it */
    const char *strategy = config_string_or(at, "strategy", otherwise);
    if (strcmp(strategy, "tensor_group") == 0) strategy = "group"; /* with a global scale besides */
    size_t i = 0;
    while (i < sizeof strategies / sizeof *strategies && strcmp(strategy, strategies[i]) != 0) i++;
    if (i == sizeof strategies / sizeof *strategies) {
        config_refuse(at, "strategy", strategy, "tensor, channel, group or block");
        return;
    }
    scheme->strategy = (Strategy)i;
    if (scheme->strategy == STRATEGY_GROUP) scheme->group_size = config_count(at, "group_size");
    if (scheme->strategy != STRATEGY_BLOCK) return;
    const json_t *block = json_object_get(at.object, "block_structure");
    for (size_t j = 0; j < 2; j++) {
        json_int_t size = json_integer_value(json_array_get(block, j));
        if (json_array_size(block) != 2 || size < 1 || size > 1 << 24) {
            config_refuse(at, "block_structure", "another value", "two whole numbers above 0");
            return;
        }
        scheme->block_structure[j] = (int)size;
    }
}

static void load_weights(CompressedScheme *scheme, ConfigReader at)
{
    scheme->num_bits = config_count(at, "num_bits");
    load_strategy(scheme, at);
    const char *type = config_string_or(at, "type", "int");
    scheme->is_float = strcmp(type, "float") == 0;
    scheme->symmetric = config_bool_or(at, "symmetric", true);
    if (!scheme->is_float && strcmp(type, "int") != 0) config_refuse(at, "type", type, "int or float");
    bool is_fp4 = scheme->num_bits == 4 && scheme->strategy == STRATEGY_GROUP;
    if (scheme->is_float && ((scheme->num_bits != 8 && !is_fp4) || !scheme->symmetric))
        config_refuse(at, "num_bits", "another float format", "8 symmetric bits, or 4 in groups, where type is float");
    if (!scheme->is_float && scheme->num_bits != 4 && scheme->num_bits != 8)
        config_refuse(at, "num_bits", "another width", "4 or 8 where type is int");
}

/* Per token or tensor, of 8 bits, and NVFP4's groups, whose "dynamic" is "local"; others are for the backend to
 * declare. */
static void load_inputs(CompressedScheme *scheme, ConfigReader at)
{
    static const InputCodes of_int[] = { INPUTS_INT8_STATIC, INPUTS_INT8_TENSOR, INPUTS_INT8_TOKEN_SYM };
    static const InputCodes of_float[] = { INPUTS_FP8_STATIC, INPUTS_FP8_TENSOR, INPUTS_FP8_TOKEN };
    const char *strategy = config_string_or(at, "strategy", "tensor"), *type = config_string_or(at, "type", "int");
    bool token = strcmp(strategy, "token") == 0, is_float = strcmp(type, "float") == 0;
    if (declared_inputs.given) return;
    if (is_float && strcmp(strategy, "tensor_group") == 0 && config_count(at, "num_bits") == 4) {
        scheme->inputs = INPUTS_FP4_GROUP;
        if (config_count(at, "group_size") != 16) config_refuse(at, "group_size", "another", "16, or --activations");
        return;
    }
    if (config_count(at, "num_bits") != 8) config_refuse(at, "num_bits", "another width", "8, or --activations");
    if (!token && strcmp(strategy, "tensor") != 0)
        config_refuse(at, "strategy", strategy, "token or tensor of input_activations, or --activations");
    int row = token ? 2 : config_bool_or(at, "dynamic", false);
    scheme->inputs = is_float ? of_float[row] : of_int[row];
    if (is_float || config_bool_or(at, "symmetric", true)) return;
    scheme->inputs = INPUTS_INT8_TOKEN;
    if (!token) config_refuse(at, "symmetric", "false", "true where strategy is tensor, or --activations");
}

int compressed_schemes_load(CompressedScheme **schemes, ConfigReader at, Arena *arena)
{
    ConfigReader groups = config_child(at, "config_groups");
    int count = 0;
    *schemes = arena_allocate(arena, (json_object_size(groups.object) + 1) * sizeof **schemes);
    const char *name;
    json_t *unused;
    json_object_foreach((json_t *)groups.object, name, unused)
    {
        (void)unused;
        ConfigReader group = config_child(groups, name);
        if (!config_has(group, "weights")) continue; /* of a cache, or of activations alone */
        CompressedScheme *scheme = &(*schemes)[count++];
        *scheme = (CompressedScheme){ .targets = json_object_get(group.object, "targets") };
        if (json_array_size(scheme->targets) == 0) config_refuse(group, "targets", "none", "a list of names");
        load_weights(scheme, config_child(group, "weights"));
        if (config_has(group, "input_activations")) load_inputs(scheme, config_child(group, "input_activations"));
        if (error_is_set(at.error)) return 0;
    }
    return count;
}

/* Python's re.match: from the name's beginning, but not to its end. \d is the one class that POSIX lacks. */
static bool matches_expression(const char *expression, const char *module, ConfigReader at)
{
    regex_t regex;
    Arena arena = { 0 };
    char *posix = arena_allocate(&arena, 5 * strlen(expression) + 4), *end = posix;
    end = stpcpy(end, "^(");
    for (const char *c = expression; *c; c++) {
        if (c[0] == '\\' && c[1] == 'd') {
            end = stpcpy(end, "[0-9]");
            c++;
        } else {
            *end++ = *c;
        }
    }
    strcpy(end, ")");
    bool matches = false;
    if (regcomp(&regex, posix, REG_EXTENDED | REG_NOSUB) != 0) {
        config_refuse(at, "targets", expression, "a regular expression behind re:");
    } else {
        matches = regexec(&regex, module, 0, NULL, 0) == 0;
        regfree(&regex);
    }
    arena_free(&arena);
    return matches;
}

typedef enum { BY_NAME, BY_EXPRESSION, BY_CLASS, WAYS } Way;

static bool target_matches(const char *target, const char *module, Way way, ConfigReader at)
{
    bool is_expression = strncmp(target, "re:", 3) == 0;
    switch (way) {
    case BY_NAME: return strcmp(target, module) == 0;
    case BY_EXPRESSION: return is_expression && matches_expression(target + 3, module, at);
    default: return strcmp(target, "Linear") == 0;
    }
}

const CompressedScheme *compressed_scheme_of(const CompressedScheme *schemes, int count, const char *module,
                                             ConfigReader at)
{
    for (Way way = BY_NAME; way < WAYS; way++)
        for (int i = 0; i < count; i++)
            for (size_t j = 0; j < json_array_size(schemes[i].targets); j++) {
                const char *target = json_string_value(json_array_get(schemes[i].targets, j));
                if (target && target_matches(target, module, way, at)) return &schemes[i];
                if (error_is_set(at.error)) return NULL;
            }
    return NULL;
}

bool compressed_ignores(const char *module, ConfigReader at)
{
    const json_t *names = json_object_get(at.object, "ignore");
    for (size_t i = 0; i < json_array_size(names); i++) {
        Error unread = { "" }; /* an expression that only Python reads names nothing */
        at.error = &unread;
        const char *name = json_string_value(json_array_get(names, i));
        if (name && (target_matches(name, module, BY_NAME, at) || target_matches(name, module, BY_EXPRESSION, at)))
            return true;
    }
    return false;
}

const char *compressed_scheme_text(const CompressedScheme *scheme, Arena *arena)
{
    const char *type = scheme->num_bits == 8 ? (scheme->is_float ? "fp8" : "int8") : scheme->is_float ? "fp4" : "int4";
    const char *zero = scheme->symmetric ? "" : ", asymmetric";
    switch (scheme->strategy) {
    case STRATEGY_TENSOR: return arena_format(arena, "%s per tensor%s", type, zero);
    case STRATEGY_CHANNEL: return arena_format(arena, "%s per channel%s", type, zero);
    case STRATEGY_GROUP: return arena_format(arena, "%s, groups of %d%s", type, scheme->group_size, zero);
    default:
        return arena_format(arena, "%s, blocks of %d x %d%s", type, scheme->block_structure[0],
                            scheme->block_structure[1], zero);
    }
}
