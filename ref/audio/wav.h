/* wav.h - a WAV file as samples, the ones that Hugging Face's feature extractor begins with
 *
 *     Waveform waveform = waveform_load_wav("a.wav", 16000, &arena, &error);
 *
 * One channel at the sampling rate of the model, whole numbers of 16, 24 or 32 bits, or float. Whole numbers become
 * float32 from -1 to 1, divided by 2^15, 2^23 or 2^31; float stays as it is, also beyond 1. That is, bit for bit, what
 * Hugging Face's load_audio(path, backend="soundfile") gives, and soundfile.read(path, dtype="float32") and
 * librosa.load behind it. Nothing is resampled or mixed here: what is refused is refused with a command that does it as
 * they do.
 */
#ifndef PLUMB_WAV_H
#define PLUMB_WAV_H

#include <stdint.h>

#include "run/arena.h"
#include "run/error.h"

typedef struct {
    float *samples; /* [count] */
    int64_t count;
} Waveform;

Waveform waveform_load_wav(const char *path, int sampling_rate, Arena *arena, Error *error); /* at least one sample */
Waveform waveform_decode_wav(const unsigned char *bytes, size_t size, const char *path, int sampling_rate, Arena *arena,
                             Error *error);

#endif
