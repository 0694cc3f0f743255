/* test_preprocess.c - plumb preprocess, and the pictures that run, grade and generate take */
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"
#include "pictures.h"

#define PLUMB "fixtures/image/plumb.png"
#define SMALL "--max-soft-tokens", "70" /* the fixture's model has positions for no more */

static const char *out(void) { return temporary("inputs.safetensors"); }

static int64_t dimension(const char *path, const char *array, int index)
{
    Error error = { "" };
    Safetensors *file = safetensors_open(path, &error);
    assert_clean(&error);
    const Array *found = safetensors_find(file, array);
    ck_assert_msg(found != NULL, "%s: there is no %s", path, array);
    int64_t value = found->shape[index];
    safetensors_close(file);
    return value;
}

static const char *frames(void)
{
    const char *folder = temporary("frames");
    mkdir(folder, 0700);
    copy_file(PLUMB, temporary("frames/1.png"));
    copy_file(PLUMB, temporary("frames/2.png"));
    return folder;
}

/* The case of tokens, its processor set so that a picture of 96 x 48 has 8 soft tokens. */
static const char *whole_case(void)
{
    const char *folder = copied_case(WHOLE);
    write_text(arena_format(&scratch, "%s/model/preprocessor_config.json", folder),
               "{\"do_resize\": false, \"patch_size\": 8, \"max_soft_tokens\": 70}");
    return folder;
}

static const char *picture_96x48(void)
{
    unsigned char rows[48][1 + 96 / 8] = { { 0 } }; /* black and white, by rows and by columns */
    for (int y = 0; y < 48; y++) memset(rows[y] + 1, y % 3 ? 0xf0 : 0x0f, 96 / 8);
    PngFile file = png_begin(96, 48, 0, 1);
    png_rows(&file, rows, sizeof rows);
    return png_end(&file, "96x48.png");
}

/* ---------------------------------------------------------------- preprocess */

START_TEST(report)
{
    Result result = plumb("preprocess", E2B, "--image", PLUMB, "--max-soft-tokens", "280", "--out", out());
    assert_status(result, 0);
    ck_assert_str_eq(result.err, "");
    ck_assert_msg(strstr(result.out, PLUMB) &&
                      strstr(result.out, "480 x 360   ->  912 x 672    57 x 42  patches   266 soft tokens"),
                  "%s", result.out);
    ck_assert_int_eq(dimension(out(), "pixel_values", 1), 2520);
}
END_TEST

/* Arguments behind --image are images, until the next option; CASE may stand before or after. */
START_TEST(images_in_a_row)
{
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, PLUMB, "--out", out(), SMALL, "--image", PLUMB), 0);
    ck_assert_int_eq(dimension(out(), "pixel_values", 0), 3);
    assert_status(plumb("preprocess", "--image", PLUMB, PLUMB, "--out", out(), E2B, SMALL), 0);
    ck_assert_int_eq(dimension(out(), "pixel_values", 0), 2);
    assert_status(plumb("preprocess", "--image=" PLUMB, PLUMB, "--model", E2B "/model", "--out", out(), SMALL), 0);
    ck_assert_int_eq(dimension(out(), "pixel_values", 0), 2);
}
END_TEST

START_TEST(video_and_prompt)
{
    write_text(temporary("ids.txt"), "2 60 58,61 59\n58 61 59\n");
    Result result = plumb("preprocess", E2B, "--image", PLUMB, "--video", frames(), "--fps", "0.5", "--prompt-ids",
                          temporary("ids.txt"), SMALL, "--out", out());
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "63 soft tokens  at 00:00\n") && strstr(result.out, "63 soft tokens  at 00:02\n"),
                  "%s", result.out);
    ck_assert_msg(strstr(result.out, "prompt: 196 tokens\n") != NULL, "%s", result.out);
    ck_assert_int_eq(dimension(out(), "input_ids", 1), 1 + 3 * 65);
    ck_assert_int_eq(dimension(out(), "pixel_values_videos", 0), 2);

    /* The flavour is that of images, where there are some. */
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, "--video", frames(), "--resize", "pil", "--out", out()),
                  0);
}
END_TEST

