/* layer_bench.c - times one decoder layer: a prefill, and a decode step behind it
 *
 *     layer-bench FOLDER TOKENS ROUNDS
 *
 * FOLDER holds config.json of model_type gemma4_text and the tensors of layer 0 (tools/fixtures/make_checkpoint.py).
 * Each round times a prefill of TOKENS, then nothing but sgemm on the shapes of its products; then a decode step, and
 * then nothing but reading as many bytes as do not fit any cache: that also drives the weights out, so that the next
 * step reads them from memory. One thread.
 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gemma4.h"
#include "bench/work.h"

enum { READ_BYTES = 1 << 30 };

typedef struct {
    Gemma4TextConfig config;
    Gemma4TextDecoderLayer layer;
    Gemma4TextRotaryEmbedding rotary_emb;
    DynamicCache cache;
    SharedKvStates shared_kv_states;
    Arena arena;
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

/* -> bytes a second */
static double read_memory(const float *memory)
{
    float sum = 0;
    double start = now();
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < READ_BYTES / (int64_t)sizeof *memory; i++) sum += memory[i];
    double seconds = now() - start;
    if (sum < 0) abort(); /* so that the sum is needed */
    return READ_BYTES / seconds;
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

static json_t *measure(Bench *b, double bytes, int64_t tokens, int rounds)
{
    double *prefill = calloc((size_t)rounds, sizeof(double)), *alone = calloc((size_t)rounds, sizeof(double)),
           *share = calloc((size_t)rounds, sizeof(double));
    double *decode = calloc((size_t)rounds, sizeof(double)), *bandwidth = calloc((size_t)rounds, sizeof(double)),
           *used = calloc((size_t)rounds, sizeof(double));
    if (!prefill || !alone || !share || !decode || !bandwidth || !used) abort();
    float *memory = filled(READ_BYTES / (int64_t)sizeof *memory);
    Work work = { 0 };
    for (int i = 0; i < rounds; i++) {
        dynamic_cache_free(&b->cache);
        b->cache = dynamic_cache_new(&b->config);
        prefill[i] = forward(b, tokens);
        work = products(b, tokens);
        alone[i] = work.seconds;
        share[i] = alone[i] / prefill[i];
        bandwidth[i] = read_memory(memory);
        decode[i] = forward(b, 1);
        used[i] = bytes / decode[i] / bandwidth[i];
        fprintf(stderr, "round %d: prefill %.3f s, its products alone %.3f s; decode %.2f ms, %.1f of %.1f GB/s\n",
                i + 1, prefill[i], alone[i], 1e3 * decode[i], bytes / decode[i] / 1e9, bandwidth[i] / 1e9);
    }
    json_t *result = json_pack(
        "{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "tokens", (json_int_t)tokens, "prefill_seconds",
        median(prefill, rounds), "sgemm_seconds", median(alone, rounds), "share_of_sgemm", median(share, rounds),
        "gflops", work.flop / median(prefill, rounds) / 1e9, "decode_seconds", median(decode, rounds), "read_gb_per_s",
        median(bandwidth, rounds) / 1e9, "share_of_bandwidth", median(used, rounds), "kernel", openblas_get_corename());
    double *columns[] = { prefill, alone, share, decode, bandwidth, used };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) free(columns[i]);
    free(memory);
    return result;
}

int main(int argc, char **argv)
{
    int64_t tokens = argc == 4 ? atoi(argv[2]) : 0;
    int rounds = argc == 4 ? atoi(argv[3]) : 0;
    if (tokens < 1 || rounds < 1) {
        fprintf(stderr, "Usage: layer-bench FOLDER TOKENS ROUNDS\n");
        return 2;
    }
    Error error = { "" };
    Bench b = { 0 };
    openblas_set_num_threads(1);
    Checkpoint *checkpoint = checkpoint_open(argv[1], &error);
    json_t *config = NULL;
    if (!error_is_set(&error)) {
        ConfigReader at = { arena_format(&checkpoint->arena, "%s/config.json", argv[1]), "", NULL, &error };
        Loader root = { checkpoint, "model", &error };
        at.object = config = config_open(at.file, &error);
        if (!error_is_set(&error)) gemma4_text_config_load(&b.config, at, &checkpoint->arena);
        if (!error_is_set(&error)) {
            gemma4_text_decoder_layer_load(&b.layer, child_at(root, "layers", 0), &b.config, 0);
            gemma4_text_rotary_embedding_load(&b.rotary_emb, root, &b.config);
        }
    }
    if (!error_is_set(&error)) {
        json_t *result = measure(&b, weight_bytes(checkpoint), tokens, rounds);
        json_dumpf(result, stdout, JSON_REAL_PRECISION(4));
        putchar('\n');
        json_decref(result);
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
