/* gemma4.h - the map: Gemma 4 as Hugging Face's classes, in the order of modeling_gemma4.py
 *
 * Structs are spelled as the classes and fields as the attributes, so that a checkpoint key is a C expression:
 * model.vision_tower.encoder.layers[3].self_attn.q_proj.linear. Each section is titled with the file that implements
 * it. No struct of a module holds a real: a model is loaded once and run in float and in double. The cache and the
 * masks stand before the classes that take them, because C wants it so.
 */
#ifndef PLUMB_GEMMA4_H
#define PLUMB_GEMMA4_H

#include "checkpoint/config.h"
#include "checkpoint/token_ids.h"
#include "checkpoint/loader.h"
#include "inputs.h"
#include "nn/nn.h"

/* gemma4/config_activation.c */

Activation config_activation(ConfigReader at, const char *key); /* the function that the key names */

/* gemma4/audio_configuration.c - Gemma4AudioConfig; this and the next three are configuration_gemma4.py */

typedef struct {
    int hidden_size;
    int num_hidden_layers;
    int num_attention_heads;
    Activation hidden_act;
    int subsampling_conv_channels[2];
    int conv_kernel_size;
    double residual_weight;
    int attention_chunk_size;
    int attention_context_left; /* frames that a query hears, itself among them, and one more */
    int attention_context_right;
    double attention_logit_cap;
    double attention_invalid_logits_value;
    bool use_clipped_linears;
    double rms_norm_eps;
    double gradient_clipping;
    int output_proj_dims;
} Gemma4AudioConfig;

void gemma4_audio_config_load(Gemma4AudioConfig *config, ConfigReader at);
int gemma4_audio_context_size(const Gemma4AudioConfig *config); /* keys of a chunk of queries */
int gemma4_audio_bins(const Gemma4AudioConfig *config); /* of a frame of input_features, after / 4, rounded up */

/* gemma4/vision_configuration.c - Gemma4VisionConfig */

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

void gemma4_vision_config_load(Gemma4VisionConfig *config, ConfigReader at);

/* gemma4/text_configuration.c - Gemma4TextConfig */

typedef enum { FULL_ATTENTION, SLIDING_ATTENTION, LAYER_TYPE_COUNT } LayerType;
extern const char *const layer_type_names[LAYER_TYPE_COUNT]; /* "full_attention", .. */

typedef enum { KV_OWN, KV_STORE, KV_REUSE } KvSharingMode; /* HF: None, "store", "reuse" */
typedef enum { BIDIRECTIONAL_NONE, BIDIRECTIONAL_VISION, BIDIRECTIONAL_ALL } BidirectionalAttention;

/* Text layers differ in these. Hub checkpoints spell them global_head_dim and num_global_key_value_heads; transformers
 * saves them again as per_layer_config. */
typedef struct {
    LayerType layer_type;
    KvSharingMode kv_sharing_mode;
    int head_dim;
    int num_key_value_heads;
} Gemma4TextLayerConfig;

/* All layers of one type share these. */
typedef struct {
    bool exists; /* some layer is of this type */
    int head_dim;
    bool proportional; /* rope_type: proportional, or default */
    double rope_theta, partial_rotary_factor, factor;
} Gemma4TextRopeConfig;

typedef struct {
    int vocab_size;
    int hidden_size;
    int intermediate_size;
    int num_hidden_layers;
    int num_attention_heads;
    Activation hidden_activation;
    int max_position_embeddings;
    double rms_norm_eps;
    int pad_token_id; /* -1: none */
    bool tie_word_embeddings;
    Gemma4TextRopeConfig rope_parameters[LAYER_TYPE_COUNT];
    bool attention_bias;
    int sliding_window;             /* HF converts it for BIDIRECTIONAL_ALL; this is the converted one */
    double final_logit_softcapping; /* 0: none */
    BidirectionalAttention use_bidirectional_attention;
    int vocab_size_per_layer_input;
    int hidden_size_per_layer_input; /* 0: no per-layer embeddings */
    bool attention_k_eq_v;
    int num_kv_shared_layers;
    bool enable_moe_block;
    bool use_double_wide_mlp;
    int num_experts, top_k_experts, moe_intermediate_size; /* only with enable_moe_block */
    Gemma4TextLayerConfig *layers;                         /* [num_hidden_layers] */
} Gemma4TextConfig;

