/* gemma4.h - the map: Gemma 4 as Hugging Face's classes, in the order of modeling_gemma4.py
 *
 * Structs are spelled as the classes and fields as the attributes, so that a checkpoint key is a C expression:
 * model.vision_tower.encoder.layers[3].self_attn.q_proj.linear. Each section is titled with the file that implements
 * it. No struct holds a real: a model is loaded once and run in float and in double.
 */
#ifndef PLUMB_GEMMA4_H
#define PLUMB_GEMMA4_H

#include "checkpoint/config.h"
#include "checkpoint/loader.h"
#include "inputs.h"
#include "nn/nn.h"

/* gemma4/configuration.c - configuration_gemma4.py */

typedef struct {
    int hidden_size;
    int intermediate_size;
    int num_hidden_layers;
    int num_attention_heads;
    int num_key_value_heads;
    int head_dim;
    Activation hidden_activation;
    double rms_norm_eps;
    double rope_theta; /* rope_parameters.rope_theta */
    int pooling_kernel_size;
    int patch_size;
    int position_embedding_size;
    bool use_clipped_linears;
    bool standardize;
} Gemma4VisionConfig;

/* What one text layer has of its own. Hub checkpoints spell it global_head_dim and num_global_key_value_heads;
 * transformers saves it again as per_layer_config. */
typedef struct {
    bool full_attention;
    int head_dim;
    int num_key_value_heads;
} Gemma4TextLayerConfig;

typedef struct {
    int hidden_size;
    int num_hidden_layers;
    Gemma4TextLayerConfig *layers; /* [num_hidden_layers] */
} Gemma4TextConfig;

typedef struct {
    const char *file;
    Gemma4TextConfig text_config;
    bool has_vision; /* vision_config is there */
    Gemma4VisionConfig vision_config;
} Gemma4Config;

void gemma4_config_load(Gemma4Config *config, ConfigReader at, Arena *arena);

/* gemma4/clippable_linear.c */

typedef struct {
    const char *path;
    const Array *weight; /* [out_features, in_features] */
} Linear;

typedef struct {
    const char *path;
    bool use_clipped_linears;
    Linear linear;
    double input_min, input_max, output_min, output_max;
} Gemma4ClippableLinear;

void linear_load(Linear *m, Loader at, int in_features, int out_features);
Tensor linear_forward(const Linear *m, Tensor x, Run *run);
void gemma4_clippable_linear_load(Gemma4ClippableLinear *m, Loader at, bool use_clipped_linears, int in_features,
                                  int out_features);
Tensor gemma4_clippable_linear_forward(const Gemma4ClippableLinear *m, Tensor hidden_states, Run *run);

/* gemma4/rms_norm.c */

typedef struct {
    const char *path;
    double eps;
    const Array *weight; /* [dim]; NULL without scale */
} Gemma4RMSNorm;

void gemma4_rms_norm_load(Gemma4RMSNorm *m, Loader at, int dim, double eps, bool with_scale);
Tensor gemma4_rms_norm_forward(const Gemma4RMSNorm *m, Tensor hidden_states, Run *run);

/* gemma4/vision_patch_embedder.c */

typedef struct {
    const char *path;
    int hidden_size;
    int position_embedding_size;
    Linear input_proj;
    const Array *position_embedding_table; /* [2, position_embedding_size, hidden_size]: x, then y */
} Gemma4VisionPatchEmbedder;

/* Patch positions of a batch of images, (x, y) each; padding patches are (-1, -1). */
typedef struct {
    const int64_t *xy; /* [batch, patches, 2] */
    int64_t batch, patches;
} PositionIds;

