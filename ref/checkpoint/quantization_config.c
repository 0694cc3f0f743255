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
    config_refuse(at, "quant_method", method, "compressed-tensors, gptq, awq, bitsandbytes, modelopt or mlx");
}

void read_quantization_config(Checkpoint *checkpoint, ConfigReader at)
{
    if (config_has(at, "quantization_config")) read_object(checkpoint, config_child(at, "quantization_config"));
    if (!error_is_set(at.error)) read_executorch(checkpoint, at.error);
    if (!error_is_set(at.error)) parts_settle(checkpoint);
}