/* Hugging Face takes these where a key is absent, and its classes differ in them. */
typedef struct {
    int max_position_embeddings, sliding_window;
    BidirectionalAttention use_bidirectional_attention;
} Gemma4TextDefaults;

void gemma4_text_config_load(Gemma4TextConfig *config, ConfigReader at, Arena *arena);
/* The same without per-layer embeddings and experts */
void text_config_load(Gemma4TextConfig *config, ConfigReader at, const Gemma4TextDefaults *defaults, Arena *arena);

/* gemma4/configuration.c */

typedef struct {
    const char *file;
    Gemma4TextConfig text_config;
    bool has_vision, has_audio; /* vision_config, audio_config are there */
    Gemma4VisionConfig vision_config;
    Gemma4AudioConfig audio_config;
    int image_token_id, video_token_id, audio_token_id;
} Gemma4Config;

void gemma4_config_load(Gemma4Config *config, ConfigReader at, Arena *arena);

/* Gemma4Model.forward is called with these; NULL is None. */
typedef struct {
    int64_t batch, seq;
    const int64_t *input_ids;         /* [batch, seq] */
    const int64_t *position_ids;      /* [batch, seq] */
    const int64_t *attention_mask;    /* [batch, tokens in past_key_values + seq]: 1, or 0 at padding */
    const int64_t *mm_token_type_ids; /* [batch, seq] */
    const Inputs *inputs;             /* pixels and their positions, sound and its mask */
    struct DynamicCache *past_key_values;
    int64_t logits_to_keep; /* 0: all */
} ForwardArguments;

/* gemma4/clippable_linear.c */

typedef struct {
    const char *path;
    const Array *weight; /* [out_features, in_features] */
    const Array *bias;   /* [out_features]; NULL without */
} Linear;

typedef struct {
    const char *path;
    bool use_clipped_linears;
    Linear linear;
    double input_min, input_max, output_min, output_max;
} Gemma4ClippableLinear;

void linear_load(Linear *m, Loader at, int in_features, int out_features, bool bias);
Tensor linear_forward(const Linear *m, Tensor x, Run *run);
Tensor linear_of_patches_forward(const Linear *m, Tensor x, Run *run); /* of nn.h's linear_of_patches */
void gemma4_clippable_linear_load(Gemma4ClippableLinear *m, Loader at, bool use_clipped_linears, int in_features,
                                  int out_features);
Tensor gemma4_clippable_linear_forward(const Gemma4ClippableLinear *m, Tensor hidden_states, Run *run);

/* gemma4/layer_norm.c - torch's LayerNorm */

#define LAYER_NORM_EPS 1e-5 /* where it is not told another */

typedef struct {
    const char *path;
    double eps;
    const Array *weight, *bias; /* [normalized_shape]; bias NULL without */
} LayerNorm;

void layer_norm_load(LayerNorm *m, Loader at, int normalized_shape, double eps, bool bias);
Tensor layer_norm_forward(const LayerNorm *m, Tensor x, Run *run);

/* gemma4/rms_norm.c */

#define GEMMA4_RMS_NORM_EPS 1e-6 /* where a class is not told another */

typedef struct {
    const char *path;
    double eps;
    const Array *weight; /* [dim]; NULL without scale */
} Gemma4RMSNorm;

void gemma4_rms_norm_load(Gemma4RMSNorm *m, Loader at, int dim, double eps, bool with_scale);
Tensor gemma4_rms_norm_forward(const Gemma4RMSNorm *m, Tensor hidden_states, Run *run);

/* gemma4/audio_rel_positional_encoding.c */

typedef struct {
    const char *path;
    int hidden_size;
    int context_size;
} Gemma4AudioRelPositionalEncoding;

