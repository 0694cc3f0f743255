/* test_wav.c - samples of every kind, and files that are refused */
#include "audio/wav.h"

#include <sys/stat.h>

#include "pictures.h"
#include "wavs.h"

enum { RATE = 16000 };

static Waveform load(const char *path)
{
    Error error = { "" };
    Waveform waveform = waveform_load_wav(path, RATE, &scratch, &error);
    assert_clean(&error);
    return waveform;
}

/* Every kind that is read, as soundfile reads it: fixtures/audio/expected.json */
START_TEST(as_soundfile)
{
    const json_t *row = json_array_get(json_object_get(expected_sounds(), "samples"), (size_t)_i);
    const char *file = json_string_value(json_object_get(row, "file"));
    Waveform w = load(arena_format(&scratch, SOUNDS "/%s", file));
    ck_assert_int_eq(w.count, json_integer_value(json_object_get(row, "count")));
    ck_assert_msg(crc_of(w.samples, (size_t)w.count * sizeof(float)) ==
                      json_integer_value(json_object_get(row, "samples")),
                  "%s differs", file);
}
END_TEST

static void assert_samples(WavFormat format, const void *data, size_t size, const float *expected)
{
    WavFile file = wav_of(format, data, size);
    Waveform w = load(write_wav("a.wav", &file));
    ck_assert_int_eq(w.count, (int64_t)size * 8 / format.bits);
    for (int64_t i = 0; i < w.count; i++) ck_assert_float_eq(w.samples[i], expected[i]);
}

/* The largest, the smallest, and where float32 has to round a whole number */
START_TEST(scale)
{
    assert_samples(PCM16, (int16_t[]){ 32767, -32768, 1, 0 }, 8, (float[]){ 32767.0f / 32768, -1, 1.0f / 32768, 0 });
    assert_samples((WavFormat){ 1, 1, RATE, 24 }, "\xff\xff\x7f\x00\x00\x80\x01\x00\x00", 9,
                   (float[]){ 8388607.0f / 8388608, -1, 1.0f / 8388608 });
    assert_samples((WavFormat){ 1, 1, RATE, 32 }, (int32_t[]){ INT32_MAX, INT32_MIN, 16777217 }, 12,
                   (float[]){ 1, -1, 16777216.0f / 2147483648.0f });
    assert_samples(FLOAT32, (float[]){ 1.5f, -1e30f, 1e-40f }, 12, (float[]){ 1.5f, -1e30f, 1e-40f });
}
END_TEST

START_TEST(one_sample) { assert_samples(PCM16, (int16_t[]){ 16384 }, 2, (float[]){ 0.5f }); }
END_TEST

/* ---------------------------------------------------------------- refused */

static void assert_broken(const WavFile *file, const char *says)
{
    Error error = { "" };
    const char *path = write_wav("a.wav", file);
    waveform_load_wav(path, RATE, &scratch, &error);
    assert_refused(&error, path, says);
}

static const struct {
    WavFormat format;
    const char *says;
} formats[] = {
    { { 1, 2, RATE, 16 }, "found 16000 Hz, 2 channels, Signed 16 bit PCM, expected 16000 Hz, 1 channel" },
    { { 1, 1, 44100, 16 }, "found 44100 Hz, 1 channel, Signed 16 bit PCM, expected 16000 Hz" },
    { { 1, 1, 8000, 24 }, "found 8000 Hz, 1 channel, Signed 24 bit PCM, expected 16000 Hz" },
    { { 1, 1, RATE, 8 }, "Unsigned 8 bit PCM, expected 16000 Hz, 1 channel, PCM of 16, 24 or 32 bits" },
    { { 3, 1, RATE, 64 }, "64 bit float, expected 16000 Hz, 1 channel, PCM of 16, 24 or 32 bits or float of 32" },
    { { 7, 1, RATE, 8 }, "U-Law, expected 16000 Hz, 1 channel" },
    { { 1, 0, RATE, 16 }, "found a broken WAV (" },
};

/* Each with the command that makes it right */
START_TEST(another_format)
{
    static const double zeros[8];
    WavFile file = wav_of(formats[_i].format, zeros, sizeof zeros);
    assert_broken(&file, formats[_i].says);
    assert_broken(&file, arena_format(&scratch,
                                      "; to make one: ffmpeg -i '%s' -ac 1 -af aresample=16000:resampler=soxr:"
                                      "rematrix_maxval=1 -c:a pcm_f32le mono.wav",
                                      temporary("a.wav")));
}
END_TEST

START_TEST(bad_samples)
{
    WavFile file = wav_of(PCM16, NULL, 0);
    assert_broken(&file, ": found no samples, expected some");
    file = wav_of(FLOAT32, (float[]){ 0, NAN, 0 }, 12);
    assert_broken(&file, "nan as sample 1, expected a number");
    file = wav_of(FLOAT32, (float[]){ 0, 0, INFINITY }, 12);
    assert_broken(&file, "found inf as sample 2, expected a number");
    file = wav_of(PCM16, "abc", 3);
    assert_broken(&file, ": found 3 bytes of sound and 1 samples, expected 2 bytes a sample");
    file = wav_of(PCM16, "abcd", 4);
    set_number(&file, 40, 2);
    assert_broken(&file, ": found no chunk at byte 46 of a WAV");
}
END_TEST

#define ENDLESS "Vmt \xf7\xff\xff\xff\x10\0\x10\0\x10\0\x10\0" /* a piece of a list that says it has 4 GB */

/* Neither takes minutes: libsndfile would read each of those bytes, in a list, or in sound that it takes for one. */
START_TEST(endless_lists)
{
    static const int16_t samples[] = { 16384, 0 };
    WavFile file = wav_of(PCM16, samples, sizeof samples);
    wav_chunk(&file, "LIST", "INFO" ENDLESS, 4 + sizeof ENDLESS - 1);
    wav_end(&file);
    Error error = { "" };
    Waveform w = waveform_load_wav(write_wav("a.wav", &file), RATE, &scratch, &error);
    assert_clean(&error);
    ck_assert_int_eq(w.count, 2);
    ck_assert_double_eq(w.samples[0], 0.5);

    static const char sound[] = "LIST\0\0\xff\xff" ENDLESS "-";
    file = wav_of(PCM16, sound, sizeof sound - 1);
    file.size--; /* the byte that makes the chunk even */
    assert_broken(&file, " bytes of sound and 12 samples, expected 2 bytes a sample");
}
END_TEST

START_TEST(no_file)
{
    Error error = { "" };
    waveform_load_wav(temporary("absent.wav"), RATE, &scratch, &error);
    assert_refused(&error, temporary("absent.wav"),
                   ": found no readable file (No such file or directory), expected a WAV");
    error = (Error){ "" };
    mkdir(temporary("folder.wav"), 0700);
    waveform_load_wav(temporary("folder.wav"), RATE, &scratch, &error);
    assert_refused(&error, temporary("folder.wav"), ": found something that is not a file, expected a WAV");
}
END_TEST

Suite *wav_suite(void)
{
    Suite *suite = suite_create("wav");
    TCase *tcase = theme(suite, "samples");
    tcase_add_loop_test(tcase, as_soundfile, 0, 8);
    tcase_add_test(tcase, scale);
    tcase_add_test(tcase, one_sample);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, another_format, 0, COUNT(formats));
    tcase_add_test(tcase, bad_samples);
    tcase_add_test(tcase, endless_lists);
    tcase_add_test(tcase, no_file);
    return suite;
}
