/* text_configuration.c - Gemma4TextConfig: text_config of config.json, or the whole file of a text model
 *
 * layer_types decides, never a period. Which keys may be absent, and why sizes have limits: vision_configuration.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gemma4.h"

const char *const layer_type_names[LAYER_TYPE_COUNT] = { "full_attention", "sliding_attention" };

static void layer_types_load(Gemma4TextConfig *config, ConfigReader at)
{
    const json_t *layer_types = json_object_get(at.object, "layer_types");
    bool given = config_has(at, "layer_types");
    if (given && json_array_size(layer_types) != (size_t)config->num_hidden_layers)
        config_refuse(at, "layer_types", "another number of entries", "num_hidden_layers of them");

    for (int i = 0; i < config->num_hidden_layers; i++) {
        LayerType *type = &config->layers[i].layer_type;
        const char *name = json_string_value(json_array_get(layer_types, (size_t)i));
        *type = (i + 1) % 6 == 0 ? FULL_ATTENTION : SLIDING_ATTENTION; /* HF's own where layer_types is null */
        if (name && strcmp(name, "full_attention") == 0)
            *type = FULL_ATTENTION;
        else if (name && strcmp(name, "sliding_attention") == 0)
            *type = SLIDING_ATTENTION;
        else if (given)
            config_refuse(at, "layer_types", name ? name : "no string", "full_attention or sliding_attention");
    }
    config->layers[config->num_hidden_layers - 1].layer_type = FULL_ATTENTION; /* HF forces it */
    for (int i = 0; i < config->num_hidden_layers; i++)
        config->rope_parameters[config->layers[i].layer_type].exists = true;
}

static void layer_override_load(Gemma4TextLayerConfig *layer, ConfigReader at)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)at.object, name, value)
    {
        if (strcmp(name, "head_dim") == 0)
            layer->head_dim = config_count(at, name);
        else if (strcmp(name, "num_key_value_heads") == 0)
            layer->num_key_value_heads = config_count(at, name);
        else
            config_refuse(at, name, "a switch of one layer", "head_dim or num_key_value_heads alone");
    }
}

/* {"5": {"head_dim": 512}}; transformers writes "05" where there are ten layers or more */
static void per_layer_config_load(Gemma4TextConfig *config, ConfigReader at)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)at.object, key, value)
    {
        char *end;
        long index = strtol(key, &end, 10);
        if (*end || end == key || index < 0 || index >= config->num_hidden_layers)
            config_refuse(at, key, "no layer of that number", "0 to num_hidden_layers - 1");
        else
            layer_override_load(&config->layers[index], config_child(at, key));
    }
}

static void layers_load(Gemma4TextConfig *config, ConfigReader at)
{
    int head_dim = config_count(at, "head_dim");
    int num_key_value_heads = config_count(at, "num_key_value_heads");
    bool resaved = config_has(at, "per_layer_config");
    int global_head_dim = resaved ? head_dim : config_count_or(at, "global_head_dim", 512);
    int global_key_value_heads = num_key_value_heads;
    if (!resaved && config->attention_k_eq_v)
        global_key_value_heads = config_count_or(at, "num_global_key_value_heads", num_key_value_heads);

    for (int i = 0; i < config->num_hidden_layers; i++) {
        Gemma4TextLayerConfig *layer = &config->layers[i];
        bool global = layer->layer_type == FULL_ATTENTION;
        layer->head_dim = global ? global_head_dim : head_dim;
        layer->num_key_value_heads = global ? global_key_value_heads : num_key_value_heads;
    }
    if (resaved) per_layer_config_load(config, config_child(at, "per_layer_config"));

    for (int i = 0; i < config->num_hidden_layers && !error_is_set(at.error); i++) {
        const Gemma4TextLayerConfig *layer = &config->layers[i];
        Gemma4TextRopeConfig *rope = &config->rope_parameters[layer->layer_type];
        char found[64];
        snprintf(found, sizeof found, "%d for layer %d", layer->head_dim, i);
        if (layer->head_dim % 2 != 0) config_refuse(at, "head_dim", found, "an even number");
        if (rope->head_dim && rope->head_dim != layer->head_dim)
            config_refuse(at, "head_dim", found, "the same for all layers of a type");
        rope->head_dim = layer->head_dim;
        snprintf(found, sizeof found, "%d for layer %d", layer->num_key_value_heads, i);
        if (config->num_attention_heads % layer->num_key_value_heads != 0)
            config_refuse(at, "num_key_value_heads", found, "a divisor of num_attention_heads");
    }
}

