/* test_prompt.c - placeholders become soft tokens, and are counted */
#include "processor/prompt.h"

#include "pictures.h"

/* begin 7, end 8, image 9, video 6, audio 5 between 11 and 12; images of 2 and 3 soft tokens, frames of 4 and 4, sounds
 * of 1 and 3 */
static const PromptTokens tokens = {
    .begin = 7, .end = 8, .image = 9, .video = 6, .audio = 5, .audio_begin = 11, .audio_end = 12
};
static const int image_tokens[] = { 2, 3 }, frame_tokens[] = { 4, 4 }, sound_tokens[] = { 1, 3 };

static const struct {
    const char *ids;
    int images, frames, sounds;
    const char *expected, *types; /* NULL: refused, and expected is what it says */
} prompts[] = {
    { "1 2 3", 0, 0, 0, "1 2 3", "0 0 0" },
    { "1 9 2", 1, 0, 0, "1 7 9 9 8 2", "0 0 1 1 0 0" },
    { "9", 1, 0, 0, "7 9 9 8", "0 1 1 0" },
    { "9 9", 2, 0, 0, "7 9 9 8 7 9 9 9 8", "0 1 1 0 0 1 1 1 0" },
    { "1 7 9 8 2", 1, 0, 0, "1 7 9 9 8 2", "0 0 1 1 0 0" },
    { "7 9 9 8", 1, 0, 0, "7 9 9 8", "0 1 1 0" },
    { "7 9 8 9", 2, 0, 0, "7 9 9 8 7 9 9 9 8", "0 1 1 0 0 1 1 1 0" },
    { "7 9 8 7 9 9 9 8", 2, 0, 0, "7 9 9 8 7 9 9 9 8", "0 1 1 0 0 1 1 1 0" },
    { "7 1 8", 0, 0, 0, "7 1 8", "0 0 0" }, /* begin and end without a placeholder are tokens as others are */
    { "1 7 6 8 2 7 6 8", 0, 2, 0, "1 7 6 6 6 6 8 2 7 6 6 6 6 8", "0 0 2 2 2 2 0 0 0 2 2 2 2 0" },
    { "9 7 6 6 6 6 8", 1, 1, 0, "7 9 9 8 7 6 6 6 6 8", "0 1 1 0 0 2 2 2 2 0" },
    { "1 2", 1, 0, 0, "prompt: found 0 image placeholders, expected 1, one for each image", NULL },
    { "9 9 9", 2, 0, 0, "prompt: found 3 image placeholders, expected 2, one for each image", NULL },
    { "9", 0, 0, 0, "prompt: found 1 image placeholders, expected 0", NULL },
    { "7 6 8", 0, 2, 0, "prompt: found 1 frame placeholders, expected 2, one for each frame", NULL },
    { "7 9 9 9 8", 1, 0, 0, "prompt: found 3 tokens for image 0, expected 1 or 2", NULL },
    { "9 7 9 9 8", 2, 0, 0, "prompt: found 2 tokens for image 1, expected 1 or 3", NULL },
    { "7 9 2", 1, 0, 0,
      "prompt: found placeholder 9 at token 1 with a begin only, expected begin and end (7, 8), or neither", NULL },
    { "7 9", 1, 0, 0, "with a begin only", NULL },
    { "2 9 8", 1, 0, 0, "prompt: found placeholder 9 at token 1 with an end only", NULL },
    { "7 9 6 8", 1, 1, 0, "prompt: found placeholder 9 at token 1 with a begin only", NULL },
    { "1 6 2", 0, 1, 0, "prompt: found video placeholder 6 at token 1 alone, expected begin, placeholder and end",
      NULL },
    { "1 6 8", 0, 1, 0,
      "prompt: found placeholder 6 at token 1 with an end only, expected begin and end (7, 8), or the text of its time",
      NULL },
    { "1 5 2", 0, 0, 1, "1 11 5 12 2", "0 0 3 0 0" },
    { "5 11 5 12", 0, 0, 2, "11 5 12 11 5 5 5 12", "0 3 0 0 3 3 3 0" },
    { "11 5 12 11 5 5 5 12", 0, 0, 2, "11 5 12 11 5 5 5 12", "0 3 0 0 3 3 3 0" },
    { "5 9 7 6 8 5", 1, 1, 2, "11 5 12 7 9 9 8 7 6 6 6 6 8 11 5 5 5 12", "0 3 0 0 1 1 0 0 2 2 2 2 0 0 3 3 3 0" },
    { "1 5", 0, 0, 0, "prompt: found 1 sound placeholders, expected 0, one for each sound", NULL },
    { "1 5", 0, 0, 2, "prompt: found 1 sound placeholders, expected 2, one for each sound", NULL },
    { "5 11 5 5 12", 0, 0, 2, "prompt: found 2 tokens for sound 1, expected 1 or 3", NULL },
    { "7 5 8", 0, 0, 1, "7 11 5 12 8", "0 0 3 0 0" }, /* the begin of an image is none of sound */
    { "11 5 8", 0, 0, 1, "prompt: found placeholder 5 at token 1 with a begin only, expected begin and end (11, 12)",
      NULL },
    { "9 12", 1, 0, 0, "7 9 9 8 12", "0 1 1 0 0" },
};

