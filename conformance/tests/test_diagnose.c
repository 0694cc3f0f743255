/* test_diagnose.c - bugs named from dumps of Hugging Face that have them, and nothing named from any other */
#include "dump/tap_name.h"
#include "findings.h"

#define TEXT "fixtures/e2b-text"
#define FULL31B "fixtures/31b"
#define EXPERTS "fixtures/26b-a4b"
#define WHOLE "fixtures/e2b"
#define SHARED_KV "fixtures/e2b-shared"
#define EXTREMES "fixtures/31b-extremes"
#define CHUNKS "fixtures/96-chunks"
#define ROWS "fixtures/96-rows"
#define UNIFIED "fixtures/12b-image"
#define SOUND "fixtures/12b-video-audio"
#define HEARS "fixtures/e2b-audio"
#define ALL_MEDIA "fixtures/e4b-audio-vision"

/* ---------------------------------------------------------------- bugs that Hugging Face was given */

static const struct {
    const char *folder, *bug;
    bool in_layer_outputs; /* it is named from these alone, too */
} buggy[] = {
    { E2B, "projector-norm-after-projection", true },
    { E2B, "vision-clip-omitted", true },
    { BIG, "std-not-loaded", true },
    { BIG, "pool-padding-not-zeroed", true },
    { TEXT, "window-off-by-one", true },
    { TEXT, "layer-scalar-misplaced", true },
    { TEXT, "rope-partial-prefix", false },
    { FULL31B, "kv-tied-after-norm", true },
    { FULL31B, "bidir-crosses-window", false },
    { FULL31B, "softcap-missing", true },
    { EXPERTS, "router-input-normed", false },
    { EXPERTS, "per-expert-scale-missing", false },
    { EXPERTS, "experts-silu", false },
    { WHOLE, "ple-placeholder-id", true },
    { WHOLE, "merge-embed-scale-on-features", true },
    { WHOLE, "rope-q-plus-one", false },
    { WHOLE, "attn-scale-rsqrt", false },
    { SHARED_KV, "kv-shared-recomputed", true },
    { SHARED_KV, "kv-shared-wrong-donor", true },
    { EXTREMES, "bidir-missing", true },
    { EXTREMES, "bidir-dropped-when-long", true },
    { EXTREMES, "v-norm-f16-overflow", true },
    { UNIFIED, "posemb-flat-index", true },
    { UNIFIED, "unified-merge-pad-first", true },
    { UNIFIED, "unified-layernorm-eps", true },
    { UNIFIED, "bidir-missing", false },
    { UNIFIED, "kv-tied-after-norm", true },
    { SOUND, "audio-unified-count", true },
    { SOUND, "projector-norm-missing", true },
    { SOUND, "softcap-missing", true },
    { HEARS, "audio-subsample-no-mask", true },
    { HEARS, "audio-mask-inverted", true },
    { HEARS, "audio-window-13", true },
    { ALL_MEDIA, "audio-qscale-zero", true },
    { ALL_MEDIA, "audio-glu-halves-swapped", true },
    { ALL_MEDIA, "audio-conv-norms-swapped", true },
    { ALL_MEDIA, "audio-clip-omitted", true },
    { ALL_MEDIA, "projector-norm-after-projection", true },
    { CHUNKS, "chunk-drops-window", true },
    { CHUNKS, "prefill-evicts-keys", true },
    { CHUNKS, "rope-dim-half", true },
    { ROWS, "pool-width-of-batch", true },
    { ROWS, "vision-attends-across-images", true },
    { ROWS, "merge-seq-major", true },
    { ROWS, "bidir-region-shifted", true },
};

START_TEST(bug_is_named)
{
    const char *dump = arena_format(&scratch, "%s/dumps/buggy-%s-bf16.safetensors", buggy[_i].folder, buggy[_i].bug);
    Finding full = find(buggy[_i].folder, dump, "bf16", NULL);
    const Diagnosis *d = full.diagnosis;
    ck_assert_str_eq(first_name(full), buggy[_i].bug);
    ck_assert_int_eq(d->named_count, 1);
    ck_assert_int_eq(d->equal_count, 0);
    ck_assert(d->complete && !d->pattern);
    ck_assert_str_eq(d->candidates[0].bug->id, buggy[_i].bug);
    ck_assert(d->candidates[0].explained > 0.9 && d->candidates[0].confirmed && d->candidates[0].at_first_bent);
    ck_assert(fabs(d->candidates[0].coefficient - 1) < 0.02);
    finding_free(full);

    if (!buggy[_i].in_layer_outputs) return;
    Finding layers = find(buggy[_i].folder, dump, "bf16", layer_outputs);
    ck_assert_str_eq(first_name(layers), buggy[_i].bug);
    finding_free(layers);
}
END_TEST

