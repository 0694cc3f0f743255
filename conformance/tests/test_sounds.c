/* test_sounds.c - dumps that begin with log-mel features: right ones, those of each bug, and others */
#include "bugs/switch/buggy_sounds.h"

#include <math.h>

#include "dumps.h"
#include "grade/arithmetic_class.h"
#include "inputs/diagnose_features.h"
#include "inputs/dumped_inputs.h"
#include "wavs.h"

#define AUDIO_CASE "fixtures/e2b-audio" /* whose model takes 32 bins */

/* A plucked string and 919 samples, with the fixture's number of bins */
static Clips *clips_of(const char *const *paths, int count)
{
    Error error = { "" };
    copy_file(AUDIO_CASE "/model/config.json", temporary("config.json"));
    write_text(temporary("preprocessor_config.json"), "{\"feature_size\": 32}");
    Clips *clips = clips_open(temporary(""), &(ProcessorRequest){ .sounds = { paths, count } }, &error);
    assert_clean(&error);
    return clips;
}

static const char *const both[] = { PLUCK, SOUNDS "/pcm16.wav" };

static SoundFeatures with_bugs(const Clips *clips, const char *one, const char *two)
{
    Error error = { "" };
    const Bug *bugs[] = { one ? bug_find(one) : NULL, two ? bug_find(two) : NULL };
    SoundFeatures features = extract_with_bugs(clips, bugs, (one != NULL) + (two != NULL), &scratch, &error);
    assert_clean(&error);
    return features;
}

static void put_array(SafetensorsWriter *writer, const Array *array)
{
    if (!array) return;
    safetensors_writer_begin(writer, array->name, array->dtype, array->rank, array->shape);
    safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
}

static Dump *dump_of(const Array *features, const Array *mask)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("features.safetensors"), &error);
    assert_clean(&error);
    put_array(writer, features);
    put_array(writer, mask);
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(temporary("features.safetensors"), &error);
    assert_clean(&error);
    return dump;
}

typedef struct {
    FeatureGrade grade;
    Diagnosis *diagnosis;
} Finding;

static Finding find_in(const Clips *clips, const Array *features, const Array *mask, const char *class)
{
    Error error = { "" };
    Dump *dump = dump_of(features, mask);
    FoundFeatures found = found_features_open(dump, clips, NULL, &error);
    assert_clean(&error);
    SoundFeatures expected = features_of_hugging_face(clips, &scratch);
    Finding finding = { .grade = grade_features(&found, &expected, class_find(class), &scratch) };
    FeatureTrial trial = { clips, &found, class_find(class), &finding.grade };
    finding.diagnosis = diagnose_features(&trial, &expected, &scratch);
    found_features_close(&found);
    dump_close(dump);
    return finding;
}

static Finding find_features(const Clips *clips, SoundFeatures f)
{
    return find_in(clips, &f.input_features, &f.input_features_mask, "fp32");
}

static bool is_straight(const FeatureGrade *grade)
{
    for (int n = 0; n < grade->count; n++)
        if (grade->steps[n].verdict != VERDICT_PASS) return false;
    return true;
}

static bool is_found(const Diagnosis *d, const char *id)
{
    for (int i = 0; i < d->named_count; i++)
        if (strcmp(d->named[i]->id, id) == 0) return true;
    for (int i = 0; i < d->equal_count; i++)
        if (strcmp(d->equals[i]->id, id) == 0) return true;
    return false;
}

/* ---------------------------------------------------------------- right ones */

START_TEST(right_ones_pass)
{
    Clips *clips = clips_of(both, 2);
    SoundFeatures theirs = features_of_hugging_face(clips, &scratch), exact = with_bugs(clips, NULL, NULL);
    Finding bits = find_features(clips, theirs), near = find_features(clips, exact);
    ck_assert_str_eq(bits.grade.steps[0].note, "bit for bit Hugging Face's");
    ck_assert(is_straight(&bits.grade) && is_straight(&near.grade));
    ck_assert(near.grade.steps[0].ratio > 0 && near.grade.steps[0].ratio < 1); /* float64 against float32 */
    ck_assert_int_eq(bits.diagnosis->named_count + near.diagnosis->named_count, 0);
    ck_assert(bits.diagnosis->complete && near.diagnosis->complete);
    diagnosis_free(bits.diagnosis);
    diagnosis_free(near.diagnosis);
    clips_close(clips);
}
END_TEST

