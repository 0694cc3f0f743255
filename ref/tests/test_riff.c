/* test_riff.c - chunks that fill a file, and those that do not */
#include "audio/riff.h"

#include "wavs.h"

static const int16_t samples[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
enum { RIFF_SIZE = 4, FIRST_CHUNK = 12, DATA_NAME = 36, DATA_SIZE = 40 };

static int64_t data_size(const WavFile *file, Error *error)
{
    return riff_data_size(file->bytes, file->size, "a.wav", "; remedy", error);
}

static void assert_whole(const WavFile *file, int64_t size)
{
    Error error = { "" };
    ck_assert_int_eq(data_size(file, &error), size);
    assert_clean(&error);
}

static void assert_broken(const WavFile *file, const char *says)
{
    Error error = { "" };
    data_size(file, &error);
    assert_refused(&error, "a.wav", says);
    ck_assert_msg(strstr(error.message, ", expected ") && strstr(error.message, "; remedy"), "%s", error.message);
}

START_TEST(whole)
{
    WavFile file = wav_of(PCM16, samples, 20);
    assert_whole(&file, 20);
    file = wav_of(PCM16, NULL, 0);
    assert_whole(&file, 0);

    file = wav_begin();
    wav_chunk(&file, "junk", samples, 3);
    wav_format(&file, PCM16);
    wav_chunk(&file, "LIST", samples, 5);
    wav_chunk(&file, "data", samples, 7);
    wav_chunk(&file, "id3 ", samples, 4);
    wav_end(&file);
    assert_whole(&file, 7);
}
END_TEST

/* The byte that makes the last chunk even may be counted or not, and written or not. */
START_TEST(last_byte)
{
    WavFile file = wav_of(PCM16, samples, 7);
    assert_whole(&file, 7);
    file.size--;
    assert_whole(&file, 7);
    set_number(&file, RIFF_SIZE, (uint32_t)file.size - 8);
    assert_whole(&file, 7);
    file.size++;
    assert_whole(&file, 7);
}
END_TEST

static const struct {
    const char *bytes, *says;
    size_t size;
} others[] = {
    { "", "found an empty file, expected a WAV", 0 },
    { "RIFF\0\0\0\0WAV", "found a WAV of 11 bytes that ends in its header, expected a whole one", 11 },
    { "RIFF\0\0\0\0AVI LIST", "found another RIFF file, expected a WAV", 16 },
    { "fLaC0123456789", "found a FLAC, expected a WAV", 14 },
    { "OggS", "found an Ogg, expected a WAV", 4 },
    { "ID3\3........", "found an MP3, expected a WAV", 12 },
    { "RF64\xff\xff\xff\xffWAVE", "found an RF64, expected a WAV", 12 },
    { "some text, not sound", "found another format, expected a WAV", 20 },
    { "RIF", "found another format, expected a WAV", 3 },
};

START_TEST(another_format)
{
    WavFile file = { .size = others[_i].size };
    memcpy(file.bytes, others[_i].bytes, file.size);
    assert_broken(&file, others[_i].says);
}
END_TEST

static const struct {
    size_t at;
    uint32_t number;
    const char *says;
} lies[] = {
    { RIFF_SIZE, 54, "found a WAV of 64 bytes that says it has 62, expected as many" },
    { RIFF_SIZE, 58, "found a WAV of 64 bytes that says it has 66, expected as many" },
    { RIFF_SIZE, 0, "that says it has 8, expected as many" },
    { RIFF_SIZE, UINT32_MAX, "that says it has 4294967303, expected as many" },
    { DATA_SIZE, 21, "found 20 bytes in the chunk \"data\" of a WAV, expected 21, as it says" },
    { DATA_SIZE, UINT32_MAX, "found 20 bytes in the chunk \"data\" of a WAV, expected 4294967295, as it says" },
    { DATA_SIZE, 18, "found no chunk at byte 62 of a WAV, expected one or the end" },
    { DATA_SIZE, 8, "found no chunk at byte 52 of a WAV, expected one or the end" },
    { DATA_SIZE, 0, "found no chunk at byte 44 of a WAV, expected one or the end" },
    { FIRST_CHUNK + 4, 14, "found no chunk at byte 34 of a WAV" },
    { FIRST_CHUNK + 4, 44, "found a WAV without \"data\", expected sound" },
    { DATA_NAME, 0x20746d66, "found a WAV without \"data\", expected sound" },
    { FIRST_CHUNK, 0x6b6e756a, "found a WAV without \"fmt \" before \"data\"" },
};

START_TEST(a_lie)
{
    WavFile file = wav_of(PCM16, samples, 20);
    set_number(&file, lies[_i].at, lies[_i].number);
    assert_broken(&file, lies[_i].says);
}
END_TEST

START_TEST(wrong_chunks)
{
    WavFile file = wav_begin();
    wav_end(&file);
    assert_broken(&file, "found a WAV without \"data\"");
    wav_chunk(&file, "data", samples, 4);
    wav_format(&file, PCM16);
    wav_end(&file);
    assert_broken(&file, "found a WAV without \"fmt \" before \"data\"");
    file = wav_of(PCM16, samples, 4);
    wav_chunk(&file, "data", samples, 4);
    wav_end(&file);
    assert_broken(&file, "found a WAV of two chunks \"data\"");
}
END_TEST

/* Wherever a file is cut, it is refused. */
START_TEST(cut)
{
    WavFile file = wav_of(PCM16, samples, 20);
    for (file.size--; file.size > 0; file.size--) {
        Error error = { "" };
        WavFile honest = file; /* with the right size in its header */
        data_size(&file, &error);
        ck_assert_msg(error_is_set(&error), "%zu bytes", file.size);
        if (file.size < 12) continue;
        error = (Error){ "" };
        wav_end(&honest);
        data_size(&honest, &error);
        ck_assert_msg(error_is_set(&error), "%zu bytes", file.size);
    }
}
END_TEST

Suite *riff_suite(void)
{
    Suite *suite = suite_create("riff");
    TCase *tcase = theme(suite, "whole");
    tcase_add_test(tcase, whole);
    tcase_add_test(tcase, last_byte);
    tcase = theme(suite, "broken");
    tcase_add_loop_test(tcase, another_format, 0, COUNT(others));
    tcase_add_loop_test(tcase, a_lie, 0, COUNT(lies));
    tcase_add_test(tcase, wrong_chunks);
    tcase_add_test(tcase, cut);
    return suite;
}
