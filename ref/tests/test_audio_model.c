/* test_audio_model.c - the audio tower against its definition, frame by frame, and what it must not depend on */
#include "tiny.h"

#define TOWER "model.audio_tower"
#define ATTENTION TOWER ".layers.0.self_attn"

enum { BINS = 12, HEADS = 2, HEAD_DIM = 4, CHUNK = 3, LEFT = 4, RIGHT = 2, CONTEXT = CHUNK + LEFT - 1 + RIGHT };
static const double cap = 5;

static char *mask_text(const int *valid, int clips, int frames)
{
    char *text = arena_format(&scratch, "[");
    for (int b = 0; b < clips; b++)
        for (int t = 0; t < frames; t++)
            text = arena_format(&scratch, "%s%s%s%s", text, t == 0 ? (b ? ", [" : "[") : ", ",
                                t < valid[b] ? "true" : "false", t == frames - 1 ? "]" : "");
    return arena_format(&scratch, "%s]", text);
}

/* Clips of `frames` frames, valid[b] of them real, through the tower alone */
static void hear(Recording *recording, const int *valid, int clips, int frames, Rounding rounding)
{
    tiny_pass(tiny_write_multimodal("{}", "{}"),
              arena_format(&scratch, "{\"input_features\": \"%d %d %d\", \"input_features_mask\": %s}", clips, frames,
                           BINS, mask_text(valid, clips, frames)),
              (Pass){ .results = rounding, .weights = rounding }, recording);
}

START_TEST(sizes)
{
    Recording recording = { 0 };
    hear(&recording, (int[]){ 30, 7 }, 2, 30, ROUNDING_NONE);
    static const struct {
        const char *name;
        int64_t shape[5];
    } taps[] = {
        { TOWER ".subsample_conv_projection.layer0.conv", { 2, 12, 15, 6 } },
        { TOWER ".subsample_conv_projection.layer0.norm", { 2, 15, 6, 12 } },
        { TOWER ".subsample_conv_projection.layer1", { 2, 5, 8, 3 } },
        { TOWER ".subsample_conv_projection", { 2, 8, 8 } },
        { TOWER ".subsample_conv_projection#mask", { 2, 8 } },
        { TOWER ".rel_pos_enc", { 1, 5, 8 } },
        { TOWER "#attention_mask", { 2, 1, 3, 3, 8 } },
        { ATTENTION "#query_states", { 2, 3, 3, 2, 4 } },
        { ATTENTION "#key_states", { 2, 3, 8, 2, 4 } },
        { ATTENTION "#matrix_bd", { 2, 2, 3, 3, 8 } },
        { ATTENTION "#attn_output", { 2, 8, 8 } },
        { TOWER ".layers.1.lconv1d.depthwise_conv1d", { 2, 8, 8 } },
        { TOWER, { 2, 8, 7 } },
        { "model.embed_audio", { 2, 8, TINY_HIDDEN } },
    };
    for (int i = 0; i < COUNT(taps); i++) {
        Tensor tap = tap_of(&recording, taps[i].name);
        for (int d = 0; d < 5; d++)
            ck_assert_msg((d < tap.rank ? tap.shape[d] : 0) == taps[i].shape[d], "%s: dimension %d", taps[i].name, d);
    }
    Tensor mask = tap_of(&recording, TOWER ".subsample_conv_projection#mask");
    for (int i = 0; i < 16; i++) ck_assert_double_eq(mask.data[i], i < 8 || i % 8 < 2); /* frames 0, 4 of 7 */
}
END_TEST

static double dot(const real *a, const real *b)
{
    double sum = 0;
    for (int j = 0; j < HEAD_DIM; j++) sum += (double)a[j] * (double)b[j];
    return sum;
}

/* The logit of a query and a key, by their rows in the taps. HF tells a key's place by where the context begins: of
 * all places, half a context and one are told, and the others not. */
static double logit(const Recording *r, int64_t query, int64_t key, int64_t head, int64_t dist)
{
    const int64_t place = LEFT - 1 - dist, width = HEADS * HEAD_DIM, first = head * HEAD_DIM;
    const real *q = tap_of(r, ATTENTION "#query_states").data + query * width + first;
    const real *k = tap_of(r, ATTENTION ".k_proj").data + key * width + first;
    const real *relative = tap_of(r, ATTENTION ".relative_k_proj").data + place * width + first;
    double sum = dot(q, k) * log(1 + exp(1)) / log(2) + (place < CONTEXT / 2 + 1 ? dot(q, relative) : 0);
    return cap * tanh(sum / cap);
}

/* Two clips of 8 frames each, 3 blocks of 3: the rows of a block's queries are those of the clip, and one of padding */
START_TEST(attention_of_each_frame)
{
    enum { CLIPS = 2, SEQ = 8, BLOCKS = 3 };
    Recording recording = { 0 };
    hear(&recording, (int[]){ 30, 18 }, CLIPS, 30, ROUNDING_NONE);
    Tensor v = tap_of(&recording, ATTENTION ".v_proj"), found = tap_of(&recording, ATTENTION "#attn_output");
    const int valid[] = { 8, 5 };
    for (int64_t b = 0; b < CLIPS; b++)
        for (int64_t t = 0; t < valid[b]; t++)
            for (int64_t i = 0; i < HEADS * HEAD_DIM; i++) {
                double sum = 0, weighted = 0;
                for (int64_t s = 0; s < valid[b]; s++) {
                    int64_t dist = t - s;
                    if (!(dist >= 0 && dist < LEFT - 1) && !(dist < 0 && -dist < RIGHT)) continue;
                    double weight = exp(logit(&recording, b * BLOCKS * CHUNK + t, b * SEQ + s, i / HEAD_DIM, dist));
                    sum += weight;
                    weighted += weight * (double)v.data[(b * SEQ + s) * HEADS * HEAD_DIM + i];
                }
                assert_near(found.data[(b * SEQ + t) * HEADS * HEAD_DIM + i], weighted / sum, 20 * CLOSE, "frame", t);
            }
}
END_TEST

