/* audio_frames.c - from a row of a tap to a frame of 40 ms, and from there to one of input_features */
#include "noise/audio_frames.h"

#include <stdlib.h>

#include "checkpoint/array.h"
#include "dump/tap_name.h"
#include "run/arena.h"

static int64_t setting(const json_t *config, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(json_object_get(config, "audio_config"), key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

AudioFrames audio_frames_of(const Array *input_features_mask, const json_t *config)
{
    AudioFrames frames = { .chunk = setting(config, "attention_chunk_size", 0),
                           .past = setting(config, "attention_context_left", 1) - 1 };
    if (!input_features_mask || input_features_mask->rank != 2) return frames;
    int64_t count = array_elements(input_features_mask);
    frames.count = input_features_mask->shape[1];
    frames.padding = allocate_zeroed((size_t)count + 1, sizeof *frames.padding);
    for (int64_t i = 0; i < count; i++) frames.padding[i] = array_integer(input_features_mask, i) == 0;
    return frames;
}

void audio_frames_free(AudioFrames *frames)
{
    free(frames->padding);
    *frames = (AudioFrames){ 0 };
}

static bool is_frame(const AudioFrames *frames, int64_t clip, int64_t frame)
{
    return frame >= 0 && frame < frames->count && !frames->padding[clip * frames->count + frame];
}

/* Blocks of queries, and of the keys in their contexts: [clips, blocks, chunk or context, heads, head_dim], and what is
 * by head, [clips, heads or 1, blocks, chunk, context] */
static bool block_is_graded(const AudioFrames *frames, const Tap *tap, int64_t row)
{
    const int64_t *shape = tap->shape;
    bool of_queries = tap_ends(tap->name, "#query_states");
    if (of_queries || tap_ends(tap->name, "#key_states") || tap_ends(tap->name, "#value_states")) {
        int64_t place = row / shape[3], block = place / shape[2];
        int64_t frame = block % shape[1] * frames->chunk + place % shape[2] - (of_queries ? 0 : frames->past);
        return is_frame(frames, block / shape[1], 4 * frame);
    }
    int64_t frame = row % (shape[2] * shape[3]);
    return is_frame(frames, row / shape[3] / shape[2] / shape[1], 4 * frame);
}

/* [clips, channels, frames, bins]; behind the norm, and in it, [clips, frames, bins, channels] */
static bool subsampled_is_graded(const AudioFrames *frames, const Tap *tap, int64_t row)
{
    const int64_t *shape = tap->shape,
                  stride = tap_begins(tap->name, "model.audio_tower.subsample_conv_projection.layer0") ? 2 : 4;
    if (tap_ends(tap->name, ".norm"))
        return is_frame(frames, row / shape[2] / shape[1], row / shape[2] % shape[1] * stride);
    return is_frame(frames, row / shape[2] / shape[1], row % shape[2] * stride);
}

bool audio_frames_graded(const AudioFrames *frames, const Tap *tap, int64_t row)
{
    static const char *const whole[] = { ".rel_pos_enc", ".relative_k_proj", "#mask", ".depthwise_conv1d" };
    if (!frames->padding) return true;
    if (frames->chunk == 0) return !frames->padding[row]; /* without a tower */
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (tap_ends(tap->name, whole[i])) return true;
    if (tap->rank == 5) return block_is_graded(frames, tap, row);
    if (tap->rank == 4) return subsampled_is_graded(frames, tap, row);
    return is_frame(frames, row / tap->shape[1], row % tap->shape[1] * 4);
}
