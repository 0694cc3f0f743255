/* test_model.c - a checkpoint folder, and its forward pass against Hugging Face's */
#include "model.h"

#include <sys/stat.h>

#include "helpers.h"
#include "reference.h"

#ifdef REAL_IS_DOUBLE
#define reference reference_f64
#else
#define reference reference_f32
#endif

static const struct {
    const char *key, *value, *file, *says;
} bad[] = {
    { "model_type", "\"gemma3\"", "config.json", ": model_type: found gemma3, expected gemma4" },
    { "model_type", NULL, "config.json", ": model_type: found no such key, expected a string" },
    { "vision_config.patch_size", NULL, "config.json", ": vision_config.patch_size: found no such key" },
    { "vision_config.hidden_size", "64", "model.safetensors",
      ": model.vision_tower.patch_embedder.input_proj.weight: found shape [128, 768], expected [64, 768]" },
    { "vision_config.num_hidden_layers", "3", "model.safetensors",
      ": model.vision_tower.encoder.layers.2.self_attn.q_proj.linear.weight: found no such tensor, "
      "expected [128, 128]" },
    { "vision_config.standardize", "true", "model.safetensors",
      ": model.vision_tower.std_bias: found no such tensor, expected [128]" },
};

START_TEST(bad_config)
{
    Error error = { "" };
    copy_file(E2B "/model/model.safetensors", temporary("model.safetensors"));
    write_edited_json(E2B "/model/config.json", temporary("config.json"), bad[_i].key, bad[_i].value);
    ck_assert_ptr_null(model_open(temporary_folder(), &error));
    assert_refused(&error, temporary(bad[_i].file), bad[_i].says);
}
END_TEST

START_TEST(no_config)
{
    Error error = { "" };
    copy_file(E2B "/model/model.safetensors", temporary("model.safetensors"));
    ck_assert_ptr_null(model_open(temporary_folder(), &error));
    assert_refused(&error, temporary("config.json"), ": found no such file");
}
END_TEST

START_TEST(every_tensor_is_asked_for)
{
    Error error = { "" };
    Model *model = model_open(E2B "/model", &error);
    assert_clean(&error);
    const Checkpoint *checkpoint = model_checkpoint(model);
    for (int i = 0; i < checkpoint->tensor_count; i++)
        ck_assert_msg(checkpoint->tensors[i].asked, "%s is left over", checkpoint->tensors[i].array->name);
    ck_assert_int_eq(model_layers(model), 2);
    model_close(model);
    model_close(NULL);
}
END_TEST

typedef struct {
    Safetensors *expected;
    double limit; /* of the relative L2 of a tap */
    int taps;
    double difference, norm; /* of the tap that comes in parts */
} Comparison;

static void compare(void *context, const Tap *tap)
{
    Comparison *c = context;
    const Array *array = safetensors_find(c->expected, tap->name);
    ck_assert_msg(array != NULL, "%s is no tap of Hugging Face", tap->name);
    ck_assert_msg(array_has_shape(array, tap->rank, tap->shape), "%s: found shape %s, expected %s", tap->name,
                  SHAPE_TEXT(tap->rank, tap->shape), SHAPE_TEXT(array->rank, array->shape));
    if (tap->first == 0) c->difference = c->norm = 0;
    for (int64_t i = 0; i < tap->count; i++) {
        real expected;
        array_read(array, tap->first + i, 1, &expected);
        c->difference += pow(((real *)tap->values)[i] - expected, 2);
        c->norm += pow(expected, 2);
    }
    if (tap->first + tap->count < array_elements(array)) return;
    c->taps++;
    double relative = c->difference > 0 ? sqrt(c->difference / c->norm) : 0;
    ck_assert_msg(relative <= c->limit, "%s: relative L2 %g, expected at most %g", tap->name, relative, c->limit);
}

/* Hugging Face's float32, from end to end; the noise of bfloat16 is well above 1e-4 and below 5 %. */
static const struct {
    const char *folder;
    Rounding rounding;
    double limit;
} passes[] = {
    { E2B, ROUNDING_NONE, 1e-5 }, { "fixtures/31b-vision", ROUNDING_NONE, 1e-5 }, { E2B, ROUNDING_BF16, 0.05 },
    { E2B, ROUNDING_TF32, 0.01 }, { "fixtures/31b-vision", ROUNDING_FP16, 0.01 },
};

START_TEST(forward)
{
    Error error = { "" };
    Model *model = model_open(arena_format(&scratch, "%s/model", passes[_i].folder), &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", passes[_i].folder), &error);
    Comparison c = { safetensors_open(arena_format(&scratch, "%s/expected.safetensors", passes[_i].folder), &error),
                     passes[_i].limit, 0, 0, 0 };
    assert_clean(&error);
    model_check(model, &inputs, &error);
    assert_clean(&error);
    ck_assert_uint_eq(reference.value_size, sizeof(real));
    reference.forward(model, &inputs, passes[_i].rounding, passes[_i].rounding, compare, &c);
    ck_assert_int_eq(c.taps, safetensors_count(c.expected));
    safetensors_close(c.expected);
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

Suite *model_suite(void)
{
    Suite *suite = suite_create("model");
    TCase *tcase = theme(suite, "open");
    tcase_add_loop_test(tcase, bad_config, 0, COUNT(bad));
    tcase_add_test(tcase, no_config);
    tcase_add_test(tcase, every_tensor_is_asked_for);
    tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, forward, 0, COUNT(passes));
    return suite;
}
