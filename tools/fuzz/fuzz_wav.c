/* fuzz_wav.c - libFuzzer feeds the WAV reader, and the feature extractor behind it, with files that are nearly WAVs
 *
 *     make fuzz
 *
 * Any file may be refused; none may crash, leak, or leave a value unset. The last byte says how the features are made.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/unified_feature_extractor.h"
#include "fuzz/fuzz.h"

enum { HEADER = 12, CHUNK = 8 };

static void set_number(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* A size that is wrong is all that is seen of most mutants: most get the size of the file, and of what is left of it
 * behind the first chunk of sound. */
static void correct_sizes(uint8_t *data, size_t size)
{
    if (size < HEADER + CHUNK) return;
    set_number(data + 4, size - 1 - CHUNK); /* the last byte is no part of the file */
    uint8_t *sound = memmem(data, size, "data", 4);
    if (sound && sound + CHUNK < data + size) set_number(sound + 4, (size_t)(data + size - 1 - sound) - CHUNK);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 4) correct_sizes(data, size);
    return size;
}

static void check_features(Waveform waveform, uint8_t how, Arena *arena)
{
    Gemma4UnifiedAudioFeatureExtractor p = { .audio_samples_per_token = how & 1 ? 7 : 640,
                                             .max_length = how & 2 ? 2 : 0,
                                             .padding_left = how & 4 };
    int64_t frames = gemma4_unified_audio_frames(&p, waveform.count) + (how & 8 ? 1 : 0);
    int64_t values = frames * p.audio_samples_per_token;
    float *features = arena_allocate(arena, (size_t)values * sizeof *features);
    unsigned char *mask = arena_allocate(arena, (size_t)frames);
    gemma4_unified_audio_extract(&p, waveform, frames, features, mask);
    for (int64_t i = 0; i < values; i++)
        if (!isfinite(features[i])) abort();
    for (int64_t i = 0; i < frames; i++)
        if (mask[i] > 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    Arena arena = { 0 };
    if (size == 0) return -1;
    bool from_file = data[size - 1] & 16;
    Waveform waveform = from_file ? waveform_load_wav(fuzz_put("a.wav", data, size - 1), 16000, &arena, &error)
                                  : waveform_decode_wav(data, size - 1, "fuzz", 16000, &arena, &error);
    if (!error_is_set(&error)) check_features(waveform, data[size - 1], &arena);
    arena_free(&arena);
    return 0;
}
