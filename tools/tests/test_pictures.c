/* test_pictures.c - dumps that hold pixels, wrong ones made on purpose, and cases that name their PNG files */
#include <sys/stat.h>

#include "command.h"
#include "pictures.h"

#define PLUMB "fixtures/image/plumb.png"
#define SMALL "--max-soft-tokens", "70" /* the fixture's model has positions for no more */

static const char *dump(void) { return temporary("dump.safetensors"); }

static void assert_says(Result result, const char *phrase)
{
    ck_assert_msg(strstr(result.out, phrase) != NULL, "no \"%s\" in:\n%s", phrase, result.out);
}

/* ---------------------------------------------------------------- grade, diagnose */

static const struct {
    const char *bug, *first_bent;
} bugs[] = {
    { "resize-square", "pixel_values" },
    { "resize-bilinear", "pixel_values" },
    { "resize-no-antialias", "pixel_values" },
    { "pixels-all-zero", "pixel_values" },
    { "patch-feature-order", "pixel_values" },
    { "vision-xy-swapped", "image_position_ids" },
    { "vision-grid-column-major", "image_position_ids" },
};

START_TEST(wrong_pixels_are_named)
{
    Result made = plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--bug", bugs[_i].bug, "--out", dump());
    assert_status(made, 0);
    assert_says(made, "480 x 360 ");
    Result graded = plumb("grade", E2B, dump(), "--image", PLUMB, SMALL);
    assert_status(graded, 1);
    assert_says(graded, arena_format(&scratch, "first bent step: %s ", bugs[_i].first_bent));
    Result found = plumb("diagnose", E2B, dump(), "--image", PLUMB, SMALL, "--json", temporary("d.json"));
    assert_status(found, 1);
    assert_says(found, arena_format(&scratch, "matches known bug %s\n", bugs[_i].bug));
    json_t *json = read_json(temporary("d.json"));
    ck_assert_str_eq(json_string_value(json_object_get(json, "named")), bugs[_i].bug);
    json_decref(json);
}
END_TEST

START_TEST(right_pixels_pass)
{
    static const char *const flavours[] = { "torchvision", "pil" };
    for (int i = 0; i < COUNT(flavours); i++) {
        assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--resize", flavours[i], "--prompt-ids", "2 60",
                            "--out", dump()),
                      0);
        Result graded = plumb("grade", E2B, dump(), "--image", PLUMB, SMALL, "--json", temporary("g.json"));
        assert_status(graded, 0);
        assert_says(graded, arena_format(&scratch, "bit for bit %s\n", flavours[i]));
        assert_says(graded, "no tap of this case: attention_mask, input_ids, mm_token_type_ids\n");
        assert_says(graded, "PASS  all 2 steps");
        json_t *json = read_json(temporary("g.json"));
        const json_t *step = json_array_get(json_object_get(json, "steps"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(step, "tap")), "pixel_values");
        ck_assert_str_eq(json_string_value(json_object_get(step, "verdict")), "pass");
        json_decref(json);
        assert_status(plumb("diagnose", E2B, dump(), "--image", PLUMB, SMALL), 0);
        assert_status(plumb("grade", E2B, dump(), "--image", PLUMB, SMALL, "--layers"), 0);
        assert_status(plumb("grade", E2B, dump(), "--image", PLUMB, SMALL, "--strict"), 1);
    }
}
END_TEST

/* Another flavour of the case is as right as the one that was asked for. */
START_TEST(both_flavours_are_honest)
{
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--out", dump()), 0);
    assert_says(plumb("grade", E2B, dump(), "--image", PLUMB, SMALL, "--resize", "pil"), "bit for bit torchvision\n");
}
END_TEST

/* Without the PNG files nobody knows what the pixels should be. */
START_TEST(without_pictures_pixels_are_unknown)
{
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--out", dump()), 0);
    Result result = plumb("grade", E2B, dump());
    assert_status(result, 3);
    ck_assert_msg(strstr(result.err, "no known tap") != NULL, "%s", result.err);
}
END_TEST

/* Behind a position that the model has no embedding for, nothing can be computed. */
START_TEST(what_the_model_cannot_take)
{
    const int64_t beyond = 5000;
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--prompt-ids", "2 60", "--out", dump()), 0);
    set_bytes(dump(), "image_position_ids", &beyond, sizeof beyond);
    set_field(dump(), "mm_token_type_ids", NULL, "model.embed_vision");
    Result result = plumb("grade", E2B, dump(), "--image", PLUMB, SMALL, "--json", temporary("g.json"));
    assert_status(result, 1);
    assert_says(result, "first bent step: image_position_ids ");
    assert_says(result, "nothing after the inputs was graded: ");
    assert_says(result, "found position 5000 at patch 0, expected less than position_embedding_size");
    assert_says(plumb("diagnose", E2B, dump(), "--image", PLUMB, SMALL), "nothing after the inputs was graded: ");
    json_t *json = read_json(temporary("g.json"));
    ck_assert(json_string_value(json_object_get(json, "stopped")) != NULL);
    json_decref(json);
}
END_TEST