/* It does no more than the class's rounding does, and so less of the error is its own. */
START_TEST(unrounded_root_is_named)
{
    Finding finding = find(CHUNKS, CHUNKS "/dumps/buggy-embed-scale-unrounded-bf16.safetensors", "bf16", NULL);
    const Candidate *first = &finding.diagnosis->candidates[0];
    ck_assert_str_eq(first_name(finding), "embed-scale-unrounded");
    ck_assert(fabs(first->coefficient - 1) < 0.15 && first->at_first_bent);
    finding_free(finding);
}
END_TEST

/* On this image, which is longer than the window, one bug does what the other does: the one with more public reports is
 * named. */
START_TEST(rivals_are_both_listed)
{
    Finding finding = find(FULL31B, FULL31B "/dumps/buggy-bidir-missing-bf16.safetensors", "bf16", NULL);
    ck_assert_str_eq(first_name(finding), "bidir-missing");
    ck_assert_int_eq(finding.diagnosis->equal_count, 1);
    ck_assert_str_eq(finding.diagnosis->equals[0]->id, "bidir-dropped-when-long");
    finding_free(finding);
}
END_TEST

/* ---------------------------------------------------------------- honest ones, and defects that are in no catalogue */

static const struct {
    const char *folder, *dump, *class;
} honest[] = {
    { E2B, "honest-fp32-sdpa", "fp32" },
    { E2B, "honest-fp16-sdpa", "fp16" },
    { E2B, "honest-bf16-eager", "bf16" },
    { BIG, "honest-bf16-sdpa", "bf16" },
    { TEXT, "honest-bf16-eager", "bf16" },
    { TEXT, "honest-fp16-sdpa-2threads", "fp16" },
    { FULL31B, "honest-fp32-sdpa-2threads", "fp32" },
    { FULL31B, "honest-bf16-eager", "bf16" },
    { EXPERTS, "honest-bf16-eager", "bf16" },
    { EXPERTS, "honest-fp16-eager", "fp16" },
    { WHOLE, "honest-fp16-sdpa-2threads", "fp16" },
    { WHOLE, "honest-bf16-eager", "bf16" },
    { UNIFIED, "honest-fp32-sdpa-2threads", "fp32" },
    { UNIFIED, "honest-bf16-eager", "bf16" },
    { UNIFIED, "google-masks-bf16-eager", "bf16" },
    { SOUND, "honest-bf16-eager", "bf16" },
    { SOUND, "honest-fp16-sdpa-2threads", "fp16" },
};

START_TEST(nothing_is_named)
{
    const char *dump = arena_format(&scratch, "%s/dumps/%s.safetensors", honest[_i].folder, honest[_i].dump);
    Finding finding = find(honest[_i].folder, dump, honest[_i].class, NULL);
    ck_assert_int_lt(finding.grade->first_bent, 0);
    ck_assert_str_eq(first_name(finding), "none");
    ck_assert(finding.diagnosis->candidate_count > 0);
    for (int i = 0; i < finding.diagnosis->candidate_count; i++) {
        const Candidate *c = &finding.diagnosis->candidates[i];
        ck_assert_msg(c->coefficient < 0.02 || c->z < 5, "%s: z %.3g, coefficient %.3g", c->bug->id, c->z,
                      c->coefficient);
    }
    finding_free(finding);
}
END_TEST

static void scale_layer(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t count = 1;
    for (int i = 0; i < value->rank; i++) count *= value->shape[i];
    for (int64_t i = 0; i < count; i++) value->values[i] *= 0.9f;
}

static void exchange_rows(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t width = value->shape[value->rank - 1];
    for (int64_t j = 0; j < width; j++) {
        float first = *value_at(value, 3, j);
        *value_at(value, 3, j) = *value_at(value, 5, j);
        *value_at(value, 5, j) = first;
    }
}