/* The flavours and the two ways of loading give different pixels of this file. */
START_TEST(choices_change_pixels)
{
    static const char *const options[][2] = { { "--resize", "pil" },
                                              { "--load", "path" },
                                              { "--max-soft-tokens", "140" } };
    const char *image = "fixtures/image/kinds/rgb-alpha-8-0.png", *other = temporary("other.safetensors");
    assert_status(plumb("preprocess", E2B, "--image", image, "--out", out()), 0);
    for (int i = 0; i < COUNT(options); i++) {
        assert_status(plumb("preprocess", E2B, "--image", image, options[i][0], options[i][1], "--out", other), 0);
        assert_status(plumb("compare", out(), other, "--limit", "0"), 1);
    }
}
END_TEST

/* ---------------------------------------------------------------- where a model runs */

START_TEST(run_takes_pictures)
{
    const char *one = temporary("1.safetensors"), *two = temporary("2.safetensors"), *parent = temporary("place");
    mkdir(parent, 0700);
    setenv("TMPDIR", parent, 1);
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, PLUMB, SMALL, "--out", out()), 0);
    assert_status(plumb("run", E2B, "--inputs", out(), "--out", one), 0);
    assert_status(plumb("run", E2B, "--image", PLUMB, PLUMB, SMALL, "--out", two), 0);
    assert_status(plumb("compare", one, two, "--limit", "0"), 0);
    assert_status(plumb("grade", E2B, two, "--image", PLUMB, PLUMB, SMALL), 0);
    assert_status(plumb("grade", "--model", E2B "/model", "--image", PLUMB, SMALL, two), 2);
    ck_assert_int_eq(files_in(parent), 0);
    unsetenv("TMPDIR");
}
END_TEST

START_TEST(generate_takes_pictures)
{
    const char *folder = whole_case(), *image = picture_96x48();
    Result result = plumb("generate", folder, "--image", image, "--prompt-ids", "2 316 3", "--max-new-tokens", "2",
                          "--ignore-eos");
    assert_status(result, 0);
    assert_status(plumb("preprocess", folder, "--image", image, "--prompt-ids", "2 316 3", "--out", out()), 0);
    ck_assert_int_eq(dimension(out(), "input_ids", 1), 2 + 10);
    Result again = plumb("generate", folder, "--inputs", out(), "--max-new-tokens", "2", "--ignore-eos");
    assert_status(again, 0);
    ck_assert_str_eq(result.out, again.out);
    assert_status(plumb("run", folder, "--prompt-ids", "2 3 4", "--only", "logits"), 0);
}
END_TEST

/* ---------------------------------------------------------------- bad usage and bad input */

static const struct {
    const char *arguments[8], *says;
} usage[] = {
    { { "--image", PLUMB, "--out", "/absent/x" }, "found no CASE, expected one, or --model" },
    { { E2B, "--out", "/absent/x" }, "found no --image, --video or --audio, expected one of them" },
    { { E2B, "--prompt-ids", "2", "--out", "/absent/x" }, "found no --image, --video or --audio" },
    { { E2B, "--image", PLUMB }, "found no --out, expected it" },
    { { E2B, E2B, "--image", PLUMB, "--out", "/absent/x" }, "Usage" },
    { { E2B, "--image", PLUMB, "--resize", "opencv" }, "--resize: found opencv, expected torchvision or pil" },
    { { E2B, "--image", PLUMB, "--load", "white" }, "--load: found white, expected opened or path" },
    { { E2B, "--image", PLUMB, "--max-soft-tokens", "100" }, "found 100, expected one of 70, 140, 280, 560, 1120" },
    { { E2B, "--image", PLUMB, "--max-soft-tokens", "70x" }, "found 70x, expected one of 70, 140, 280, 560, 1120" },
    { { E2B, "--image", PLUMB, "--max-pixels", "0" }, "--max-pixels: found 0, expected a whole number" },
    { { E2B, "--image", PLUMB, "--fps", "0" }, "--fps: found 0, expected a number above 0" },
    { { E2B, "--image", PLUMB, "--fps", "nan" }, "--fps: found nan, expected a number above 0" },
    { { E2B, "--image", PLUMB, "--fps", "2/3" }, "--fps: found 2/3, expected a number above 0" },
};

