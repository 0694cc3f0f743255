/* tower_bench.c - times a case of a tower against the matrix products in it
 *
 *     tower-bench CASE THREADS
 *
 * Prints what it runs on and the largest anonymous memory of a pass, which no round counts: it touches the memory for
 * its activations first. Then each line of standard input asks for a round (answer_rounds): the forward pass, nothing
 * but sgemm on the shapes of its products, and what the processor and the memory can do at most.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/peak.h"
#include "bench/work.h"
#include "checkpoint/config.h"
#include "nn/kernel.h"
#include "nn/nn.h"
#include "reference.h"

typedef struct {
    Model *model;
    Inputs inputs;
    ConfigReader config;
    int threads;
} Bench;

/* Every product of a tower of that configuration on that many patches. */
static Work vision_products(ConfigReader vision, int64_t batch, int64_t patches)
{
    int64_t hidden = config_count(vision, "hidden_size"), intermediate = config_count(vision, "intermediate_size");
    int64_t layers = config_count(vision, "num_hidden_layers"), heads = config_count(vision, "num_attention_heads");
    int64_t kv_heads = config_count(vision, "num_key_value_heads"), head_dim = config_count(vision, "head_dim");
    int64_t patch = config_count(vision, "patch_size"), rows = batch * patches;

    Work sum = { 0 };
    work_linear(&sum, 1, rows, hidden, 3 * patch * patch);
    work_linear(&sum, layers, rows, heads * head_dim, hidden);        /* q_proj */
    work_linear(&sum, 2 * layers, rows, kv_heads * head_dim, hidden); /* k_proj, v_proj */
    work_linear(&sum, layers, rows, hidden, heads * head_dim);        /* o_proj */
    work_linear(&sum, 2 * layers, rows, intermediate, hidden);        /* gate_proj, up_proj */
    work_linear(&sum, layers, rows, hidden, intermediate);            /* down_proj */
    work_attention(&sum, layers * batch, heads, kv_heads, patches, head_dim);
    return sum;
}

/* The two convolutions, kernel x patches^T, and the projection behind them: each halves frames and bins. */
static void subsampling_products(Work *sum, ConfigReader audio, int64_t batch, int64_t frames, int64_t bins)
{
    const json_t *channels = json_object_get(audio.object, "subsampling_conv_channels");
    int64_t first = json_integer_value(json_array_get(channels, 0));
    int64_t second = json_integer_value(json_array_get(channels, 1));
    int64_t half = (frames + 1) / 2, quarter = (half + 1) / 2;
    work_linear(sum, batch, first, half * (bins / 2), 9);
    work_linear(sum, batch, second, quarter * (bins / 4), 9 * first);
    work_linear(sum, 1, batch * quarter, config_count(audio, "hidden_size"), second * (bins / 4));
}

static void audio_attention_products(Work *sum, ConfigReader audio, int64_t times, int64_t seq)
{
    int64_t heads = config_count(audio, "num_attention_heads"), head_dim = config_count(audio, "hidden_size") / heads;
    int64_t chunk = config_count(audio, "attention_chunk_size"), blocks = (seq + chunk - 1) / chunk;
    int64_t context = chunk + config_count(audio, "attention_context_left") - 1 +
                      config_whole_or(audio, "attention_context_right", 0);
    work_blocks(sum, times, heads, blocks * chunk, context / 2 + 1, head_dim); /* matrix_bd */
    work_blocks(sum, times * blocks, heads, chunk, context, head_dim);         /* matrix_ac */
    work_blocks(sum, times * blocks, heads, chunk, head_dim, context);         /* attn_weights value */
}

