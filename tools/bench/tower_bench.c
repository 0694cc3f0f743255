/* tower_bench.c - times a case against the matrix products in it
 *
 *     tower-bench CASE ROUNDS
 *
 * Each round runs the forward pass, and then nothing but sgemm on the shapes of its products, so that both see the same
 * minute of a noisy machine. One thread. A last pass watches anonymous memory.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/config.h"
#include "reference.h"
#include "bench/work.h"

/* Every product of a tower of that configuration on that many patches. */
static Work tower_products(ConfigReader vision, int64_t batch, int64_t patches)
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

static json_t *measure(Model *model, const Inputs *inputs, ConfigReader vision, int rounds)
{
    int64_t batch = inputs->pixel_values->shape[0], patches = inputs->pixel_values->shape[1];
    double *tower = calloc((size_t)rounds, sizeof *tower), *alone = calloc((size_t)rounds, sizeof *alone);
    double *share = calloc((size_t)rounds, sizeof *share), peak = 0;
    if (!tower || !alone || !share) abort();

    Work work = { 0 };
    for (int i = 0; i < rounds; i++) {
        double start = now();
        reference_f32.forward(model, inputs, &(Pass){ 0 });
        tower[i] = now() - start;
        work = tower_products(vision, batch, patches);
        alone[i] = work.seconds;
        share[i] = alone[i] / tower[i];
        fprintf(stderr, "round %d: tower %.2f s, its products alone %.2f s\n", i + 1, tower[i], alone[i]);
    }
    reference_f32.forward(model, inputs, &(Pass){ .hook = watch_memory, .hook_context = &peak });

    double seconds = median(tower, rounds), sgemm_seconds = median(alone, rounds);
    json_t *result = json_pack(
        "{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "patches", (json_int_t)(batch * patches), "seconds", seconds,
        "sgemm_seconds", sgemm_seconds, "share_of_sgemm", median(share, rounds), "gflops", work.flop / seconds / 1e9,
        "sgemm_gflops", work.flop / sgemm_seconds / 1e9, "anonymous_mb", peak, "kernel", openblas_get_corename());
    free(tower);
    free(alone);
    free(share);
    return result;
}

int main(int argc, char **argv)
{
    int rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds < 1) {
        fprintf(stderr, "Usage: tower-bench CASE ROUNDS\n");
        return 2;
    }
    Arena arena = { 0 };
    Error error = { "" };
    const char *config_file = arena_format(&arena, "%s/model/config.json", argv[1]);
    Model *model = model_open(arena_format(&arena, "%s/model", argv[1]), &error);
    Inputs inputs = { 0 };
    if (!error_is_set(&error)) inputs = inputs_open(arena_format(&arena, "%s/inputs.safetensors", argv[1]), &error);
    if (!error_is_set(&error)) model_check(model, &inputs, &error);
    json_t *config = error_is_set(&error) ? NULL : config_open(config_file, &error);

    reference_set_threads(1);
    if (!error_is_set(&error)) {
        ConfigReader vision = config_child((ConfigReader){ config_file, "", config, &error }, "vision_config");
        json_t *result = measure(model, &inputs, vision, rounds);
        json_dumpf(result, stdout, JSON_REAL_PRECISION(4));
        putchar('\n');
        json_decref(result);
    } else {
        fprintf(stderr, "tower-bench: %s\n", error.message);
    }
    json_decref(config);
    inputs_close(&inputs);
    model_close(model);
    arena_free(&arena);
    return error_is_set(&error) ? 2 : 0;
}