void gemma4_audio_rel_positional_encoding_load(Gemma4AudioRelPositionalEncoding *m, Loader at,
                                               const Gemma4AudioConfig *config);
Tensor gemma4_audio_rel_positional_encoding_forward(const Gemma4AudioRelPositionalEncoding *m, Run *run);

/* gemma4/audio_attention.c */

typedef struct {
    const char *path;
    float softcap; /* float32, as Hugging Face holds it */
    double invalid_logits_value; /* HF: config.attention_invalid_logits_value */
    int head_dim;
    int num_heads;
    double q_scale, k_scale;
    int chunk_size, max_past_horizon, context_size;
    Gemma4ClippableLinear q_proj, k_proj, v_proj, post;
    Linear relative_k_proj;
    const Array *per_dim_scale; /* [head_dim] */
} Gemma4AudioAttention;

void gemma4_audio_attention_load(Gemma4AudioAttention *m, Loader at, const Gemma4AudioConfig *config);
/* attention_mask [batch, 1, blocks, chunk, context]: 0 where a query may not look */
Tensor gemma4_audio_attention_forward(const Gemma4AudioAttention *m, Tensor hidden_states, Tensor position_embeddings,
                                      Tensor attention_mask, Run *run);

/* gemma4/audio_sub_sample_conv_projection_layer.c */

typedef struct {
    const char *path, *conv_path, *act_path;
    const Array *conv; /* [out_channels, in_channels, 3, 3] */
    LayerNorm norm;
} Gemma4AudioSubSampleConvProjectionLayer;

void gemma4_audio_sub_sample_conv_projection_layer_load(Gemma4AudioSubSampleConvProjectionLayer *m, Loader at,
                                                        int in_channels, int out_channels, double norm_eps);
/* *mask [batch, frames] in, every second of its frames out, in the run's arena */
Tensor gemma4_audio_sub_sample_conv_projection_layer_forward(const Gemma4AudioSubSampleConvProjectionLayer *m,
                                                             Tensor hidden_states, const bool **mask, Run *run);

/* gemma4/audio_sub_sample_conv_projection.c */

typedef struct {
    const char *path;
    Gemma4AudioSubSampleConvProjectionLayer layer0, layer1;
    Linear input_proj_linear;
} Gemma4AudioSubSampleConvProjection;

void gemma4_audio_sub_sample_conv_projection_load(Gemma4AudioSubSampleConvProjection *m, Loader at,
                                                  const Gemma4AudioConfig *config);
Tensor gemma4_audio_sub_sample_conv_projection_forward(const Gemma4AudioSubSampleConvProjection *m,
                                                       Tensor input_features, const bool **mask, Run *run);

/* gemma4/audio_feed_forward.c */

typedef struct {
    const char *path, *act_fn_path;
    Gemma4ClippableLinear ffw_layer_1, ffw_layer_2;
    Gemma4RMSNorm pre_layer_norm, post_layer_norm;
    Activation act_fn;
    double gradient_clipping;
    double post_layer_scale;
} Gemma4AudioFeedForward;

real gemma4_audio_gradient_clipping(double gradient_clipping, const Run *run); /* HF: or the dtype's largest number */
void gemma4_audio_feed_forward_load(Gemma4AudioFeedForward *m, Loader at, const Gemma4AudioConfig *config);
Tensor gemma4_audio_feed_forward_forward(const Gemma4AudioFeedForward *m, Tensor hidden_states, Run *run);

/* gemma4/audio_causal_conv1d.c */

typedef struct {
    const char *path;
    int left_pad;
    const Array *weight; /* [channels, 1, kernel_size] */
} Gemma4AudioCausalConv1d;

void gemma4_audio_causal_conv1d_load(Gemma4AudioCausalConv1d *m, Loader at, int channels, int kernel_size);
Tensor gemma4_audio_causal_conv1d_forward(const Gemma4AudioCausalConv1d *m, Tensor x, Run *run);

