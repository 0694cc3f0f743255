/* quantization_config.c - which quant_method reads it */
#include "checkpoint/quantization_config.h"

#include <string.h>

#include "checkpoint/module_parts.h"

static const struct {
    const char *name;
    void (*read)(Checkpoint *checkpoint, ConfigReader at);
} methods[] = {
    { "compressed-tensors", read_compressed_tensors },
    { "gptq", read_gptq },
    { "awq", read_awq },
    { "bitsandbytes", read_bitsandbytes },
    { "modelopt", read_modelopt },
    { "torchao", read_torchao },
    { "mlx", read_mlx },
};

static void read_object(Checkpoint *checkpoint, ConfigReader at)
{
    const char *method = config_has(at, "bits") ? config_string_or(at, "quant_method", "mlx")
                                                : config_string(at, "quant_method");
    if (error_is_set(at.error)) return;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method, methods[i].name) == 0) {
            methods[i].read(checkpoint, at);
            return;
        }
    config_refuse(at, "quant_method", method, "compressed-tensors, gptq, awq, bitsandbytes, modelopt, torchao or mlx");
}

/* kv_cache_scheme: QuantizationArgs of keys and values, which compressed-tensors and modelopt have */
static InputCodes read_cache_scheme(ConfigReader at)
{
    const char *type = config_string_or(at, "type", "int"), *strategy = config_string_or(at, "strategy", "tensor");
    if (config_count(at, "num_bits") != 8) config_refuse(at, "num_bits", "another width", "8, or --kv-cache");
    if (strcmp(type, "float") != 0) config_refuse(at, "type", type, "float, or --kv-cache");
    if (strcmp(strategy, "tensor") != 0) config_refuse(at, "strategy", strategy, "tensor, or --kv-cache");
    if (config_bool_or(at, "dynamic", false)) config_refuse(at, "dynamic", "true", "false, or --kv-cache");
    if (!config_bool_or(at, "symmetric", true)) config_refuse(at, "symmetric", "false", "true, or --kv-cache");
    return INPUTS_FP8_STATIC;
}

static InputCodes read_cache(ConfigReader at)
{
    if (config_has(at, "kv_cache_scheme")) return read_cache_scheme(config_child(at, "kv_cache_scheme"));
    if (!config_has(at, "kv_cache_quant_algo")) return INPUTS_PLAIN;
    const char *algorithm = config_string(at, "kv_cache_quant_algo"); /* modelopt's other name of it */
    if (!error_is_set(at.error) && strcmp(algorithm, "FP8") != 0)
        config_refuse(at, "kv_cache_quant_algo", algorithm, "FP8, or --kv-cache");
    return INPUTS_FP8_STATIC;
}

void read_quantization_config(Checkpoint *checkpoint, ConfigReader at)
{
    if (config_has(at, "quantization_config")) {
        ConfigReader quantised = config_child(at, "quantization_config");
        read_object(checkpoint, quantised);
        if (!declared_cache.given && !error_is_set(at.error)) checkpoint->cache = read_cache(quantised);
    }
    if (!error_is_set(at.error)) read_executorch(checkpoint, at.error);
    if (!error_is_set(at.error)) parts_settle(checkpoint);
}
