/* test_quantised.c - dumps of kernels with quantised weights: honest ones are straight, and bugs are named */
#include "findings.h"

#define AT "fixtures/quantised/"

static const struct {
    const char *folder, *kernel, *class;
} honest[] = {
    { AT "31b-vision-int8", "torchao", "bf16" },
    { AT "31b-vision-int8", "compressed-tensors", "bf16" },
    { AT "e2b-w4a16", "torchao", "bf16" },
    { AT "e2b-w4a16", "compressed-tensors", "bf16" },
    { AT "e2b-mixed", "exact", "bf16" },
    { AT "e2b-mixed", "rounded", "bf16" },
    { AT "26b-a4b-nvfp4", "exact", "bf16" },
    { AT "26b-a4b-nvfp4", "rounded", "bf16" },
    { AT "26b-a4b-static", "exact", "bf16" },
    { AT "26b-a4b-static", "rounded", "bf16" },
    { AT "31b-mlx-4bit", "mlx", "fp32" },
    { AT "31b-mlx-4bit", "exact", "fp32" },
    { AT "31b-mlx-4bit", "rounded", "bf16" },
    { AT "31b-fp8-block", "exact", "bf16" },
    { AT "31b-fp8-block", "compressed-tensors", "bf16" },
};

START_TEST(honest_kernel_is_straight)
{
    const char *dump = arena_format(&scratch, "%s/dumps/honest-%s-%s.safetensors", honest[_i].folder, honest[_i].kernel,
                                    honest[_i].class);
    Finding finding = find(honest[_i].folder, dump, honest[_i].class, NULL);
    ck_assert_int_lt(finding.grade->first_bent, 0);
    ck_assert_str_eq(first_name(finding), "none");
    finding_free(finding);
}
END_TEST