static void reverse_channels(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t width = value->shape[value->rank - 1];
    for (int64_t row = 0; row < 12; row++)
        for (int64_t j = 0; j < width / 2; j++) {
            float left = *value_at(value, row, j);
            *value_at(value, row, j) = *value_at(value, row, width - 1 - j);
            *value_at(value, row, width - 1 - j) = left;
        }
}

static void spoil_channel(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t row = 0; row < 12; row++) *value_at(value, row, 7) += 40;
}

static void spoil_row(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t j = 0; j < value->shape[value->rank - 1]; j++) *value_at(value, 4, j) += j % 3 ? 5 : -7;
}

static void not_a_number(Value *value, const void *context)
{
    if (strcmp(value->name, context) == 0) *value_at(value, 2, 2) = NAN;
}

static const struct {
    Edit *edit;
    const char *says;
} unknown[] = {
    { scale_layer, "each value is 0.90" },
    { exchange_rows, "rows are exchanged: row 3 holds row 5, row 5 holds row 3" },
    { reverse_channels, "each row holds its values in another order" },
    { spoil_channel, "only channel 7" },
    { spoil_row, "only row 4" },
    { not_a_number, "1 values are not finite" },
};

START_TEST(unknown_defect_is_described)
{
    const char *dump = edited_dump(TEXT "/dumps/honest-bf16-eager.safetensors", unknown[_i].edit, "model.layers.1");
    Finding finding = find(TEXT, dump, "bf16", layer_outputs);
    ck_assert_str_eq(finding.grade->steps[finding.grade->first_bent].tap, "model.layers.1");
    ck_assert_str_eq(first_name(finding), "none");
    ck_assert(!finding.diagnosis->complete);
    ck_assert_msg(strstr(finding.diagnosis->pattern, unknown[_i].says) != NULL, "%s", finding.diagnosis->pattern);
    finding_free(finding);
}
END_TEST

/* Bugs that the case cannot show are not tried for naught: nothing is padded in this one, and no weight is clipped. */
START_TEST(what_is_not_exposed_is_listed)
{
    Finding finding = find(TEXT, TEXT "/dumps/honest-bf16-eager.safetensors", "bf16", NULL);
    const Diagnosis *d = finding.diagnosis;
    bool clip = false, window = false;
    for (int i = 0; i < d->not_exposed_count; i++) {
        clip |= strcmp(d->not_exposed[i]->id, "vision-clip-omitted") == 0;
        window |= strcmp(d->not_exposed[i]->id, "window-off-by-one") == 0;
    }
    ck_assert(clip && !window);
    ck_assert_int_eq(d->candidate_count + d->not_exposed_count, bug_count());
    finding_free(finding);
}
END_TEST

static void choose_the_first(Value *value, const void *context)
{
    (void)context;
    if (!tap_ends(value->name, "layers.1.router#top_k_index")) return;
    memset(value->values, 0, (size_t)(value->shape[0] * value->shape[1]) * sizeof *value->values);
}

/* The first expert has three rows of each token then, which is more than there are tokens. */
START_TEST(one_expert_chosen_for_all_places)
{
    const char *dump = edited_dump(EXPERTS "/dumps/honest-bf16-eager.safetensors", choose_the_first, NULL);
    Finding finding = find(EXPERTS, dump, "bf16", NULL);
    ck_assert_str_eq(finding.grade->steps[finding.grade->first_bent].tap,
                     "model.language_model.layers.1.router#top_k_index");
    ck_assert_str_eq(finding.diagnosis->pattern, "another choice than the scores give");
    finding_free(finding);
}
END_TEST

Suite *diagnose_suite(void)
{
    Suite *suite = suite_create("diagnose");
    TCase *named = theme(suite, "named"), *unnamed = theme(suite, "unnamed");
    tcase_add_loop_test(long_theme(suite, "each bug"), bug_is_named, 0, COUNT(buggy));
    tcase_add_test(named, unrounded_root_is_named);
    tcase_add_test(named, rivals_are_both_listed);
    tcase_add_loop_test(unnamed, nothing_is_named, 0, COUNT(honest));
    tcase_add_loop_test(unnamed, unknown_defect_is_described, 0, COUNT(unknown));
    tcase_add_test(unnamed, what_is_not_exposed_is_listed);
    tcase_add_test(unnamed, one_expert_chosen_for_all_places);
    return suite;
}
