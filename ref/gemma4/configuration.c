/* configuration.c - Gemma4Config, Gemma4TextConfig, Gemma4VisionConfig: config.json of model_type gemma4
 *
 * A key that decides a shape or an operation must be there. Keys for which Hugging Face has a default that checkpoints
 * rely on (null in files it saves) take that default.
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

static Activation activation(ConfigReader at, const char *key)
{
    Activation activation = GELU_PYTORCH_TANH;
    const char *name = config_string(at, key);
    if (!activation_from_name(name, &activation)) config_refuse(at, key, name, activation_names);
    return activation;
}

/* Products of these stay within int, and layers within memory, whatever the file says. */
static void check_sizes(const Gemma4VisionConfig *config, ConfigReader at)
{
    const struct {
        const char *key;
        int found, most;
    } sizes[] = {
        { "num_hidden_layers", config->num_hidden_layers, 1 << 10 },
        { "num_attention_heads", config->num_attention_heads, 1 << 10 },
        { "head_dim", config->head_dim, 1 << 14 },
        { "patch_size", config->patch_size, 1 << 10 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char found[16], expected[32];
        snprintf(found, sizeof found, "%d", sizes[i].found);
        snprintf(expected, sizeof expected, "at most %d", sizes[i].most);
        if (sizes[i].found > sizes[i].most) config_refuse(at, sizes[i].key, found, expected);
    }
}

static void vision_config_load(Gemma4VisionConfig *config, ConfigReader at)
{
    config->hidden_size = config_count(at, "hidden_size");
    config->intermediate_size = config_count(at, "intermediate_size");
    config->num_hidden_layers = config_count(at, "num_hidden_layers");
    config->num_attention_heads = config_count(at, "num_attention_heads");
    config->num_key_value_heads = config_count(at, "num_key_value_heads");
    config->head_dim = config_count(at, "head_dim");
    config->hidden_activation = activation(at, "hidden_activation");
    config->rms_norm_eps = config_number(at, "rms_norm_eps");
    config->rope_theta = rope_theta(at);
    config->pooling_kernel_size = config_count(at, "pooling_kernel_size");
    config->patch_size = config_count(at, "patch_size");
    config->position_embedding_size = config_count(at, "position_embedding_size");
    config->use_clipped_linears = config_bool(at, "use_clipped_linears");
    config->standardize = config_bool(at, "standardize");

    check_sizes(config, at);
    if (!(config->rms_norm_eps >= 0)) config_refuse(at, "rms_norm_eps", "a number below 0", "0 or above");
    char found[64];
    snprintf(found, sizeof found, "%d", config->head_dim);
    if (config->head_dim % 4 != 0) config_refuse(at, "head_dim", found, "a multiple of 4 (x and y, each in halves)");
    snprintf(found, sizeof found, "%d", config->num_key_value_heads);
    if (config->num_attention_heads % config->num_key_value_heads != 0)
        config_refuse(at, "num_key_value_heads", found, "a divisor of num_attention_heads");
}

/* {"5": {"head_dim": 512}}: the layer's own value, or the common one */
static int layer_count(ConfigReader at, int layer, const char *key, int common)
{
    char index[16];
    snprintf(index, sizeof index, "%d", layer);
    if (!config_has(at, index)) return common;
    return config_count_or(config_child(at, index), key, common);
}

static void text_layers_load(Gemma4TextConfig *config, ConfigReader at, Arena *arena)
{
    int head_dim = config_count_or(at, "head_dim", 256);
    int num_key_value_heads = config_count_or(at, "num_key_value_heads", 4);
    int global_head_dim = config_count_or(at, "global_head_dim", 512);
    bool k_eq_v = config_bool_or(at, "attention_k_eq_v", false);
    int global_key_value_heads = k_eq_v ? config_count_or(at, "num_global_key_value_heads", num_key_value_heads)
                                        : num_key_value_heads;
    bool resaved = config_has(at, "per_layer_config");
    ConfigReader per_layer = resaved ? config_child(at, "per_layer_config") : at;
    const json_t *layer_types = json_object_get(at.object, "layer_types");

    if (config_has(at, "layer_types") && json_array_size(layer_types) != (size_t)config->num_hidden_layers)
        config_refuse(at, "layer_types", "another number of entries", "num_hidden_layers of them");
    config->layers = arena_allocate(arena, (size_t)config->num_hidden_layers * sizeof *config->layers);

    for (int i = 0; i < config->num_hidden_layers && !error_is_set(at.error); i++) {
        Gemma4TextLayerConfig *layer = &config->layers[i];
        const char *type = json_string_value(json_array_get(layer_types, (size_t)i));
        bool last = i == config->num_hidden_layers - 1; /* HF forces it to full attention */
        if (config_has(at, "layer_types") &&
            (!type || (strcmp(type, "full_attention") && strcmp(type, "sliding_attention"))))
            config_refuse(at, "layer_types", type ? type : "no string", "full_attention or sliding_attention");
        layer->full_attention = last || (type ? strcmp(type, "full_attention") == 0 : (i + 1) % 6 == 0);
        layer->head_dim = resaved                 ? layer_count(per_layer, i, "head_dim", head_dim)
                          : layer->full_attention ? global_head_dim
                                                  : head_dim;
        layer->num_key_value_heads = resaved ? layer_count(per_layer, i, "num_key_value_heads", num_key_value_heads)
                                     : layer->full_attention ? global_key_value_heads
                                                             : num_key_value_heads;
    }
}

void gemma4_config_load(Gemma4Config *config, ConfigReader at, Arena *arena)
{
    config->file = at.file;
    ConfigReader text = config_child(at, "text_config");
    config->text_config.hidden_size = config_count(text, "hidden_size");
    config->text_config.num_hidden_layers = config_count(text, "num_hidden_layers");
    text_layers_load(&config->text_config, text, arena);

    config->has_vision = config_has(at, "vision_config");
    if (config->has_vision) vision_config_load(&config->vision_config, config_child(at, "vision_config"));
}
