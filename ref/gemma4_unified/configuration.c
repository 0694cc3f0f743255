/* configuration.c - Gemma4UnifiedConfig: config.json of model_type gemma4_unified, and its parts
 *
 * Which keys may be absent, and why sizes have limits: ../gemma4/vision_configuration.c. Published files hold sizes
 * that follow from others: where they are, they must agree.
 */
#include <stdio.h>

#include "gemma4_unified.h"

void gemma4_unified_text_config_load(Gemma4TextConfig *config, ConfigReader at, Arena *arena)
{
    static const Gemma4TextDefaults defaults = { 262144, 1024, BIDIRECTIONAL_VISION };
    text_config_load(config, at, &defaults, arena);
}

static double rms_norm_eps(ConfigReader at)
{
    double eps = config_number_or(at, "rms_norm_eps", 1e-6);
    if (!(eps >= 0)) config_refuse(at, "rms_norm_eps", "a number below 0", "0 or above");
    return eps;
}

static void check_equal(ConfigReader at, const char *key, int expected, const char *what)
{
    char found[16], text[64];
    int value = config_count_or(at, key, expected);
    snprintf(found, sizeof found, "%d", value);
    snprintf(text, sizeof text, "%s, %d", what, expected);
    if (value != expected) config_refuse(at, key, found, text);
}

void gemma4_unified_audio_config_load(Gemma4UnifiedAudioConfig *config, ConfigReader at)
{
    static const char *const others[] = { "hidden_size", "output_proj_dims", "audio_samples_per_token" };
    config->audio_embed_dim = config_count(at, "audio_embed_dim");
    config->rms_norm_eps = rms_norm_eps(at);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        check_equal(at, others[i], config->audio_embed_dim, "audio_embed_dim");
}

void gemma4_unified_vision_config_load(Gemma4UnifiedVisionConfig *config, ConfigReader at)
{
    int patch_size = config_count(at, "patch_size");
    int pooling_kernel_size = config_count(at, "pooling_kernel_size");
    config->model_patch_size = patch_size * pooling_kernel_size;
    config->mm_embed_dim = config_count(at, "mm_embed_dim");
    config->mm_posemb_size = config_count(at, "mm_posemb_size");
    config->rms_norm_eps = rms_norm_eps(at);
    check_equal(at, "model_patch_size", config->model_patch_size, "patch_size * pooling_kernel_size");
    check_equal(at, "output_proj_dims", config->mm_embed_dim, "mm_embed_dim");
}

void gemma4_unified_config_load(Gemma4UnifiedConfig *config, ConfigReader at, Arena *arena)
{
    config->file = at.file;
    gemma4_unified_text_config_load(&config->text_config, config_child(at, "text_config"), arena);
    config->has_vision = config_has(at, "vision_config");
    config->has_audio = config_has(at, "audio_config");
    if (config->has_vision)
        gemma4_unified_vision_config_load(&config->vision_config, config_child(at, "vision_config"));
    if (config->has_audio) gemma4_unified_audio_config_load(&config->audio_config, config_child(at, "audio_config"));

    config->image_token_id = config_whole_or(at, "image_token_id", IMAGE_TOKEN_ID);
    config->video_token_id = config_whole_or(at, "video_token_id", VIDEO_TOKEN_ID);
    config->audio_token_id = config_whole_or(at, "audio_token_id", AUDIO_TOKEN_ID);
    config->text_config.tie_word_embeddings = config_bool_or(at, "tie_word_embeddings", true); /* HF: this one counts */
}
