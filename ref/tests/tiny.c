/* tiny.c - checkpoints of a few hundred weights, written for a configuration and loaded as any other */
#include "tiny.h"

#include <stdarg.h>
#include <sys/stat.h>

static const char text_base[] =
    "{\"model_type\": \"gemma4_text\", \"vocab_size\": 23, \"hidden_size\": 12, \"intermediate_size\": 10,"
    " \"num_hidden_layers\": 4, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 6,"
    " \"global_head_dim\": 8, \"hidden_activation\": \"gelu_pytorch_tanh\", \"rms_norm_eps\": 1e-6,"
    " \"max_position_embeddings\": 64, \"sliding_window\": 3, \"hidden_size_per_layer_input\": 0,"
    " \"vocab_size_per_layer_input\": 23, \"layer_types\":"
    " [\"sliding_attention\", \"full_attention\", \"sliding_attention\", \"full_attention\"]}";

static const char whole_base[] =
    "{\"model_type\": \"gemma4\", \"image_token_id\": 20, \"video_token_id\": 21, \"audio_token_id\": 22,"
    " \"vision_config\": {\"hidden_size\": 8, \"intermediate_size\": 6, \"num_hidden_layers\": 1,"
    " \"num_attention_heads\": 2, \"num_key_value_heads\": 2, \"head_dim\": 4, \"rms_norm_eps\": 1e-6,"
    " \"hidden_activation\": \"gelu_pytorch_tanh\", \"patch_size\": 2, \"pooling_kernel_size\": 2,"
    " \"position_embedding_size\": 10, \"use_clipped_linears\": false, \"standardize\": false}}";

static const char unified_base[] =
    "{\"model_type\": \"gemma4_unified\", \"image_token_id\": 20, \"video_token_id\": 21, \"audio_token_id\": 22,"
    " \"vision_config\": {\"patch_size\": 1, \"pooling_kernel_size\": 2, \"mm_embed_dim\": 9,"
    " \"mm_posemb_size\": 7, \"output_proj_dims\": 9, \"rms_norm_eps\": 1e-6},"
    " \"audio_config\": {\"audio_embed_dim\": 5, \"rms_norm_eps\": 1e-6}}";

static json_t *changed(const char *base, const char *changes)
{
    json_t *json = json_loads(base, 0, NULL), *more = json_loads(changes, 0, NULL);
    ck_assert_msg(json && more, "invalid JSON: %s", changes);
    json_object_update(json, more);
    json_decref(more);
    return json;
}

json_t *tiny_config(const char *changes) { return changed(text_base, changes); }

static void write_json(json_t *json, const char *path)
{
    ck_assert_int_eq(json_dump_file(json, path, JSON_INDENT(1)), 0);
    json_decref(json);
}

/* ---------------------------------------------------------------- weights */

typedef struct {
    SafetensorsWriter *writer;
    const char *prefix;
} Place;

/* Weights of norms and scalars lie around 1, others around 0, so that values keep their size from layer to layer. */
static void put(Place at, int rank, const int64_t *shape, const char *format, ...)
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

static void put_text(Place at, const Gemma4TextConfig *c)
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

/* Writes the tower of whole_base, with a projector into the text's hidden size. */
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
static void put_embedders(SafetensorsWriter *writer, int64_t text_hidden)
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

/* ---------------------------------------------------------------- folders */

typedef void PutMore(SafetensorsWriter *writer, int64_t text_hidden);

/* prefix: of the text model's keys; more: what else there is, or NULL */
static const char *write_weights(json_t *text, const char *prefix, PutMore *more, bool tied)
{
    Error error = { "" };
    Gemma4TextConfig config;
    gemma4_text_config_load(&config, (ConfigReader){ "config.json", "", text, &error }, &scratch);
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model/model.safetensors"), &error);
    assert_clean(&error);
    put_text((Place){ writer, prefix }, &config);
    if (more) more(writer, config.hidden_size);
    if (!tied) put((Place){ writer, "" }, SHAPE(config.vocab_size, config.hidden_size), "lm_head.weight");
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    return temporary("model");
}

