/* test_unified_vision_embedder.c - patches into text space, step by step from the taps; padding on either axis */
#include "gemma4_unified.h"
#include "tiny.h"

#define EMBED "model.embed_vision"

/* Two pictures of three patches: positions on both axes, one padding patch, one half, and below -1 */
static const int64_t xy[] = { 0, 0, 6, 1, 2, 6, 3, -1, -1, 4, -1, -1 };

/* Hugging Face's model is opened for its weights, and the embedder called alone. */
typedef struct {
    Checkpoint *checkpoint;
    Gemma4UnifiedVisionEmbedder m;
    Tensor pixels, pooled;
    Recording taps;
} Given;

static Given embedded(const int64_t *positions, Rounding rounding)
{
    Error error = { "" };
    Given g = { .checkpoint = checkpoint_open(tiny_write_unified("{}", "{}"), &error) };
    const Gemma4UnifiedVisionConfig vision = { 2, 9, 7, 1e-6 };
    gemma4_unified_vision_embedder_load(&g.m, (Loader){ g.checkpoint, EMBED, &error }, &vision,
                                        &(Gemma4TextConfig){ .hidden_size = TINY_HIDDEN });
    assert_clean(&error);
    g.pixels = random_values(2, 3, 12);
    Run *run = recording_run(&g.taps, rounding);
    g.pooled = tensor_clone(gemma4_unified_vision_embedder_forward(&g.m, tensor_clone(g.pixels, run),
                                                                   (PositionIds){ positions, 2, 3 }, run),
                            run_as(ROUNDING_NONE));
    return g;
}

static Tensor read_weights(const Given *g, const char *name)
{
    const CheckpointTensor *tensor = checkpoint_find(g->checkpoint, name);
    ck_assert_msg(tensor != NULL, "the file holds no %s", name);
    Tensor x = tensor_new(run_as(ROUNDING_NONE), tensor->array->rank, tensor->array->shape);
    array_read(tensor->array, 0, array_elements(tensor->array), x.data);
    return x;
}

START_TEST(position_embeddings)
{
    Given g = embedded(xy, ROUNDING_NONE);
    Tensor table = read_weights(&g, EMBED ".pos_embedding"), pos_embs = tap_of(&g.taps, EMBED "#pos_embs");
    ck_assert_int_eq(pos_embs.rank, 3);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 9; j++) {
            int64_t x = xy[2 * i], y = xy[2 * i + 1];
            double expected = (x < 0 ? 0 : table.data[(2 * x) * 9 + j]) + (y < 0 ? 0 : table.data[(2 * y + 1) * 9 + j]);
            assert_near(pos_embs.data[9 * i + j], expected, CLOSE, "pos_embs", 9 * i + j);
        }
    checkpoint_close(g.checkpoint);
}
END_TEST

