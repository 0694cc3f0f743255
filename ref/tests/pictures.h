/* pictures.h - PNG files and levels to test with, and what Hugging Face makes of them (fixtures/image/expected.json) */
#ifndef PLUMB_PICTURES_H
#define PLUMB_PICTURES_H

#include "helpers.h"
#include "image/image_processor.h"

#define IMAGES "fixtures/image"

const json_t *expected_images(void);             /* expected.json, read once */
uint32_t crc_of(const void *bytes, size_t size); /* CRC-32, as in the file */
uint32_t crc_of_picture(Picture picture);
Picture random_picture(int width, int height); /* the same for the same size */
Picture picture_of(int width, int height, const unsigned char *pixels);

extern const Gemma4ImageProcessor
    plain_processor; /* no resize; patches of 2 x 2, soft tokens of 2 x 2 of them, 3 at most */
void assert_features(const ImageFeatures *features, const json_t *row); /* of expected.json's "preprocess" */

/* A PNG that is put together chunk by chunk. */
typedef struct {
    unsigned char bytes[1 << 14];
    size_t size;
} PngFile;

void png_chunk(PngFile *file, const char *name, const void *data, size_t size);
PngFile png_begin(unsigned width, unsigned height, int color, int depth); /* signature and IHDR */
void png_rows(PngFile *file, const void *rows, size_t size);              /* IDAT of rows with their filter types */
const char *png_end(PngFile *file, const char *name); /* IEND; writes it as a temporary file of that name */

#endif