/* The same array with other frames: more are padding, and fewer will do where the rest is padding. */
static Array with_frames(const Array *from, int64_t frames)
{
    Array to = *from;
    size_t row = (size_t)(from->rank == 3 ? from->shape[2] : 1) * dtype_size(from->dtype);
    unsigned char *data = arena_allocate(&scratch, (size_t)(from->shape[0] * frames) * row);
    memset(data, 0, (size_t)(from->shape[0] * frames) * row);
    int64_t common = frames < from->shape[1] ? frames : from->shape[1];
    for (int64_t clip = 0; clip < from->shape[0]; clip++)
        memcpy(data + (size_t)(clip * frames) * row, from->data + (size_t)(clip * from->shape[1]) * row,
               (size_t)common * row);
    to.shape[1] = frames;
    to.data = data;
    return to;
}

START_TEST(other_padding_passes)
{
    static const struct {
        int64_t frames;
        bool fits;
    } lengths[] = { { 3000, true }, { 50, true }, { 49, true }, { 48, false } }; /* 49 frames count */
    Clips *clips = clips_of(both, 2);
    SoundFeatures f = features_of_hugging_face(clips, &scratch);
    for (int i = 0; i < COUNT(lengths); i++) {
        Array features = with_frames(&f.input_features, lengths[i].frames);
        Array mask = with_frames(&f.input_features_mask, lengths[i].frames);
        Finding finding = find_in(clips, &features, &mask, "fp32");
        ck_assert_msg(is_straight(&finding.grade) == lengths[i].fits, "%lld frames", (long long)lengths[i].frames);
        ck_assert(finding.grade.steps[0].shape_differs == !lengths[i].fits);
        diagnosis_free(finding.diagnosis);
    }
    clips_close(clips);
}
END_TEST

/* Rounded to bfloat16 they are straight as bf16, and not as fp32. */
START_TEST(graded_in_their_class)
{
    Clips *clips = clips_of(both, 2);
    SoundFeatures f = features_of_hugging_face(clips, &scratch);
    int64_t count = array_elements(&f.input_features);
    round_to(ROUNDING_BF16, (float *)f.input_features.data, count);
    for (int i = 0; i < 2; i++) {
        Finding finding = find_in(clips, &f.input_features, NULL, i ? "bf16" : "fp32");
        ck_assert_int_eq(finding.grade.count, 1);
        ck_assert(is_straight(&finding.grade) == (i == 1));
        ck_assert_int_eq(finding.diagnosis->named_count, 0);
        diagnosis_free(finding.diagnosis);
    }
    clips_close(clips);
}
END_TEST

/* ---------------------------------------------------------------- bugs */

static const char *const ids[] = {
    "audio-int16-unscaled",  "mel-no-left-pad",  "mel-preemphasis",     "mel-hann-half-sample",
    "mel-hann-symmetric",    "mel-fft-1024",     "mel-unfold-320",      "mel-power",
    "mel-slaney-scale",      "mel-slaney-norm",  "mel-log-hard-floor",  "mel-log10",
    "mel-gemma3n-extractor", "mel-mask-strided", "mel-padding-nonzero",
};

START_TEST(each_bug_is_named)
{
    Clips *clips = clips_of(both, 2);
    Finding finding = find_features(clips, with_bugs(clips, ids[_i], NULL));
    ck_assert_msg(!is_straight(&finding.grade), "%s is straight", ids[_i]);
    ck_assert_msg(is_found(finding.diagnosis, ids[_i]), "%s is not named", ids[_i]);
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert_int_le(finding.diagnosis->equal_count, 1);
    ck_assert_int_eq(finding.diagnosis->candidate_count + finding.diagnosis->not_exposed_count, COUNT(ids));
    ck_assert(finding.diagnosis->complete && !finding.diagnosis->pattern);
    diagnosis_free(finding.diagnosis);
    clips_close(clips);
}
END_TEST

START_TEST(two_at_once)
{
    Clips *clips = clips_of(both, 2);
    Finding finding = find_features(clips, with_bugs(clips, "mel-power", "mel-padding-nonzero"));
    ck_assert_int_eq(finding.diagnosis->named_count, 2);
    ck_assert(is_found(finding.diagnosis, "mel-power") && is_found(finding.diagnosis, "mel-padding-nonzero"));
    diagnosis_free(finding.diagnosis);
    clips_close(clips);
}
END_TEST

