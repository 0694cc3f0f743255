/* test_bug_weights.c - products that hooks compute themselves are those of the model */
#include "bugs/hooks/bug_run.h"
#include "dumps.h"

/* As products do, of which gate and up of an expert have a rule each */
START_TEST(rows_are_rounded_by_the_weights_rule)
{
    Error error = { "" };
    Model *model = model_open("fixtures/quantised/26b-a4b-static/model", &error);
    assert_clean(&error);
    const Array *experts = checkpoint_array(model_checkpoint(model), "model.layers.0.experts.gate_up_proj");
    const Array expert = array_at(experts, 3);
    enum { ROWS = 2 };
    int64_t out_features = expert.shape[0], in_features = expert.shape[1];
    Run run = { .arena = &scratch, .exact_codes = true };
    Tensor x = new_tensor(&run, ROWS, in_features);
    double *wide = arena_allocate(&scratch, (size_t)(ROWS * in_features) * sizeof *wide),
           *out = arena_allocate(&scratch, (size_t)(ROWS * out_features) * sizeof *out);
    for (int64_t i = 0; i < elements(x); i++) wide[i] = x.data[i] = (float)sin((double)i);
    Tensor y = linear(x, &expert, NULL, &run);
    BugRun bug_run = { .model = model, .pass = &(Pass){ .exact_codes = true } };
    linear_rows(&bug_run, out, wide, ROWS, &expert, NULL);
    for (int64_t i = 0; i < elements(y); i++) ck_assert_double_eq_tol(out[i], y.data[i], 1e-5 * fabs(out[i]) + 1e-6);
    arena_free(&bug_run.scratch);
    model_close(model);
}
END_TEST

Suite *bug_weights_suite(void)
{
    Suite *suite = suite_create("bug_weights");
    tcase_add_test(theme(suite, "linear_rows"), rows_are_rounded_by_the_weights_rule);
    return suite;
}