/* gemma4/audio_light_conv1d.c */

typedef struct {
    const char *path, *act_fn_path;
    Gemma4ClippableLinear linear_start, linear_end;
    Gemma4AudioCausalConv1d depthwise_conv1d;
    Gemma4RMSNorm pre_layer_norm, conv_norm;
    Activation act_fn;
    double gradient_clipping;
} Gemma4AudioLightConv1d;

void gemma4_audio_light_conv1d_load(Gemma4AudioLightConv1d *m, Loader at, const Gemma4AudioConfig *config);
Tensor gemma4_audio_light_conv1d_forward(const Gemma4AudioLightConv1d *m, Tensor hidden_states, Run *run);

/* gemma4/audio_layer.c */

typedef struct {
    const char *path;
    Gemma4AudioFeedForward feed_forward1, feed_forward2;
    Gemma4AudioAttention self_attn;
    Gemma4AudioLightConv1d lconv1d;
    Gemma4RMSNorm norm_pre_attn, norm_post_attn, norm_out;
    double gradient_clipping;
} Gemma4AudioLayer;

void gemma4_audio_layer_load(Gemma4AudioLayer *m, Loader at, const Gemma4AudioConfig *config);
Tensor gemma4_audio_layer_forward(const Gemma4AudioLayer *m, Tensor hidden_states, Tensor attention_mask,
                                  Tensor position_embeddings, Run *run);

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

typedef struct {
    Tensor hidden_states; /* [batch, output_length, hidden] */
    const bool *mask;     /* [batch, output_length]: which of them are soft tokens; in the run's arena */
} Pooled;

/* padding_positions [batch, patches] */
Pooled gemma4_vision_pooler_forward(const Gemma4VisionPooler *m, Tensor hidden_states, PositionIds pixel_position_ids,
                                    const bool *padding_positions, int64_t output_length, Run *run);
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

/* HF hands the whole module over; eager_attention_forward reads this of it. */
typedef struct {
    const char *path;
    int num_key_value_groups;
    double scaling;
} AttentionModule;

void apply_multidimensional_rope_(Tensor x, PositionEmbeddings position_embeddings, Run *run);
Tensor eager_attention_forward(AttentionModule module, Tensor query, Tensor key, Tensor value, Tensor attention_mask,
                               Run *run);
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

/* gemma4/text_mlp.c */

typedef struct {
    const char *path, *act_fn_path;
    Linear gate_proj, up_proj, down_proj;
    Activation act_fn;
} Gemma4TextMLP;

void gemma4_text_mlp_load(Gemma4TextMLP *m, Loader at, const Gemma4TextConfig *config, int layer_idx);
Tensor gemma4_text_mlp_forward(const Gemma4TextMLP *m, Tensor x, Run *run);

/* gemma4/text_rotary_embedding.c */

typedef struct {
    const char *path;
    float *inv_freq[LAYER_TYPE_COUNT]; /* [head_dim / 2], float32 as Hugging Face holds it; NULL where no layer is */
    int head_dim[LAYER_TYPE_COUNT];
} Gemma4TextRotaryEmbedding;

void gemma4_text_rotary_embedding_load(Gemma4TextRotaryEmbedding *m, Loader at, const Gemma4TextConfig *config);
/* position_ids [batch, seq]  ->  cos, sin [batch, seq, head_dim] */
PositionEmbeddings gemma4_text_rotary_embedding_forward(const Gemma4TextRotaryEmbedding *m, const int64_t *position_ids,
                                                        int64_t batch, int64_t seq, LayerType layer_type, Run *run);

/* gemma4/dynamic_cache.c - DynamicCache of transformers' cache_utils.py */

typedef struct {
    int64_t sliding_window; /* 0: keeps everything */
    Tensor keys, values;    /* [batch, kv_heads, tokens kept, head_dim], in memory of their own; data NULL before */
} DynamicLayer;

typedef struct DynamicCache {
    int64_t seq_length;   /* tokens seen */
    DynamicLayer *layers; /* those of the shared layers stay empty */
    int num_layers;
    int64_t sliding_window;
} DynamicCache;

