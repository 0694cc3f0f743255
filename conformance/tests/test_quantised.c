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
    { AT "31b-mlx-4bit", "quant-nibbles-exchanged", "fp32", "model.language_model.embed_tokens" },
    { AT "31b-fp8-block", "quant-scales-ignored", "bf16", "model.layers.0.self_attn.q_proj" },
};

START_TEST(bug_is_named_at_its_product)
{
    const char *dump = arena_format(&scratch, "%s/dumps/buggy-%s-%s.safetensors", buggy[_i].folder, buggy[_i].bug,
                                    buggy[_i].class);
    Finding finding = find(buggy[_i].folder, dump, buggy[_i].class, NULL);
    ck_assert_int_ge(finding.grade->first_bent, 0);
    ck_assert_str_eq(finding.grade->steps[finding.grade->first_bent].tap, buggy[_i].first_bent);
    ck_assert_str_eq(first_name(finding), buggy[_i].bug);
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    finding_free(finding);
}
END_TEST

Suite *quantised_suite(void)
{
    Suite *suite = suite_create("quantised");
    TCase *dumps = theme(suite, "dumps");
    tcase_add_loop_test(dumps, honest_kernel_is_straight, 0, COUNT(honest));
    tcase_add_loop_test(dumps, bug_is_named_at_its_product, 0, COUNT(buggy));
    return suite;
}
