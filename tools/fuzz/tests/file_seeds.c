/* file_seeds.c - binary files of each kind: GGUF with each type of blocks, dumps that are folders, sounds, pictures */
#include <zip.h>

#include "checkpoint/gguf_types.h"
#include "dumps.h"
#include "ggufs.h"
#include "pictures.h"
#include "seeds.h"
#include "wavs.h"

/* ---------------------------------------------------------------- GGUF */

/* A number, a text, a list of numbers and one of texts */
static void put_keys(File *file)
{
    put_string(file, "general.alignment");
    put_u32(file, 4);
    put_u32(file, 32);
    put_string(file, "general.name");
    put_u32(file, 8);
    put_string(file, "a");
    put_string(file, "sizes");
    put_u32(file, 9);
    put_u32(file, 5);
    put_u64(file, 2);
    put_u64(file, 7);
    put_string(file, "tokens");
    put_u32(file, 9);
    put_u32(file, 8);
    put_u64(file, 1);
    put_string(file, "<pad>");
}

/* One tensor of two blocks, whose bytes are 1 */
static void put_type(uint32_t id, const GgufType *type)
{
    enum { KEYS = 4, BLOCKS = 2, ALIGNMENT = 32 };
    File file = { .size = 0 };
    put_head(&file, 3, 1, KEYS);
    put_keys(&file);
    put_tensor(&file, "blk.0.attn_q.weight", (uint64_t)type->block, BLOCKS, id, 0);
    file.size = (file.size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(file.bytes + file.size, 1, (size_t)(BLOCKS * type->bytes));
    file.size += (size_t)(BLOCKS * type->bytes);
    write_bytes(seed_path("gguf", type->name), file.bytes, file.size);
}

/* ---------------------------------------------------------------- dumps, sounds, pictures */

/* fuzz_npz.c takes them for a folder of .npy, one of safetensors, and a file alone, by the first byte. */
static void put_dumps(void)
{
    static const char *const dicts[] = { NPY("|b1", "False", "(4,)"), NPY("<i4", "False", "(2, 1)"),
                                         NPY("<f2", "True", "(2, 2)"), NPY("<u2", "False", "(4,)") };
    static const char header[] = "{\"data\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    for (int i = 0; i < COUNT(dicts); i++) {
        File file = { .bytes = "n", .size = 1 };
        size_t size;
        const unsigned char *npy = npy_bytes(1, dicts[i], "\0\1\0\1\0\1\0", 8, &size);
        put(&file, npy, size);
        write_bytes(seed_path("npz", arena_format(&scratch, "folder-%d", i)), file.bytes, file.size);
    }
    for (int i = 0; i < 2; i++) {
        File file = { .size = 0 };
        put(&file, i ? "d" : "s", 1);
        put_string(&file, header);
        put_u64(&file, 0);
        write_bytes(seed_path("npz", i ? "file" : "shard"), file.bytes, file.size);
    }
}

static void put_wavs(void)
{
    static const WavFormat formats[] = { { 1, 1, 16000, 8 },  { 1, 2, 16000, 16 }, { 1, 1, 16000, 24 },
                                         { 1, 1, 16000, 32 }, { 3, 1, 16000, 32 }, { 3, 2, 16000, 64 },
                                         { 6, 1, 16000, 8 },  { 7, 1, 16000, 8 },  { 1, 1, 8000, 16 } };
    static const unsigned char samples[48] = { 1, 0, 0, 0, 2 };
    for (int i = 0; i < COUNT(formats); i++)
        for (int how = 0; how < 32; how += 16) { /* the last byte says how it is read */
            WavFile wav = wav_of(formats[i], samples, sizeof samples);
            wav.bytes[wav.size++] = (unsigned char)(how + i);
            write_bytes(seed_path("wav", arena_format(&scratch, "kind-%d-%d", i, how)), wav.bytes, wav.size);
        }
    const float bad[2] = { NAN, 1 };
    WavFile wav = wav_of(FLOAT32, bad, sizeof bad);
    wav.bytes[wav.size++] = 0;
    write_bytes(seed_path("wav", "nan"), wav.bytes, wav.size);
}

/* A frame of an animation that is, and one that is not, the whole picture */
static void put_animations(void)
{
    for (unsigned char width = 1; width < 3; width++) {
        const unsigned char control[26] = { [7] = width, [11] = 1 }, animation[8] = { [3] = 1 };
        PngFile png = png_begin(1, 1, 2, 8);
        png_chunk(&png, "acTL", animation, sizeof animation);
        png_chunk(&png, "fcTL", control, sizeof control);
        png_rows(&png, "\0\1\2\3", 4);
        copy_file(png_end(&png, "animation.png"), seed_path("png", arena_format(&scratch, "animation-%d", width)));
    }
}

/* Packages that plumb submit never writes: a name with a space, and a byte that its checksum is not of */
static void put_packages(void)
{
    static const char *const names[] = { "a b", "submission.json" };
    for (int i = 0; i < COUNT(names); i++) {
        const char *path = seed_path("submission", arena_format(&scratch, "package-%d", i));
        zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
        zip_int64_t index = zip_file_add(zip, names[i], zip_source_buffer(zip, "{ }", 3, 0), 0);
        zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0);
        ck_assert_int_eq(zip_close(zip), 0);
        size_t size;
        char *bytes = read_text(path, &size), *body = memmem(bytes, size, "{ }", 3);
        body[1] = '!';
        write_bytes(path, bytes, size);
    }
}

void put_files(void)
{
    for (uint32_t id = 0; id < 64; id++) {
        const GgufType *type = gguf_type(id);
        if (type && type->bytes > 0) put_type(id, type);
    }
    put_dumps();
    put_wavs();
    put_animations();
    put_packages();
}
