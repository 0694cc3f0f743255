/* tap_meaning.c - one table: each tap, what it is, and whose line computes it in Hugging Face
 *
 * Lines are those of transformers 5.24.0. tools/check_hf/check_meanings.py compares them, and --mend writes them.
 */
#include "dump/tap_meaning.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "dump/tap_name.h"

/* Hugging Face's class and method, its line in gemma4, and in gemma4_unified; 0: none */
#define VISION_MODEL "Gemma4VisionModel.forward", 2072, 0
#define LINEAR "torch.nn.Linear", 0, 0
#define POSITION_EMBEDDINGS "Gemma4VisionPatchEmbedder._position_embeddings", 586, 0
#define VISION_PATCH_EMBEDDER "Gemma4VisionPatchEmbedder.forward", 608, 0
#define VISION_ROTARY_EMBEDDING "Gemma4VisionRotaryEmbedding.forward", 742, 0
#define CLIPPABLE_LINEAR "Gemma4ClippableLinear.forward", 184, 0
#define VISION_ATTENTION "Gemma4VisionAttention.forward", 915, 0
#define VISION_MLP "Gemma4VisionMLP.forward", 698, 0
#define VISION_ENCODER "Gemma4VisionEncoder.forward", 1017, 0
#define AVG_POOL "Gemma4VisionPooler._avg_pool_by_positions", 633, 0
#define VISION_POOLER "Gemma4VisionPooler.forward", 660, 0
#define LAYER_NORM "torch.nn.LayerNorm", 0, 0
#define AUDIO_MODEL "Gemma4AudioModel.forward", 2016, 0
#define AUDIO_CONVOLUTION "Gemma4AudioSubSampleConvProjectionLayer.forward", 367, 0
#define AUDIO_SUB_SAMPLE "Gemma4AudioSubSampleConvProjection.forward", 397, 0
#define RELU "torch.nn.ReLU", 0, 0
#define SILU "torch.nn.SiLU", 0, 0
#define AUDIO_POSITIONS "Gemma4AudioRelPositionalEncoding.forward", 239, 0
#define AUDIO_ATTENTION "Gemma4AudioAttention.forward", 303, 0
#define AUDIO_FEED_FORWARD "Gemma4AudioFeedForward.forward", 426, 0
#define AUDIO_LIGHT_CONV1D "Gemma4AudioLightConv1d.forward", 501, 0
#define AUDIO_CAUSAL_CONV1D "Gemma4AudioCausalConv1d.forward", 466, 0
#define AUDIO_LAYER "Gemma4AudioLayer.forward", 537, 0
#define UNIFIED_VISION_EMBEDDER "Gemma4UnifiedVisionEmbedder.forward", 0, 846
#define RMS_NORM "Gemma4RMSNorm.forward", 210, 170
#define MULTIMODAL_EMBEDDER "Gemma4MultimodalEmbedder.forward", 2132, 899
#define GENERATE "GenerationMixin.generate", 2584, 2584
#define TEXT_SCALED_WORD_EMBEDDING "Gemma4TextScaledWordEmbedding.forward", 1431, 517
#define UNIFIED_MODEL "Gemma4UnifiedModel.forward", 0, 1037
#define MODEL "Gemma4Model.forward", 2324, 1037
#define PER_LAYER_INPUTS "Gemma4TextModel.project_per_layer_inputs", 1751, 0
#define MASKS "Gemma4TextModel.forward", 1597, 586
#define TEXT_ROTARY_EMBEDDING "Gemma4TextRotaryEmbedding.forward", 1129, 236
#define EAGER_ATTENTION_FORWARD "eager_attention_forward", 802, 289
#define TEXT_ATTENTION "Gemma4TextAttention.forward", 1191, 373
#define ACT_FN "GELUTanh.forward", 50, 50
#define TEXT_MLP "Gemma4TextMLP.forward", 1065, 450
#define TEXT_ROUTER "Gemma4TextRouter.forward", 1307, 0
#define TEXT_EXPERTS "Gemma4TextExperts.forward", 1267, 0
#define VISION_ENCODER_LAYER "Gemma4VisionEncoderLayer.forward", 976, 0
#define TEXT_DECODER_LAYER "Gemma4TextDecoderLayer.forward", 1361, 471
#define TEXT_MODEL "Gemma4TextModel.forward", 1597, 586
#define LM_HEAD "torch.nn.Linear", 0, 0
#define FOR_CAUSAL_LM "Gemma4ForCausalLM.forward", 1865, 748
#define FOR_CONDITIONAL_GENERATION "Gemma4ForConditionalGeneration.forward", 2618, 1370

