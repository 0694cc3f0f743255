/* test_preprocess_sounds.c - plumb preprocess --audio, and bad files and folders */
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "pictures.h"
#include "wavs.h"

#define PLUMB "fixtures/image/plumb.png"

static const char *out(void) { return temporary("inputs.safetensors"); }

/* The folder of a model of the second family; of it only config.json is needed. */
static const char *model(void)
{
    mkdir(temporary("model"), 0700);
    write_text(temporary("model/config.json"),
               "{\"model_type\": \"gemma4_unified\", \"vision_config\": {}, \"audio_config\": {}, \"boi_token_id\": 7,"
               " \"eoi_token_id\": 8, \"image_token_id\": 9, \"video_token_id\": 6, \"audio_token_id\": 5,"
               " \"boa_token_id\": 11, \"eoa_token_index\": 12}");
    return temporary("model");
}

static const char *video(const char *const *frames, int count)
{
    const char *folder = temporary("video");
    mkdir(folder, 0700);
    for (int i = 0; i < count; i++) copy_file(frames[i], arena_format(&scratch, "%s/%d.png", folder, i));
    return folder;
}

static void assert_shape(const char *name, int rank, const int64_t *shape)
{
    Error error = { "" };
    Safetensors *file = safetensors_open(out(), &error);
    assert_clean(&error);
    const Array *found = safetensors_find(file, name);
    ck_assert_msg(found && array_has_shape(found, rank, shape), "%s: found %s", name,
                  found ? SHAPE_TEXT(found->rank, found->shape) : "no such array");
    safetensors_close(file);
}

START_TEST(sounds_in_a_row)
{
    Result result = plumb("preprocess", "--model", model(), "--audio", PLUCK, SOUNDS "/pcm24.wav", "--out", out(),
                          "--audio=" SOUNDS "/float.wav");
    assert_status(result, 0);
    ck_assert_str_eq(result.err, "");
    ck_assert_msg(strstr(result.out, PLUCK " ") && strstr(result.out, "8000 samples") &&
                      strstr(result.out, "  13 soft tokens\n") && strstr(result.out, "   1 soft tokens\n"),
                  "%s", result.out);
    assert_shape("input_features", SHAPE(3, 13, 640));
    assert_shape("input_features_mask", SHAPE(3, 13));
    assert_status(plumb("preprocess", "--model", model(), "--audio", PLUCK, "--max-audio-tokens", "4", "--out", out()),
                  0);
    assert_shape("input_features", SHAPE(1, 4, 640));
}
END_TEST

/* Images, a video and sounds in one prompt */
START_TEST(everything_in_one_prompt)
{
    static const char *const frames[] = { PLUMB, PLUMB };
    Result result = plumb("preprocess", "--model", model(), "--audio", PLUCK, PLUCK, "--image", PLUMB, "--video",
                          video(frames, 2), "--max-soft-tokens", "70", "--prompt-ids",
                          "2 5 9 60 7 6 8 61 7 6 8 11 5 12", "--out", out());
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "432 x 336     9 x 7   patches    63 soft tokens\n") != NULL, "%s", result.out);
    assert_shape("pixel_values", SHAPE(1, 70, 6912));
    assert_shape("pixel_values_videos", SHAPE(2, 70, 6912));
    assert_shape("input_features", SHAPE(2, 13, 640));
    assert_shape("mm_token_type_ids", SHAPE(1, 3 + 3 * 65 + 2 * 15));
}
END_TEST

/* ---------------------------------------------------------------- where a model runs */

/* An image, a video and two sounds in one prompt, to tokens: as from the inputs that preprocess makes of them */
START_TEST(generate_takes_everything)
{
    static const char *const frames[] = { PLUMB, PLUMB };
    const char *folder = copied_case("fixtures/12b-video-audio"), *films = video(frames, 2);
    write_text(arena_format(&scratch, "%s/model/processor_config.json", folder),
               "{\"image_processor\": {\"patch_size\": 8, \"pooling_kernel_size\": 2},"
               " \"video_processor\": {\"patch_size\": 8, \"pooling_kernel_size\": 2},"
               " \"feature_extractor\": {\"audio_samples_per_token\": 64}}");
#define MEDIA                                                                                                     \
    "--image", PLUMB, "--video", films, "--audio", SOUNDS "/pcm16.wav", SOUNDS "/pcm24.wav", "--max-soft-tokens", \
        "70", "--prompt-ids", "2 20 316 21 314 317 315 22 314 317 315 318 23 318 24"
    Result result = plumb("generate", folder, MEDIA, "--max-new-tokens", "2", "--ignore-eos");
    assert_status(result, 0);
    assert_status(plumb("preprocess", folder, MEDIA, "--out", out()), 0);
    assert_shape("input_features", SHAPE(2, 15, 64));
    Result again = plumb("generate", folder, "--inputs", out(), "--max-new-tokens", "2", "--ignore-eos");
    assert_status(again, 0);
    ck_assert_str_eq(result.out, again.out);
#undef MEDIA
}
END_TEST

