/* fuzz_png.c - libFuzzer feeds the PNG reader, and the steps behind it, with files that are nearly PNGs
 *
 *     make fuzz
 *
 * Any file may be refused; none may crash, leak, or leave a value unset. A small limit of pixels stands for the usual
 * one. The last byte, which no PNG reader looks at, says how the file is loaded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/image_processor.h"
#include "image/png.h"

enum { MAX_PIXELS = 1 << 14, SIGNATURE = 8, AROUND = 12 /* bytes of a chunk beside its data */ };

static uint32_t number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A flipped bit is nearly always refused for its chunk's checksum: most mutants get new ones. */
static void correct_checksums(uint8_t *data, size_t size)
{
    for (size_t at = SIGNATURE; size >= AROUND && at <= size - AROUND;) {
        size_t length = number(data + at);
        if (length > size - AROUND - at) return;
        uint32_t crc = (uint32_t)crc32(0, data + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++) data[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += AROUND + length;
    }
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8) correct_checksums(data, size);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    Arena arena = { 0 };
    if (size == 0) return -1;
    uint8_t how = data[size - 1];
    FILE *file = fmemopen((void *)data, size, "rb");
    PngOptions options = { .alpha = how & 1 ? ALPHA_DROPPED : ALPHA_OVER_WHITE, .max_pixels = MAX_PIXELS };
    Picture picture = picture_decode_png(file, "fuzz", options, &arena, &error);
    if (!error_is_set(&error)) {
        Gemma4ImageProcessor p = { .do_resize = how & 2,
                                   .do_rescale = true,
                                   .rescale_factor = 1.0 / 255,
                                   .patch_size = how & 4 ? 1 : 2,
                                   .max_soft_tokens = 70,
                                   .pooling_kernel_size = how & 8 ? 1 : 2,
                                   .flavour = how & 16 ? RESIZE_PIL : RESIZE_TORCHVISION };
        ImageFeatures features = (how & 32 ? gemma4_unified_image_preprocess
                                           : gemma4_image_preprocess)(&p, picture, "fuzz", &arena, &error);
        int64_t width = 3 * (int64_t)features.side * features.side;
        for (int64_t i = 0; !error_is_set(&error) && i < features.length * width; i++)
            if (!(features.pixel_values[i] >= 0 && features.pixel_values[i] <= 1)) abort();
    }
    fclose(file);
    arena_free(&arena);
    return 0;
}
