/* tiny_weights.c - random weights for tiny.c's configurations */
#include "tiny_weights.h"

#include <stdarg.h>

#include "helpers.h"

/* Weights of norms and scalars lie around 1, others around 0, so that values keep their size from layer to layer. */
void put(Place at, int rank, const int64_t *shape, const char *format, ...)
{
    char name[128];
    int length = snprintf(name, sizeof name, "%s", at.prefix);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name + length, sizeof name - (size_t)length, format, arguments);
    va_end(arguments);

    Array array = { .rank = rank };
    memcpy(array.shape, shape, (size_t)rank * sizeof *shape);
    double centre = rank == 1 && !strstr(name, "bias") ? 1 : 0;
    double spread = rank == 1 ? 0.5 : sqrt(3.0 / (double)shape[rank - 1]);
    safetensors_writer_begin(at.writer, name, DTYPE_F32, rank, shape);
    for (int64_t i = 0; i < array_elements(&array); i++) {
        float value = (float)(centre + spread * (random_bits() / 2147483648.0 - 1));
        safetensors_writer_append(at.writer, &value, sizeof value);
    }
}

static void put_linear(Place at, int64_t in, int64_t out, bool bias, int layer, const char *name)
{
    put(at, SHAPE(out, in), "layers.%d.%s.weight", layer, name);
    if (bias) put(at, SHAPE(out), "layers.%d.%s.bias", layer, name);
}

static void put_attention(Place at, const Gemma4TextConfig *c, int i)
{
    const Gemma4TextLayerConfig *layer = &c->layers[i];
    int64_t hidden = c->hidden_size, head_dim = layer->head_dim;
    int64_t q_dim = c->num_attention_heads * head_dim, kv_dim = layer->num_key_value_heads * head_dim;
    put_linear(at, hidden, q_dim, c->attention_bias, i, "self_attn.q_proj");
    put_linear(at, q_dim, hidden, c->attention_bias, i, "self_attn.o_proj");
    put(at, SHAPE(head_dim), "layers.%d.self_attn.q_norm.weight", i);
    if (layer->kv_sharing_mode == KV_REUSE) return;
    put_linear(at, hidden, kv_dim, c->attention_bias, i, "self_attn.k_proj");
    put(at, SHAPE(head_dim), "layers.%d.self_attn.k_norm.weight", i);
    if (!c->attention_k_eq_v || layer->layer_type == SLIDING_ATTENTION)
        put_linear(at, hidden, kv_dim, c->attention_bias, i, "self_attn.v_proj");
}

static void put_experts(Place at, const Gemma4TextConfig *c, int i)
{
    int64_t hidden = c->hidden_size, experts = c->num_experts, width = c->moe_intermediate_size;
    put(at, SHAPE(hidden), "layers.%d.router.scale", i);
    put(at, SHAPE(experts), "layers.%d.router.per_expert_scale", i);
    put(at, SHAPE(experts, hidden), "layers.%d.router.proj.weight", i);
    put(at, SHAPE(experts, 2 * width, hidden), "layers.%d.experts.gate_up_proj", i);
    put(at, SHAPE(experts, hidden, width), "layers.%d.experts.down_proj", i);
    put(at, SHAPE(hidden), "layers.%d.post_feedforward_layernorm_1.weight", i);
    put(at, SHAPE(hidden), "layers.%d.post_feedforward_layernorm_2.weight", i);
    put(at, SHAPE(hidden), "layers.%d.pre_feedforward_layernorm_2.weight", i);
}