/* ---------------------------------------------------------------- bad input */

static void assert_refusal(Result result, const char *file, const char *says)
{
    assert_one_line(result, (const char *const[]){ file, says, NULL });
    ck_assert(!is_there(out()));
    ck_assert_str_eq(result.out, "");
}

static const int16_t samples[100] = { 1, 2, 3 };
enum { RIFF_SIZE = 4, HEADER = 44, DATA_SIZE = 40 };

static WavFile honest(void) { return wav_of(PCM16, samples, sizeof samples); }
static WavFile empty(void) { return (WavFile){ .size = 0 }; }
static WavFile stereo(void) { return wav_of((WavFormat){ 1, 2, 16000, 16 }, samples, sizeof samples); }
static WavFile fast(void) { return wav_of((WavFormat){ 1, 1, 44100, 16 }, samples, sizeof samples); }
static WavFile silent(void) { return wav_of(PCM16, NULL, 0); }
static WavFile nan_sample(void) { return wav_of(FLOAT32, (float[]){ 0, NAN }, 2 * sizeof(float)); }

static WavFile changed(size_t at, uint32_t number, size_t size)
{
    WavFile file = honest();
    set_number(&file, at, number);
    file.size = size ? size : file.size;
    return file;
}

static WavFile says_more(void) { return changed(DATA_SIZE, sizeof samples + 50, 0); }
static WavFile says_less(void) { return changed(DATA_SIZE, sizeof samples - 50, 0); }
static WavFile whole_says_more(void) { return changed(RIFF_SIZE, 1000, 0); }
static WavFile cut(void) { return changed(RIFF_SIZE, HEADER + 92, HEADER + 100); }
static WavFile cut_header(void) { return changed(RIFF_SIZE, 22, 30); }

static WavFile text(void)
{
    WavFile file = { .size = 20 };
    memcpy(file.bytes, "text, and not a WAV.", file.size);
    return file;
}

static const struct {
    WavFile (*make)(void);
    const char *says;
} bad[] = {
    { empty, "found an empty file, expected a WAV; to make one: ffmpeg -i " },
    { text, "found another format, expected a WAV; to make one: ffmpeg -i " },
    { stereo,
      "found 16000 Hz, 2 channels, Signed 16 bit PCM, expected 16000 Hz, 1 channel, PCM of 16, 24 or 32 bits or "
      "float of 32; to make one: ffmpeg -i " },
    { fast, "found 44100 Hz, 1 channel, Signed 16 bit PCM, expected 16000 Hz, 1 channel" },
    { silent, "found no samples, expected some" },
    { nan_sample, "nan as sample 1, expected a number" },
    { says_more, "found 200 bytes in the chunk \"data\" of a WAV, expected 250, as it says" },
    { says_less, "found no chunk at byte 194 of a WAV, expected one or the end" },
    { whole_says_more, "found a WAV of 244 bytes that says it has 1008, expected as many" },
    { cut, "found 100 bytes in the chunk \"data\" of a WAV, expected 200, as it says" },
    { cut_header, "found 10 bytes in the chunk \"fmt \" of a WAV, expected 16, as it says" },
};

START_TEST(bad_wav)
{
    WavFile file = bad[_i].make();
    const char *path = write_wav("a.wav", &file);
    assert_refusal(plumb("preprocess", "--model", model(), "--audio", PLUCK, path, "--out", out()), path, bad[_i].says);
}
END_TEST

START_TEST(bad_video)
{
    static const char *const frames[] = { PLUMB, PLUMB, "fixtures/image/kinds/rgb-8-0.png" };
    assert_refusal(plumb("preprocess", "--model", model(), "--video", video(frames, 0), "--out", out()),
                   temporary("video"), "found no file that ends in .png, expected a folder of PNG frames");
    assert_refusal(plumb("preprocess", "--model", model(), "--video", video(frames, 3), "--out", out()),
                   temporary("video/2.png"), "pixels, expected 480 x 360, as of the video's first frame");
}
END_TEST

