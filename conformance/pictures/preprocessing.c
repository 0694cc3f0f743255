/* preprocessing.c - read, resize, cut into patches */
#include "pictures/preprocessing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/config.h"

/* ---------------------------------------------------------------- pictures */

static void check_model_type(const char *model_folder, Arena *arena, Error *error)
{
    ConfigReader at = { .file = arena_format(arena, "%s/config.json", model_folder), .path = "", .error = error };
    json_t *config = config_open(at.file, error);
    at.object = config;
    const char *model_type = config_string(at, "model_type");
    if (!error_is_set(error) && strcmp(model_type, "gemma4") != 0)
        config_refuse(at, "model_type", model_type, "gemma4, whose pictures alone are graded");
    json_decref(config);
}

Pictures *pictures_open(const char *model_folder, const ProcessorRequest *request, Error *error)
{
    Pictures *p = allocate_zeroed(1, sizeof *p);
    check_model_type(model_folder, &p->arena, error);
    if (!error_is_set(error))
        gemma4_image_processor_load(&p->processor, model_folder, request->flavour, request->max_soft_tokens, error);
    p->count = request->images.count;
    p->paths = arena_allocate(&p->arena, (size_t)p->count * sizeof *p->paths);
    p->pictures = arena_allocate(&p->arena, (size_t)p->count * sizeof *p->pictures);
    for (int i = 0; i < p->count && !error_is_set(error); i++) {
        p->paths[i] = arena_format(&p->arena, "%s", request->images.paths[i]);
        p->pictures[i] = picture_load_png(p->paths[i], request->png, &p->arena, error);
        ArenaMark mark = arena_mark(&p->arena); /* made once for what it refuses */
        if (!error_is_set(error)) gemma4_image_preprocess(&p->processor, p->pictures[i], p->paths[i], &p->arena, error);
        arena_release(&p->arena, mark);
    }
    if (!error_is_set(error)) return p;
    pictures_close(p);
    return NULL;
}

void pictures_close(Pictures *pictures)
{
    if (!pictures) return;
    arena_free(&pictures->arena);
    free(pictures);
}

/* ---------------------------------------------------------------- honest ways */

/* Real arithmetic, cut to the range of levels or not */
static const Resampling exact = { kernel_bicubic, 2, true, false, FINISH_CUT, false };
static const Resampling uncut = { kernel_bicubic, 2, true, false, FINISH_NONE, false };

Preprocessing honest_preprocessing(const Pictures *pictures, HonestPreprocessing way)
{
    ResizeFlavour asked = pictures->processor.flavour;
    ResizeFlavour other = asked == RESIZE_PIL ? RESIZE_TORCHVISION : RESIZE_PIL;
    return (Preprocessing){ .flavour = way == HONEST_OTHER ? other : asked,
                            .resampling = way == HONEST_EXACT   ? &exact
                                          : way == HONEST_UNCUT ? &uncut
                                                                : NULL };
}

const char *honest_preprocessing_name(const Pictures *pictures, HonestPreprocessing way)
{
    if (way == HONEST_EXACT) return "real arithmetic";
    if (way == HONEST_UNCUT) return "real arithmetic, not cut to 0 .. 1";
    return honest_preprocessing(pictures, way).flavour == RESIZE_PIL ? "pil" : "torchvision";
}

/* ---------------------------------------------------------------- patches */

double level_step(const Gemma4ImageProcessor *p, int channel)
{
    return (p->do_rescale ? p->rescale_factor : 1) / (p->do_normalize ? p->image_std[channel] : 1);
}

static void levels_to_patches(const Gemma4ImageProcessor *p, Levels levels, float *out)
{
    int side = p->patch_size;
    for (int row = 0; row < levels.height / side; row++)
        for (int column = 0; column < levels.width / side; column++)
            for (int y = row * side; y < (row + 1) * side; y++)
                for (int x = column * side; x < (column + 1) * side; x++)
                    for (int c = 0; c < 3; c++) {
                        double level = levels.values[3 * ((size_t)y * (size_t)levels.width + (size_t)x) + (size_t)c];
                        double zero = p->do_normalize ? p->image_mean[c] / p->image_std[c] : 0;
                        *out++ = (float)(level * level_step(p, c) - zero);
                    }
}

ImageSize size_in_pixels(const Pictures *pictures, int i, TargetSize *target_size)
{
    const Gemma4ImageProcessor *p = &pictures->processor;
    ImageSize size = { pictures->pictures[i].height, pictures->pictures[i].width };
    Error none = { "" }; /* pictures_open has seen it */
    if (!p->do_resize) return size;
    return target_size ? target_size(p, size) : get_aspect_ratio_preserving_size(p, size, pictures->paths[i], &none);
}

bool changes_size(const Pictures *pictures, TargetSize *target_size)
{
    for (int i = 0; i < pictures->count; i++) {
        ImageSize right = size_in_pixels(pictures, i, NULL);
        ImageSize other = size_in_pixels(pictures, i, target_size);
        if (other.width != right.width || other.height != right.height) return true;
    }
    return false;
}

/* ---------------------------------------------------------------- letterbox */