DynamicCache dynamic_cache_new(const Gemma4TextConfig *config);
void dynamic_cache_free(DynamicCache *cache);
/* The layer's keys and values with what is new behind what is kept */
void dynamic_cache_update(const DynamicCache *cache, int layer_idx, Tensor *key_states, Tensor *value_states, Run *run);
/* Keeps those for the next update: all, or the last sliding_window - 1 tokens */
void dynamic_cache_keep(DynamicCache *cache, int layer_idx, Tensor key_states, Tensor value_states);
/* Tokens that a layer of that type holds for the next query, and the place of the first among all; cache may be NULL */
int64_t dynamic_cache_kept(const DynamicCache *cache, LayerType layer_type);

/* gemma4/masks.c - create_masks_for_vision_model, and what is called in transformers' masking_utils.py */

/* attention_mask of the layers of each type, [batch, 1, seq, kv]: 0, or the lowest float */
typedef struct {
    Tensor of[LAYER_TYPE_COUNT];
} CausalMaskMapping;

CausalMaskMapping create_masks_for_generate(const char *path, const Gemma4TextConfig *config,
                                            const ForwardArguments *arguments, const int64_t *block_sequence_ids,
                                            Run *run); /* block_sequence_ids [batch, seq]; or NULL */
CausalMaskMapping create_masks_for_vision_model(const char *path, const Gemma4TextConfig *config,
                                                const ForwardArguments *arguments, const int64_t *block_sequence_ids,
                                                Run *run);
const int64_t *get_block_sequence_ids_for_mask(const ForwardArguments *arguments, Run *run); /* [batch, seq] */

/* gemma4/text_attention.c */

/* Keys and values of the layer of each type that stores them. HF: shared_kv_states */
typedef struct {
    Tensor key_states, value_states;
} KeyValueStates;

typedef struct {
    KeyValueStates of[LAYER_TYPE_COUNT];
    Arena arena; /* they outlive their layer */
} SharedKvStates;

/* A layer and its attention are called with these, beside the hidden states. */
typedef struct {
    PositionEmbeddings position_embeddings;
    Tensor attention_mask; /* data NULL: every query looks everywhere */
    SharedKvStates *shared_kv_states;
    DynamicCache *past_key_values; /* NULL without a cache */
} Gemma4TextLayerArguments;

/* gemma4/cache_scales.c */

typedef struct {
    double key, value;
} CacheScales;

CacheScales cache_scales_load(Loader at); /* at: the attention */

typedef struct {
    const char *path;
    int layer_idx;
    LayerType layer_type;
    int num_key_value_groups;
    int head_dim;
    double scaling;                 /* 1.0 */
    bool use_alternative_attention; /* values are the keys before k_norm and RoPE */
    bool is_kv_shared_layer, store_full_length_kv;
    CacheScales cache_scales;
    Linear q_proj, k_proj, v_proj, o_proj; /* no k_proj, v_proj and their norms on shared layers */
    Gemma4RMSNorm q_norm, k_norm, v_norm;
} Gemma4TextAttention;

void gemma4_text_attention_load(Gemma4TextAttention *m, Loader at, const Gemma4TextConfig *config, int layer_idx);
Tensor gemma4_text_attention_forward(const Gemma4TextAttention *m, Tensor hidden_states,
                                     const Gemma4TextLayerArguments *arguments, Run *run);

/* Only what later layers and later passes ask of it: keys and values are made, and kept. */
void gemma4_text_attention_keep_states(const Gemma4TextAttention *m, Tensor hidden_states,
                                       const Gemma4TextLayerArguments *arguments, Run *run);

/* gemma4/text_experts.c */

typedef struct {
    int64_t tokens, k;
    Tensor top_k_weights; /* [tokens, k] */
    int64_t *top_k_index; /* [tokens, k] */
} Routing;

