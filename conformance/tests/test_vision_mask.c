/* test_vision_mask.c - the two readings of who sees whom in an image: which one a dump follows, and no alarm for it
 *
 * The google-masks dumps are Hugging Face's, with the function that it has for the second reading.
 */
#include "readings/vision_mask.h"

#include "backends.h"
#include "diagnose/diagnose.h"
#include "report/report_grade.h"
#include "tiny.h"

#define IMAGES "fixtures/12b-image"
#define SOUND "fixtures/12b-video-audio"
#define DUMPS IMAGES "/dumps/"

typedef struct {
    Model *model;
    Inputs inputs;
    Dump *dump;
} Opened;

static Opened open_dump(const char *folder, const char *dump)
{
    Error error = { "" };
    Opened opened = { .model = model_open(arena_format(&scratch, "%s/model", folder), &error) };
    opened.inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    opened.dump = dump_open(dump, &error);
    assert_clean(&error);
    return opened;
}

static void close_dump(Opened opened)
{
    dump_close(opened.dump);
    inputs_close(&opened.inputs);
    model_close(opened.model);
}

static Grade *grade_read(const char *folder, const char *dump, const char *class, const char *const *only,
                         VisionMask mask)
{
    Error error = { "" };
    Opened opened = open_dump(folder, dump);
    Trial trial = { .model = opened.model,
                    .inputs = &opened.inputs,
                    .dump = opened.dump,
                    .class = class_find(class),
                    .options.only = only,
                    .vision_mask = mask };
    Grade *grade = readings_grade(&trial, &error);
    assert_clean(&error);
    close_dump(opened);
    return grade;
}

/* ---------------------------------------------------------------- which one fits */

static const struct {
    const char *folder, *dump, *class;
    bool google;
    const char *first_bent; /* NULL: it passes */
} fits[] = {
    { IMAGES, IMAGES "/expected.safetensors", "fp32", false, NULL },
    { IMAGES, DUMPS "honest-bf16-eager.safetensors", "bf16", false, NULL },
    { IMAGES, DUMPS "honest-fp16-sdpa-2threads.safetensors", "fp16", false, NULL },
    { IMAGES, DUMPS "google-masks-bf16-eager.safetensors", "bf16", true, NULL },
    { IMAGES, DUMPS "google-masks-fp32-sdpa.safetensors", "fp32", true, NULL },
    { IMAGES, DUMPS "buggy-kv-tied-after-norm-bf16.safetensors", "bf16", true,
      "model.language_model.layers.2.self_attn.v_norm" },
    { IMAGES, DUMPS "buggy-bidir-missing-bf16.safetensors", "bf16", false,
      "model.language_model.layers.1.self_attn#attn_weights" },
    { IMAGES, DUMPS "buggy-posemb-flat-index-bf16.safetensors", "bf16", false, "model.embed_vision#pos_embs" },
    { SOUND, SOUND "/dumps/buggy-softcap-missing-bf16.safetensors", "bf16", false, "logits" },
};

START_TEST(better_fit_counts)
{
    Grade *grade = grade_read(fits[_i].folder, fits[_i].dump, fits[_i].class, NULL, VISION_MASK_EITHER);
    ck_assert(((grade->readings & READING_GOOGLE_MASKS) != 0) == fits[_i].google);
    if (fits[_i].first_bent)
        assert_bent_at(grade, fits[_i].first_bent);
    else
        assert_passes(grade, fits[_i].dump);
    grade_free(grade);
}
END_TEST

/* Who insists on the other reading sees where it bends: in the first layer, whichever kind that is of. */
START_TEST(other_one_is_bent)
{
    const VisionMask other = fits[_i].google ? VISION_MASK_HF : VISION_MASK_GOOGLE;
    Grade *grade = grade_read(fits[_i].folder, fits[_i].dump, fits[_i].class, layer_outputs, other);
    ck_assert(((grade->readings & READING_GOOGLE_MASKS) != 0) == !fits[_i].google);
    assert_bent_at(grade, "model.language_model.layers.0");
    grade_free(grade);
}
END_TEST

/* From embeddings alone nobody can tell. */
START_TEST(hf_where_both_fit)
{
    static const char *const early[] = { "model.embed_vision", "*.embed_tokens", NULL };
    Grade *grade = grade_read(IMAGES, DUMPS "google-masks-bf16-eager.safetensors", "bf16", early, VISION_MASK_EITHER);
    ck_assert(!(grade->readings & READING_GOOGLE_MASKS) && grade->first_bent < 0);
    grade_free(grade);
}
END_TEST