void gemma4_vision_patch_embedder_load(Gemma4VisionPatchEmbedder *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_patch_embedder_forward(const Gemma4VisionPatchEmbedder *m, Tensor pixel_values,
                                            PositionIds pixel_position_ids, const bool *padding_positions, Run *run);

/* gemma4/vision_pooler.c */

typedef struct {
    const char *path;
    int hidden_size;
} Gemma4VisionPooler;

/* padding_positions [batch, patches] in; *mask [batch, output_length] out, in the run's arena */
Tensor gemma4_vision_pooler_forward(const Gemma4VisionPooler *m, Tensor hidden_states, PositionIds pixel_position_ids,
                                    const bool *padding_positions, int64_t output_length, const bool **mask, Run *run);
/* k of the k x k patches that become one soft token, or 0 where Hugging Face raises */
int64_t gemma4_vision_pooler_kernel(int64_t input_seq_len, int64_t length);
/* The soft token that each patch of one image falls into; on an odd grid it can lie beyond the last */
void gemma4_vision_pooler_kernel_idxs(int64_t *kernel_idxs, const int64_t *xy, int64_t patches, int64_t k);

/* gemma4/vision_mlp.c */

typedef struct {
    const char *path, *act_fn_path;
    Gemma4ClippableLinear gate_proj, up_proj, down_proj;
    Activation act_fn;
} Gemma4VisionMLP;

void gemma4_vision_mlp_load(Gemma4VisionMLP *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_mlp_forward(const Gemma4VisionMLP *m, Tensor x, Run *run);

/* gemma4/vision_rotary_embedding.c */

typedef struct {
    const char *path;
    int head_dim;
    float *inv_freq; /* [head_dim / 4], float32 as Hugging Face holds it */
} Gemma4VisionRotaryEmbedding;

typedef struct {
    Tensor cos, sin; /* [batch, patches, head_dim] */
} PositionEmbeddings;

void gemma4_vision_rotary_embedding_load(Gemma4VisionRotaryEmbedding *m, Loader at, const Gemma4VisionConfig *config);
PositionEmbeddings gemma4_vision_rotary_embedding_forward(const Gemma4VisionRotaryEmbedding *m,
                                                          PositionIds position_ids, Run *run);

/* gemma4/vision_attention.c, with the free functions it calls in eager_attention_forward.c and
 * apply_multidimensional_rope.c */

typedef struct {
    const char *path;
    int num_key_value_groups; /* query heads that share one key/value head */
    int head_dim;
    double scaling; /* 1.0: Gemma 4 does not divide by sqrt(head_dim) */
    Gemma4ClippableLinear q_proj, k_proj, v_proj, o_proj;
    Gemma4RMSNorm q_norm, k_norm, v_norm;
} Gemma4VisionAttention;

void apply_multidimensional_rope_(Tensor x, PositionEmbeddings position_embeddings, Run *run);
Tensor eager_attention_forward(const char *path, Tensor query, Tensor key, Tensor value, int num_key_value_groups,
                               Tensor attention_mask, double scaling, Run *run);
void gemma4_vision_attention_load(Gemma4VisionAttention *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_attention_forward(const Gemma4VisionAttention *m, Tensor hidden_states,
                                       PositionEmbeddings position_embeddings, Tensor attention_mask, Run *run);

/* gemma4/vision_encoder_layer.c */

typedef struct {
    const char *path;
    Gemma4VisionAttention self_attn;
    Gemma4VisionMLP mlp;
    Gemma4RMSNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
} Gemma4VisionEncoderLayer;

void gemma4_vision_encoder_layer_load(Gemma4VisionEncoderLayer *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_encoder_layer_forward(const Gemma4VisionEncoderLayer *m, Tensor hidden_states,
                                           PositionEmbeddings position_embeddings, Tensor attention_mask, Run *run);

/* gemma4/vision_encoder.c */

typedef struct {
    const char *path;
    int num_layers;
    Gemma4VisionRotaryEmbedding rotary_emb;
    Gemma4VisionEncoderLayer *layers; /* [num_layers] */
} Gemma4VisionEncoder;

void gemma4_vision_encoder_load(Gemma4VisionEncoder *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_encoder_forward(const Gemma4VisionEncoder *m, Tensor inputs_embeds, const bool *padding_positions,
                                     PositionIds pixel_position_ids, Run *run);

/* gemma4/vision_model.c */

typedef struct {
    const char *path;
    const Gemma4VisionConfig *config;
    Gemma4VisionPatchEmbedder patch_embedder;
    Gemma4VisionEncoder encoder;
    Gemma4VisionPooler pooler;
    const Array *std_bias, *std_scale; /* [hidden_size]; NULL unless config->standardize */
} Gemma4VisionModel;

void gemma4_vision_model_load(Gemma4VisionModel *m, Loader at, const Gemma4VisionConfig *config);
Tensor gemma4_vision_model_forward(const Gemma4VisionModel *m, Tensor pixel_values, PositionIds pixel_position_ids,
                                   Run *run);

/* gemma4/multimodal_embedder.c */

typedef struct {
    const char *path;
    Linear embedding_projection;
    Gemma4RMSNorm embedding_pre_projection_norm;
} Gemma4MultimodalEmbedder;

void gemma4_multimodal_embedder_load(Gemma4MultimodalEmbedder *m, Loader at, int multimodal_hidden_size, double eps,
                                     int text_hidden_size);
Tensor gemma4_multimodal_embedder_forward(const Gemma4MultimodalEmbedder *m, Tensor inputs_embeds, Run *run);

/* gemma4/model.c */

typedef struct {
    const char *path; /* "model" */
    Gemma4Config config;
    Gemma4VisionModel vision_tower;
    Gemma4MultimodalEmbedder embed_vision;
} Gemma4Model;

void gemma4_model_load(Gemma4Model *m, Loader at, ConfigReader config);
void gemma4_model_forward(const Gemma4Model *m, const Inputs *inputs, Run *run);

/* gemma4/check_inputs.c - refuses what Hugging Face raises for; what it lets through, a forward pass can take */

void gemma4_model_check(const Gemma4Model *m, const Inputs *inputs, Error *error);

#endif