/* The last num_kv_shared_layers layers reuse keys and values of the last layer of their type before them. */
static void kv_sharing_modes_load(Gemma4TextConfig *config, ConfigReader at)
{
    if (config->num_kv_shared_layers == 0) return;
    int first_shared_layer = config->num_hidden_layers - config->num_kv_shared_layers;
    for (int i = first_shared_layer > 0 ? first_shared_layer : 0; i < config->num_hidden_layers; i++)
        config->layers[i].kv_sharing_mode = KV_REUSE;

    for (int type = 0; type < LAYER_TYPE_COUNT; type++) {
        int donor = first_shared_layer - 1;
        while (donor >= 0 && config->layers[donor].layer_type != (LayerType)type) donor--;
        char found[96];
        snprintf(found, sizeof found, "%d with no %s layer before them", config->num_kv_shared_layers,
                 layer_type_names[type]);
        if (donor >= 0)
            config->layers[donor].kv_sharing_mode = KV_STORE;
        else if (config->rope_parameters[type].exists)
            config_refuse(at, "num_kv_shared_layers", found, "a layer of each type that stores keys and values");
    }
}

static void rope_parameters_load(Gemma4TextConfig *config, ConfigReader at)
{
    config->rope_parameters[SLIDING_ATTENTION].rope_theta = 10000;
    config->rope_parameters[FULL_ATTENTION].rope_theta = 1000000;
    config->rope_parameters[FULL_ATTENTION].proportional = true;
    config->rope_parameters[FULL_ATTENTION].partial_rotary_factor = 0.25;
    for (int type = 0; type < LAYER_TYPE_COUNT; type++) {
        Gemma4TextRopeConfig *rope = &config->rope_parameters[type];
        rope->factor = 1;
        if (!rope->exists || !config_has(at, "rope_parameters")) continue;
        ConfigReader given = config_child(config_child(at, "rope_parameters"), layer_type_names[type]);
        const char *rope_type = config_string(given, "rope_type");
        rope->proportional = strcmp(rope_type, "proportional") == 0;
        if (!rope->proportional && strcmp(rope_type, "default") != 0)
            config_refuse(given, "rope_type", rope_type, "default or proportional");
        rope->rope_theta = config_number(given, "rope_theta");
        rope->partial_rotary_factor = config_number_or(given, "partial_rotary_factor", 1);
        rope->factor = config_number_or(given, "factor", 1);
        if (!(rope->rope_theta > 0)) config_refuse(given, "rope_theta", "a number of 0 or below", "one above 0");
        if (!(rope->factor > 0)) config_refuse(given, "factor", "a number of 0 or below", "one above 0");
        if (!(rope->partial_rotary_factor >= 0 && rope->partial_rotary_factor <= 1))
            config_refuse(given, "partial_rotary_factor", "a number beyond these", "0 to 1");
    }
}

/* null would be a value in the next two: no window, which Hugging Face refuses, and no such attention */
static int sliding_window(ConfigReader at, int otherwise)
{
    return json_object_get(at.object, "sliding_window") ? config_count(at, "sliding_window") : otherwise;
}

static BidirectionalAttention bidirectional_attention(ConfigReader at, BidirectionalAttention otherwise)
{
    if (!json_object_get(at.object, "use_bidirectional_attention")) return otherwise;
    const char *name = config_string_or(at, "use_bidirectional_attention", "");
    if (strcmp(name, "vision") == 0) return BIDIRECTIONAL_VISION;
    if (strcmp(name, "all") == 0) return BIDIRECTIONAL_ALL;
    if (*name) config_refuse(at, "use_bidirectional_attention", name, "null, vision or all");
    return BIDIRECTIONAL_NONE;
}

