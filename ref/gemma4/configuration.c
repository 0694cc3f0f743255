/* configuration.c - Gemma4Config: config.json of model_type gemma4 */
#include <string.h>

#include "gemma4.h"

void gemma4_config_load(Gemma4Config *config, ConfigReader at, Arena *arena)
{
    config->file = at.file;
    gemma4_text_config_load(&config->text_config, config_child(at, "text_config"), arena);
    config->text_config.tie_word_embeddings = config_bool_or(at, "tie_word_embeddings", true); /* HF: this one counts */
    config->image_token_id = config_whole_or(at, "image_token_id", IMAGE_TOKEN_ID);
    config->video_token_id = config_whole_or(at, "video_token_id", VIDEO_TOKEN_ID);
    config->audio_token_id = config_whole_or(at, "audio_token_id", AUDIO_TOKEN_ID);

    config->has_vision = config_has(at, "vision_config");
    config->has_audio = config_has(at, "audio_config");
    if (config->has_audio) gemma4_audio_config_load(&config->audio_config, config_child(at, "audio_config"));
    if (config->has_vision) gemma4_vision_config_load(&config->vision_config, config_child(at, "vision_config"));
}
