/* gguf_names.c - the tables, and the two tensors that have another shape */
#include "checkpoint/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *gguf, *hf;
} Name;

static const Name of_text_model[] = {
    { "token_embd.weight", "embed_tokens.weight" },
    { "per_layer_token_embd.weight", "embed_tokens_per_layer.weight" },
    { "per_layer_model_proj.weight", "per_layer_model_projection.weight" },
    { "per_layer_proj_norm.weight", "per_layer_projection_norm.weight" },
    { "output_norm.weight", "norm.weight" },
};

static const Name of_text_layer[] = {
    { "attn_norm.weight", "input_layernorm.weight" },
    { "attn_q.weight", "self_attn.q_proj.weight" },
    { "attn_k.weight", "self_attn.k_proj.weight" },
    { "attn_v.weight", "self_attn.v_proj.weight" },
    { "attn_output.weight", "self_attn.o_proj.weight" },
    { "attn_q_norm.weight", "self_attn.q_norm.weight" },
    { "attn_k_norm.weight", "self_attn.k_norm.weight" },
    { "post_attention_norm.weight", "post_attention_layernorm.weight" },
    { "ffn_norm.weight", "pre_feedforward_layernorm.weight" },
    { "ffn_gate.weight", "mlp.gate_proj.weight" },
    { "ffn_up.weight", "mlp.up_proj.weight" },
    { "ffn_down.weight", "mlp.down_proj.weight" },
    { "post_ffw_norm.weight", "post_feedforward_layernorm.weight" },
    { "post_ffw_norm_1.weight", "post_feedforward_layernorm_1.weight" },
    { "pre_ffw_norm_2.weight", "pre_feedforward_layernorm_2.weight" },
    { "post_ffw_norm_2.weight", "post_feedforward_layernorm_2.weight" },
    { "ffn_gate_inp.weight", "router.proj.weight" },
    { "ffn_gate_inp.scale", "router.scale" },
    { "ffn_down_exps.scale", "router.per_expert_scale" },
    { "ffn_gate_up_exps.weight", "experts.gate_up_proj" },
    { "ffn_down_exps.weight", "experts.down_proj" },
    { "inp_gate.weight", "per_layer_input_gate.weight" },
    { "proj.weight", "per_layer_projection.weight" },
    { "post_norm.weight", "post_per_layer_input_norm.weight" },
    { "layer_output_scale.weight", "layer_scalar" },
};

static const Name of_vision_tower[] = {
    { "v.patch_embd.weight", "vision_tower.patch_embedder.input_proj.weight" },
    { "v.position_embd.weight", "vision_tower.patch_embedder.position_embedding_table" },
    { "v.std_bias", "vision_tower.std_bias" },
    { "v.std_scale", "vision_tower.std_scale" },
    { "mm.input_projection.weight", "embed_vision.embedding_projection.weight" },
};

static const Name of_vision_norms[] = {
    { "ln1.weight", "input_layernorm.weight" },
    { "ln2.weight", "pre_feedforward_layernorm.weight" },
    { "attn_post_norm.weight", "post_attention_layernorm.weight" },
    { "ffn_post_norm.weight", "post_feedforward_layernorm.weight" },
    { "attn_q_norm.weight", "self_attn.q_norm.weight" },
    { "attn_k_norm.weight", "self_attn.k_norm.weight" },
};

static const Name of_vision_linears[] = {
    { "attn_q.", "self_attn.q_proj." },   { "attn_k.", "self_attn.k_proj." }, { "attn_v.", "self_attn.v_proj." },
    { "attn_out.", "self_attn.o_proj." }, { "ffn_gate.", "mlp.gate_proj." },  { "ffn_up.", "mlp.up_proj." },
    { "ffn_down.", "mlp.down_proj." },
};

#define FOUND(table, name) found(table, sizeof(table) / sizeof *(table), name)
static const char *found(const Name *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, table[i].gguf) == 0) return table[i].hf;
    return NULL;
}

/* "prefix3.rest" -> layer 3 and the rest; NULL of other names */
static const char *in_layer(const char *name, const char *prefix, int *layer)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0) return NULL;
    int end = 0;
    if (sscanf(name + length, "%d.%n", layer, &end) != 1 || end == 0 || *layer < 0) return NULL;
    return name + length + end;
}

static const char *of_vision_layer(const char *rest, int layer, Arena *arena)
{
    const char *format = "model.vision_tower.encoder.layers.%d.%s%s";
    const char *norm = FOUND(of_vision_norms, rest);
    if (norm) return arena_format(arena, format, layer, norm, "");
    for (size_t i = 0; i < sizeof of_vision_linears / sizeof *of_vision_linears; i++) {
        size_t length = strlen(of_vision_linears[i].gguf);
        if (strncmp(rest, of_vision_linears[i].gguf, length) != 0) continue;
        bool weight = strcmp(rest + length, "weight") == 0;
        return arena_format(arena, format, layer, of_vision_linears[i].hf, weight ? "linear.weight" : rest + length);
    }
    return NULL;
}

static const char *hf_name(const char *name, const char *text, Arena *arena)
{
    int layer = 0;
    const char *hf = FOUND(of_text_model, name), *rest;
    if (hf) return arena_format(arena, "%s%s", text, hf);
    hf = FOUND(of_vision_tower, name);
    if (hf) return arena_format(arena, "model.%s", hf);
    if (strcmp(name, "output.weight") == 0) return "lm_head.weight";
    if ((rest = in_layer(name, "blk.", &layer)) && (hf = FOUND(of_text_layer, rest)))
        return arena_format(arena, "%slayers.%d.%s", text, layer, hf);
    rest = in_layer(name, "v.blk.", &layer);
    return rest ? of_vision_layer(rest, layer, arena) : NULL;
}

/* [hidden, colours, height, width] read as [hidden, height * width * colours] */
typedef struct {
    Encoding encoding;
    const Array *inner;
} ColoursLast;

static void read_colours_last(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    const Array *inner = ((const ColoursLast *)encoding)->inner;
    int64_t colours = inner->shape[1], pixels = inner->shape[2] * inner->shape[3], width = colours * pixels;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = (first + i) / width, at = (first + i) % width;
        array_read_f64(inner, row * width + at % colours * pixels + at / colours, 1, &out[i]);
    }
}

static bool colours_are_finite(const Encoding *encoding)
{
    return array_is_finite(((const ColoursLast *)encoding)->inner);
}

static void put_colours_last(Array *array, const Array *inner, Arena *arena)
{
    ColoursLast *encoding = arena_allocate(arena, sizeof *encoding);
    *encoding = (ColoursLast){ .inner = inner,
                               .encoding = { .scheme = array_scheme(inner),
                                             .read = read_colours_last,
                                             .is_finite = colours_are_finite } };
    array->dtype = DTYPE_ENCODED;
    array->encoding = &encoding->encoding;
    array->rank = 2;
    array->shape[1] = inner->shape[1] * inner->shape[2] * inner->shape[3];
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

const Array *gguf_renamed(const Array *array, const char *text, Arena *arena)
{
    const char *name = hf_name(array->name, text, arena);
    if (!name) return array;
    Array *renamed = arena_allocate(arena, sizeof *renamed);
    *renamed = *array;
    renamed->name = name;
    if (ends_in(name, "_min") || ends_in(name, "_max"))
        renamed->rank = array->rank == 1 && array->shape[0] == 1 ? 0 : array->rank;
    if (ends_in(name, "input_proj.weight") && array->rank == 4) put_colours_last(renamed, array, arena);
    return renamed;
}