START_TEST(unknown_ones_have_a_pattern)
{
    Clips *clips = clips_of(both, 2);
    SoundFeatures f = features_of_hugging_face(clips, &scratch);
    float *values = (float *)f.input_features.data;
    values[40] += 0.5f;
    Finding bent = find_features(clips, f);
    ck_assert_int_eq(bent.diagnosis->named_count, 0);
    ck_assert_msg(strstr(bent.diagnosis->pattern, "most in frame 1"), "%s", bent.diagnosis->pattern);
    values[40] = NAN;
    Finding infinite = find_features(clips, f);
    ck_assert(!is_straight(&infinite.grade) && infinite.grade.steps[0].non_finite == 1);
    ck_assert_str_eq(infinite.diagnosis->pattern, "1 values are not finite");
    diagnosis_free(bent.diagnosis);
    diagnosis_free(infinite.diagnosis);
    clips_close(clips);
}
END_TEST

/* ---------------------------------------------------------------- and the model behind them */

static void write_tap(void *writer, const Tap *tap)
{
    if (strcmp(tap->name, "model.audio_tower") != 0 && strcmp(tap->name, "model.embed_audio") != 0) return;
    safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* The dump of a backend that hears those features, with them or without; the model's inputs are the right ones. */
static Grade *grade_behind(const Clips *clips, const char *bug, bool with_features)
{
    Error error = { "" };
    Model *model = model_open(AUDIO_CASE "/model", &error);
    Inputs file = inputs_open(AUDIO_CASE "/inputs.safetensors", &error); /* for its name */
    assert_clean(&error);
    SoundFeatures right = features_of_hugging_face(clips, &scratch), heard = bug ? with_bugs(clips, bug, NULL) : right;
    Inputs inputs = { file.file, .input_features = &right.input_features };
    Inputs bent = { file.file, .input_features = &heard.input_features };
    inputs.input_features_mask = &right.input_features_mask;
    bent.input_features_mask = &heard.input_features_mask;
    SafetensorsWriter *writer = safetensors_writer_open(temporary("heard.safetensors"), &error);
    if (with_features) put_array(writer, bent.input_features);
    if (with_features) put_array(writer, bent.input_features_mask);
    reference_f32.forward(model, &bent, &(Pass){ .hook = write_tap, .hook_context = writer });
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(temporary("heard.safetensors"), &error);
    assert_clean(&error);

    DumpedInputs *judged = dumped_inputs_open(NULL, clips, dump, class_find("fp32"), NULL, &error);
    ck_assert((judged != NULL) == with_features);
    Inputs given;
    Grade *grade = NULL;
    Trial trial = { .model = model, .inputs = &given, .dump = dump, .class = class_find("fp32") };
    if (dumped_inputs_give(judged, model, dump, &inputs, &given)) grade = lockstep_grade(&trial, &error);
    assert_clean(&error);
    grade = dumped_inputs_grade(judged, dump, grade);
    dumped_inputs_close(judged);
    dump_close(dump);
    inputs_close(&file);
    model_close(model);
    return grade;
}

START_TEST(the_model_is_graded_on_the_dumps_features)
{
    static const char *const heard[] = { NULL, "mel-log10", "mel-no-left-pad", "audio-int16-unscaled" };
    Clips *clips = clips_of(both, 2);
    for (int i = 0; i < COUNT(heard); i++) {
        Grade *grade = grade_behind(clips, heard[i], true);
        ck_assert_int_eq(grade->step_count, 4);
        ck_assert_int_eq(grade->unknown_count, 0);
        ck_assert_int_eq(grade->first_bent, heard[i] ? 0 : -1);
        for (int n = 2; n < 4; n++)
            ck_assert_msg(grade->steps[n].verdict == VERDICT_PASS, "%s: %s", heard[i], grade->steps[n].tap);
        grade_free(grade);
    }
    Grade *grade = grade_behind(clips, "mel-log10", false); /* without them the model's first step shows it */
    ck_assert_int_eq(grade->first_bent, 0);
    ck_assert_str_eq(grade->steps[0].tap, "model.audio_tower");
    grade_free(grade);
    clips_close(clips);
}
END_TEST

Suite *sounds_suite(void)
{
    Suite *suite = suite_create("sounds");
    TCase *right = theme(suite, "right"), *bugs = theme(suite, "bugs"), *model = theme(suite, "model");
    tcase_add_test(right, right_ones_pass);
    tcase_add_test(right, other_padding_passes);
    tcase_add_test(right, graded_in_their_class);
    tcase_add_loop_test(bugs, each_bug_is_named, 0, COUNT(ids));
    tcase_add_test(bugs, two_at_once);
    tcase_add_test(bugs, unknown_ones_have_a_pattern);
    tcase_add_test(model, the_model_is_graded_on_the_dumps_features);
    return suite;
}
