/* test_processor.c - files of pictures to one file of inputs, whole or not at all */
#include "processor/processor.h"

#include <sys/stat.h>

#include "pictures.h"

#define PLUMB IMAGES "/plumb.png"

static const char *const plumb_twice[] = { PLUMB, PLUMB };

/* A model's folder, in the test's own; of the model only config.json is needed. */
static const char *model(void)
{
    const char *folder = temporary("model");
    mkdir(folder, 0700);
    write_text(temporary("model/config.json"),
               "{\"model_type\": \"gemma4\", \"vision_config\": {}, \"boi_token_id\": 7,"
               " \"eoi_token_id\": 8, \"image_token_id\": 9, \"video_token_id\": 6}");
    return folder;
}

static const char *video(const char *name, const char *const *frames, int count)
{
    const char *folder = temporary(name);
    mkdir(folder, 0700);
    for (int i = 0; i < count; i++) copy_file(frames[i], arena_format(&scratch, "%s/%d.png", folder, i));
    return folder;
}

static ProcessorReport write_inputs(const ProcessorRequest *request, Error *error)
{
    return gemma4_processor_write(model(), request, temporary("inputs"), &scratch, error);
}

static Safetensors *inputs_of(const ProcessorRequest *request, ProcessorReport *report)
{
    Error error = { "" };
    *report = write_inputs(request, &error);
    assert_clean(&error);
    Safetensors *file = safetensors_open(temporary("inputs"), &error);
    assert_clean(&error);
    return file;
}

/* Nothing is left behind, neither the file nor what becomes it. */
static void assert_not_written(const ProcessorRequest *request, const char *path, const char *says)
{
    Error error = { "" };
    write_inputs(request, &error);
    assert_refused(&error, path, says);
    FILE *inputs = fopen(temporary("inputs"), "rb"), *data = fopen(temporary("inputs.data~"), "rb");
    ck_assert(!inputs && !data);
}

static void assert_crc(const Array *array, const json_t *expected)
{
    size_t size = (size_t)array_elements(array) * dtype_size(array->dtype);
    ck_assert_msg(crc_of(array->data, size) == json_integer_value(expected), "%s differs", array->name);
}

START_TEST(two_images)
{
    ProcessorReport report;
    ProcessorRequest request = { .images = { plumb_twice, 2 }, .max_soft_tokens = 70 };
    Safetensors *file = inputs_of(&request, &report);
    ck_assert_int_eq(safetensors_count(file), 2);
    const Array *pixels = safetensors_find(file, "pixel_values"),
                *positions = safetensors_find(file, "image_position_ids");
    ck_assert(array_has_shape(pixels, SHAPE(2, 630, 768)) && pixels->dtype == DTYPE_F32);
    ck_assert(array_has_shape(positions, SHAPE(2, 630, 2)) && positions->dtype == DTYPE_I64);
    const json_t *row = json_array_get(json_object_get(expected_images(), "preprocess"), 0); /* torchvision, 70 */
    for (int i = 0; i < 2; i++) {
        Array one = array_at(pixels, i), where = array_at(positions, i);
        assert_crc(&one, json_object_get(row, "pixel_values"));
        assert_crc(&where, json_object_get(row, "image_position_ids"));
        PictureReport r = report.images[i];
        ck_assert_str_eq(r.path, PLUMB);
        ck_assert(r.width == 480 && r.height == 360 &&
                  r.soft_tokens == json_integer_value(json_object_get(row, "soft_tokens")));
        ck_assert(r.new_width == 432 && r.new_height == 336 && r.columns == 27 && r.rows == 21);
    }
    ck_assert_int_eq(report.prompt_length, 0);
    safetensors_close(file);
}
END_TEST

START_TEST(a_video)
{
    ProcessorReport report;
    const char *folder = video("video", plumb_twice, 2);
    ProcessorRequest request = { .videos = { &folder, 1 }, .flavour = RESIZE_PIL };
    Safetensors *file = inputs_of(&request, &report);
    const json_t *expected = json_object_get(expected_images(), "video");
    ck_assert_int_eq(safetensors_count(file), 3);
    assert_crc(safetensors_find(file, "pixel_values_videos"), json_object_get(expected, "pixel_values_videos"));
    assert_crc(safetensors_find(file, "video_position_ids"), json_object_get(expected, "video_position_ids"));
    const Array *frames = safetensors_find(file, "num_frames_per_video");
    ck_assert(array_has_shape(frames, SHAPE(1)));
    ck_assert_int_eq(array_integer(frames, 0), 2);
    ck_assert_int_eq(report.frame_count, 2);
    safetensors_close(file);
}
END_TEST