static void triple(Value *value, const void *context)
{
    for (int64_t j = 0; strcmp(value->name, context) == 0 && j < value->shape[2]; j++) *value_at(value, 4, j) *= 3;
}

/* An error that neither reading explains is no reason to change it. */
START_TEST(hf_where_neither_is_better)
{
    const char *dump = edited_dump(DUMPS "honest-bf16-eager.safetensors", triple, "model.language_model.norm");
    Grade *grade = grade_read(IMAGES, dump, "bf16", layer_outputs, VISION_MASK_EITHER);
    ck_assert(!(grade->readings & READING_GOOGLE_MASKS));
    assert_bent_at(grade, "model.language_model.norm");
    grade_free(grade);
}
END_TEST

/* A reading is no bug: that the reference overflows in float16 too, by either, makes no infinity right. */
START_TEST(reading_foretells_nothing)
{
    Text text = { tiny_write_unified("{\"use_bidirectional_attention\": \"vision\"}", "{}"),
                  temporary("inputs.safetensors") };
    write_arrays(text.inputs,
                 "{\"input_ids\": [[20, 20, 20, 20, 5]], \"mm_token_type_ids\": [[1, 1, 1, 1, 0]], \"pixel_values\": "
                 "\"1 4 12\", \"image_position_ids\": [[[0, 0], [1, 0], [0, 1], [1, 1]]]}");
    copy_weight_row(text, "model.vision_embedder.patch_dense.weight", 0, 0, 1e6);
    const char *dump = backend_dump(text, &(Backend){ .class = "fp16" });
    static const VisionMask masks[] = { VISION_MASK_EITHER, VISION_MASK_HF, VISION_MASK_GOOGLE };
    for (int i = 0; i < COUNT(masks); i++) {
        Error error = { "" };
        Model *model = model_open(text.model, &error);
        Inputs inputs = inputs_open(text.inputs, &error);
        Opened opened = { model, inputs, dump_open(dump, &error) };
        Trial trial = {
            .model = model, .inputs = &inputs, .dump = opened.dump, .class = class_find("fp16"), .vision_mask = masks[i]
        };
        Grade *grade = readings_grade(&trial, &error);
        assert_clean(&error);
        assert_bent_at(grade, "model.embed_vision.patch_dense");
        ck_assert(((grade->readings & READING_GOOGLE_MASKS) != 0) == (masks[i] == VISION_MASK_GOOGLE));
        grade_free(grade);
        close_dump(opened);
    }
}
END_TEST

/* ---------------------------------------------------------------- the masks themselves */

/* Tokens of the first row: two blocks, of four and of two. W is 3. Hugging Face's is what the reference computes. */
static const char sliding[] = "1111000000 1111000000 1111000000 0111000000 0011100000 0001111000 0000111000 0000011100 "
                              "0000001110 0000000111 ";
static const char full[] = "1000000000 1100000000 1110000000 1111000000 1111100000 1111110000 1111111000 1111111100 "
                           "1111111110 1111111111 ";

static void assert_mask(const Recording *taps, const char *tap, const char *expected)
{
    char found[128] = "";
    Tensor mask = tap_of(taps, tap);
    for (int64_t i = 0; i < 100; i++) {
        strcat(found, mask.data[i] != 0 ? "1" : "0");
        if (i % 10 == 9) strcat(found, " ");
    }
    ck_assert_str_eq(found, expected);
}

