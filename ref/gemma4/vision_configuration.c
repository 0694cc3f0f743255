/* vision_configuration.c - Gemma4VisionConfig: vision_config of config.json
 *
 * A key that decides a shape or an operation must be there. Keys for which Hugging Face has a default that checkpoints
 * rely on (null in files it saves) take that default. Sizes have limits (config.c), so that their products stay
 * within int and the layers within memory, whatever the file says.
 */
#include <stdio.h>
#include <string.h>

#include "gemma4.h"

static double rope_theta(ConfigReader at)
{
    if (!config_has(at, "rope_parameters")) return 100.0; /* Gemma4VisionConfig.default_theta */
    ConfigReader rope = config_child(at, "rope_parameters");
    const char *type = config_string_or(rope, "rope_type", "axial");
    if (strcmp(type, "axial") != 0 && strcmp(type, "default") != 0) config_refuse(rope, "rope_type", type, "axial");
    double theta = config_number_or(rope, "rope_theta", 100.0);
    if (!(theta > 0)) config_refuse(rope, "rope_theta", "a number of 0 or below", "one above 0");
    return theta;
}

void gemma4_vision_config_load(Gemma4VisionConfig *config, ConfigReader at)
{
    config->hidden_size = config_count(at, "hidden_size");
    config->intermediate_size = config_count(at, "intermediate_size");
    config->num_hidden_layers = config_count(at, "num_hidden_layers");
    config->num_attention_heads = config_count(at, "num_attention_heads");
    config->num_key_value_heads = config_count(at, "num_key_value_heads");
    config->head_dim = config_count(at, "head_dim");
    config->hidden_activation = config_activation(at, "hidden_activation");
    config->rms_norm_eps = config_number(at, "rms_norm_eps");
    config->rope_theta = rope_theta(at);
    config->pooling_kernel_size = config_count(at, "pooling_kernel_size");
    config->patch_size = config_count(at, "patch_size");
    config->position_embedding_size = config_count(at, "position_embedding_size");
    config->use_clipped_linears = config_bool(at, "use_clipped_linears");
    config->standardize = config_bool(at, "standardize");

    if (!(config->rms_norm_eps >= 0)) config_refuse(at, "rms_norm_eps", "a number below 0", "0 or above");
    char found[64];
    snprintf(found, sizeof found, "%d", config->head_dim);
    if (config->head_dim % 4 != 0) config_refuse(at, "head_dim", found, "a multiple of 4 (x and y, each in halves)");
    snprintf(found, sizeof found, "%d", config->num_key_value_heads);
    if (config->num_attention_heads % config->num_key_value_heads != 0)
        config_refuse(at, "num_key_value_heads", found, "a divisor of num_attention_heads");
}