/* model_type says whose processors they are. */
START_TEST(the_unified_family)
{
    ProcessorReport report;
    const char *folder = video("video", plumb_twice, 2);
    ProcessorRequest request = { .images = { plumb_twice, 1 }, .videos = { &folder, 1 }, .max_soft_tokens = 70 };
    model();
    write_text(temporary("model/config.json"), "{\"model_type\": \"gemma4_unified\", \"vision_config\": {}}");
    Error error = { "" };
    report = gemma4_processor_write(temporary("model"), &request, temporary("inputs"), &scratch, &error);
    assert_clean(&error);
    Safetensors *file = safetensors_open(temporary("inputs"), &error);
    assert_clean(&error);
    const json_t *expected = json_object_get(expected_images(), "unified"),
                 *row = json_array_get(json_object_get(expected, "preprocess"), 0), /* torchvision, 70 */
                     *frames = json_object_get(expected, "video");
    ck_assert(array_has_shape(safetensors_find(file, "pixel_values"), SHAPE(1, 70, 6912)));
    assert_crc(safetensors_find(file, "pixel_values"), json_object_get(row, "pixel_values"));
    assert_crc(safetensors_find(file, "image_position_ids"), json_object_get(row, "image_position_ids"));
    assert_crc(safetensors_find(file, "pixel_values_videos"), json_object_get(frames, "pixel_values_videos"));
    assert_crc(safetensors_find(file, "video_position_ids"), json_object_get(frames, "video_position_ids"));
    PictureReport r = report.images[0];
    ck_assert(r.new_width == 432 && r.new_height == 336 && r.columns == 9 && r.rows == 7 && r.soft_tokens == 63);
    safetensors_close(file);
}
END_TEST

/* Frames lose their alpha however images are treated, as Hugging Face loads a list of paths. */
START_TEST(frames_are_loaded_by_path)
{
    ProcessorReport report;
    static const char *const frame[] = { IMAGES "/kinds/rgb-alpha-8-0.png" };
    const char *folders[] = { video("one", frame, 1), video("two", plumb_twice, 2) };
    ProcessorRequest request = { .images = { frame, 1 }, .videos = { folders, 2 }, .max_soft_tokens = 70 };
    Safetensors *file = inputs_of(&request, &report);
    const Array *image = safetensors_find(file, "pixel_values"),
                *frames = safetensors_find(file, "pixel_values_videos");
    ck_assert(array_has_shape(frames, SHAPE(3, 630, 768)));
    ck_assert_int_eq(array_integer(safetensors_find(file, "num_frames_per_video"), 0), 1);
    ck_assert_int_eq(array_integer(safetensors_find(file, "num_frames_per_video"), 1), 2);
    double difference = 0, a, b;
    for (int i = 0; i < 768; i++) {
        array_read_f64(image, i, 1, &a);
        array_read_f64(frames, i, 1, &b);
        difference += fabs(a - b);
    }
    ck_assert_double_gt(difference, 1);
    safetensors_close(file);
}
END_TEST

START_TEST(a_prompt)
{
    ProcessorReport report;
    const char *folder = video("video", plumb_twice, 1);
    ProcessorRequest request = { .images = { plumb_twice, 2 },
                                 .videos = { &folder, 1 },
                                 .max_soft_tokens = 70,
                                 .prompt_ids = "2 9 3 7 9 8 7 6 8",
                                 .prompt_name = "ids" };
    Safetensors *file = inputs_of(&request, &report);
    int64_t n = report.images[0].soft_tokens, length = 2 + 3 * (n + 2);
    const Array *ids = safetensors_find(file, "input_ids"), *types = safetensors_find(file, "mm_token_type_ids"),
                *mask = safetensors_find(file, "attention_mask");
    ck_assert_int_eq(report.prompt_length, length);
    ck_assert(array_has_shape(ids, SHAPE(1, length)) && array_has_shape(types, SHAPE(1, length)));
    ck_assert(array_has_shape(mask, SHAPE(1, length)) && ids->dtype == DTYPE_I64);
    int64_t counts[3] = { 0 };
    for (int64_t i = 0; i < length; i++) {
        ck_assert_int_eq(array_integer(mask, i), 1);
        counts[array_integer(types, i)]++;
    }
    ck_assert(counts[1] == 2 * n && counts[2] == n);
    safetensors_close(file);

    request.prompt_ids = "2 9";
    remove(temporary("inputs"));
    assert_not_written(&request, "ids", ": found 1 image placeholders, expected 2");
    request.prompt_ids = "two";
    assert_not_written(&request, "ids", ": found \"two\" as token 0, expected a token id");
}
END_TEST

