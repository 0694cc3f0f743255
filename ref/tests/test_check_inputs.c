/* test_check_inputs.c - every refusal, so that a forward pass cannot fail */
#include <sys/stat.h>
#include <unistd.h>

#include "helpers.h"
#include "model.h"

/* Inputs for the fixture, which takes patches of 768 values, pools 3 x 3, and has 32 positions a side. What is 0 is as
 * it should be. */
typedef struct {
    int64_t batch, patches;
    int64_t grid; /* patch i lies at (i % grid, i / grid) */
    int pixel_rank, id_rank;
    int64_t width, id_patches, id_width;
    Dtype pixel_dtype, id_dtype;
    int64_t at, position; /* position_ids[at .. at + 1] */
    float pixel;          /* the last one */
} Given;

#define IMAGES(BATCH, PATCHES, GRID) .batch = BATCH, .patches = PATCHES, .grid = GRID

static int64_t count(int rank, const int64_t *shape)
{
    return array_elements(&(Array){ .rank = rank, .shape = { shape[0], shape[1], shape[2] } });
}

/* One array, by the bytes of each value. */
static void write_values(SafetensorsWriter *writer, const char *name, Dtype dtype, int rank, const int64_t *shape,
                         const void *values)
{
    safetensors_writer_begin(writer, name, dtype, rank, shape);
    safetensors_writer_append(writer, values, (size_t)count(rank, shape) * dtype_size(dtype));
}

static const char *write_inputs(const Given *given, const char *leave_out)
{
    const char *path = temporary("inputs.safetensors");
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    const int64_t pixel_shape[] = { given->batch, given->patches, given->width ? given->width : 768 };
    const int64_t id_shape[] = { given->batch, given->id_patches ? given->id_patches : given->patches,
                                 given->id_width ? given->id_width : 2 };
    int64_t pixel_count = count(3, pixel_shape), id_count = count(3, id_shape);
    float *pixels = arena_allocate(&scratch, (size_t)(pixel_count + 1) * sizeof *pixels);
    int64_t *ids = arena_allocate(&scratch, (size_t)(id_count + 1) * sizeof *ids);
    for (int64_t i = 0; i < pixel_count; i++) pixels[i] = i == pixel_count - 1 ? given->pixel : 0.5f;
    for (int64_t i = 0; i < id_count; i++) {
        int64_t patch = i / 2 % given->patches;
        ids[i] = i % 2 ? patch / given->grid : patch % given->grid;
        if (given->position && (i == given->at || i == given->at + 1)) ids[i] = given->position;
    }

    if (strcmp(leave_out, "pixel_values") != 0)
        write_values(writer, "pixel_values", given->pixel_dtype ? given->pixel_dtype : DTYPE_F32,
                     given->pixel_rank ? given->pixel_rank : 3, pixel_shape, pixels);
    if (strcmp(leave_out, "image_position_ids") != 0)
        write_values(writer, "image_position_ids", given->id_dtype ? given->id_dtype : DTYPE_I64,
                     given->id_rank ? given->id_rank : 3, id_shape, ids);
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    return path;
}

/* The fixture's model, with a key of config.json changed. */
static const char *model_with(const char *key, const char *value)
{
    const char *folder = temporary("model");
    mkdir(folder, 0700);
    copy_file(E2B "/model/model.safetensors", temporary("model/model.safetensors"));
    write_edited_json(E2B "/model/config.json", temporary("model/config.json"), key, value);
    return folder;
}

static void check(const char *folder, const char *path, Error *error)
{
    Model *model = model_open(folder, error);
    assert_clean(error);
    Inputs inputs = inputs_open(path, error);
    assert_clean(error);
    model_check(model, &inputs, error);
    inputs_close(&inputs);
    model_close(model);
}

static const Given good[] = {
    { IMAGES(2, 18, 6) },
    { IMAGES(1, 9, 3) },
    { IMAGES(0, 9, 3) },
    { IMAGES(3, 36, 6) },
    { IMAGES(1, 18, 3) },
    { IMAGES(1, 18, 6), .pixel_dtype = DTYPE_BF16 },
    { IMAGES(1, 9, 3), .id_dtype = DTYPE_I32 },
};

START_TEST(accepted)
{
    Error error = { "" };
    check(E2B "/model", write_inputs(&good[_i], ""), &error);
    assert_clean(&error);
}
END_TEST