void text_config_load(Gemma4TextConfig *config, ConfigReader at, const Gemma4TextDefaults *defaults, Arena *arena)
{
    *config = (Gemma4TextConfig){ 0 };
    config->vocab_size = config_count(at, "vocab_size");
    config->hidden_size = config_count(at, "hidden_size");
    config->intermediate_size = config_count(at, "intermediate_size");
    config->num_hidden_layers = config_count(at, "num_hidden_layers");
    config->num_attention_heads = config_count(at, "num_attention_heads");
    config->hidden_activation = config_activation(at, "hidden_activation");
    config->max_position_embeddings = config_count_or(at, "max_position_embeddings", defaults->max_position_embeddings);
    config->rms_norm_eps = config_number(at, "rms_norm_eps");
    config->pad_token_id = json_object_get(at.object, "pad_token_id") ? config_whole_or(at, "pad_token_id", -1) : 0;
    config->tie_word_embeddings = config_bool_or(at, "tie_word_embeddings", true);
    config->attention_bias = config_bool_or(at, "attention_bias", false);
    config->sliding_window = sliding_window(at, defaults->sliding_window);
    config->final_logit_softcapping = config_number_or(at, "final_logit_softcapping", 0);
    config->use_bidirectional_attention = bidirectional_attention(at, defaults->use_bidirectional_attention);
    config->attention_k_eq_v = config_bool_or(at, "attention_k_eq_v", false);
    config->num_kv_shared_layers = config_whole_or(at, "num_kv_shared_layers", 0);
    config->use_double_wide_mlp = config_bool_or(at, "use_double_wide_mlp", false);
    if (error_is_set(at.error)) return;

    if (config->use_bidirectional_attention == BIDIRECTIONAL_ALL)
        config->sliding_window = config->sliding_window / 2 + 1;
    if (!(config->rms_norm_eps >= 0)) config_refuse(at, "rms_norm_eps", "a number below 0", "0 or above");
    if (config_has(at, "final_logit_softcapping") && !(config->final_logit_softcapping > 0))
        config_refuse(at, "final_logit_softcapping", "a number of 0 or below", "null, or one above 0");
    if (config->pad_token_id >= config->vocab_size)
        config_refuse(at, "pad_token_id", "a token beyond the vocabulary", "one below vocab_size");

    config->layers = arena_allocate(arena, (size_t)config->num_hidden_layers * sizeof *config->layers);
    memset(config->layers, 0, (size_t)config->num_hidden_layers * sizeof *config->layers);
    layer_types_load(config, at);
    layers_load(config, at);
    rope_parameters_load(config, at);
    kv_sharing_modes_load(config, at);
}

static void per_layer_input_load(Gemma4TextConfig *config, ConfigReader at)
{
    config->vocab_size_per_layer_input = config_count_or(at, "vocab_size_per_layer_input", 262144);
    config->hidden_size_per_layer_input = config_whole_or(at, "hidden_size_per_layer_input", 256);
}

static void moe_load(Gemma4TextConfig *config, ConfigReader at)
{
    config->enable_moe_block = config_bool_or(at, "enable_moe_block", false);
    if (!config->enable_moe_block) return;
    config->num_experts = config_count(at, "num_experts");
    config->top_k_experts = config_count_at_most(at, "top_k_experts", config->num_experts);
    config->moe_intermediate_size = config_count(at, "moe_intermediate_size");
}

void gemma4_text_config_load(Gemma4TextConfig *config, ConfigReader at, Arena *arena)
{
    static const Gemma4TextDefaults defaults = { 131072, 512, BIDIRECTIONAL_NONE };
    text_config_load(config, at, &defaults, arena);
    per_layer_input_load(config, at);
    moe_load(config, at);
}