static const char *joined(const int64_t *ids, int64_t count)
{
    const char *text = "";
    for (int64_t i = 0; i < count; i++)
        text = arena_format(&scratch, "%s%s%lld", text, i ? " " : "", (long long)ids[i]);
    return text;
}

START_TEST(prompt)
{
    Error error = { "" };
    PromptIds ids = prompt_ids_parse("prompt", prompts[_i].ids, &scratch, &error);
    assert_clean(&error);
    PromptMedia media = { { image_tokens, prompts[_i].images },
                          { frame_tokens, prompts[_i].frames },
                          { sound_tokens, prompts[_i].sounds } };
    Prompt p = prompt_expand(ids, &tokens, media, &scratch, &error);
    if (!prompts[_i].types) {
        assert_refused(&error, "prompt", prompts[_i].expected);
        return;
    }
    assert_clean(&error);
    ck_assert_str_eq(joined(p.input_ids, p.length), prompts[_i].expected);
    ck_assert_str_eq(joined(p.mm_token_type_ids, p.length), prompts[_i].types);
}
END_TEST

static const struct {
    const char *text, *expected; /* NULL: refused */
    const char *says;
} lists[] = {
    { "1 22 333", "1 22 333", NULL },
    { " 1,2,\n3\t4, ", "1 2 3 4", NULL },
    { "0", "0", NULL },
    { "2147483647", "2147483647", NULL },
    { "2147483648", NULL, "\"2147483648\" as token 0" },
    { "99999999999999999999", NULL, "as token 0" },
    { "1 -2", NULL, "\"-2\" as token 1" },
    { "1 2x 3", NULL, "\"2x 3\" as token 1" },
    { "one", NULL, "\"one\" as token 0" },
    { "1 +2", NULL, "\"+2\" as token 1" },
    { "", NULL, "found no token ids" },
    { " , ", NULL, "found no token ids" },
};

START_TEST(list)
{
    Error error = { "" };
    PromptIds list = prompt_ids_parse("ids.txt", lists[_i].text, &scratch, &error);
    if (lists[_i].expected) {
        assert_clean(&error);
        ck_assert_str_eq(joined(list.ids, list.count), lists[_i].expected);
    } else {
        ck_assert_ptr_null(list.ids);
        assert_refused(&error, "ids.txt", lists[_i].says);
    }
}
END_TEST

START_TEST(ids_of_a_configuration)
{
    Error error = { "" };
    ConfigReader at = { "config.json", "", NULL, &error };
    json_t *some = json_pack("{s:i, s:i, s:n}", "boi_token_id", 58, "video_token_id", 61, "image_token_id");
    at.object = some;
    PromptTokens found = prompt_tokens_load(at);
    ck_assert_int_eq(found.begin, 58);
    ck_assert_int_eq(found.video, 61);
    ck_assert_int_eq(found.end, 258882);
    ck_assert_int_eq(found.image, 258880);
    ck_assert_int_eq(found.audio, 258881);
    ck_assert_int_eq(found.audio_begin, 256000);
    ck_assert_int_eq(found.audio_end, 258883);
    json_decref(some);
}
END_TEST

Suite *prompt_suite(void)
{
    Suite *suite = suite_create("prompt");
    TCase *tcase = theme(suite, "placeholders");
    tcase_add_loop_test(tcase, prompt, 0, COUNT(prompts));
    tcase = theme(suite, "ids");
    tcase_add_loop_test(tcase, list, 0, COUNT(lists));
    tcase_add_test(tcase, ids_of_a_configuration);
    return suite;
}