START_TEST(prompt_alone)
{
    ProcessorReport report;
    Safetensors *file = inputs_of(&(ProcessorRequest){ .prompt_ids = "2 3", .prompt_name = "ids" }, &report);
    ck_assert_int_eq(safetensors_count(file), 3);
    safetensors_close(file);
}
END_TEST

/* ---------------------------------------------------------------- refused */

static const struct {
    const char *config, *says;
} configs[] = {
    { "{\"model_type\": \"gemma4_text\"}", ": model_type: found gemma4_text, expected gemma4 or gemma4_unified" },
    { "{\"model_type\": \"gemma4\", \"vision_config\": null}", ": vision_config: found null, expected one" },
    { "{}", ": model_type: found no such key" },
    { "{", ": found invalid JSON" },
};

START_TEST(configuration)
{
    Error error = { "" };
    const char *folder = temporary("other");
    mkdir(folder, 0700);
    write_text(temporary("other/config.json"), configs[_i].config);
    ProcessorRequest request = { .images = { plumb_twice, 1 } };
    gemma4_processor_write(folder, &request, temporary("inputs"), &scratch, &error);
    assert_refused(&error, temporary("other/config.json"), configs[_i].says);
}
END_TEST

START_TEST(pictures)
{
    const char *second[] = { PLUMB, temporary("absent.png") };
    assert_not_written(&(ProcessorRequest){ .images = { second, 2 } }, second[1],
                       ": found no readable file (No such file or directory)");
    const char *folder = temporary("nowhere");
    assert_not_written(&(ProcessorRequest){ .videos = { &folder, 1 } }, folder,
                       ": found no folder (No such file or directory), expected");
    assert_not_written(&(ProcessorRequest){ .images = { plumb_twice, 1 }, .png = { .max_pixels = 1 } }, PLUMB,
                       ": found 480 x 360 pixels, expected at most 1");

    static const char *const mixed[] = { PLUMB, PLUMB, IMAGES "/kinds/rgb-8-0.png" };
    folder = video("mixed", mixed, 3);
    assert_not_written(&(ProcessorRequest){ .videos = { &folder, 1 } }, temporary("mixed/2.png"),
                       "pixels, expected 480 x 360, as of the video's first frame");
}
END_TEST

/* Without a resize, pictures of more patches than the budget are not padded to one length. */
START_TEST(other_lengths)
{
    PngFile larger = png_begin(640, 1, PNG_GRAY, 8), fitting = png_begin(4, 1, PNG_GRAY, 8);
    unsigned char row[641] = { 0 };
    png_rows(&larger, row, 641);
    png_rows(&fitting, row, 5);
    const char *paths[] = { png_end(&fitting, "fitting.png"), png_end(&larger, "larger.png") };
    model();
    write_text(temporary("model/preprocessor_config.json"), "{\"do_resize\": false, \"patch_size\": 1}");
    assert_not_written(&(ProcessorRequest){ .images = { paths, 2 }, .max_soft_tokens = 70 }, paths[1],
                       ": found 640 patches, expected 630, as of ");
    write_text(temporary("model/preprocessor_config.json"), "{\"resample\": 0}");
    assert_not_written(&(ProcessorRequest){ .images = { paths, 2 } }, temporary("model/preprocessor_config.json"),
                       ": resample: found 0");
}
END_TEST

Suite *processor_suite(void)
{
    Suite *suite = suite_create("processor");
    TCase *tcase = theme(suite, "written");
    tcase_add_test(tcase, two_images);
    tcase_add_test(tcase, a_video);
    tcase_add_test(tcase, the_unified_family);
    tcase_add_test(tcase, frames_are_loaded_by_path);
    tcase_add_test(tcase, a_prompt);
    tcase_add_test(tcase, prompt_alone);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, configuration, 0, COUNT(configs));
    tcase_add_test(tcase, pictures);
    tcase_add_test(tcase, other_lengths);
    return suite;
}