static const struct {
    const char *folder, *bug, *class, *first_bent;
} buggy[] = {
    { AT "31b-vision-int8", "quant-nibbles-exchanged", "bf16",
      "model.vision_tower.encoder.layers.0.mlp.gate_proj.linear" },
    { AT "31b-vision-int8", "quant-neighbour-scale", "bf16", "model.vision_tower.patch_embedder" },
    { AT "31b-vision-int8", "quant-scales-ignored", "bf16", "model.vision_tower.patch_embedder" },
    { AT "e2b-w4a16", "quant-nibbles-exchanged", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-w4a16", "quant-scales-transposed", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-w4a16", "quant-gate-scale-for-up", "bf16", "model.layers.0.mlp.up_proj" },
    { AT "e2b-mixed", "quant-zero-off-by-one", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-mixed", "quant-zero-clamped", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-mixed", "quant-zero-twice", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-mixed", "quant-inputs-per-tensor", "bf16", "model.layers.0.mlp.down_proj" },
    { AT "e2b-mixed", "quant-input-scale-missing", "bf16", "model.layers.0.per_layer_input_gate" },
    { AT "26b-a4b-nvfp4", "quant-global-scale-missing", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "26b-a4b-nvfp4", "quant-gate-scale-for-up", "bf16", "model.layers.0.mlp.up_proj" },
    { AT "26b-a4b-static", "quant-input-scale-missing", "bf16", "model.layers.0.experts" },
    { AT "31b-mlx-4bit", "quant-nibbles-exchanged", "fp32", "model.language_model.embed_tokens" },
    { AT "31b-fp8-block", "quant-scales-ignored", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "31b-fp8-block", "quant-tail-scale", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "31b-fp8-block", "quant-blocks-of-equal-size", "bf16", "model.layers.0.self_attn.q_proj" },
    { AT "e2b-w4a16", "quant-kept-weights-rounded", "bf16", "model.per_layer_model_projection" },
    { AT "26b-a4b-nvfp4", "quant-kept-weights-rounded", "bf16", "model.layers.0.router.proj" },
    { AT "e2b-mixed", "quant-kept-weights-cast", "bf16", "model.per_layer_model_projection" },
};

static void assert_named(Finding finding, const char *bug, const char *first_bent)
{
    ck_assert_int_ge(finding.grade->first_bent, 0);
    ck_assert_str_eq(finding.grade->steps[finding.grade->first_bent].tap, first_bent);
    ck_assert_str_eq(first_name(finding), bug);
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    finding_free(finding);
}

START_TEST(bug_is_named_at_its_product)
{
    const char *dump = arena_format(&scratch, "%s/dumps/buggy-%s-%s.safetensors", buggy[_i].folder, buggy[_i].bug,
                                    buggy[_i].class);
    assert_named(find(buggy[_i].folder, dump, buggy[_i].class, NULL), buggy[_i].bug, buggy[_i].first_bent);
}
END_TEST

/* ---- a cache of narrow codes, which the backend declares */

#define CACHE AT "e2b-fp8-cache"

static const struct {
    const char *kernel;
    InputCodes cache;
} honest_caches[] = {
    { "fp8-rounded", INPUTS_FP8_STATIC },
    { "fp8-exact", INPUTS_FP8_STATIC },
    { "q8_0-rounded", INPUTS_Q8_0 },
    { "q8_0-exact", INPUTS_Q8_0 },
};

START_TEST(honest_cache_is_straight)
{
    const char *dump = arena_format(&scratch, CACHE "/dumps/honest-%s-bf16.safetensors", honest_caches[_i].kernel);
    Finding finding = find_cached(CACHE, dump, "bf16", honest_caches[_i].cache);
    ck_assert_int_lt(finding.grade->first_bent, 0);
    ck_assert_str_eq(first_name(finding), "none");
    finding_free(finding);
}
END_TEST

static const char *const of_caches[] = { "quant-cache-scales-ignored", "quant-cache-scales-unread",
                                         "quant-key-scale-for-value" };

START_TEST(bug_of_a_cache_is_named_behind_attention)
{
    const char *dump = arena_format(&scratch, CACHE "/dumps/buggy-%s-bf16.safetensors", of_caches[_i]);
    assert_named(find_cached(CACHE, dump, "bf16", INPUTS_FP8_STATIC), of_caches[_i], "model.layers.0.self_attn.o_proj");
}
END_TEST

/* ---- scales of others */

/* Blocks of 128 x 128, two by two, counted row by row: whose scale each has */
static const struct {
    const char *bug;
    int scale[4];
} of_blocks[] = { { "quant-neighbour-scale", { 1, 2, 3, 0 } }, { "quant-scales-transposed", { 0, 2, 1, 3 } } };

START_TEST(blocks_have_scales_of_others)
{
    Error error = { "" };
    Model *model = model_open(AT "31b-fp8-block/model", &error);
    Safetensors *file = safetensors_open(AT "31b-fp8-block/model/model.safetensors", &error);
    const Bug *bug = bug_find(of_blocks[_i].bug);
    BuggyModel *buggy = buggy_model_of(model, &bug, 1, &error);
    ck_assert_str_eq(error.message, "");
    const char *name = "model.layers.0.self_attn.q_proj.weight";
    const Array *right = checkpoint_array(model_checkpoint(model), name);
    const Array *wrong = checkpoint_array(model_checkpoint(buggy_model_model(buggy)), name);
    double scales[4], *is, *was;
    array_read_f64(safetensors_find(file, "model.layers.0.self_attn.q_proj.weight_scale"), 0, 4, scales);
    int64_t count = array_elements(right), columns = right->shape[1];
    is = arena_allocate(&scratch, (size_t)count * sizeof *is);
    was = arena_allocate(&scratch, (size_t)count * sizeof *was);
    array_read_f64(wrong, 0, count, is);
    array_read_f64(right, 0, count, was);
    for (int64_t i = 0; i < count; i++) {
        int64_t block = i / columns / 128 * 2 + i % columns / 128;
        double expected = was[i] / scales[block] * scales[of_blocks[_i].scale[block]];
        ck_assert_double_le(fabs(is[i] - expected), 1e-12 * fabs(expected));
    }
    buggy_model_close(buggy);
    safetensors_close(file);
    model_close(model);
}
END_TEST

static void keep_logits(void *context, const Tap *tap)
{
    double **logits = context;
    if (strcmp(tap->name, "logits") != 0) return;
    if (tap->first == 0)
        *logits = arena_allocate(&scratch, (size_t)(tap->shape[1] * tap->shape[2]) * sizeof **logits);
    for (int64_t i = 0; i < tap->count; i++)
        (*logits)[tap->first + i] = tap->value_size == sizeof(float) ? (double)((float *)tap->values)[i]
                                                                     : ((double *)tap->values)[i];
}

/* buggy: NULL, or what runs instead */
static double *logits_of(const Reference *reference, Model *model, BuggyModel *buggy, const char *prompt)
{
    Error error = { "" };
    double *logits = NULL;
    write_arrays(temporary("inputs.safetensors"), prompt);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    assert_clean(&error);
    Pass pass = { .hook = keep_logits, .hook_context = &logits, .exact_codes = true };
    if (buggy)
        buggy_model_forward(buggy, reference, &inputs, &pass);
    else
        reference->forward(model, &inputs, &pass);
    inputs_close(&inputs);
    return logits;
}

static const struct {
    const char *folder, *bug;
} read_as_they_lie[] = {
    { AT "e2b-w4a16", NULL },
    { AT "e2b-mixed", NULL },
    { AT "26b-a4b-nvfp4", NULL },
    { AT "e2b-w4a16", "quant-nibbles-exchanged" },
    { AT "26b-a4b-nvfp4", "quant-global-scale-missing" },
};

/* A few rows multiply codes as they lie in the file, more rows what was read of them. Both builds do. */
START_TEST(few_rows_are_as_many)
{
    enum { FEW = 3 };
    static const Reference *const builds[] = { &reference_f32, &reference_f64 };
    Error error = { "" };
    Model *model = model_open(arena_format(&scratch, "%s/model", read_as_they_lie[_i].folder), &error);
    const Bug *bug = read_as_they_lie[_i].bug ? bug_find(read_as_they_lie[_i].bug) : NULL;
    BuggyModel *buggy = bug ? buggy_model_of(model, &bug, 1, &error) : NULL;
    assert_clean(&error);
    int64_t count = FEW * json_integer_value(json_object_get(model_config(model), "vocab_size"));
    ck_assert_int_gt(count, 0);
    for (int build = 0; build < COUNT(builds); build++) {
        const double *few = logits_of(builds[build], model, buggy, "{\"input_ids\": [[5, 9, 7]]}");
        const double *many = logits_of(builds[build], model, buggy, "{\"input_ids\": [[5, 9, 7, 4, 8, 6]]}");
        double largest = 0, tolerance = builds[build] == &reference_f64 ? 1e-12 : 1e-4;
        for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(many[i]));
        for (int64_t i = 0; i < count; i++) assert_near(few[i], many[i], tolerance * largest, "logit", i);
    }
    if (buggy) buggy_model_close(buggy);
    model_close(model);
}
END_TEST

