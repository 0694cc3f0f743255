/* test_cached_states.c - scales of a cache as checkpoints have them, and what it gives back, worked out by hand */
#include "checkpoint/quantization_config.h"
#include "checkpoint/safetensors.h"
#include "gemma4.h"
#include "helpers.h"
#include "recording.h"
#include "reference.h"

#include <math.h>

/* ---------------------------------------------------------------- scales */

#define KEYS "\"model.self_attn.k_scale\": "
#define VALUES "\"model.self_attn.v_scale\": "
#define OF_PROJECTIONS "\"model.self_attn.k_proj.k_scale\": [0.5], \"model.self_attn.v_proj.v_scale\": [0.25]"

static const struct {
    const char *arrays, *refused; /* refused: NULL if it is not */
    double key, value;
} files[] = {
    { "{" KEYS "[0.5], " VALUES "[0.25]}", NULL, 0.5, 0.25 },
    { "{" OF_PROJECTIONS "}", NULL, 0.5, 0.25 },
    { "{\"model.self_attn.v_proj.v_scale\": [0.25]}", NULL, 1, 0.25 },
    { "{" KEYS "[0.5], " OF_PROJECTIONS "}", "self_attn: found k_scale there and in k_proj, expected one of them", 0,
      0 },
    { "{" KEYS "[0.5]}", NULL, 0.5, 0.5 }, /* as of layers whose values are made of the keys */
    { "{\"model.norm.weight\": [0.5]}", NULL, 1, 1 },
    { "{" KEYS "[0.0]}", "model.self_attn.k_scale: found 0, expected a scale above 0", 0, 0 },
    { "{" KEYS "[0.5], " VALUES "[-2.0]}", "model.self_attn.v_scale: found -2, expected a scale above 0", 0, 0 },
    { "{" KEYS "[0.5, 0.5]}", "model.self_attn.k_scale: found F32 [2], expected one float", 0, 0 },
};

START_TEST(scales_are_read)
{
    Error error = { "" };
    write_arrays(temporary("model.safetensors"), files[_i].arrays);
    Checkpoint *checkpoint = checkpoint_open(temporary(""), &error);
    ck_assert_str_eq(error.message, "");
    CacheScales scales = cache_scales_load((Loader){ checkpoint, "model.self_attn", &error });
    if (files[_i].refused) ck_assert_msg(strstr(error.message, files[_i].refused) != NULL, "%s", error.message);
    if (!files[_i].refused) {
        ck_assert_str_eq(error.message, "");
        ck_assert_double_eq(scales.key, files[_i].key);
        ck_assert_double_eq(scales.value, files[_i].value);
        for (int i = 0; i < checkpoint->tensor_count; i++)
            ck_assert_int_eq(checkpoint->tensors[i].asked,
                             strstr(checkpoint->tensors[i].array->name, "_scale") != NULL);
    }
    checkpoint_close(checkpoint);
}
END_TEST

/* A float64 scale may be above 0 and none in float32. */
START_TEST(scale_that_is_0_in_float32_is_refused)
{
    static const double tiny = 1e-60;
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model.safetensors"), &error);
    safetensors_writer_begin(writer, "model.self_attn.k_scale", DTYPE_F64, 1, (int64_t[]){ 1 });
    safetensors_writer_append(writer, &tiny, sizeof tiny);
    safetensors_writer_close(writer, &error);
    Checkpoint *checkpoint = checkpoint_open(temporary(""), &error);
    ck_assert_str_eq(error.message, "");
    cache_scales_load((Loader){ checkpoint, "model.self_attn", &error });
    ck_assert_msg(strstr(error.message, "k_scale: found 1e-60, expected a scale above 0 that float32 holds") != NULL,
                  "%s", error.message);
    checkpoint_close(checkpoint);
}
END_TEST

/* ---------------------------------------------------------------- what a configuration says */

#define COMPRESSED "{\"quant_method\": \"compressed-tensors\", \"config_groups\": {}, \"kv_cache_scheme\": "
#define MODELOPT "{\"quant_method\": \"modelopt\", \"kv_cache_quant_algo\": "

static const struct {
    const char *quantised, *refused;
    InputCodes cache;
} configurations[] = {
    { COMPRESSED "null}", NULL, INPUTS_PLAIN },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"float\", \"strategy\": \"tensor\", \"dynamic\": false, "
                 "\"symmetric\": true}}",
      NULL, INPUTS_FP8_STATIC },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"float\"}}", NULL, INPUTS_FP8_STATIC },
    { COMPRESSED "{\"num_bits\": 4, \"type\": \"float\"}}",
      "kv_cache_scheme.num_bits: found another width, expected 8, or --kv-cache", 0 },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"int\"}}", "type: found int, expected float, or --kv-cache", 0 },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"float\", \"strategy\": \"token\"}}", "strategy: found token,", 0 },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"float\", \"dynamic\": true}}", "dynamic: found true,", 0 },
    { COMPRESSED "{\"num_bits\": 8, \"type\": \"float\", \"symmetric\": false}}", "symmetric: found false,", 0 },
    { COMPRESSED "\"fp8\"}", "kv_cache_scheme: found", 0 },
    { MODELOPT "\"FP8\"}", NULL, INPUTS_FP8_STATIC },
    { MODELOPT "\"NVFP4\"}", "kv_cache_quant_algo: found NVFP4, expected FP8, or --kv-cache", 0 },
};

