/* test_audio_frames.c - which rows of a tap of the audio tower are padding */
#include "noise/audio_frames.h"

#include "helpers.h"

/* Two clips of 20 frames, of which 20 and 9 are real: 5 and 3 frames of 40 ms. Chunks of 2, with 3 keys before. */
static const char config_text[] = "{\"audio_config\": {\"attention_chunk_size\": 2, \"attention_context_left\": 4}}";

static AudioFrames two_clips(void)
{
    static unsigned char mask[40];
    for (int i = 0; i < 40; i++) mask[i] = i < 29;
    Array array = { .dtype = DTYPE_BOOL, .rank = 2, .shape = { 2, 20 }, .data = mask };
    json_t *config = json_loads(config_text, 0, NULL);
    AudioFrames frames = audio_frames_of(&array, config);
    json_decref(config);
    return frames;
}

/* The rows of the second clip that are graded, of `rows` in all that each clip has */
static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    const char *graded; /* of the second clip: 'x', or '.' where it is padding */
} taps[] = {
    { "model.audio_tower", 3, { 2, 5, 4 }, "xxx.." },
    { "model.embed_audio.embedding_projection", 3, { 2, 5, 4 }, "xxx.." },
    { "model.audio_tower.layers.0.self_attn.q_proj", 3, { 2, 5, 4 }, "xxx.." },
    { "model.audio_tower.layers.0.lconv1d.depthwise_conv1d", 3, { 2, 4, 5 }, "xxxx" },
    { "model.audio_tower.rel_pos_enc", 3, { 1, 4, 8 }, NULL },
    { "model.audio_tower.layers.0.self_attn.relative_k_proj", 3, { 1, 4, 8 }, NULL },
    { "model.audio_tower.subsample_conv_projection#mask", 2, { 2, 5 }, "x" },
    /* 9 frames are 5 of every second, of 10 */
    { "model.audio_tower.subsample_conv_projection.layer0.conv", 4, { 2, 2, 10, 3 }, "xxxxx.....xxxxx....." },
    { "model.audio_tower.subsample_conv_projection.layer0.norm", 4, { 2, 3, 2, 4 }, "xxxxxx" },
    { "model.audio_tower.subsample_conv_projection.layer1", 4, { 2, 2, 5, 3 }, "xxx..xxx.." },
    { "model.audio_tower.subsample_conv_projection.layer1.norm", 4, { 2, 5, 2, 4 }, "xxxxxx...." },
    /* 3 blocks of 2 queries, of a head each; the last query is of no frame */
    { "model.audio_tower.layers.0.self_attn#query_states", 5, { 2, 3, 2, 1, 4 }, "xxx..." },
    { "model.audio_tower.layers.0.self_attn#query_states", 5, { 2, 3, 2, 2, 4 }, "xxxxxx......" },
    { "model.audio_tower#attention_mask", 5, { 2, 1, 3, 2, 5 }, "xxx..." },
    { "model.audio_tower.layers.0.self_attn#attn_weights", 5, { 2, 2, 3, 2, 5 }, "xxx...xxx..." },
    /* contexts begin 3 frames before their block: -3 .. 1, -1 .. 3, 1 .. 5 */
    { "model.audio_tower.layers.0.self_attn#key_states", 5, { 2, 3, 5, 1, 4 }, "...xx.xxx.xx..." },
    { "model.audio_tower.layers.0.self_attn#value_states", 5, { 2, 3, 5, 1, 4 }, "...xx.xxx.xx..." },
};

START_TEST(rows_of_the_second_clip)
{
    AudioFrames frames = two_clips();
    Tap tap = { .name = taps[_i].name, .rank = taps[_i].rank };
    memcpy(tap.shape, taps[_i].shape, sizeof tap.shape);
    int64_t rows = 1;
    for (int i = 0; i < tap.rank - 1; i++) rows *= tap.shape[i];
    int64_t first = taps[_i].graded ? rows - (int64_t)strlen(taps[_i].graded) : 0;
    for (int64_t row = first; row < rows; row++)
        ck_assert_msg(audio_frames_graded(&frames, &tap, row) ==
                          (!taps[_i].graded || taps[_i].graded[row - first] == 'x'),
                      "%s: row %lld", tap.name, (long long)row);
    audio_frames_free(&frames);
}
END_TEST

/* A model that takes raw frames has no chunks: its frames are those of input_features. */
START_TEST(without_a_tower)
{
    unsigned char mask[] = { 1, 0, 1 };
    Array array = { .dtype = DTYPE_BOOL, .rank = 2, .shape = { 1, 3 }, .data = mask };
    AudioFrames frames = audio_frames_of(&array, NULL);
    Tap tap = { .name = "model.embed_audio", .rank = 3, .shape = { 1, 3, 4 } };
    for (int i = 0; i < 3; i++) ck_assert_int_eq(audio_frames_graded(&frames, &tap, i), mask[i]);
    audio_frames_free(&frames);
    frames = audio_frames_of(NULL, NULL);
    ck_assert(audio_frames_graded(&frames, &tap, 1));
    audio_frames_free(&frames);
}
END_TEST

Suite *audio_frames_suite(void)
{
    Suite *suite = suite_create("audio_frames");
    TCase *tcase = theme(suite, "rows");
    tcase_add_loop_test(tcase, rows_of_the_second_clip, 0, COUNT(taps));
    tcase_add_test(tcase, without_a_tower);
    return suite;
}