/* Every product of the tower of sound, and of embed_audio behind it. */
static Work audio_products(ConfigReader audio, int64_t text_hidden, const Array *features)
{
    int64_t batch = features->shape[0], frames = features->shape[1], seq = ((frames + 1) / 2 + 1) / 2;
    int64_t hidden = config_count(audio, "hidden_size"), layers = config_count(audio, "num_hidden_layers");
    int64_t dims = config_count(audio, "output_proj_dims"), rows = batch * seq;

    Work sum = { 0 };
    subsampling_products(&sum, audio, batch, frames, features->shape[2]);
    work_linear(&sum, 2 * layers, rows, 4 * hidden, hidden); /* ffw_layer_1 */
    work_linear(&sum, 2 * layers, rows, hidden, 4 * hidden); /* ffw_layer_2 */
    work_linear(&sum, 5 * layers, rows, hidden, hidden);     /* q_proj, k_proj, v_proj, post, linear_end */
    work_linear(&sum, layers, rows, 2 * hidden, hidden);     /* linear_start */
    audio_attention_products(&sum, audio, layers * batch, seq);
    work_linear(&sum, 1, rows, dims, hidden);
    work_linear(&sum, 1, rows, text_hidden, dims);
    return sum;
}

static Work products(const Bench *b)
{
    const Array *pixels = b->inputs.pixel_values;
    if (pixels) return vision_products(config_child(b->config, "vision_config"), pixels->shape[0], pixels->shape[1]);
    int64_t text_hidden = config_count(config_child(b->config, "text_config"), "hidden_size");
    return audio_products(config_child(b->config, "audio_config"), text_hidden, b->inputs.input_features);
}

static double anonymous_megabytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    double kilobytes = 0;
    while (status && fgets(line, sizeof line, status)) sscanf(line, "RssAnon: %lf", &kilobytes);
    if (status) fclose(status);
    return kilobytes / 1024;
}

static void watch_memory(void *context, const Tap *tap)
{
    double *peak = context, megabytes = anonymous_megabytes();
    (void)tap;
    if (megabytes > *peak) *peak = megabytes;
}

static json_t *first_pass(Bench *b)
{
    double peak = 0;
    reference_f32.forward(b->model, &b->inputs, &(Pass){ .hook = watch_memory, .hook_context = &peak });
    return json_pack("{s:s?, s:f}", "kernel", matmul_kernel(), "anonymous_mb", peak);
}

static json_t *round_of(void *context)
{
    Bench *b = context;
    double start = now();
    reference_f32.forward(b->model, &b->inputs, &(Pass){ 0 });
    double seconds = now() - start;
    Work alone = products(b);
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "seconds", seconds, "sgemm_seconds", alone.seconds, "flop",
                     alone.flop, "fma_flops", fma_flops(b->threads), "read_bytes_per_second",
                     read_bytes_per_second(b->threads));
}

int main(int argc, char **argv)
{
    kernel_start(argv);
    Bench b = { .threads = argc == 3 ? atoi(argv[2]) : 0 };
    if (b.threads < 1) {
        fprintf(stderr, "Usage: tower-bench CASE THREADS\n");
        return 2;
    }
    Arena arena = { 0 };
    Error error = { "" };
    const char *config_file = arena_format(&arena, "%s/model/config.json", argv[1]);
    b.model = model_open(arena_format(&arena, "%s/model", argv[1]), &error);
    if (!error_is_set(&error)) b.inputs = inputs_open(arena_format(&arena, "%s/inputs.safetensors", argv[1]), &error);
    if (!error_is_set(&error)) model_check(b.model, &b.inputs, &error);
    json_t *config = error_is_set(&error) ? NULL : config_open(config_file, &error);

    if (!error_is_set(&error)) {
        b.config = (ConfigReader){ config_file, "", config, &error };
        bench_threads(b.threads);
        answer_rounds(first_pass(&b), round_of, &b);
    } else {
        fprintf(stderr, "tower-bench: %s\n", error.message);
    }
    json_decref(config);
    inputs_close(&b.inputs);
    model_close(b.model);
    arena_free(&arena);
    return error_is_set(&error) ? 2 : 0;
}