/* Only -1 is no position: what is below is clamped to 0, and looked up. */
START_TEST(below_minus_one)
{
    static const int64_t odd[] = { -2, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    Given g = embedded(odd, ROUNDING_NONE);
    Tensor table = read_weights(&g, EMBED ".pos_embedding"), pos_embs = tap_of(&g.taps, EMBED "#pos_embs");
    for (int j = 0; j < 9; j++) assert_near(pos_embs.data[j], table.data[j], CLOSE, "pos_embs", j);
    checkpoint_close(g.checkpoint);
}
END_TEST

/* LayerNorm with torch's eps, which is not that of the configuration */
static void assert_layer_norm(const Given *g, Tensor x, const char *name)
{
    Tensor weight = read_weights(g, arena_format(&scratch, EMBED ".%s.weight", name));
    Tensor bias = read_weights(g, arena_format(&scratch, EMBED ".%s.bias", name));
    Array w = array_of(weight), b = array_of(bias);
    Tensor expected = layer_norm(x, &w, &b, 1e-5, run_as(ROUNDING_NONE));
    assert_tensor(tap_of(&g->taps, arena_format(&scratch, EMBED ".%s", name)), expected, CLOSE, name);
}

START_TEST(steps)
{
    Given g = embedded(xy, ROUNDING_NONE);
    assert_layer_norm(&g, g.pixels, "patch_ln1"); /* of the pixels as they are */
    assert_layer_norm(&g, tap_of(&g.taps, EMBED ".patch_dense"), "patch_ln2");
    Tensor sum = add(tap_of(&g.taps, EMBED ".patch_ln2"), tap_of(&g.taps, EMBED "#pos_embs"), run_as(ROUNDING_NONE));
    assert_layer_norm(&g, sum, "pos_norm");
    Tensor normed = rms_norm(tap_of(&g.taps, EMBED ".pos_norm"), NULL, 1e-6, run_as(ROUNDING_NONE));
    assert_tensor(tap_of(&g.taps, EMBED ".multimodal_embedder.embedding_pre_projection_norm"), normed, CLOSE, "norm");

    Tensor bias = read_weights(&g, EMBED ".patch_dense.bias"), dense = read_weights(&g, EMBED ".patch_dense.weight");
    Tensor projected = tap_of(&g.taps, EMBED ".patch_dense"), ln1 = tap_of(&g.taps, EMBED ".patch_ln1");
    for (int i = 0; i < 6 * 9; i++) {
        double expected = bias.data[i % 9];
        for (int k = 0; k < 12; k++) expected += (double)dense.data[i % 9 * 12 + k] * ln1.data[i / 9 * 12 + k];
        assert_near(projected.data[i], expected, 8 * CLOSE, "patch_dense", i);
    }
    checkpoint_close(g.checkpoint);
}
END_TEST

/* Every patch comes out, padding too, and the three names of the last value hold the same. */
START_TEST(output)
{
    Given g = embedded(xy, ROUNDING_NONE);
    ck_assert_int_eq(g.pooled.rank, 3);
    ck_assert_mem_eq(g.pooled.shape, ((int64_t[]){ 2, 3, TINY_HIDDEN }), 3 * sizeof(int64_t));
    assert_tensor(tap_of(&g.taps, EMBED), g.pooled, 0, "output");
    assert_tensor(tap_of(&g.taps, EMBED ".multimodal_embedder"), g.pooled, 0, "embedder");
    assert_tensor(tap_of(&g.taps, EMBED ".multimodal_embedder.embedding_projection"), g.pooled, 0, "projection");
    ck_assert_int_eq(g.taps.count, 9);
    checkpoint_close(g.checkpoint);
}
END_TEST

/* Pixels come in float32 and are cast before the first norm; the sum of both axes is rounded once. */
START_TEST(rounded)
{
    Given g = embedded(xy, ROUNDING_BF16);
    Tensor pixels = tensor_clone(g.pixels, run_as(ROUNDING_NONE));
    to_dtype_(pixels, run_as(ROUNDING_BF16));
    Tensor weight = read_weights(&g, EMBED ".patch_ln1.weight"), bias = read_weights(&g, EMBED ".patch_ln1.bias");
    Array w = array_of(weight), b = array_of(bias);
    assert_tensor(tap_of(&g.taps, EMBED ".patch_ln1"), layer_norm(pixels, &w, &b, 1e-5, run_as(ROUNDING_BF16)), 0,
                  "patch_ln1");

    Tensor table = read_weights(&g, EMBED ".pos_embedding"), pos_embs = tap_of(&g.taps, EMBED "#pos_embs");
    to_dtype_(table, run_as(ROUNDING_BF16));
    for (int j = 0; j < 9; j++) {
        real sum = table.data[12 * 9 + j] + table.data[3 * 9 + j]; /* patch 1 lies at (6, 1) */
        round_result(run_as(ROUNDING_BF16), &sum, 1);
        ck_assert_double_eq(pos_embs.data[9 + j], sum);
    }
    checkpoint_close(g.checkpoint);
}
END_TEST

Suite *unified_vision_embedder_suite(void)
{
    Suite *suite = suite_create("unified_vision_embedder");
    TCase *tcase = theme(suite, "forward");
    tcase_add_test(tcase, position_embeddings);
    tcase_add_test(tcase, below_minus_one);
    tcase_add_test(tcase, steps);
    tcase_add_test(tcase, output);
    tcase_add_test(tcase, rounded);
    return suite;
}