START_TEST(bad_usage)
{
    const char *absent = temporary("absent.wav");
    assert_refusal(plumb("preprocess", "--model", model(), "--audio", absent, "--out", out()), absent,
                   "found no readable file (No such file or directory), expected a WAV");
    assert_refusal(plumb("preprocess", "--model", model(), "--audio", PLUCK, "--prompt-ids", "2", "--out", out()),
                   "--prompt-ids", "found 0 sound placeholders, expected 1, one for each sound");
    assert_refusal(plumb("preprocess", "--model", model(), "--image", PLUMB, "--resize", "pil", "--out", out()),
                   "--resize", "found pil, expected torchvision: Hugging Face has no other for gemma4_unified");
    Result result = plumb("preprocess", "--model", model(), "--audio", PLUCK, "--max-audio-tokens", "0");
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, "--max-audio-tokens: found 0, expected a whole number") != NULL, "%s", result.err);
}
END_TEST

/* The first family has a mel front end: a mask counts four frames for each soft token. */
START_TEST(log_mel)
{
    mkdir(temporary("model"), 0700);
    write_text(temporary("model/config.json"),
               "{\"model_type\": \"gemma4\", \"audio_config\": {}, \"audio_token_id\": 5, \"boa_token_id\": 11,"
               " \"eoa_token_index\": 12}");
    Result result = plumb("preprocess", "--model", temporary("model"), "--audio", PLUCK, SOUNDS "/pcm24.wav",
                          "--prompt-ids", "2 5 60 5", "--out", out());
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "  13 soft tokens\n") && strstr(result.out, "   1 soft tokens\n"), "%s",
                  result.out);
    assert_shape("input_features", SHAPE(2, 50, 128));
    assert_shape("input_features_mask", SHAPE(2, 50));
    assert_shape("input_ids", SHAPE(1, 2 + 15 + 3));
    unlink(out());
    assert_refusal(
        plumb("preprocess", "--model", temporary("model"), "--audio", PLUCK, "--max-audio-tokens", "4", "--out", out()),
        "--max-audio-tokens", "found 4, expected none: Hugging Face cuts sound for gemma4 to 480000 samples");
}
END_TEST

static const struct {
    int samples;
    int64_t frames;
    const char *soft_tokens;
} shortest[] = { { 1, 0, "0" }, { 128, 0, "0" }, { 129, 1, "0" }, { 160, 1, "0" }, { 161, 1, "1" } };

/* A clip that is shorter than a frame has none, as in Hugging Face, whose tower then raises; here it is refused. */
START_TEST(shorter_than_a_frame)
{
    const char *folder = copied_case("fixtures/e2b-audio"), *path = temporary("short.wav");
    write_text(arena_format(&scratch, "%s/model/preprocessor_config.json", folder), "{\"feature_size\": 32}");
    int16_t samples[161] = { 9, -9 };
    WavFile file = wav_of(PCM16, samples, (size_t)shortest[_i].samples * sizeof *samples);
    write_wav("short.wav", &file);
    Result made = plumb("preprocess", folder, "--audio", path, "--out", out());
    assert_status(made, 0);
    const char *says = arena_format(&scratch, " %s soft tokens\n", shortest[_i].soft_tokens);
    ck_assert_msg(strstr(made.out, says) != NULL, "%s", made.out);
    assert_shape("input_features", SHAPE(1, shortest[_i].frames, 32));
    Result heard = plumb("run", folder, "--inputs", out(), "--only", "*.embed_audio");
    if (shortest[_i].frames)
        assert_status(heard, 0);
    else
        assert_one_line(heard,
                        (const char *const[]){ out(), "found shape [1, 0, 32], expected at least one frame", NULL });
}
END_TEST

START_TEST(takes_no_sound)
{
    assert_refusal(plumb("run", E2B, "--audio", PLUCK, "--inputs", E2B "/inputs.safetensors"), "--inputs",
                   "found --image, --video, --audio or --prompt-ids too, expected either");
    write_text(arena_format(&scratch, "%s/config.json", model()),
               "{\"model_type\": \"gemma4_unified\", \"audio_config\": null}");
    assert_refusal(plumb("preprocess", "--model", temporary("model"), "--audio", PLUCK, "--out", out()), "config.json",
                   "audio_config: found null, expected one: this model takes no sound");
}
END_TEST

Suite *preprocess_sounds_suite(void)
{
    Suite *suite = suite_create("preprocess_sounds");
    TCase *tcase = theme(suite, "sounds");
    tcase_add_test(tcase, sounds_in_a_row);
    tcase_add_test(tcase, everything_in_one_prompt);
    tcase_add_test(tcase, generate_takes_everything);
    tcase = theme(suite, "bad");
    tcase_add_loop_test(tcase, bad_wav, 0, COUNT(bad));
    tcase_add_test(tcase, bad_video);
    tcase_add_test(tcase, bad_usage);
    tcase_add_test(tcase, log_mel);
    tcase_add_loop_test(tcase, shorter_than_a_frame, 0, COUNT(shortest));
    tcase_add_test(tcase, takes_no_sound);
    return suite;
}