/* ---- weights that the file keeps as they are */

/* Sums of squares, and of elements times their place, of what torchao, compressed-tensors and MLX make of them */
static const struct {
    const char *folder, *weight;
    double squares, places;
} kept[] = {
    { AT "e2b-w4a16", "model.per_layer_model_projection.weight", 145.91981065273285, -48515.363037109375 },
    { AT "e2b-mixed", "model.per_layer_model_projection.weight", 22.850401883712038, 9969.4088287353516 },
    { AT "26b-a4b-nvfp4", "model.layers.0.router.proj.weight", 3.058164417182331, 212.76854255981743 },
    { AT "31b-mlx-4bit", "model.vision_tower.encoder.layers.0.mlp.down_proj.linear.weight", 161.1627961397171,
      7235.27197265625 },
    { AT "31b-fp8-block", "lm_head.weight", 715.51747788841385, -648201.39975465834 },
};

START_TEST(kept_weight_becomes_what_a_library_makes_of_it)
{
    Error error = { "" };
    Model *model = model_open(arena_format(&scratch, "%s/model", kept[_i].folder), &error);
    const Bug *bug = bug_find("quant-kept-weights-rounded");
    BuggyModel *buggy = buggy_model_of(model, &bug, 1, &error);
    assert_clean(&error);
    const Array *weight = checkpoint_array(model_checkpoint(buggy_model_model(buggy)), kept[_i].weight);
    int64_t count = array_elements(weight);
    double *values = arena_allocate(&scratch, (size_t)count * sizeof *values), squares = 0, places = 0;
    array_read_f64(weight, 0, count, values);
    for (int64_t i = 0; i < count; i++) {
        squares += values[i] * values[i];
        places += values[i] * (double)i;
    }
    assert_near(squares, kept[_i].squares, 1e-7 * kept[_i].squares, "sum", 0);
    assert_near(places, kept[_i].places, 1e-7 * fabs(kept[_i].places), "sum", 1);
    double some[3];
    array_read_f64(weight, 30, 3, some); /* over the end of a group */
    for (int i = 0; i < 3; i++) assert_near(some[i], values[30 + i], 0, "element", 30 + i);
    buggy_model_close(buggy);
    model_close(model);
}
END_TEST

