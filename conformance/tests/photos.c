/* photos.c - pictures like photographs, and dumps of what preprocessors make of them */
#include "photos.h"

/* A number for a point of a lattice, 0 .. 1 */
static double lattice(int x, int y, int seed)
{
    uint32_t n = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + (uint32_t)seed * 2246822519u;
    n = (n ^ n >> 13) * 1274126177u;
    return (double)((n ^ n >> 16) & 0xffff) / 65535;
}

static double between(double x, double y, int seed)
{
    int left = (int)x, top = (int)y;
    double right = x - left, down = y - top;
    double above = lattice(left, top, seed) * (1 - right) + lattice(left + 1, top, seed) * right;
    double below = lattice(left, top + 1, seed) * (1 - right) + lattice(left + 1, top + 1, seed) * right;
    return above * (1 - down) + below * down;
}

Picture photo(int width, int height)
{
    Picture picture = picture_new(width, height, &scratch);
    unsigned char *to = picture.pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                double level = (x / 37 + y / 53) % 3 == 0 ? 60 : 110;
                for (int size = 1, amplitude = 18; size <= 64; size *= 4, amplitude += 24)
                    level += amplitude * (between((double)x / size, (double)y / size, size + c) - 0.5);
                *to++ = (unsigned char)(level < 0 ? 0 : level > 255 ? 255 : level);
            }
    return picture;
}

Picture waves(int width, int height, double waviness)
{
    Picture picture = picture_new(width, height, &scratch);
    for (int i = 0; i < 3 * width * height; i++) {
        int x = i / 3 % width, y = i / 3 / width;
        picture.pixels[i] = (unsigned char)(128 + 90 * sin(x * waviness + i % 3) * cos(y * waviness));
    }
    return picture;
}

Pictures *pictures_in_memory(const Picture *list, int count, int max_soft_tokens)
{
    Error error = { "" };
    Pictures *p = memset(arena_allocate(&scratch, sizeof *p), 0, sizeof *p);
    gemma4_image_processor_load(&p->processor, E2B "/model", RESIZE_TORCHVISION, max_soft_tokens, &error);
    assert_clean(&error);
    p->count = count;
    p->pictures = memcpy(arena_allocate(&scratch, (size_t)count * sizeof *list), list, (size_t)count * sizeof *list);
    p->paths = arena_allocate(&scratch, (size_t)count * sizeof *p->paths);
    for (int i = 0; i < count; i++) p->paths[i] = "photo";
    return p;
}

Patches honest_patches(const Pictures *pictures, HonestPreprocessing way)
{
    Preprocessing how = honest_preprocessing(pictures, way);
    return preprocess(pictures, &how, &scratch);
}

Array as_bf16(const Array *array)
{
    Array narrow = *array;
    int64_t count = array_elements(array);
    uint16_t *bits = arena_allocate(&scratch, (size_t)count * sizeof *bits);
    for (int64_t i = 0; i < count; i++) {
        uint32_t wide;
        memcpy(&wide, array->data + 4 * i, 4);
        bits[i] = (uint16_t)((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
    }
    narrow.dtype = DTYPE_BF16;
    narrow.data = (const unsigned char *)bits;
    return narrow;
}

static void write_array(SafetensorsWriter *writer, const char *name, const Array *array)
{
    if (!array) return;
    safetensors_writer_begin(writer, name, array->dtype, array->rank, array->shape);
    safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
}

Dump *dump_of_patches(const Array *pixel_values, const Array *image_position_ids)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("patches.safetensors"), &error);
    assert_clean(&error);
    write_array(writer, "pixel_values", pixel_values);
    write_array(writer, "image_position_ids", image_position_ids);
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(temporary("patches.safetensors"), &error);
    assert_clean(&error);
    return dump;
}
