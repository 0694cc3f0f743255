/* layer_bench.c - times one decoder layer: a prefill, and a decode step behind it
 *
 *     layer-bench FOLDER TOKENS THREADS
 *
 * FOLDER holds config.json of model_type gemma4_text and the tensors of layer 0 (tools/fixtures/make_checkpoint.py).
 * Each line of standard input asks for a round (answer_rounds): a prefill of TOKENS, nothing but sgemm on the shapes of
 * its products, what the processor and the memory can do at most, and a decode step. Measuring the memory reads more
 * than any cache holds, and so drives the weights out: the step reads them from memory.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peak.h"
#include "bench/work.h"
#include "gemma4.h"
#include "nn/kernel.h"

typedef struct {
    Gemma4TextConfig config;
    Gemma4TextDecoderLayer layer;
    Gemma4TextRotaryEmbedding rotary_emb;
    DynamicCache cache;
    SharedKvStates shared_kv_states;
    Arena arena;
    double weight_bytes;
    int64_t tokens;
    int threads;
} Bench;

static Tensor random_hidden(Run *run, int64_t seq, int64_t width)
{
    Tensor x = new_tensor(run, 1, seq, width);
    for (int64_t i = 0; i < elements(x); i++) x.data[i] = (real)sin((double)i * 1.7);
    return x;
}

/* As Gemma4TextModel calls it, with seq tokens behind those in the cache -> seconds of the layer alone */
static double forward(Bench *b, int64_t seq)
{
    Run run = { .arena = &b->arena };
    ForwardArguments arguments = { .batch = 1, .seq = seq, .past_key_values = &b->cache };
    LayerType type = b->layer.self_attn.layer_type;
    CausalMaskMapping masks = create_masks_for_generate("model", &b->config, &arguments, NULL, &run);
    int64_t *position_ids = arena_allocate(&b->arena, (size_t)seq * sizeof *position_ids);
    for (int64_t i = 0; i < seq; i++) position_ids[i] = b->cache.seq_length + i;
    PositionEmbeddings positions = gemma4_text_rotary_embedding_forward(&b->rotary_emb, position_ids, 1, seq, type,
                                                                        &run);
    Tensor hidden_states = random_hidden(&run, seq, b->config.hidden_size), per_layer_input = { 0 };
    if (b->config.hidden_size_per_layer_input)
        per_layer_input = random_hidden(&run, seq, b->config.hidden_size_per_layer_input);

    double start = now();
    Gemma4TextLayerArguments layer_arguments = { positions, masks.of[type], &b->shared_kv_states, &b->cache };
    gemma4_text_decoder_layer_forward(&b->layer, hidden_states, per_layer_input, &layer_arguments, &run);
    double seconds = now() - start;
    b->cache.seq_length += seq;
    arena_release(&b->arena, (ArenaMark){ 0 });
    arena_release(&b->shared_kv_states.arena, (ArenaMark){ 0 });
    return seconds;
}

static Work products(const Bench *b, int64_t seq)
{
    const Gemma4TextConfig *c = &b->config;
    const Gemma4TextAttention *attention = &b->layer.self_attn;
    int64_t hidden = c->hidden_size, head_dim = attention->head_dim, heads = c->num_attention_heads;
    int64_t kv_heads = heads / attention->num_key_value_groups, p = c->hidden_size_per_layer_input;
    int64_t intermediate = b->layer.mlp.gate_proj.weight->shape[0];

    Work sum = { 0 };
    work_linear(&sum, 1, seq, heads * head_dim, hidden);
    work_linear(&sum, attention->use_alternative_attention ? 1 : 2, seq, kv_heads * head_dim, hidden);
    work_attention(&sum, 1, heads, kv_heads, seq, head_dim);
    work_linear(&sum, 1, seq, hidden, heads * head_dim);
    work_linear(&sum, 2, seq, intermediate, hidden);
    work_linear(&sum, 1, seq, hidden, intermediate);
    if (p) work_linear(&sum, 1, seq, p, hidden);
    if (p) work_linear(&sum, 1, seq, hidden, p);
    return sum;
}

static double weight_bytes(const Checkpoint *checkpoint)
{
    double bytes = 0;
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *array = checkpoint->tensors[i].array;
        bytes += (double)array_elements(array) * (double)dtype_size(array->dtype);
    }
    return bytes;
}

static json_t *round_of(void *context)
{
    Bench *b = context;
    dynamic_cache_free(&b->cache);
    b->cache = dynamic_cache_new(&b->config);
    double prefill = forward(b, b->tokens);
    Work alone = products(b, b->tokens);
    double fma = fma_flops(b->threads), read = read_bytes_per_second(b->threads), decode = forward(b, 1);
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "prefill", prefill, "sgemm_seconds", alone.seconds, "flop",
                     alone.flop, "fma_flops", fma, "read_bytes_per_second", read, "decode", decode, "weight_bytes",
                     b->weight_bytes);
}

/* Loads the layer -> config.json, to be released */
static json_t *load(Bench *b, Checkpoint *checkpoint, const char *folder, Error *error)
{
    const char *file = arena_format(&checkpoint->arena, "%s/config.json", folder);
    json_t *config = config_open(file, error);
    ConfigReader at = { file, "", config, error };
    Loader root = { checkpoint, "model", error };
    if (!error_is_set(error)) gemma4_text_config_load(&b->config, at, &checkpoint->arena);
    if (!error_is_set(error)) {
        gemma4_text_decoder_layer_load(&b->layer, child_at(root, "layers", 0), &b->config, 0);
        gemma4_text_rotary_embedding_load(&b->rotary_emb, root, &b->config);
    }
    b->weight_bytes = weight_bytes(checkpoint);
    return config;
}

int main(int argc, char **argv)
{
    kernel_start(argv);
    Bench b = { .tokens = argc == 4 ? atoi(argv[2]) : 0, .threads = argc == 4 ? atoi(argv[3]) : 0 };
    if (b.tokens < 1 || b.threads < 1) {
        fprintf(stderr, "Usage: layer-bench FOLDER TOKENS THREADS\n");
        return 2;
    }
    Error error = { "" };
    Checkpoint *checkpoint = checkpoint_open(argv[1], &error);
    json_t *config = error_is_set(&error) ? NULL : load(&b, checkpoint, argv[1], &error);
    if (!error_is_set(&error)) {
        bench_threads(b.threads);
        json_decref(round_of(&b)); /* touches the memory for its activations first */
        answer_rounds(json_pack("{s:s?}", "kernel", matmul_kernel()), round_of, &b);
    } else {
        fprintf(stderr, "layer-bench: %s\n", error.message);
    }
    dynamic_cache_free(&b.cache);
    arena_free(&b.arena);
    arena_free(&b.shared_kv_states.arena);
    json_decref(config);
    checkpoint_close(checkpoint);
    return error_is_set(&error) ? 2 : 0;
}