/* A file may hold a matrix that the model does not ask for, without an element. */
START_TEST(matrix_without_elements_is_left_alone)
{
    static const char *const cases[][2] = { { "e2b-mixed", "quant-kept-weights-rounded" },
                                            { "31b-fp8-block", "quant-kept-weights-rounded" },
                                            { "31b-fp8-block", "quant-blocks-of-equal-size" } };
    Error error = { "" };
    for (int i = 0; i < COUNT(cases); i++) {
        Model *model = model_open(arena_format(&scratch, AT "%s/model", cases[i][0]), &error);
        assert_clean(&error);
        Checkpoint edited = *model_checkpoint(model);
        CheckpointTensor tensors[3] = { { .array = NULL } };
        for (int k = 0; k < edited.tensor_count && !tensors[0].array; k++)
            if (edited.tensors[k].array->dtype == DTYPE_ENCODED) tensors[0] = edited.tensors[k];
        Encoding none = *tensors[0].array->encoding;
        none.width = none.group = 0;
        Array kept = { .name = "a.weight", .dtype = DTYPE_BF16, .rank = 2, .shape = { 4, 0 } }, coded = kept;
        coded.dtype = DTYPE_ENCODED;
        coded.encoding = &none;
        tensors[1].array = &kept;
        tensors[2].array = &coded;
        edited.arena = (Arena){ 0 };
        edited.tensors = tensors, edited.tensor_count = 3;
        bug_find(cases[i][1])->weights(&edited);
        ck_assert_ptr_eq(tensors[1].array, &kept);
        ck_assert_ptr_eq(tensors[2].array, &coded);
        arena_free(&edited.arena);
        model_close(model);
    }
}
END_TEST

Suite *quantised_suite(void)
{
    Suite *suite = suite_create("quantised");
    TCase *dumps = theme(suite, "dumps");
    tcase_add_loop_test(dumps, honest_kernel_is_straight, 0, COUNT(honest));
    tcase_add_loop_test(dumps, bug_is_named_at_its_product, 0, COUNT(buggy));
    tcase_add_loop_test(dumps, few_rows_are_as_many, 0, COUNT(read_as_they_lie));
    tcase_add_loop_test(dumps, honest_cache_is_straight, 0, COUNT(honest_caches));
    tcase_add_loop_test(dumps, bug_of_a_cache_is_named_behind_attention, 0, COUNT(of_caches));
    TCase *scales = theme(suite, "scales");
    tcase_add_loop_test(scales, blocks_have_scales_of_others, 0, COUNT(of_blocks));
    tcase_add_loop_test(theme(suite, "kept"), kept_weight_becomes_what_a_library_makes_of_it, 0, COUNT(kept));
    tcase_add_test(theme(suite, "no elements"), matrix_without_elements_is_left_alone);
    return suite;
}