START_TEST(masks)
{
    Error error = { "" };
    Recording taps = { 0 };
    write_arrays(temporary("inputs.safetensors"),
                 "{\"input_ids\": [[20, 20, 20, 20, 5, 20, 20, 6, 3, 4]], \"mm_token_type_ids\": [[1, 1, 1, 1, 0, 1, "
                 "1, 0, 0, 0]]}");
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    Model *model = model_open(tiny_write_unified("{\"use_bidirectional_attention\": \"vision\"}", "{}"), &error);
    assert_clean(&error);
    BuggyModel *google = buggy_model_around(model, NULL, 0);
    buggy_model_set_mask_reading(google, &google_vision_mask);
    buggy_model_forward(google, &reference_f32, &inputs,
                        &(Pass){ .hook = record, .hook_context = &taps, .max_new_tokens = 3, .ignore_eos = true });
    assert_mask(&taps, "model.language_model#causal_mask_mapping.sliding_attention", sliding);
    assert_mask(&taps, "model.language_model#causal_mask_mapping.full_attention", full);

    /* Decode steps see no block, whatever the reading. */
    Tensor later = tap_of(&taps, "model.language_model#causal_mask_mapping.sliding_attention@2");
    ck_assert_int_eq(elements(later), 3);
    for (int64_t i = 0; i < 3; i++) ck_assert(later.data[i] == 1);
    buggy_model_close(google);
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

/* ---------------------------------------------------------------- names, refusals, reports */

START_TEST(names)
{
    VisionMask mask;
    ck_assert(vision_mask_from_name("hf", &mask) && mask == VISION_MASK_HF);
    ck_assert(vision_mask_from_name("google", &mask) && mask == VISION_MASK_GOOGLE);
    ck_assert(!vision_mask_from_name("", &mask) && !vision_mask_from_name("Google", &mask));
}
END_TEST

static const struct {
    bool unified;
    const char *text, *says; /* NULL: it has two readings */
} models[] = {
    { true, "{\"use_bidirectional_attention\": \"vision\"}", NULL },
    { true, "{\"use_bidirectional_attention\": null}",
      "--vision-mask google: found use_bidirectional_attention null, expected vision" },
    { true, "{\"use_bidirectional_attention\": \"all\"}",
      "--vision-mask google: found use_bidirectional_attention all, expected vision" },
    { false, "{\"use_bidirectional_attention\": \"vision\"}",
      "--vision-mask google: found model_type gemma4, expected gemma4_unified" },
};

START_TEST(refused_where_there_is_one)
{
    Error error = { "" };
    const char *text = models[_i].text;
    Model *model = model_open(models[_i].unified ? tiny_write_unified(text, "{}") : tiny_write_multimodal(text, "{}"),
                              &error);
    vision_mask_check(model, VISION_MASK_HF, &error);
    vision_mask_check(model, VISION_MASK_EITHER, &error);
    assert_clean(&error);
    vision_mask_check(model, VISION_MASK_GOOGLE, &error);
    ck_assert(error_is_set(&error) == (models[_i].says != NULL));
    if (models[_i].says) ck_assert_msg(strstr(error.message, models[_i].says) != NULL, "%s", error.message);
    model_close(model);
}
END_TEST

static Diagnosis *diagnose_images(Opened opened, const char *class, VisionMask mask, Grade **grade)
{
    Error error = { "" };
    Trial trial = { .model = opened.model,
                    .inputs = &opened.inputs,
                    .dump = opened.dump,
                    .class = class_find(class),
                    .vision_mask = mask };
    Diagnosis *diagnosis = diagnose(&trial, grade, &error);
    assert_clean(&error);
    return diagnosis;
}

/* A bug is looked for on top of the reading that fits. */
START_TEST(diagnosed)
{
    Grade *grade;
    Opened opened = open_dump(IMAGES, DUMPS "buggy-kv-tied-after-norm-bf16.safetensors");
    Diagnosis *diagnosis = diagnose_images(opened, "bf16", VISION_MASK_EITHER, &grade);
    ck_assert((grade->readings & READING_GOOGLE_MASKS) && diagnosis->complete);
    ck_assert_int_eq(diagnosis->named_count, 1);
    ck_assert_str_eq(diagnosis->named[0]->id, "kv-tied-after-norm");
    diagnosis_free(diagnosis);
    grade_free(grade);
    close_dump(opened);
}
END_TEST

/* In a full layer Google's reading has nothing of what Hugging Face's has: there it is a bug like any other. */
START_TEST(exposed_by_the_reading)
{
    Grade *grade;
    Opened opened = open_dump(IMAGES, IMAGES "/expected.safetensors");
    Diagnosis *diagnosis = diagnose_images(opened, "fp32", VISION_MASK_GOOGLE, &grade);
    bool is_named = false;
    for (int i = 0; i < diagnosis->named_count; i++)
        is_named |= strcmp(diagnosis->named[i]->id, "bidir-on-global") == 0;
    ck_assert(is_named);
    diagnosis_free(diagnosis);
    grade_free(grade);
    close_dump(opened);
}
END_TEST

Suite *vision_mask_suite(void)
{
    Suite *suite = suite_create("vision_mask");
    TCase *fit = theme(suite, "fit"), *reading = theme(suite, "reading");
    tcase_add_loop_test(fit, better_fit_counts, 0, COUNT(fits));
    tcase_add_loop_test(fit, other_one_is_bent, 0, 5);
    tcase_add_test(fit, hf_where_both_fit);
    tcase_add_test(fit, hf_where_neither_is_better);
    tcase_add_test(fit, reading_foretells_nothing);
    tcase_add_test(fit, diagnosed);
    tcase_add_test(fit, exposed_by_the_reading);
    tcase_add_test(reading, masks);
    tcase_add_test(reading, names);
    tcase_add_loop_test(reading, refused_where_there_is_one, 0, COUNT(models));
    return suite;
}