static bool is_tied(const json_t *json)
{
    const json_t *value = json_object_get(json, "tie_word_embeddings");
    return !value || json_is_true(value);
}

const char *tiny_write(const char *changes)
{
    json_t *text = tiny_config(changes);
    mkdir(temporary("model"), 0700);
    const char *folder = write_weights(text, "model.", NULL, is_tied(text));
    write_json(text, temporary("model/config.json"));
    return folder;
}

const char *tiny_write_base(const char *changes)
{
    json_t *text = tiny_config(changes);
    mkdir(temporary("model"), 0700);
    const char *folder = write_weights(text, "", NULL, true);
    write_json(text, temporary("model/config.json"));
    return folder;
}

void tiny_write_config(const char *changes) { write_json(tiny_config(changes), temporary("model/config.json")); }

static const char *write_whole(json_t *text, json_t *whole, PutMore *more)
{
    mkdir(temporary("model"), 0700);
    const char *folder = write_weights(text, "model.language_model.", more, is_tied(whole));
    json_object_set_new(whole, "text_config", text);
    write_json(whole, temporary("model/config.json"));
    return folder;
}

const char *tiny_write_multimodal(const char *text_changes, const char *changes)
{
    return write_whole(tiny_config(text_changes), changed(whole_base, changes), put_vision);
}

const char *tiny_write_unified(const char *text_changes, const char *changes)
{
    return write_whole(tiny_config(text_changes), changed(unified_base, changes), put_embedders);
}

Tiny *tiny_open(const char *changes)
{
    Tiny *tiny = arena_allocate(&scratch, sizeof *tiny);
    *tiny = (Tiny){ 0 };
    tiny->checkpoint = checkpoint_open(tiny_write(changes), &tiny->error);
    tiny->config = config_open(temporary("model/config.json"), &tiny->error);
    assert_clean(&tiny->error);
    gemma4_for_causal_lm_load(&tiny->m, (Loader){ tiny->checkpoint, "", &tiny->error },
                              (ConfigReader){ "config.json", "", tiny->config, &tiny->error });
    assert_clean(&tiny->error);
    return tiny;
}

void tiny_close(Tiny *tiny)
{
    json_decref(tiny->config);
    checkpoint_close(tiny->checkpoint);
}

const Array *tiny_array(const Tiny *tiny, const char *name)
{
    const CheckpointTensor *tensor = checkpoint_find(tiny->checkpoint, name);
    ck_assert_msg(tensor != NULL, "the file holds no %s", name);
    return tensor->array;
}

Tensor tiny_weight(const Tiny *tiny, const char *name)
{
    const Array *array = tiny_array(tiny, name);
    Tensor tensor = tensor_new(run_as(ROUNDING_NONE), array->rank, array->shape);
    array_read(array, 0, array_elements(array), tensor.data);
    return tensor;
}

int tiny_leftovers(const Tiny *tiny)
{
    int count = 0;
    for (int i = 0; i < tiny->checkpoint->tensor_count; i++) count += !tiny->checkpoint->tensors[i].asked;
    return count;
}

void tiny_pass(const char *folder, const char *arrays, Pass pass, Recording *recording)
{
    Error error = { "" };
    write_arrays(temporary("inputs.safetensors"), arrays);
    Model *model = model_open(folder, &error);
    assert_clean(&error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    model_check(model, &inputs, &error);
    assert_clean(&error);
    if (pass.max_new_tokens) model_check_generation(model, &inputs, pass.max_new_tokens, &error);
    assert_clean(&error);
    pass.hook = record;
    pass.hook_context = recording;
    reference.forward(model, &inputs, &pass);
    inputs_close(&inputs);
    model_close(model);
}

const int64_t *tiny_ids(int64_t count)
{
    int64_t *ids = arena_allocate(&scratch, (size_t)(count + 1) * sizeof *ids);
    for (int64_t i = 0; i < count; i++) ids[i] = 1 + random_bits() % 19;
    return ids;
}
