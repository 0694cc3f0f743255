/* gemma4_unified.h - the map of the second family, without towers, in the order of modeling_gemma4_unified.py
 *
 * Here stands what differs from gemma4.h. These classes of Hugging Face are Gemma4's under another name, and its C:
 *
 *     Gemma4UnifiedRMSNorm, -TextRotaryEmbedding, -TextAttention, -TextMLP, -TextScaledWordEmbedding, -ForCausalLM
 *     Gemma4UnifiedMultimodalEmbedder      its cast to the model's dtype stands where the samples are read, in model.c
 *     Gemma4UnifiedTextDecoderLayer, -TextModel
 *                                          Gemma4's with per-layer embeddings and experts taken out. Gemma4's have
 *                                          neither where hidden_size_per_layer_input is 0 and enable_moe_block false,
 *                                          as gemma4_unified_text_config_load leaves them, whatever the file says.
 *
 * create_masks_for_vision_model is in Hugging Face's file too, but nothing calls it on the way of a forward pass or of
 * generate: this family's masks are those of create_masks_for_generate, with blocks on every layer.
 */
#ifndef PLUMB_GEMMA4_UNIFIED_H
#define PLUMB_GEMMA4_UNIFIED_H

#include "gemma4.h"

/* gemma4_unified/configuration.c - configuration_gemma4_unified.py */

void gemma4_unified_text_config_load(Gemma4TextConfig *config, ConfigReader at, Arena *arena);

typedef struct {
    int audio_embed_dim; /* samples of a frame */
    double rms_norm_eps;
} Gemma4UnifiedAudioConfig;

void gemma4_unified_audio_config_load(Gemma4UnifiedAudioConfig *config, ConfigReader at);

typedef struct {
    int model_patch_size; /* patch_size * pooling_kernel_size: patches come merged */
    int mm_embed_dim;
    int mm_posemb_size;
    double rms_norm_eps;
} Gemma4UnifiedVisionConfig;

void gemma4_unified_vision_config_load(Gemma4UnifiedVisionConfig *config, ConfigReader at);

typedef struct {
    const char *file;
    Gemma4TextConfig text_config;
    bool has_vision, has_audio; /* vision_config, audio_config are there */
    Gemma4UnifiedVisionConfig vision_config;
    Gemma4UnifiedAudioConfig audio_config;
    int image_token_id, video_token_id, audio_token_id;
} Gemma4UnifiedConfig;

void gemma4_unified_config_load(Gemma4UnifiedConfig *config, ConfigReader at, Arena *arena);

/* gemma4_unified/for_causal_lm.c */

void gemma4_unified_for_causal_lm_load(Gemma4ForCausalLM *m, Loader at, ConfigReader config);

/* gemma4_unified/vision_embedder.c */

typedef struct {
    const char *path; /* "model.embed_vision" */
    int mm_embed_dim;
    LayerNorm patch_ln1;
    Linear patch_dense;
    LayerNorm patch_ln2;
    const Array *pos_embedding; /* [mm_posemb_size, 2, mm_embed_dim]: x, then y */
    LayerNorm pos_norm;
    Gemma4MultimodalEmbedder multimodal_embedder;
} Gemma4UnifiedVisionEmbedder;

void gemma4_unified_vision_embedder_load(Gemma4UnifiedVisionEmbedder *m, Loader at,
                                         const Gemma4UnifiedVisionConfig *vision_config,
                                         const Gemma4TextConfig *text_config);
/* pixel_values [images, patches, 3 * model_patch_size^2] -> HF's pooler_output [images, patches, text hidden] */
Tensor gemma4_unified_vision_embedder_forward(const Gemma4UnifiedVisionEmbedder *m, Tensor pixel_values,
                                              PositionIds image_position_ids, Run *run);

/* gemma4_unified/model.c */

typedef struct {
    const char *path; /* "model" */
    Gemma4UnifiedConfig config;
    bool has_language_model; /* false: a checkpoint of the embedders alone */
    Gemma4TextModel language_model;
    Gemma4UnifiedVisionEmbedder embed_vision;
    Gemma4MultimodalEmbedder embed_audio;
} Gemma4UnifiedModel;

void gemma4_unified_model_load(Gemma4UnifiedModel *m, Loader at, ConfigReader config);
/* -> last_hidden_state; without input_ids, the features of the pixels or of the sound alone */
Tensor gemma4_unified_model_forward(const Gemma4UnifiedModel *m, const ForwardArguments *arguments, Run *run);

/* gemma4_unified/for_conditional_generation.c */

typedef struct {
    Gemma4UnifiedModel model;
    Linear lm_head;
} Gemma4UnifiedForConditionalGeneration;

void gemma4_unified_for_conditional_generation_load(Gemma4UnifiedForConditionalGeneration *m, Loader at,
                                                    ConfigReader config);
/* -> logits [batch, seq, vocab_size], or of the last logits_to_keep tokens */
Tensor gemma4_unified_for_conditional_generation_forward(const void *m, const ForwardArguments *arguments, Run *run);

/* gemma4_unified/check_inputs.c */

void gemma4_unified_model_check(const Gemma4UnifiedModel *m, const Inputs *inputs, Error *error);

#endif