static const struct {
    Given given;
    const char *says;
} bad[] = {
    { { IMAGES(1, 18, 6), .pixel_rank = 2 }, ": pixel_values: found shape [1, 18], expected [batch, patches, 768]" },
    { { IMAGES(1, 18, 6), .width = 767 }, ": pixel_values: found shape [1, 18, 767], expected" },
    { { IMAGES(1, 18, 6), .pixel_dtype = DTYPE_U8 }, ": pixel_values: found dtype U8, expected a float dtype" },
    { { IMAGES(1, 18, 6), .pixel = NAN }, ": pixel_values: found NaN or infinity, expected finite values" },
    { { IMAGES(1, 18, 6), .pixel = INFINITY }, ": pixel_values: found NaN or infinity, expected finite values" },
    { { IMAGES(1, 18, 6), .id_width = 3 }, ": image_position_ids: found shape [1, 18, 3], expected [1, 18, 2]" },
    { { IMAGES(1, 18, 6), .id_patches = 9 }, ": image_position_ids: found shape [1, 9, 2], expected [1, 18, 2]" },
    { { IMAGES(1, 18, 6), .id_rank = 2 }, ": image_position_ids: found shape [1, 18], expected [1, 18, 2]" },
    { { IMAGES(1, 18, 6), .id_dtype = DTYPE_F32 }, ": image_position_ids: found dtype F32, expected an integer dtype" },
    { { IMAGES(1, 18, 6), .at = 34, .position = 32 },
      ": image_position_ids: found position 32 at patch 17, expected less "
      "than position_embedding_size 32" },
    { { IMAGES(1, 17, 6) }, ": pixel_values: found 17 patches, expected a multiple of 9 to pool 3 x 3" },
    { { IMAGES(1, 8, 6) }, ": pixel_values: found 8 patches, expected a multiple of 9" },
    { { IMAGES(1, 0, 6) }, ": pixel_values: found 0 patches, expected a multiple of 9" },
    { { IMAGES(1, 18, 9) }, ": image_position_ids: found patch 6 of image 0 in soft token 2, expected less than 2" },
    { { IMAGES(2, 18, 6), .at = 70, .position = 31 },
      ": image_position_ids: found patch 17 of image 1 in soft token " },
    { { IMAGES(1, 18, 1) }, ": image_position_ids: found positions that pool to 1 soft tokens, expected 2" },
};

START_TEST(refused)
{
    Error error = { "" };
    const char *path = write_inputs(&bad[_i].given, "");
    check(E2B "/model", path, &error);
    assert_refused(&error, path, bad[_i].says);
}
END_TEST

static const struct {
    const char *name, *says;
} missing[] = {
    { "pixel_values", ": found neither input_ids nor pixel_values nor input_features, expected one of them" },
    { "image_position_ids", ": image_position_ids: found no such input, expected [batch, patches, 2]" },
};

START_TEST(missing_input)
{
    Error error = { "" };
    const char *path = write_inputs(&good[0], missing[_i].name);
    check(E2B "/model", path, &error);
    assert_refused(&error, path, missing[_i].says);
}
END_TEST

START_TEST(no_vision_part)
{
    Error error = { "" };
    check(model_with("vision_config", "null"), write_inputs(&good[0], ""), &error);
    assert_refused(&error, temporary("model/config.json"), ": vision_config: found none, expected one");
}
END_TEST

/* Squared, it would not fit an int. */
START_TEST(enormous_kernel)
{
    Error error = { "" };
    model_close(model_open(model_with("vision_config.pooling_kernel_size", "65536"), &error));
    assert_refused(&error, temporary("model/config.json"),
                   "pooling_kernel_size: found 65536, expected a whole number from 1 to 16");
}
END_TEST

Suite *check_inputs_suite(void)
{
    Suite *suite = suite_create("check_inputs");
    TCase *tcase = theme(suite, "inputs");
    tcase_add_loop_test(tcase, accepted, 0, COUNT(good));
    tcase_add_loop_test(tcase, refused, 0, COUNT(bad));
    tcase_add_loop_test(tcase, missing_input, 0, COUNT(missing));
    tcase = theme(suite, "model");
    tcase_add_test(tcase, no_vision_part);
    tcase_add_test(tcase, enormous_kernel);
    return suite;
}
