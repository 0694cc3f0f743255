/* wavs.h - WAV files to test with, and what Hugging Face makes of them (fixtures/audio/expected.json) */
#ifndef PLUMB_WAVS_H
#define PLUMB_WAVS_H

#include "helpers.h"

#define SOUNDS "fixtures/audio"
#define PLUCK SOUNDS "/pluck.wav"

const json_t *expected_sounds(void); /* expected.json, read once */

/* A WAV that is put together chunk by chunk. */
typedef struct {
    unsigned char bytes[1 << 12];
    size_t size;
} WavFile;

typedef struct {
    int tag, channels, rate, bits; /* tag 1: whole numbers, 3: float */
} WavFormat;

#define PCM16 ((WavFormat){ 1, 1, 16000, 16 })
#define FLOAT32 ((WavFormat){ 3, 1, 16000, 32 })

WavFile wav_begin(void);
void wav_chunk(WavFile *file, const char *name, const void *data, size_t size);
void wav_format(WavFile *file, WavFormat format);
void wav_end(WavFile *file);                                     /* sets the size in the header */
WavFile wav_of(WavFormat format, const void *data, size_t size); /* whole */
const char *write_wav(const char *name, const WavFile *file);    /* a temporary file of that name */
void set_number(WavFile *file, size_t at, uint32_t value);       /* 4 bytes: sizes are at 4 and at 40 of wav_of's */

#endif