/* clang-format off */
const TapMeaning tap_meanings[] = {
    /* the vision tower */
    { "*.vision_tower#padding_positions", 0, "1 at patches that only fill up the batch", VISION_MODEL },
    { "*.patch_embedder.input_proj", 0, "pixels, made -1 .. 1, through one linear layer", LINEAR },
    { "*.patch_embedder#position_embeddings", 0, "a learned row for x plus one for y", POSITION_EMBEDDINGS },
    { "*.patch_embedder", 0, "the two added up: what enters the first layer", VISION_PATCH_EMBEDDER },
    { "*.encoder.rotary_emb#cos", 0, "cosines of each patch's angles: quarters x, x, y, y", VISION_ROTARY_EMBEDDING },
    { "*.encoder.rotary_emb#sin", 0, "sines of the same angles", VISION_ROTARY_EMBEDDING },
    { "*.encoder.layers.*_proj.linear", 0, "the product alone, between the two clips", LINEAR },
    { "*.encoder.layers.*.mlp.*_proj", 0, "a linear layer, clipped before and after", CLIPPABLE_LINEAR },
    { "*.encoder.layers.*.self_attn.*_proj", 0, "a linear layer, clipped before and after", CLIPPABLE_LINEAR },
    { "*.encoder.layers.*.self_attn#query_states", 0, "queries, turned by the patch's x and y", VISION_ATTENTION },
    { "*.encoder.layers.*.self_attn#key_states", 0, "keys, turned by the patch's x and y", VISION_ATTENTION },
    { "*.encoder.layers.*.self_attn#value_states", 0, "values, which are not turned", VISION_ATTENTION },
    { "*.encoder.layers.*.self_attn#attn_output", 0, "values summed by weight, heads side by side", VISION_ATTENTION },
    { "*.encoder.layers.*.self_attn", 0, "what attention adds, before its norm", VISION_ATTENTION },
    { "*.encoder.layers.*.mlp", 0, "what the MLP adds, before its norm", VISION_MLP },
    { "*.vision_tower.encoder", 0, "what the last layer returns", VISION_ENCODER },
    { "*.pooler#mask", 0, "1 at soft tokens that some patch falls into", AVG_POOL },
    { "*.pooler", 0, "means of k x k patches, times sqrt(hidden), float32", VISION_POOLER },
    { "*.vision_tower", 0, "the valid soft tokens, standardized where the model says so", VISION_MODEL },
    /* the audio tower */
    { "*.subsample_conv_projection.layer[01].conv", 0, "3 x 3, every second time and pitch", AUDIO_CONVOLUTION },
    { "*.subsample_conv_projection.layer[01].norm", 0, "LayerNorm over its channels, no bias", LAYER_NORM },
    { "*.subsample_conv_projection.layer[01].act", 0, "ReLU", RELU },
    { "*.subsample_conv_projection.layer[01]", 0, "time and pitch halved once", AUDIO_CONVOLUTION },
    { "*.subsample_conv_projection.input_proj_linear", 0, "a frame's pitches and channels, projected", LINEAR },
    { "*.subsample_conv_projection#mask", 0, "1 at frames of the clip, every fourth", AUDIO_SUB_SAMPLE },
    { "*.subsample_conv_projection", 0, "what enters the first layer: a frame for every 40 ms", AUDIO_SUB_SAMPLE },
    { "*.audio_tower#attention_mask", 0, "1 where a frame may look, chunk by chunk", AUDIO_MODEL },
    { "*.audio_tower.rel_pos_enc", 0, "sines and cosines of distances", AUDIO_POSITIONS },
    { "*.audio_tower.layers.*.linear", 0, "the product alone, between the two clips", LINEAR },
    { "*.audio_tower.layers.*.relative_k_proj", 0, "the distances, as keys", LINEAR },
    { "*.audio_tower.layers.*_proj", 0, "a linear layer, clipped before and after", CLIPPABLE_LINEAR },
    { "*.audio_tower.layers.*.ffw_layer_[12]", 0, "a linear layer, clipped before and after", CLIPPABLE_LINEAR },
    { "*.audio_tower.layers.*.linear_*", 0, "a linear layer, clipped before and after", CLIPPABLE_LINEAR },
    { "*.audio_tower.layers.*.post", 0, "heads, back to the tower's width, clipped", CLIPPABLE_LINEAR },
    { "*.audio_tower.layers.*#query_states", 0, "queries, scaled by channel, chunk by chunk", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#key_states", 0, "keys, each chunk with the frames before it", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#value_states", 0, "values, each chunk with the frames before it", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#matrix_ac", 0, "queries times keys", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#matrix_bd", 0, "queries times distances, shifted", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#attn_weights", 0, "what a frame looks at: a row sums to 1", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*#attn_output", 0, "values summed by weight, heads side by side", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*.self_attn", 0, "what attention adds, before its norm", AUDIO_ATTENTION },
    { "*.audio_tower.layers.*.act_fn", 0, "SiLU", SILU },
    { "*.audio_tower.layers.*.depthwise_conv1d", 0, "each channel, over a few frames", AUDIO_CAUSAL_CONV1D },
    { "*.audio_tower.layers.*norm*", 0, "each row divided by its root mean square, times w", RMS_NORM },
    { "*.audio_tower.layers.*.feed_forward[12]", 0, "a half step of an MLP, added", AUDIO_FEED_FORWARD },
    { "*.audio_tower.layers.*.lconv1d", 0, "a gate and a convolution in time, added", AUDIO_LIGHT_CONV1D },
    { "*.audio_tower.layers.*", 0, "what the layer returns", AUDIO_LAYER },
    { "*.audio_tower", 0, "frames at the width of the projector", AUDIO_MODEL },
    { "*.audio_tower.output_proj", 0, "a linear layer to the width of the projector", LINEAR },
    /* projectors: from a tower's width, or from patches and samples, to the text model's */
    { "*.embed_vision.patch_ln1", FAMILY_UNIFIED, "each patch of pixels, normalised", LAYER_NORM },
    { "*.embed_vision.patch_dense", FAMILY_UNIFIED, "a patch of pixels through one linear layer", LINEAR },
    { "*.embed_vision.patch_ln2", FAMILY_UNIFIED, "that, normalised", LAYER_NORM },
    { "*.embed_vision#pos_embs", FAMILY_UNIFIED, "a learned row for x plus one for y", UNIFIED_VISION_EMBEDDER },
    { "*.embed_vision.pos_norm", FAMILY_UNIFIED, "patch and position added up, normalised", LAYER_NORM },
    { "*.embedding_pre_projection_norm", 0, "each row divided by its root mean square; no weight", RMS_NORM },
    { "*.embedding_projection", 0, "one linear layer to the text model's width", LINEAR },
    { "*.multimodal_embedder", FAMILY_UNIFIED, "norm and projection together", MULTIMODAL_EMBEDDER },
    { "*.embed_vision", FAMILY_UNIFIED, "soft tokens of pictures", UNIFIED_VISION_EMBEDDER },
    { "*.embed_vision", 0, "soft tokens of pictures", MULTIMODAL_EMBEDDER },
    { "*.embed_audio", 0, "soft tokens of sound", MULTIMODAL_EMBEDDER },
    /* what enters the text model */
    { "input_ids", 0, "the token that the step before chose", GENERATE },
    { "*.embed_tokens", 0, "a row of the table for each token, times sqrt(hidden)", TEXT_SCALED_WORD_EMBEDDING },
    { "*.embed_tokens_per_layer", 0, "a row for each token, with a part for each layer", TEXT_SCALED_WORD_EMBEDDING },
    { "*#inputs_embeds", FAMILY_UNIFIED, "embeddings, with soft tokens at the placeholders", UNIFIED_MODEL },
    { "*#inputs_embeds", 0, "embeddings, with soft tokens at the placeholders", MODEL },
    { "*.per_layer_model_projection", 0, "the embeddings, projected to a part for each layer", LINEAR },
    { "*.per_layer_projection_norm", 0, "each part of that divided by its rms, times w", RMS_NORM },
    { "*#per_layer_inputs", 0, "looked up plus projected, times 2^-0.5", PER_LAYER_INPUTS },
    { "*#causal_mask_mapping.full_attention", 0, "1 where a query of a full layer may look", MASKS },
    { "*#causal_mask_mapping.sliding_attention", 0, "1 where a query of a sliding layer may look", MASKS },
    { "*.rotary_emb#full_attention_*", 0, "cosines or sines of position times frequency", TEXT_ROTARY_EMBEDDING },
    { "*.rotary_emb#sliding_attention_*", 0, "cosines or sines of position times frequency", TEXT_ROTARY_EMBEDDING },
    /* layers; those of the tower come here too for their norms and weights */
    { "*.layers.*.self_attn.q_norm", 0, "each query head divided by its rms, times w", RMS_NORM },
    { "*.layers.*.self_attn.k_norm", 0, "each key head divided by its rms, times w", RMS_NORM },
    { "*.layers.*.self_attn.v_norm", 0, "each value head divided by its rms; no weight", RMS_NORM },
    { "*.layers.*.router.norm", 0, "the residual stream divided by its rms; no weight", RMS_NORM },
    { "*.layers.*layernorm", 0, "each row divided by its root mean square, times w", RMS_NORM },
    { "*.layers.*layernorm_[12]", 0, "each row divided by its root mean square, times w", RMS_NORM },
    { "*.layers.*.post_per_layer_input_norm", 0, "each row divided by its root mean square, times w", RMS_NORM },
    { "*.layers.*.self_attn#attn_weights", 0, "what a query looks at: a row sums to 1", EAGER_ATTENTION_FORWARD },
    { "*.layers.*.self_attn.?_proj", 0, "a linear layer", LINEAR },
    { "*.layers.*.self_attn#query_states", 0, "queries, each head turned by its position", TEXT_ATTENTION },
    { "*.layers.*.self_attn#key_states", 0, "keys, turned; cached ones in front, or a donor layer's", TEXT_ATTENTION },
    { "*.layers.*.self_attn#value_states", 0, "values; cached ones in front, or a donor layer's", TEXT_ATTENTION },
    { "*.layers.*.self_attn#attn_output", 0, "values summed by weight, heads side by side", TEXT_ATTENTION },
    { "*.layers.*.self_attn", 0, "what attention adds, before its norm", TEXT_ATTENTION },
    { "*.layers.*.mlp.gate_proj", 0, "the half of the MLP that GELU bends", LINEAR },
    { "*.layers.*.mlp.act_fn", 0, "GELU of it, in the tanh form", ACT_FN },
    { "*.layers.*.mlp.up_proj", 0, "the half that multiplies it", LINEAR },
    { "*.layers.*.mlp.down_proj", 0, "their product, back to the hidden width", LINEAR },
    { "*.layers.*.mlp", 0, "what the MLP adds, before its norm", TEXT_MLP },
    { "*.layers.*.router.proj", 0, "a score for each expert", LINEAR },
    { "*.layers.*.router", 0, "softmax of the scores, float32", TEXT_ROUTER },
    { "*.layers.*.router#top_k_index", 0, "the experts that each token goes to, the likeliest first", TEXT_ROUTER },
    { "*.layers.*.router#top_k_weights", 0, "their weights: sum 1, then times per_expert_scale", TEXT_ROUTER },
    { "*.layers.*.experts", 0, "what the chosen experts return, summed by weight", TEXT_EXPERTS },
    { "*.layers.*.per_layer_input_gate", 0, "the hidden states, down to the per-layer width", LINEAR },
    { "*.layers.*.act_fn", 0, "GELU of the gate; the layer's own input is multiplied next", ACT_FN },
    { "*.layers.*.per_layer_projection", 0, "gate times the layer's own input, back to the hidden width", LINEAR },
    { "*.encoder.layers.*", 0, "what the layer returns", VISION_ENCODER_LAYER },
    { "*.layers.*", 0, "what the layer returns, times layer_scalar", TEXT_DECODER_LAYER },
    /* the end */
    { "*.norm", 0, "the last layer's output divided by its rms, times w", RMS_NORM },
    { "*.language_model", 0, "what the text model returns", TEXT_MODEL },
    { "model", FAMILY_TEXT, "what the text model returns", TEXT_MODEL },
    { "model", FAMILY_UNIFIED, "what the whole model returns, without the head", UNIFIED_MODEL },
    { "model", FAMILY_GEMMA4, "what the whole model returns, without the head", MODEL },
    { "lm_head", 0, "a score for each token of the vocabulary", LM_HEAD },
    { "logits", FAMILY_TEXT, "the scores, soft-capped where the model says so", FOR_CAUSAL_LM },
    { "logits", 0, "the scores, soft-capped where the model says so", FOR_CONDITIONAL_GENERATION },
};
/* clang-format on */
const int tap_meaning_count = sizeof tap_meanings / sizeof *tap_meanings;

Family family_of(const char *model_type)
{
    if (strcmp(model_type, "gemma4") == 0) return FAMILY_GEMMA4;
    return strcmp(model_type, "gemma4_unified") == 0 ? FAMILY_UNIFIED : FAMILY_TEXT;
}

const TapMeaning *tap_meaning(const char *name, Family family)
{
    char base[512];
    size_t length = tap_base_length(name);
    if (length >= sizeof base) return NULL;
    memcpy(base, name, length);
    base[length] = '\0';
    for (int i = 0; i < tap_meaning_count; i++) {
        const TapMeaning *meaning = &tap_meanings[i];
        if ((meaning->families == 0 || meaning->families & family) && fnmatch(meaning->pattern, base, 0) == 0)
            return meaning;
    }
    return NULL;
}

/* A function of both families, or a class that gemma4_unified has written out once more under a name of its own */
static bool is_model_code(const char *class)
{
    return strncmp(class, "Gemma4", strlen("Gemma4")) == 0 || strcmp(class, "eager_attention_forward") == 0;
}

static const char *source_of(const char *class, Family family)
{
    if (strncmp(class, "GELUTanh", strlen("GELUTanh")) == 0) return "activations.py";
    if (!is_model_code(class)) return "generation/utils.py";
    return family == FAMILY_UNIFIED ? "modeling_gemma4_unified.py" : "modeling_gemma4.py";
}

const char *tap_meaning_place(const TapMeaning *meaning, Family family, char *text, int size)
{
    const char *class = meaning->hugging_face, *rest = class + strlen("Gemma4"), *beginning = "";
    bool inherited = strncmp(class, "Gemma4", strlen("Gemma4")) == 0 && strncmp(rest, "Unified", strlen("Unified"));
    if (family == FAMILY_UNIFIED && inherited) {
        beginning = "Gemma4Unified";
        class = rest;
    }
    int line = family == FAMILY_UNIFIED ? meaning->unified_line : meaning->line;
    if (line > 0)
        snprintf(text, (size_t)size, "%s%s (%s:%d)", beginning, class, source_of(meaning->hugging_face, family), line);
    else
        snprintf(text, (size_t)size, "%s%s", beginning, class);
    return text;
}
