/* audio_configuration.c - Gemma4AudioConfig: audio_config of config.json
 *
 * Which keys may be absent, and why sizes have limits: vision_configuration.c.
 */
#include <stdio.h>

#include "gemma4.h"

static void channels_load(Gemma4AudioConfig *config, ConfigReader at)
{
    const json_t *channels = json_object_get(at.object, "subsampling_conv_channels");
    if (json_array_size(channels) != 2 && !error_is_set(at.error))
        config_refuse(at, "subsampling_conv_channels", "another number of entries", "two, one for each convolution");
    for (int i = 0; i < 2; i++) {
        json_int_t count = json_integer_value(json_array_get(channels, (size_t)i));
        if ((count < 1 || count > 1 << 14) && !error_is_set(at.error))
            config_refuse(at, "subsampling_conv_channels", "an entry that is none", "whole numbers from 1 to 16384");
        config->subsampling_conv_channels[i] = (int)count;
    }
    if (config->subsampling_conv_channels[0] < 4 && !error_is_set(at.error))
        config_refuse(at, "subsampling_conv_channels", "fewer than 4 channels",
                      "4 or more: a fourth of them is the height of what is projected");
}

static void refuse_number(ConfigReader at, const char *key, double value, const char *expected)
{
    char found[64];
    snprintf(found, sizeof found, "%g", value);
    config_refuse(at, key, found, expected);
}

static void check_sizes(const Gemma4AudioConfig *config, ConfigReader at)
{
    if (config->hidden_size % config->num_attention_heads != 0)
        refuse_number(at, "num_attention_heads", config->num_attention_heads, "a divisor of hidden_size");
    if (config->hidden_size % 2 != 0)
        refuse_number(at, "hidden_size", config->hidden_size,
                      "an even number: relative positions are sines and cosines");
    if (!(config->rms_norm_eps >= 0)) refuse_number(at, "rms_norm_eps", config->rms_norm_eps, "0 or above");
    if (!(config->attention_logit_cap > 0))
        refuse_number(at, "attention_logit_cap", config->attention_logit_cap, "a number above 0");
    if (!(config->gradient_clipping > 0))
        refuse_number(at, "gradient_clipping", config->gradient_clipping, "a number above 0");
}

void gemma4_audio_config_load(Gemma4AudioConfig *config, ConfigReader at)
{
    config->hidden_size = config_count_at_most(at, "hidden_size", 1 << 16);
    config->num_hidden_layers = config_count_at_most(at, "num_hidden_layers", 1 << 10);
    config->num_attention_heads = config_count_at_most(at, "num_attention_heads", 1 << 10);
    config->hidden_act = config_activation(at, "hidden_act");
    channels_load(config, at);
    config->conv_kernel_size = config_count_at_most(at, "conv_kernel_size", 1 << 10);
    config->residual_weight = config_number(at, "residual_weight");
    config->attention_chunk_size = config_count_at_most(at, "attention_chunk_size", 1 << 12);
    config->attention_context_left = config_count_at_most(at, "attention_context_left", 1 << 12);
    config->attention_context_right = config_whole_or(at, "attention_context_right", 0);
    config->attention_logit_cap = config_number(at, "attention_logit_cap");
    config->attention_invalid_logits_value = config_number_or(at, "attention_invalid_logits_value", -1e9);
    config->use_clipped_linears = config_bool(at, "use_clipped_linears");
    config->rms_norm_eps = config_number_or(at, "rms_norm_eps", 1e-6);
    config->gradient_clipping = config_number_or(at, "gradient_clipping", 1e10);
    config->output_proj_dims = config_count_at_most(at, "output_proj_dims", 1 << 16);
    if (config->attention_context_right > 1 << 12)
        refuse_number(at, "attention_context_right", config->attention_context_right, "at most 4096");
    if (!error_is_set(at.error)) check_sizes(config, at);
}