START_TEST(bad_usage)
{
    const char *arguments[9] = { "preprocess" };
    for (int i = 0; usage[_i].arguments[i]; i++) arguments[i + 1] = usage[_i].arguments[i];
    Result result = run_plumb(arguments);
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, usage[_i].says) != NULL, "%s", result.err);
}
END_TEST

static void assert_refusal(Result result, const char *file, const char *says)
{
    assert_one_line(result, (const char *const[]){ file, says, NULL });
    ck_assert(!is_there(out()));
    ck_assert_str_eq(result.out, "");
}

START_TEST(bad_input)
{
    size_t size;
    const char *whole = read_text(PLUMB, &size), *png = temporary("a.png");
    const char *const preprocess[] = { "preprocess", E2B, "--image", png, "--out", out(), NULL };
    assert_refusal(run_plumb(preprocess), png, "found no readable file (No such file or directory), expected a PNG");
    write_text(png, "");
    assert_refusal(run_plumb(preprocess), png, "found an empty file, expected a PNG");
    write_text(png, "\xff\xd8\xff\xe0 JFIF");
    assert_refusal(run_plumb(preprocess), png, "found a JPEG, expected a PNG");
    write_bytes(png, whole, size / 2);
    assert_refusal(run_plumb(preprocess), png, "found a broken PNG (the file ends too early), expected a whole one");
    write_bytes(png, whole, size);
    assert_refusal(plumb("preprocess", E2B, "--image", png, "--max-pixels", "172799", "--out", out()), png,
                   "found 480 x 360 pixels, expected at most 172799 of them (--max-pixels)");
    assert_refusal(plumb("preprocess", E2B, "--image", png, "--prompt-ids", "2", "--out", out()), "--prompt-ids",
                   "found 0 image placeholders, expected 1, one for each image");
    assert_refusal(plumb("preprocess", E2B, "--image", png, "--prompt-ids", "nowhere.txt", "--out", out()),
                   "nowhere.txt",
                   "found no readable file (No such file or directory), expected token ids, or a file of them");
    write_text(temporary("ids.txt"), "2 sixty");
    assert_refusal(plumb("preprocess", E2B, "--image", png, "--prompt-ids", temporary("ids.txt"), "--out", out()),
                   "ids.txt", "found \"sixty\" as token 1, expected a token id");
    assert_refusal(plumb("preprocess", E2B, "--video", frames(), "--resize", "pil", "--out", out()), "--resize",
                   "found pil, expected torchvision");
    assert_refusal(plumb("preprocess", TEXT, "--image", png, "--out", out()), "config.json",
                   "model_type: found gemma4_text");
    assert_refusal(plumb("preprocess", "--model", temporary("absent"), "--image", png, "--out", out()), "config.json",
                   "found no readable file (No such file");
    assert_refusal(plumb("run", E2B, "--image", png, "--inputs", E2B "/inputs.safetensors"), "--inputs",
                   "found --image, --video, --audio or --prompt-ids too, expected either");
    assert_refusal(plumb("run", E2B, "--image", png, "--max-soft-tokens", "280"), "image_position_ids",
                   "expected less than position_embedding_size 32");
}
END_TEST

Suite *preprocess_suite(void)
{
    Suite *suite = suite_create("preprocess");
    TCase *tcase = theme(suite, "preprocess");
    tcase_add_test(tcase, report);
    tcase_add_test(tcase, images_in_a_row);
    tcase_add_test(tcase, video_and_prompt);
    tcase_add_test(tcase, choices_change_pixels);
    tcase = theme(suite, "models");
    tcase_add_test(tcase, run_takes_pictures);
    tcase_add_test(tcase, generate_takes_pictures);
    tcase = theme(suite, "bad");
    tcase_add_loop_test(tcase, bad_usage, 0, COUNT(usage));
    tcase_add_test(tcase, bad_input);
    return suite;
}
