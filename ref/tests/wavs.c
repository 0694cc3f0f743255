/* wavs.c - WAV files to test with */
#include "wavs.h"

const json_t *expected_sounds(void)
{
    static json_t *expected;
    json_error_t why;
    if (!expected) expected = json_load_file(SOUNDS "/expected.json", 0, &why);
    ck_assert_msg(expected != NULL, SOUNDS "/expected.json: %s", why.text);
    return expected;
}

void set_number(WavFile *file, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) file->bytes[at + i] = (unsigned char)(value >> 8 * i);
}

static void put(WavFile *file, const void *data, size_t size)
{
    ck_assert_uint_le(file->size + size, sizeof file->bytes);
    if (size) memcpy(file->bytes + file->size, data, size);
    file->size += size;
}

static void put_number(WavFile *file, uint32_t value)
{
    put(file, "\0\0\0\0", 4);
    set_number(file, file->size - 4, value);
}

WavFile wav_begin(void)
{
    WavFile file = { .size = 0 };
    put(&file, "RIFF", 4);
    put_number(&file, 0);
    put(&file, "WAVE", 4);
    return file;
}

void wav_chunk(WavFile *file, const char *name, const void *data, size_t size)
{
    put(file, name, 4);
    put_number(file, (uint32_t)size);
    put(file, data, size);
    put(file, "", size % 2);
}

void wav_format(WavFile *file, WavFormat format)
{
    uint32_t frame = (uint32_t)(format.channels * format.bits / 8);
    put(file, "fmt ", 4);
    put_number(file, 16);
    put_number(file, (uint32_t)format.tag | (uint32_t)format.channels << 16);
    put_number(file, (uint32_t)format.rate);
    put_number(file, (uint32_t)format.rate * frame);
    put_number(file, frame | (uint32_t)format.bits << 16);
}

void wav_end(WavFile *file) { set_number(file, 4, (uint32_t)file->size - 8); }

WavFile wav_of(WavFormat format, const void *data, size_t size)
{
    WavFile file = wav_begin();
    wav_format(&file, format);
    wav_chunk(&file, "data", data, size);
    wav_end(&file);
    return file;
}

const char *write_wav(const char *name, const WavFile *file)
{
    write_bytes(temporary(name), file->bytes, file->size);
    return temporary(name);
}