/* ---------------------------------------------------------------- cases that name their PNG files */

static const char *case_of(const char *json)
{
    const char *folder = copied_case(E2B);
    copy_file(PLUMB, arena_format(&scratch, "%s/a.png", folder));
    write_text(arena_format(&scratch, "%s/case.json", folder), json);
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--out",
                        arena_format(&scratch, "%s/inputs.safetensors", folder)),
                  0);
    return folder;
}

START_TEST(case_names_its_pictures)
{
    const char *folder = case_of("{\"images\": [\"a.png\"], \"max_soft_tokens\": 70}");
    assert_status(plumb("preprocess", E2B, "--image", PLUMB, SMALL, "--bug", "resize-bilinear", "--out", dump()), 0);
    assert_says(plumb("diagnose", folder, dump()), "matches known bug resize-bilinear\n");
    Result other = plumb("grade", folder, dump(), "--inputs", arena_format(&scratch, "%s/inputs.safetensors", folder));
    assert_status(other, 3); /* inputs of one's own are of pictures of one's own */

    const char *one = temporary("1.safetensors"), *two = temporary("2.safetensors");
    assert_status(plumb("run", folder, "--bug", "resize-bilinear", "--layers", "--out", one), 0);
    assert_status(plumb("run", E2B, "--image", PLUMB, SMALL, "--bug", "resize-bilinear", "--layers", "--out", two), 0);
    assert_status(plumb("compare", one, two, "--limit", "0"), 0);
    assert_status(plumb("grade", folder, one), 1);
    assert_status(plumb("run", E2B, "--inputs", dump(), "--layers", "--out", two), 0);
    assert_status(plumb("compare", one, two, "--limit", "0"), 0);
}
END_TEST

static const struct {
    const char *json, *says;
} bad_cases[] = {
    { "{\"images\": [\"a.png\", \"a.png\"], \"max_soft_tokens\": 70}", "images: found 2, expected 1" },
    { "{\"images\": [], \"max_soft_tokens\": 70}", "images: found none, expected a list" },
    { "{\"images\": \"a.png\"}", "images: found none, expected a list" },
    { "{\"images\": [7]}", "images: found something else, expected names of PNG files" },
    { "{\"images\": [\"b.png\"]}", "b.png: found no readable file" },
    { "{\"images\": [\"a.png\"], \"load\": \"white\"}", "load: found white, expected opened or path" },
    { "{\"images\": [\"a.png\"], \"max_soft_tokens\": 71}", "max_soft_tokens: found another number, expected one of" },
};

START_TEST(bad_case)
{
    const char *folder = case_of(bad_cases[_i].json);
    assert_one_line(plumb("grade", folder, arena_format(&scratch, "%s/inputs.safetensors", folder)),
                    (const char *const[]){ bad_cases[_i].says, NULL });
}
END_TEST

/* ---------------------------------------------------------------- bad usage */

static const struct {
    const char *arguments[12], *says;
} usage[] = {
    { { "run", E2B, "--bug", "resize-bilinear" }, "found resize-bilinear and no PNG files, expected --image" },
    { { "preprocess", E2B, "--image", PLUMB, "--bug", "gelu-exact", "--out", "/absent/x" },
      "found gelu-exact, expected a bug of preprocessing" },
    { { "preprocess", E2B, "--image", PLUMB, "--bug", "resize-cubic", "--out", "/absent/x" },
      "found resize-cubic, expected an id that 'plumb bugs' lists" },
    { { "preprocess", E2B, "--image", PLUMB, "--prompt-ids", "2 60", "--bug", "resize-square", "--out", "/absent/x" },
      "--bug: found --video, --prompt-ids or both of the others, expected --image or --audio alone" },
    { { "preprocess", E2B, "--image", PLUMB, "--bug", "resize-square", "--out", "/absent/x" }, "/absent/x" },
    { { "preprocess", E2B, "--image", "/absent.png", "--bug", "resize-square", "--out", "/absent/x" }, "/absent.png" },
};

START_TEST(bad_usage)
{
    Result result = run_plumb(usage[_i].arguments);
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, usage[_i].says) != NULL, "%s", result.err);
}
END_TEST

Suite *pictures_suite(void)
{
    Suite *suite = suite_create("pictures");
    TCase *judged = theme(suite, "judged"), *cases = theme(suite, "cases");
    tcase_add_loop_test(judged, wrong_pixels_are_named, 0, COUNT(bugs));
    tcase_add_test(judged, right_pixels_pass);
    tcase_add_test(judged, both_flavours_are_honest);
    tcase_add_test(judged, without_pictures_pixels_are_unknown);
    tcase_add_test(judged, what_the_model_cannot_take);
    tcase_add_test(cases, case_names_its_pictures);
    tcase_add_loop_test(cases, bad_case, 0, COUNT(bad_cases));
    tcase_add_loop_test(cases, bad_usage, 0, COUNT(usage));
    return suite;
}