static ImageSize size_in_letterbox(Picture picture, ImageSize box)
{
    double across = (double)box.width / picture.width, down = (double)box.height / picture.height;
    double scale = across < down ? across : down;
    ImageSize size = { (int)ceil(picture.height * scale - 1e-9), (int)ceil(picture.width * scale - 1e-9) };
    return (ImageSize){ size.height < box.height ? size.height : box.height,
                        size.width < box.width ? size.width : box.width };
}

bool has_bars(const Pictures *pictures)
{
    for (int i = 0; i < pictures->count; i++) {
        ImageSize box = size_in_pixels(pictures, i, NULL), size = size_in_letterbox(pictures->pictures[i], box);
        if (pictures->processor.do_resize && (size.width < box.width || size.height < box.height)) return true;
    }
    return false;
}

/* Rows of pixels, of so many bytes each, in the middle of a black box */
static void *in_the_middle(const void *pixels, ImageSize size, ImageSize box, size_t pixel, Arena *arena)
{
    size_t bytes = pixel * (size_t)box.width * (size_t)box.height, row = pixel * (size_t)size.width;
    size_t left = pixel * (size_t)((box.width - size.width) / 2), top = (size_t)((box.height - size.height) / 2);
    unsigned char *to = memset(arena_allocate(arena, bytes), 0, bytes);
    for (size_t y = 0; y < (size_t)size.height; y++)
        memcpy(to + (top + y) * pixel * (size_t)box.width + left, (const unsigned char *)pixels + y * row, row);
    return to;
}

static Picture on_black(Picture p, ImageSize box, Arena *arena)
{
    void *pixels = in_the_middle(p.pixels, (ImageSize){ p.height, p.width }, box, 3, arena);
    return (Picture){ box.width, box.height, pixels };
}

static Levels levels_on_black(Levels l, ImageSize box, Arena *arena)
{
    void *values = in_the_middle(l.values, (ImageSize){ l.height, l.width }, box, 3 * sizeof(float), arena);
    return (Levels){ box.width, box.height, values };
}

/* ---------------------------------------------------------------- all of it */

/* [patches, width] of picture i. Hugging Face's own are those of ref/image, bit for bit. */
static void write_patches(const Pictures *pictures, int i, ImageSize size, const Preprocessing *how, float *out,
                          Arena *arena)
{
    Gemma4ImageProcessor p = pictures->processor;
    Picture picture = pictures->pictures[i];
    Error none = { "" };
    ArenaMark mark = arena_mark(arena);
    ImageSize filled = how->letterbox && p.do_resize ? size_in_letterbox(picture, size) : size;
    if (how->resampling) {
        Levels levels = resample(picture, filled.width, filled.height, how->resampling, arena);
        levels_to_patches(&p, how->letterbox ? levels_on_black(levels, size, arena) : levels, out);
    } else {
        p.flavour = how->flavour;
        if (p.do_resize) picture = resize(picture, filled.width, filled.height, how->flavour, arena);
        if (how->letterbox) picture = on_black(picture, size, arena);
        p.do_resize = false;
        ImageFeatures f = gemma4_image_preprocess(&p, picture, pictures->paths[i], arena, &none);
        size_t count = (size_t)f.columns * (size_t)f.rows * (size_t)gemma4_image_width(&p);
        memcpy(out, f.pixel_values, count * sizeof *out);
    }
    arena_release(arena, mark);
}

static Array array_of(const char *name, Dtype dtype, const int64_t *shape, Arena *arena)
{
    Array array = { .file = "preprocessing", .name = name, .dtype = dtype, .rank = 3 };
    memcpy(array.shape, shape, 3 * sizeof *shape);
    size_t bytes = (size_t)array_elements(&array) * dtype_size(dtype);
    array.data = memset(arena_allocate(arena, bytes), 0, bytes);
    return array;
}

Array array_of_floats(const char *name, int64_t count, int64_t length, int64_t width, Arena *arena)
{
    return array_of(name, DTYPE_F32, (int64_t[]){ count, length, width }, arena);
}

Array array_of_integers(const char *name, int64_t count, int64_t length, int64_t width, Arena *arena)
{
    return array_of(name, DTYPE_I64, (int64_t[]){ count, length, width }, arena);
}

Patches preprocess(const Pictures *pictures, const Preprocessing *how, Arena *arena)
{
    const Gemma4ImageProcessor *p = &pictures->processor;
    int side = p->patch_size, kernel = p->pooling_kernel_size;
    int64_t length = (int64_t)p->max_soft_tokens * kernel * kernel, width = gemma4_image_width(p);
    for (int i = 0; i < pictures->count; i++) {
        ImageSize size = size_in_pixels(pictures, i, how->target_size);
        int64_t patches = (int64_t)(size.height / side) * (size.width / side);
        if (patches > length) length = patches;
    }
    Patches patches = { array_of_floats("pixel_values", pictures->count, length, width, arena),
                        array_of_integers("image_position_ids", pictures->count, length, 2, arena) };
    for (int i = 0; i < pictures->count; i++) {
        ImageSize size = size_in_pixels(pictures, i, how->target_size);
        ImageFeatures f = { .columns = size.width / side, .rows = size.height / side, .length = length };
        write_patches(pictures, i, size, how, (float *)patches.pixel_values.data + i * length * width, arena);
        gemma4_image_position_ids(&f, (int64_t *)patches.image_position_ids.data + i * length * 2);
    }
    return patches;
}