typedef struct {
    const char *path;
    int num_experts;
    const Array *gate_up_proj; /* [num_experts, 2 * moe_intermediate, hidden] */
    const Array *down_proj;    /* [num_experts, hidden, moe_intermediate] */
    Activation act_fn;
} Gemma4TextExperts;

void gemma4_text_experts_load(Gemma4TextExperts *m, Loader at, const Gemma4TextConfig *config);
Tensor gemma4_text_experts_forward(const Gemma4TextExperts *m, Tensor hidden_states, Routing routing, Run *run);

/* gemma4/text_router.c */

typedef struct {
    const char *path;
    int top_k_experts;
    double scalar_root_size;
    Gemma4RMSNorm norm;
    Linear proj;
    const Array *scale;            /* [hidden] */
    const Array *per_expert_scale; /* [num_experts] */
} Gemma4TextRouter;

void gemma4_text_router_load(Gemma4TextRouter *m, Loader at, const Gemma4TextConfig *config);
Routing gemma4_text_router_forward(const Gemma4TextRouter *m, Tensor hidden_states, Run *run);

/* gemma4/text_decoder_layer.c */

typedef struct {
    const char *path, *act_fn_path;
    Gemma4TextAttention self_attn;
    Gemma4TextMLP mlp;
    Gemma4RMSNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm;
    const Array *layer_scalar; /* [1] */

    int hidden_size_per_layer_input; /* 0: without the next four */
    Activation act_fn;
    Linear per_layer_input_gate, per_layer_projection;
    Gemma4RMSNorm post_per_layer_input_norm;

    bool enable_moe_block; /* false: without the next five */
    Gemma4TextRouter router;
    Gemma4TextExperts experts;
    Gemma4RMSNorm post_feedforward_layernorm_1, post_feedforward_layernorm_2, pre_feedforward_layernorm_2;
} Gemma4TextDecoderLayer;

void gemma4_text_decoder_layer_load(Gemma4TextDecoderLayer *m, Loader at, const Gemma4TextConfig *config,
                                    int layer_idx);
Tensor gemma4_text_decoder_layer_forward(const Gemma4TextDecoderLayer *m, Tensor hidden_states, Tensor per_layer_input,
                                         const Gemma4TextLayerArguments *arguments, Run *run);

/* gemma4/text_scaled_word_embedding.c */

typedef struct {
    const char *path;
    const Array *weight; /* [num_embeddings, embedding_dim] */
    float embed_scale;   /* float32, as Hugging Face holds it */
} Gemma4TextScaledWordEmbedding;

void gemma4_text_scaled_word_embedding_load(Gemma4TextScaledWordEmbedding *m, Loader at, int num_embeddings,
                                            int embedding_dim, double embed_scale);
Tensor gemma4_text_scaled_word_embedding_forward(const Gemma4TextScaledWordEmbedding *m, const int64_t *input_ids,
                                                 int64_t batch, int64_t seq, Run *run);

/* gemma4/text_model.c */

typedef struct {
    const char *path; /* "model.language_model"; "model" in Gemma4ForCausalLM */
    const Gemma4TextConfig *config;
    Checkpoint *checkpoint; /* whose pages are let go, layer by layer */
    Gemma4TextScaledWordEmbedding embed_tokens;
    Gemma4TextDecoderLayer *layers; /* [num_hidden_layers] */
    Gemma4RMSNorm norm;
    Gemma4TextRotaryEmbedding rotary_emb;

    Gemma4TextScaledWordEmbedding embed_tokens_per_layer; /* these three only with hidden_size_per_layer_input */
    Linear per_layer_model_projection;
    Gemma4RMSNorm per_layer_projection_norm;
} Gemma4TextModel;

void gemma4_text_model_load(Gemma4TextModel *m, Loader at, const Gemma4TextConfig *config);
/* inputs_embeds, per_layer_inputs and causal_mask_mapping are made from the arguments where they are not given: their
 * data, or the pointer, is NULL. -> last_hidden_state [batch, seq, hidden], or its last logits_to_keep tokens */
