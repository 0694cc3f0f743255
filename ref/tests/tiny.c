/* tiny.c - checkpoints of a few hundred weights, written for a configuration and loaded as any other */
#include "tiny.h"

#include <sys/stat.h>

#include "tiny_weights.h"

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
    " \"position_embedding_size\": 10, \"use_clipped_linears\": false, \"standardize\": false},"
    " \"audio_config\": {\"hidden_size\": 8, \"num_hidden_layers\": 2, \"num_attention_heads\": 2,"
    " \"hidden_act\": \"silu\", \"subsampling_conv_channels\": [12, 5], \"conv_kernel_size\": 3,"
    " \"residual_weight\": 0.5, \"attention_chunk_size\": 3, \"attention_context_left\": 4,"
    " \"attention_context_right\": 2, \"attention_logit_cap\": 5.0, \"use_clipped_linears\": false,"
    " \"output_proj_dims\": 7}}";

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

/* ---------------------------------------------------------------- folders */

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
    return write_whole(tiny_config(text_changes), changed(whole_base, changes), put_towers);
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