START_TEST(queries_are_scaled_by_channel)
{
    Recording recording = { 0 };
    hear(&recording, (int[]){ 9 }, 1, 9, ROUNDING_NONE);
    Error error = { "" };
    Checkpoint *checkpoint = checkpoint_open(temporary("model"), &error);
    const Array *array = checkpoint_find(checkpoint, ATTENTION ".per_dim_scale")->array;
    Tensor q = tap_of(&recording, ATTENTION ".q_proj"), found = tap_of(&recording, ATTENTION "#query_states");
    for (int i = 0; i < HEADS * HEAD_DIM; i++) {
        real scale;
        array_read(array, i % HEAD_DIM, 1, &scale);
        double expected = (double)q.data[i] / sqrt(HEAD_DIM) / log(2) * log1p(exp((double)scale));
        assert_near(found.data[i], expected, 10 * CLOSE, "query", i);
    }
    checkpoint_close(checkpoint);
}
END_TEST

static void other_padding(const char *name, real *values, int64_t first, int64_t count)
{
    if (strcmp(name, TOWER ".subsample_conv_projection.layer0") != 0) return;
    for (int64_t i = 0; i < count; i++) {
        int64_t clip = (first + i) / (12 * 15 * 6), frame = (first + i) / 6 % 15;
        if (clip == 1 && frame >= 11) values[i] = 1000;
    }
}

/* The model and the inputs that hear has written, once more */
static void hear_again(Recording *recording)
{
    Error error = { "" };
    Model *model = model_open(temporary("model"), &error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    assert_clean(&error);
    reference.forward(model, &inputs, &(Pass){ .hook = record, .hook_context = recording });
    inputs_close(&inputs);
    model_close(model);
}

/* Nothing behind a clip's end matters: of 22 frames the first convolution leaves 11, whose last sees the 12th. */
START_TEST(nothing_depends_on_padding)
{
    Recording plain = { 0 }, changed = { .replace = other_padding };
    hear(&plain, (int[]){ 30, 22 }, 2, 30, ROUNDING_NONE);
    hear_again(&changed);
    Tensor a = tap_of(&plain, TOWER), b = tap_of(&changed, TOWER);
    for (int64_t i = 0; i < elements(a); i++) assert_near(b.data[i], a.data[i], 0, "frame", i / last(a));
    ck_assert_int_eq(rows(a), 2 * 8);
}
END_TEST

/* Behind the projections all is float32, up to `post`. */
START_TEST(attention_is_float32_inside)
{
    Recording recording = { 0 };
    hear(&recording, (int[]){ 30 }, 1, 30, ROUNDING_BF16);
    static const char *const names[] = { "#query_states", "#matrix_ac", "#attn_weights", "#attn_output" };
    for (int n = 0; n < COUNT(names); n++) {
        Tensor x = tap_of(&recording, arena_format(&scratch, ATTENTION "%s", names[n]));
        Tensor rounded = tensor_clone(x, run_as(ROUNDING_NONE));
        round_to(ROUNDING_BF16, rounded.data, elements(rounded));
        bool wide = memcmp(rounded.data, x.data, (size_t)elements(x) * sizeof *x.data) != 0;
        ck_assert_msg(wide == (n < 3), "%s", names[n]);
    }
}
END_TEST

START_TEST(features_take_their_places)
{
    Recording recording = { 0 };
    tiny_pass(tiny_write_multimodal("{}", "{}"),
              "{\"input_ids\": [[1, 22, 22, 2, 22]], \"input_features\": \"2 8 12\", \"input_features_mask\":"
              " [[true, true, true, true, true, true, true, true], [true, false, false, false, false, false, false,"
              " false]]}",
              (Pass){ 0 }, &recording);
    Tensor features = tap_of(&recording, "model.embed_audio"), embeds = tap_of(&recording, "model#inputs_embeds");
    static const int64_t places[] = { 1, 2, 4 };
    for (int64_t i = 0; i < 3 * TINY_HIDDEN; i++)
        assert_near(embeds.data[places[i / TINY_HIDDEN] * TINY_HIDDEN + i % TINY_HIDDEN], features.data[i], 0, "at", i);
}
END_TEST

Suite *audio_model_suite(void)
{
    Suite *suite = suite_create("audio_model");
    TCase *tcase = theme(suite, "tower");
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, attention_of_each_frame);
    tcase_add_test(tcase, queries_are_scaled_by_channel);
    tcase_add_test(tcase, nothing_depends_on_padding);
    tcase_add_test(tcase, attention_is_float32_inside);
    tcase_add_test(theme(suite, "merge"), features_take_their_places);
    return suite;
}
