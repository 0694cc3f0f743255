/* test_sounds.c - dumps that hold log-mel features, wrong ones made on purpose, and cases that name their WAV files */
#include "command.h"
#include "wavs.h"

#define BOTH "--audio", PLUCK, SOUNDS "/pcm16.wav"

static const char *dump(void) { return temporary("dump.safetensors"); }

static void assert_says(Result result, const char *phrase)
{
    ck_assert_msg(strstr(result.out, phrase) != NULL, "no \"%s\" in:\n%s", phrase, result.out);
}

/* The fixture's model with the settings that make as many bins as it takes; "{}" of a case.json: none */
static const char *case_of(const char *json)
{
    const char *folder = copied_case("fixtures/e2b-audio");
    write_text(arena_format(&scratch, "%s/model/preprocessor_config.json", folder), "{\"feature_size\": 32}");
    write_text(arena_format(&scratch, "%s/case.json", folder), json);
    copy_file(PLUCK, arena_format(&scratch, "%s/a.wav", folder));
    copy_file(SOUNDS "/pcm16.wav", arena_format(&scratch, "%s/b.wav", folder));
    assert_status(plumb("preprocess", folder, BOTH, "--out", arena_format(&scratch, "%s/inputs.safetensors", folder)),
                  0);
    return folder;
}

static const char *const bugs[] = { "mel-log10", "mel-no-left-pad", "mel-padding-nonzero", "audio-int16-unscaled" };

START_TEST(wrong_features_are_named)
{
    const char *folder = case_of("{}");
    Result made = plumb("preprocess", folder, BOTH, "--bug", bugs[_i], "--out", dump());
    assert_status(made, 0);
    assert_says(made, "8000 samples");
    assert_says(made, " soft tokens\n");
    Result graded = plumb("grade", folder, dump(), BOTH);
    assert_status(graded, 1);
    assert_says(graded, "first bent step: input_features ");
    Result found = plumb("diagnose", folder, dump(), BOTH, "--json", temporary("d.json"));
    assert_status(found, 1);
    assert_says(found, arena_format(&scratch, "matches known bug %s\n", bugs[_i]));
    json_t *json = read_json(temporary("d.json"));
    ck_assert_str_eq(json_string_value(json_object_get(json, "named")), bugs[_i]);
    json_decref(json);
}
END_TEST

START_TEST(case_names_its_sounds)
{
    const char *folder = case_of("{\"sounds\": [\"a.wav\", \"b.wav\"]}");
    const char *inputs = arena_format(&scratch, "%s/inputs.safetensors", folder);
    Result right = plumb("grade", folder, inputs);
    assert_status(right, 0);
    assert_says(right, "bit for bit Hugging Face's\n");
    assert_says(right, "PASS  all 2 steps");
    assert_status(plumb("preprocess", folder, BOTH, "--bug", "mel-power", "--out", dump()), 0);
    assert_says(plumb("diagnose", folder, dump()), "matches known bug mel-power\n");
    assert_status(plumb("grade", folder, dump(), "--inputs", inputs), 3); /* inputs of one's own, sounds of one's own */

    const char *one = temporary("1.safetensors"), *two = temporary("2.safetensors");
    assert_status(plumb("run", folder, "--bug", "mel-power", "--layers", "--out", one), 0);
    assert_status(plumb("run", folder, "--inputs", dump(), "--layers", "--out", two), 0);
    assert_status(plumb("compare", one, two, "--limit", "0"), 0);
    assert_status(plumb("grade", folder, one), 1);
}
END_TEST

static const struct {
    const char *json, *says;
} bad_cases[] = {
    { "{\"sounds\": [\"a.wav\"]}", "sounds: found 1, expected 2, as in the inputs" },
    { "{\"sounds\": []}", "sounds: found none, expected a list of names of WAV files" },
    { "{\"sounds\": [7, 8]}", "sounds: found something else, expected names of WAV files" },
    { "{\"sounds\": [\"a.wav\", \"c.wav\"]}", "c.wav: found no readable file" },
    { "{\"sounds\": [\"a.wav\", \"../b.wav\"]}", "expected a name inside of the case's folder" },
};

START_TEST(bad_case)
{
    const char *folder = case_of(bad_cases[_i].json);
    assert_one_line(plumb("grade", folder, arena_format(&scratch, "%s/inputs.safetensors", folder)),
                    (const char *const[]){ bad_cases[_i].says, NULL });
}
END_TEST

static const struct {
    const char *arguments[12], *says;
} usage[] = {
    { { "run", "fixtures/e2b-audio", "--bug", "mel-power" }, "found mel-power and no WAV files, expected --audio" },
    { { "preprocess", "fixtures/e2b-audio", "--audio", PLUCK, "--bug", "resize-square", "--out", "/absent/x" },
      "found resize-square, expected a bug of audio features" },
    { { "preprocess", "fixtures/e2b-audio", "--audio", PLUCK, "--prompt-ids", "2", "--bug", "mel-power", "--out",
        "/absent/x" },
      "--bug: found --video, --prompt-ids or both of the others, expected --image or --audio alone" },
    { { "preprocess", "fixtures/12b-video-audio", "--audio", PLUCK, "--bug", "mel-power", "--out", "/absent/x" },
      "model_type: found gemma4_unified, expected gemma4, whose sounds alone are graded" },
    { { "preprocess", "fixtures/e2b-audio", "--audio", PLUCK, "--bug", "mel-power", "--out", "/absent/x" },
      "/absent/x" },
    { { "preprocess", "fixtures/e2b-audio", "--audio", "/absent.wav", "--bug", "mel-power", "--out", "/absent/x" },
      "/absent.wav" },
};

START_TEST(bad_usage)
{
    Result result = run_plumb(usage[_i].arguments);
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, usage[_i].says) != NULL, "%s", result.err);
}
END_TEST

Suite *sounds_suite(void)
{
    Suite *suite = suite_create("sounds");
    TCase *judged = theme(suite, "judged"), *cases = theme(suite, "cases");
    tcase_add_loop_test(judged, wrong_features_are_named, 0, COUNT(bugs));
    tcase_add_test(cases, case_names_its_sounds);
    tcase_add_loop_test(cases, bad_case, 0, COUNT(bad_cases));
    tcase_add_loop_test(cases, bad_usage, 0, COUNT(usage));
    return suite;
}