void put_text(Place at, const Gemma4TextConfig *c)
{
    static const char *const norms[] = { "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                         "post_feedforward_layernorm" };
    int64_t hidden = c->hidden_size, per_layer = c->hidden_size_per_layer_input;
    put(at, SHAPE(c->vocab_size, hidden), "embed_tokens.weight");
    for (int i = 0; i < c->num_hidden_layers; i++) {
        bool shared = c->layers[i].kv_sharing_mode == KV_REUSE;
        int64_t intermediate = c->intermediate_size * (c->use_double_wide_mlp && shared ? 2 : 1);
        put_attention(at, c, i);
        put_linear(at, hidden, intermediate, false, i, "mlp.gate_proj");
        put_linear(at, hidden, intermediate, false, i, "mlp.up_proj");
        put_linear(at, intermediate, hidden, false, i, "mlp.down_proj");
        for (int n = 0; n < COUNT(norms); n++) put(at, SHAPE(hidden), "layers.%d.%s.weight", i, norms[n]);
        put(at, SHAPE(1), "layers.%d.layer_scalar", i);
        if (c->enable_moe_block) put_experts(at, c, i);
        if (!per_layer) continue;
        put_linear(at, hidden, per_layer, false, i, "per_layer_input_gate");
        put_linear(at, per_layer, hidden, false, i, "per_layer_projection");
        put(at, SHAPE(hidden), "layers.%d.post_per_layer_input_norm.weight", i);
    }
    put(at, SHAPE(hidden), "norm.weight");
    if (!per_layer) return;
    put(at, SHAPE(c->vocab_size_per_layer_input, c->num_hidden_layers * per_layer), "embed_tokens_per_layer.weight");
    put(at, SHAPE(c->num_hidden_layers * per_layer, hidden), "per_layer_model_projection.weight");
    put(at, SHAPE(per_layer), "per_layer_projection_norm.weight");
}

/* Writes the tower of whole_base, with a projector into the text's hidden size */
static void put_vision(SafetensorsWriter *writer, int64_t text_hidden)
{
    static const char *const norms[] = { "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                         "post_feedforward_layernorm" };
    static const char *const projections[] = { "q", "k", "v", "o" };
    Place at = { writer, "model.vision_tower.encoder.layers.0." };
    for (int i = 0; i < 4; i++) put(at, SHAPE(8, 8), "self_attn.%s_proj.linear.weight", projections[i]);
    for (int i = 0; i < 2; i++) put(at, SHAPE(4), "self_attn.%s_norm.weight", projections[i]);
    put(at, SHAPE(6, 8), "mlp.gate_proj.linear.weight");
    put(at, SHAPE(6, 8), "mlp.up_proj.linear.weight");
    put(at, SHAPE(8, 6), "mlp.down_proj.linear.weight");
    for (int i = 0; i < 4; i++) put(at, SHAPE(8), "%s.weight", norms[i]);
    at.prefix = "model.";
    put(at, SHAPE(8, 12), "vision_tower.patch_embedder.input_proj.weight");
    put(at, SHAPE(2, 10, 8), "vision_tower.patch_embedder.position_embedding_table");
    put(at, SHAPE(text_hidden, 8), "embed_vision.embedding_projection.weight");
}

/* The embedders of unified_base, spelled as on the Hub; patches of 12 values become 9 */
void put_embedders(SafetensorsWriter *writer, int64_t text_hidden)
{
    static const char *const norms[] = { "patch_ln1", "patch_ln2", "pos_norm" };
    Place at = { writer, "model." };
    for (int i = 0; i < COUNT(norms); i++) {
        put(at, SHAPE(i == 0 ? 12 : 9), "vision_embedder.%s.weight", norms[i]);
        put(at, SHAPE(i == 0 ? 12 : 9), "vision_embedder.%s.bias", norms[i]);
    }
    put(at, SHAPE(9, 12), "vision_embedder.patch_dense.weight");
    put(at, SHAPE(9), "vision_embedder.patch_dense.bias");
    put(at, SHAPE(7, 2, 9), "vision_embedder.pos_embedding");
    put(at, SHAPE(text_hidden, 9), "embed_vision.embedding_projection.weight");
    put(at, SHAPE(text_hidden, 5), "embed_audio.embedding_projection.weight");
}

/* Writes a layer of the conformer of whole_base: every linear by its name and its two widths, norms, and the rest. */
static void put_conformer_layer(Place at)
{
    static const struct {
        const char *name;
        int64_t out, in;
    } linears[] = { { "feed_forward1.ffw_layer_1", 32, 8 }, { "feed_forward1.ffw_layer_2", 8, 32 },
                    { "feed_forward2.ffw_layer_1", 32, 8 }, { "feed_forward2.ffw_layer_2", 8, 32 },
                    { "self_attn.q_proj", 8, 8 },           { "self_attn.k_proj", 8, 8 },
                    { "self_attn.v_proj", 8, 8 },           { "self_attn.post", 8, 8 },
                    { "lconv1d.linear_start", 16, 8 },      { "lconv1d.linear_end", 8, 8 } };
    static const char *const norms[] = { "feed_forward1.pre_layer_norm",
                                         "feed_forward1.post_layer_norm",
                                         "feed_forward2.pre_layer_norm",
                                         "feed_forward2.post_layer_norm",
                                         "norm_pre_attn",
                                         "norm_post_attn",
                                         "norm_out",
                                         "lconv1d.pre_layer_norm",
                                         "lconv1d.conv_norm" };
    for (int i = 0; i < COUNT(linears); i++)
        put(at, SHAPE(linears[i].out, linears[i].in), "%s.linear.weight", linears[i].name);
    for (int i = 0; i < COUNT(norms); i++) put(at, SHAPE(8), "%s.weight", norms[i]);
    put(at, SHAPE(8, 8), "self_attn.relative_k_proj.weight");
    put(at, SHAPE(4), "self_attn.per_dim_scale");
    put(at, SHAPE(8, 1, 3), "lconv1d.depthwise_conv1d.weight");
}

static void put_audio(SafetensorsWriter *writer, int64_t text_hidden)
{
    put_conformer_layer((Place){ writer, "model.audio_tower.layers.0." });
    put_conformer_layer((Place){ writer, "model.audio_tower.layers.1." });
    Place at = { writer, "model.audio_tower." };
    put(at, SHAPE(12, 1, 3, 3), "subsample_conv_projection.layer0.conv.weight");
    put(at, SHAPE(12), "subsample_conv_projection.layer0.norm.weight");
    put(at, SHAPE(5, 12, 3, 3), "subsample_conv_projection.layer1.conv.weight");
    put(at, SHAPE(5), "subsample_conv_projection.layer1.norm.weight");
    put(at, SHAPE(8, 15), "subsample_conv_projection.input_proj_linear.weight");
    put(at, SHAPE(7, 8), "output_proj.weight");
    put(at, SHAPE(7), "output_proj.bias");
    put((Place){ writer, "model." }, SHAPE(text_hidden, 7), "embed_audio.embedding_projection.weight");
}

void put_towers(SafetensorsWriter *writer, int64_t text_hidden)
{
    put_vision(writer, text_hidden);
    put_audio(writer, text_hidden);
}