Tensor gemma4_text_model_forward(const Gemma4TextModel *m, const ForwardArguments *arguments, Tensor inputs_embeds,
                                 Tensor per_layer_inputs, const CausalMaskMapping *causal_mask_mapping, Run *run);
/* [batch, seq, num_hidden_layers, hidden_size_per_layer_input] */
Tensor get_per_layer_inputs(const Gemma4TextModel *m, const int64_t *input_ids, int64_t batch, int64_t seq, Run *run);

/* gemma4/for_causal_lm.c */

typedef struct {
    Gemma4TextConfig config;
    Gemma4TextModel model;
    Linear lm_head;
} Gemma4ForCausalLM;

void gemma4_for_causal_lm_load(Gemma4ForCausalLM *m, Loader at, ConfigReader config);
void for_causal_lm_load(Gemma4ForCausalLM *m, Loader at); /* the modules, of m->config, unless that is in error */
Tensor gemma4_for_causal_lm_forward(const void *m, const ForwardArguments *arguments, Run *run);
/* Both heads share these: lm_head_load takes the embeddings' weight where it is tied to them; compute_logits keeps the
 * last logits_to_keep tokens, applies lm_head, and soft-caps. */
void lm_head_load(Linear *m, Loader at, const Gemma4TextConfig *config,
                  const Gemma4TextScaledWordEmbedding *embeddings);
Tensor compute_logits(const Linear *lm_head, Tensor hidden_states, const Gemma4TextConfig *config,
                      const ForwardArguments *arguments, Run *run);

/* gemma4/audio_model.c */

typedef struct {
    const char *path;
    const Gemma4AudioConfig *config;
    Gemma4AudioSubSampleConvProjection subsample_conv_projection;
    Gemma4AudioRelPositionalEncoding rel_pos_enc;
    Gemma4AudioLayer *layers; /* [num_hidden_layers] */
    Linear output_proj;
} Gemma4AudioModel;

void gemma4_audio_model_load(Gemma4AudioModel *m, Loader at, const Gemma4AudioConfig *config);
/* input_features [batch, frames, bins] -> [batch, frames / 4, output_proj_dims]. *attention_mask [batch, frames] in,
 * that of the result out, in the run's arena: HF's output_mask */
Tensor gemma4_audio_model_forward(const Gemma4AudioModel *m, Tensor input_features, const bool **attention_mask,
                                  Run *run);

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

/* gemma4/multimodal.c - parts of Gemma4Model.forward that Gemma4UnifiedModel.forward has too */

/* [batch, seq]: where a placeholder for a soft token stands */
typedef struct {
    const bool *image, *video, *audio;
} PlaceholderMasks;

Tensor read_input(const Array *array, Run *run); /* in the dtype of the file, which is not rounded */
const bool *read_mask(const Array *mask, Run *run);
PositionIds read_position_ids(const Array *position_ids, Run *run);
PlaceholderMasks get_placeholder_mask(const ForwardArguments *arguments, int image_token_id, int video_token_id,
                                      int audio_token_id, Run *run);
/* HF: llm_input_ids. Placeholders may lie beyond the vocabulary: they become pad_token_id. */
const int64_t *replace_placeholders(const ForwardArguments *arguments, PlaceholderMasks masks, int pad_token_id,
                                    Run *run);

/* gemma4/model.c */

typedef struct {
    const char *path; /* "model" */
    Gemma4Config config;
    Gemma4VisionModel vision_tower;
    Gemma4AudioModel audio_tower;
    bool has_language_model; /* false: a checkpoint of the towers alone */
    Gemma4TextModel language_model;
    Gemma4MultimodalEmbedder embed_vision, embed_audio;
} Gemma4Model;

void gemma4_model_load(Gemma4Model *m, Loader at, ConfigReader config);
/* -> last_hidden_state; without input_ids, the features of the pixels or of the sound alone */
Tensor gemma4_model_forward(const Gemma4Model *m, const ForwardArguments *arguments, Run *run);

/* gemma4/for_conditional_generation.c */