static InputCodes cache_of(const char *quantised, Error *error)
{
    Checkpoint checkpoint = { .file = "memory" };
    json_t *json = json_loads(arena_format(&scratch, "{\"quantization_config\": %s}", quantised), 0, NULL);
    ck_assert_ptr_nonnull(json);
    declared_inputs.given = true; /* which modelopt asks for */
    read_quantization_config(&checkpoint, (ConfigReader){ "config.json", "", json, error });
    declared_inputs.given = false;
    json_decref(json);
    arena_free(&checkpoint.arena);
    return checkpoint.cache;
}

START_TEST(configuration_says)
{
    Error error = { "" };
    InputCodes cache = cache_of(configurations[_i].quantised, &error);
    if (configurations[_i].refused)
        ck_assert_msg(strstr(error.message, configurations[_i].refused), "%s", error.message);
    else
        ck_assert_msg(!error_is_set(&error) && cache == configurations[_i].cache, "%s", error.message);
}
END_TEST

/* A declaration is in the place of what cannot be read. */
START_TEST(declaration_comes_first)
{
    Error error = { "" };
    declared_cache = (DeclaredCache){ true, INPUTS_Q8_0 };
    cache_of(MODELOPT "\"NVFP4\"}", &error);
    declared_cache = (DeclaredCache){ 0 };
    ck_assert_str_eq(error.message, "");
}
END_TEST

/* ---------------------------------------------------------------- values */

static Tensor states_of(real a, real b, real c)
{
    Tensor states = new_tensor(run_as(ROUNDING_NONE), 1, 1, 1, 3);
    memcpy(states.data, (real[]){ a, b, c }, 3 * sizeof(real));
    return states;
}

static void assert_values(Tensor found, double a, double b, double c)
{
    ck_assert_double_eq(found.data[0], a);
    ck_assert_double_eq(found.data[1], b);
    ck_assert_double_eq(found.data[2], c);
}

/* Keys by 0.5: 0.35 is 0.7, between the codes 0.6875 and 0.75. Values by 0.25: 1.4, between 1.375 and 1.5. */
START_TEST(fp8_has_scales_of_each)
{
    Run *run = run_as(ROUNDING_NONE);
    run->cache = INPUTS_FP8_STATIC;
    assert_values(as_cached(states_of((real)0.35, -300, 0), 0.5, run), 0.34375, -224, 0);
    assert_values(as_cached(states_of((real)0.35, -300, 0), 0.25, run), 0.34375, -112, 0);
    assert_values(as_cached(states_of((real)0.36, 3, 90), 0.5, run), 0.375, 3, 88);
    assert_values(as_cached(states_of((real)0.36, 3, 90), 0.25, run), 0.375, 3, 88);
}
END_TEST

START_TEST(q8_0_needs_no_scale)
{
    Run *run = run_as(ROUNDING_NONE);
    run->cache = INPUTS_Q8_0;
    assert_values(as_cached(states_of(127, (real)-3.4, (real)0.6), 9, run), 127, -3, 1);
}
END_TEST

START_TEST(without_a_rule_nothing_happens)
{
    Run *run = run_as(ROUNDING_BF16);
    Tensor states = states_of((real)0.3, (real)0.7, 1000);
    ck_assert_ptr_eq(as_read(as_cached(states, 0.5, run), run).data, states.data);
}
END_TEST

/* Tokens of decode steps before pass through it again. */
START_TEST(codes_stay_themselves)
{
    static const InputCodes rules[] = { INPUTS_FP8_STATIC, INPUTS_Q8_0 };
    Run *run = run_as(ROUNDING_NONE);
    run->cache = rules[_i];
    Tensor x = random_values(2, 9, 64);
    for (int i = 0; i < 2; i++) {
        double scale = i == 0 ? 0.013 : 0.0071;
        Tensor once = as_cached(x, scale, run);
        assert_tensor(as_cached(once, scale, run), once, 0, "states");
    }
}
END_TEST

/* 15 * 0.1 in float32 is no bfloat16: a kernel may round it, or never do. */
START_TEST(read_in_the_dtype_or_exactly)
{
    Run *run = run_as(ROUNDING_BF16);
    run->cache = INPUTS_FP8_STATIC;
    Tensor states = states_of(15 * 0.1f, 0, 0);
    assert_values(as_read(states, run), 1.5, 0, 0);
    run->exact_codes = true;
    assert_values(as_read(states, run), 15 * 0.1f, 0, 0);
}
END_TEST

Suite *cached_states_suite(void)
{
    Suite *suite = suite_create("cached_states");
    TCase *scales = theme(suite, "scales");
    tcase_add_loop_test(scales, scales_are_read, 0, COUNT(files));
    tcase_add_test(scales, scale_that_is_0_in_float32_is_refused);
    TCase *configuration = theme(suite, "configuration");
    tcase_add_loop_test(configuration, configuration_says, 0, COUNT(configurations));
    tcase_add_test(configuration, declaration_comes_first);
    TCase *values = theme(suite, "values");
    tcase_add_test(values, fp8_has_scales_of_each);
    tcase_add_test(values, q8_0_needs_no_scale);
    tcase_add_test(values, without_a_rule_nothing_happens);
    tcase_add_loop_test(values, codes_stay_themselves, 0, 2);
    tcase_add_test(values, read_in_the_dtype_or_exactly);
    return suite;
}
