/* png.c - libpng, for the samples of a file and for what Pillow would know of it */
#include "image/png.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/regular_file.h"
#include "image/orientation.h"
#include "image/png_chunk.h"

enum { SIGNATURE = 8 };

typedef struct {
    png_structp png;
    png_infop info;
    FILE *file;
    const char *path;
    PngOptions options;
    PngFormat format;
    int orientation;
    char warning[128]; /* libpng's last; it often says why the error that follows came */
    Picture picture;
    Arena *arena;
    Error *error;
} Decoder;

/* ---------------------------------------------------------------- what libpng calls; errors end in a longjmp */

static void on_error(png_structp png, const char *message)
{
    Decoder *d = png_get_error_ptr(png);
    error_set(d->error, "%s: found a broken PNG (%s%s%s), expected a whole one", d->path, d->warning,
              *d->warning ? ": " : "", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, const char *message)
{
    Decoder *d = png_get_error_ptr(png);
    snprintf(d->warning, sizeof d->warning, "%s", message);
}

/* libpng goes on without a chunk that it has no memory for, and the picture would be another. */
static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    (void)png;
    return allocate_or_end(size);
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void read_bytes(png_structp png, png_bytep to, size_t size)
{
    Decoder *d = png_get_io_ptr(png);
    if (fread(to, 1, size, d->file) == size) return;
    png_error(png, ferror(d->file) ? strerror(errno) : "the file ends too early");
}

/* tRNS in Pillow's reading, which is not libpng's: no bounds, and the last one counts. Behind
 * the image data it comes too late. */
static void read_transparency(Decoder *d, const unsigned char *data, size_t size)
{
    PngFormat *format = &d->format;
    png_byte color = png_get_color_type(d->png, d->info);
    size_t least = color == PNG_RGB ? 6 : color == PNG_GRAY ? 2 : 0;
    if (size < least || size > sizeof format->transparency) png_error(d->png, "tRNS has a wrong length");
    memcpy(format->transparency, data, size);
    format->transparency_length = (int)size;
}

static int on_chunk(png_structp png, png_unknown_chunkp chunk)
{
    Decoder *d = png_get_user_chunk_ptr(png);
    const char *name = (const char *)chunk->name, *fault = NULL;
    const unsigned char *data = chunk->size ? chunk->data : (const unsigned char *)"";
    if (!(chunk->location & PNG_HAVE_IHDR))
        fault = "stands before IHDR";
    else if (!(name[0] & 0x20)) /* a capital */
        fault = "is critical, and unknown";
    else if (strcmp(name, "tRNS") == 0)
        read_transparency(d, data, chunk->size);
    else if (strcmp(name, "eXIf") == 0 && d->options.alpha == ALPHA_DROPPED)
        fault = orientation_from_exif(data, chunk->size, &d->orientation) ? NULL : "holds no EXIF";
    else if (strcmp(name, "fcTL") != 0 ||
             !(chunk->location & PNG_AFTER_IDAT)) /* the frames behind the first are not looked at */
        fault = png_chunk_fault(name, data, chunk->size, png_get_image_width(png, d->info),
                                png_get_image_height(png, d->info));
    if (fault) {
        snprintf(d->warning, sizeof d->warning, "%s", name);
        png_error(png, fault);
    }
    return 1; /* done with it */
}

/* ---------------------------------------------------------------- the file, front to back */

static void check_signature(Decoder *d)
{
    static const struct {
        const char *magic, *name;
    } others[] = { { "\xff\xd8\xff", "a JPEG" }, { "GIF8", "a GIF" }, { "RIFF", "a WebP" }, { "BM", "a BMP" },
                   { "II\x2a", "a TIFF" },       { "MM", "a TIFF" } };
    unsigned char bytes[SIGNATURE] = { 0 };
    size_t size = fread(bytes, 1, SIGNATURE, d->file);
    if (ferror(d->file)) {
        error_set(d->error, "%s: found nothing to read (%s), expected a PNG", d->path, strerror(errno));
    } else if (size == 0) {
        error_set(d->error, "%s: found an empty file, expected a PNG", d->path);
    } else if (size < SIGNATURE || png_sig_cmp(bytes, 0, SIGNATURE) != 0) {
        const char *found = "another format";
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (memcmp(bytes, others[i].magic, strlen(others[i].magic)) == 0) found = others[i].name;
        error_set(d->error, "%s: found %s, expected a PNG", d->path, found);
    }
}

static void read_header(Decoder *d)
{
    PngFormat *format = &d->format;
    png_read_info(d->png, d->info);
    png_uint_32 width = png_get_image_width(d->png, d->info), height = png_get_image_height(d->png, d->info);
    if ((int64_t)width * height > d->options.max_pixels) {
        error_set(d->error, "%s: found %u x %u pixels, expected at most %lld of them (--max-pixels)", d->path, width,
                  height, (long long)d->options.max_pixels);
        png_longjmp(d->png, 1);
    }
    d->picture = picture_new((int)width, (int)height, d->arena);
    format->color = (PngColor)png_get_color_type(d->png, d->info);
    format->depth = png_get_bit_depth(d->png, d->info);
    format->alpha = d->options.alpha;
    png_colorp palette = NULL;
    int entries = 0;
    png_get_PLTE(d->png, d->info, &palette, &entries);
    for (int i = 0; i < entries; i++)
        memcpy(format->palette[i], (unsigned char[]){ palette[i].red, palette[i].green, palette[i].blue }, 3);
    convert_to_rgb_begin(format);
    png_set_packing(d->png);
}

static void read_rows(Decoder *d)
{
    Picture p = d->picture;
    bool interlaced = png_set_interlace_handling(d->png) > 1;
    png_read_update_info(d->png, d->info);
    size_t row = png_get_rowbytes(d->png, d->info);
    png_bytep samples = arena_allocate(d->arena, row * (interlaced ? (size_t)p.height : 1));
    if (interlaced) {
        png_bytepp rows = arena_allocate(d->arena, (size_t)p.height * sizeof *rows);
        for (int y = 0; y < p.height; y++) rows[y] = samples + (size_t)y * row;
        png_read_image(d->png, rows);
    }
    for (int y = 0; y < p.height; y++) {
        if (!interlaced) png_read_row(d->png, samples, NULL);
        convert_to_rgb(&d->format, interlaced ? samples + (size_t)y * row : samples, (size_t)p.width,
                       p.pixels + (size_t)y * picture_row(p));
    }
    png_read_end(d->png, d->info);
}

/* libpng comes back here from wherever it was: nothing below but the Decoder is used afterwards. */
static void decode(Decoder *d)
{
    if (setjmp(png_jmpbuf(d->png))) return;
    png_set_read_fn(d->png, d, read_bytes);
    png_set_sig_bytes(d->png, SIGNATURE);
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* the number of pixels is what is limited here */
    png_set_crc_action(d->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* texts, times, color spaces */
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_ALWAYS, (png_const_bytep) "tRNS\0eXIf", 2);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_ALWAYS, png_chunk_names, PNG_CHUNK_NAMES);
    png_set_read_user_chunk_fn(d->png, d, on_chunk);
    read_header(d);
    read_rows(d);
}

Picture picture_decode_png(FILE *file, const char *path, PngOptions options, Arena *arena, Error *error)
{
    if (options.max_pixels == 0) options.max_pixels = PNG_MAX_PIXELS;
    Decoder d = { .file = file,
                  .path = path,
                  .options = options,
                  .format = { .transparency_length = -1 },
                  .orientation = 1,
                  .arena = arena,
                  .error = error };
    check_signature(&d);
    if (error_is_set(error)) return (Picture){ 0 };
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning, NULL, on_malloc, on_free);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (d.info)
        decode(&d);
    else if (!error_is_set(error))
        error_set(error, "%s: libpng cannot be used: out of memory", path);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    if (error_is_set(error)) return (Picture){ 0 };
    return upright(d.picture, d.orientation, arena);
}

Picture picture_load_png(const char *path, PngOptions options, Arena *arena, Error *error)
{
    struct stat status;
    FILE *file = regular_file_open(path, "a PNG", &status, error);
    if (!file) return (Picture){ 0 };
    Picture picture = picture_decode_png(file, path, options, arena, error);
    fclose(file);
    return picture;
}