typedef struct {
    Gemma4Model model;
    Linear lm_head;
} Gemma4ForConditionalGeneration;

void gemma4_for_conditional_generation_load(Gemma4ForConditionalGeneration *m, Loader at, ConfigReader config);
/* -> logits [batch, seq, vocab_size], or of the last logits_to_keep tokens */
Tensor gemma4_for_conditional_generation_forward(const void *m, const ForwardArguments *arguments, Run *run);

/* gemma4/generation.c - GenerationMixin.generate of transformers, without sampling */

typedef struct {
    const int64_t *eos_token_id; /* any of these ends a row */
    int eos_count;
    int64_t pad_token_id;           /* what a row that has ended goes on with; -1: none, and no row ends */
    const int64_t *suppress_tokens; /* none of these is ever chosen; those beyond the vocabulary say nothing */
    int suppress_count;
} GenerationConfig;

/* A model that can generate. It holds a function, of which each build has its own: made where it is used, not kept. */
typedef struct {
    const void *model;
    Tensor (*forward)(const void *model, const ForwardArguments *arguments, Run *run); /* -> logits */
    const Gemma4TextConfig *config;
    const GenerationConfig *generation_config;
} GenerationMixin;

/* generation_config.json beside the checkpoint; or, where there is none, what config.json says */
void generation_config_load(GenerationConfig *m, const char *folder, ConfigReader config,
                            const Gemma4TextConfig *text_config, Arena *arena);
bool is_eos_token(const GenerationConfig *m, int64_t token);
/* Stops after max_new_tokens, or where every row has ended and not ignore_eos */
void generate(const GenerationMixin *m, const ForwardArguments *arguments, int max_new_tokens, bool ignore_eos,
              Run *run);

/* gemma4/check_media.c - what both multimodal models refuse */

/* Pixels with their positions: of images, or of the frames of videos */
typedef struct {
    const Array *pixels, *positions;
    const char *pixels_name, *positions_name;
} Pixels;

/* A vision_config sets these limits. */
typedef struct {
    const char *file;
    bool has_vision;
    int width;         /* values of a patch */
    int position_size; /* positions of an axis, and the key that says so */
    const char *position_key;
} PixelLimits;

Pixels images_of(const Inputs *inputs);
Pixels videos_of(const Inputs *inputs);
void pixels_check(Pixels pixels, const PixelLimits *limits, Error *error);
void frames_check(const Inputs *inputs, Error *error); /* num_frames_per_video */
void float_input_check(const Array *array, const char *name, Error *error);
/* input_features [audios, frames, width], and input_features_mask */
void features_check(const Inputs *inputs, const char *config_file, bool has_audio, int width, Error *error);
void without_prompt_check(const Inputs *inputs, Error *error); /* pixels or sound alone */
/* As many placeholders in input_ids as there are soft tokens; `what` they are, "image" */
void placeholders_check(const Inputs *inputs, int token_id, int64_t soft_tokens, const char *what, Error *error);
/* input_ids of a multimodal model, and what has their shape */
void prompt_check(const Gemma4TextConfig *config, const Inputs *inputs, const int placeholders[3], Error *error);

/* gemma4/check_inputs.c - refuses what Hugging Face raises for; what it lets through, a forward pass can take */

void gemma4_model_check(const Gemma4Model *m, const Inputs *inputs, Error *error);

/* gemma4/check_text_inputs.c */

void gemma4_text_check(const Inputs *inputs, Error *error); /* input_ids, and what has its shape */
void gemma4_for_causal_lm_check(const Gemma4ForCausalLM *m, const Inputs *inputs, Error *error);
int gemma4_input_vocab_size(const Gemma4TextConfig *config); /* the tokens that every table has */
/* Every id of input_ids is in the vocabulary, or one of `count` placeholders */
void gemma4_token_check(const Gemma4TextConfig *config, const Array *input_ids, const int *placeholders, int count,
                        Error *error);
void gemma4_generation_check(const Gemma4TextConfig *config, const Inputs *inputs, int max_new_tokens, Error *error);

#endif
