/* test_parts.c - known bugs in a part of a backend: the name, and where it is */
#include "diagnose/part_fit.h"
#include "diagnose/part_words.h"
#include "findings.h"

#define TEXT "fixtures/e2b-text"
#define SHARED "fixtures/e2b-shared"
#define TWO_HEADS "fixtures/31b"
#define EXPERTS "fixtures/26b-a4b"
#define PICTURES "fixtures/e2b-vision"
#define FRAMES "fixtures/e4b-audio-vision"
#define CLIPS "fixtures/e2b-audio"

/* ---------------------------------------------------------------- least squares */

enum { ELEMENTS = 300 };

static float noise(unsigned *seed)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)((*seed = *seed * 1664525u + 1013904223u) >> 8) / (1 << 24);
    return (float)(sum - 6);
}

/* Three parts, each of which changes all elements; has[i] times each, and noise of one unit */
static const struct {
    double has[3], size;
    uint64_t parts;
} fits[] = {
    { { 1, 0, 0 }, 3, 1 },    { { 1, 0, 1 }, 3, 5 },   { { 0, 1, 1 }, 30, 6 }, { { 1, 1, 1 }, 3, 0 },
    { { 0, 0, 0 }, 3, 0 },    { { 0.5, 0, 0 }, 3, 0 }, { { 1, 0.5, 0 }, 3, 0 }, { { -1, 0, 0 }, 3, 0 },
    { { 1, 0, 0 }, 0.1, 0 },
};

START_TEST(parts_with_the_bug_are_found)
{
    static float differences[3][ELEMENTS], residual[ELEMENTS];
    unsigned seed = 7;
    PartFit fit = { .residual = residual, .elements = ELEMENTS, .count = 3 };
    for (int j = 0; j < ELEMENTS; j++) residual[j] = noise(&seed);
    for (int i = 0; i < 3; i++) {
        fit.differences[i] = differences[i];
        for (int j = 0; j < ELEMENTS; j++) {
            differences[i][j] = (float)fits[_i].size * noise(&seed);
            residual[j] += (float)fits[_i].has[i] * differences[i][j];
        }
    }
    ck_assert_uint_eq(part_fit_solve(&fit), fits[_i].parts);
}
END_TEST

START_TEST(parts_that_change_the_same_are_no_answer)
{
    static float difference[ELEMENTS], residual[ELEMENTS];
    unsigned seed = 7;
    for (int j = 0; j < ELEMENTS; j++) residual[j] = difference[j] = 9 * noise(&seed);
    PartFit fit = { residual, { difference, difference }, ELEMENTS, 2 };
    ck_assert_uint_eq(part_fit_solve(&fit), 0);
}
END_TEST

/* ---------------------------------------------------------------- words */

START_TEST(numbers_are_ranges)
{
    ck_assert_str_eq(numbers_in_words("layer", 1 << 3, &scratch), "layer 3");
    ck_assert_str_eq(numbers_in_words("layer", 3, &scratch), "layers 0, 1");
    ck_assert_str_eq(numbers_in_words("layer", 1 | 7 << 4, &scratch), "layers 0, 4 to 6");
    ck_assert_str_eq(numbers_in_words("head", (uint64_t)1 << 63, &scratch), "head 63");
}
END_TEST

START_TEST(parts_have_words)
{
    BugPart gelu = { .sites = " model.layers.*.mlp.act_fn" }, gate = { .sites = " model.layers.*.act_fn model.norm" };
    ck_assert_str_eq(part_words(&gelu, &gate, &scratch), "in mlp.act_fn, not in act_fn, model.norm");
    ck_assert_str_eq(part_words(&(BugPart){ .layers = 2 }, &gate, &scratch), "in layer 1 only");
    ck_assert_str_eq(part_words(&(BugPart){ .unit = UNIT_HEAD, .units = 2 }, &gate, &scratch), "in head 1 only");
    ck_assert_str_eq(part_words(&(BugPart){ .unit = UNIT_PICTURE, .units = 1 }, &gate, &scratch), "in picture 0 only");
    ck_assert_str_eq(part_words(&(BugPart){ .unit = UNIT_CLIP, .units = 3 }, &gate, &scratch), "in clips 0, 1 only");
    BugPart tower = { .sites = " model.vision_tower.encoder.layers.*.mlp.act_fn" };
    ck_assert_str_eq(part_words(&gelu, &tower, &scratch),
                     "in model.layers.*.mlp.act_fn, not in model.vision_tower.encoder.layers.*.mlp.act_fn");
    ck_assert_str_eq(part_words(&gelu, &(BugPart){ .sites = " a b c d e" }, &scratch), "in mlp.act_fn only");
    BugPart output = { .sites = " model.layers.*" };
    ck_assert_str_eq(part_words(&output, &gelu, &scratch), "in the layer's output, not in mlp.act_fn");
}
END_TEST

/* ---------------------------------------------------------------- dumps */

static void write_tap(void *context, const Tap *tap)
{
    SafetensorsWriter *writer = context;
    if (tap->first == 0) safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* A dump of a backend in a class that has the bug in a part, and generates a few tokens */
static const char *dump_in_part(const char *folder, const char *id, const BugPart *part, const char *class, int tokens)
{
    Error error = { "" };
    const Bug *bug = bug_find(id);
    const ArithmeticClass *arithmetic = class_find(class);
    const char *path = temporary("buggy.safetensors");
    Model *honest = model_open(arena_format(&scratch, "%s/model", folder), &error);
    assert_clean(&error);
    BuggyModel *model = buggy_model_in_part(honest, &bug, 1, part, &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    Pass pass = { .results = arithmetic->results,
                  .weights = arithmetic->weights,
                  .hook = write_tap,
                  .hook_context = writer,
                  .max_new_tokens = tokens,
                  .ignore_eos = true };
    buggy_model_forward(model, &reference_f32, &inputs, &pass);
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    inputs_close(&inputs);
    buggy_model_close(model);
    model_close(honest);
    return path;
}

static const struct {
    const char *folder, *bug, *class;
    bool is_full; /* or layer outputs alone */
    BugPart part;
    const char *reach; /* NULL: everywhere */
} parts[] = {
    { TEXT, "gelu-exact", "fp32", false, { .sites = " model.layers.*.mlp.act_fn", .strength = 1 },
      "in mlp.act_fn, not in act_fn" },
    { TEXT, "gelu-exact", "fp32", true, { .sites = " model.layers.*.mlp.act_fn", .strength = 1 },
      "in mlp.act_fn, not in act_fn" },
    { TEXT, "gelu-exact", "fp32", false, { .layers = 1 << 3, .strength = 1 }, "in layer 3 only" },
    { TEXT, "rmsnorm-bf16-variance", "fp32", true, { .layers = 1 << 2, .strength = 1 }, "in layer 2 only" },
    { TEXT, "qk-norms-swapped", "fp32", false, { .layers = 1 << 0, .strength = 1 }, "in layer 0 only" },
    { TEXT, "rope-dim-half", "fp16", false, { .layers = 1 << 0, .strength = 1 }, "in layer 0 only" },
    { TEXT, "rope-partial-prefix", "fp32", false, { .strength = 0.5 }, NULL },
    { TEXT, "rope-partial-denominator", "bf16", false, { .strength = 0.5 }, NULL },
    { TEXT, "layer-scalar-missing", "bf16", false, { .strength = 0.5 }, NULL },
    { TEXT, "layer-scalar-missing", "fp32", true, { .strength = 0.5 }, NULL },
    { TEXT, "gelu-exact", "fp32", false,
      { .layers = 1 << 1, .sites = " model.layers.*.mlp.act_fn", .strength = 1 },
      "in mlp.act_fn, not in act_fn, in layer 1 only" },
    { TEXT, "layer-scalar-missing", "bf16", false, { .layers = 1 << 1, .strength = 0.5 }, "in layer 1 only" },
    { TWO_HEADS, "rope-pairs-interleaved", "fp32", false, { .unit = UNIT_HEAD, .units = 2, .strength = 1 },
      "in head 1 only" },
    { EXPERTS, "text-rmsnorm-one-plus-weight", "bf16", false,
      { .sites = " model.language_model.layers.*.post_feedforward_layernorm_1", .strength = 1 },
      "in post_feedforward_layernorm_1 only" },
    { PICTURES, "clippable-keys-missed", "bf16", false,
      { .sites = " model.vision_tower.encoder.layers.*.self_attn.o_proj.linear", .strength = 1 },
      "in self_attn.v_proj.linear only (it would look the same in self_attn.o_proj.linear)" },
    { PICTURES, "vision-quick-gelu", "bf16", false, { .layers = 1 << 1, .strength = 1 }, "in layer 1 only" },
    { FRAMES, "vision-quick-gelu", "fp32", false, { .unit = UNIT_FRAME, .units = 2, .strength = 1 },
      "in frame 1 only" },
    { CLIPS, "audio-glu-halves-swapped", "bf16", false, { .unit = UNIT_CLIP, .units = 1, .strength = 1 },
      "in clip 0 only" },
    { EXPERTS, "gate-up-swapped", "bf16", false, { .unit = UNIT_EXPERT, .units = 1 << 2, .strength = 1 },
      "in expert 2 only" },
    { EXPERTS, "experts-silu", "fp32", true, { .unit = UNIT_EXPERT, .units = 1 << 1 | 1 << 6, .strength = 1 },
      "in experts 1, 6 only" },
    { EXPERTS, "experts-ignored", "fp32", false, { .unit = UNIT_EXPERT, .units = 1 << 7, .strength = 1 },
      "in expert 7 only" },
};

START_TEST(bug_in_a_part_is_named_with_its_reach)
{
    const char *dump = dump_in_part(parts[_i].folder, parts[_i].bug, &parts[_i].part, parts[_i].class, 0);
    Finding finding = find(parts[_i].folder, dump, parts[_i].class, parts[_i].is_full ? NULL : layer_outputs);
    const Diagnosis *d = finding.diagnosis;
    ck_assert_str_eq(first_name(finding), parts[_i].bug);
    ck_assert_int_eq(d->named_count, 1);
    if (parts[_i].reach) ck_assert_str_eq(d->reaches[0] ? d->reaches[0] : "everywhere", parts[_i].reach);
    if (!parts[_i].reach) ck_assert_ptr_null(d->reaches[0]);
    ck_assert_double_eq_tol(d->strengths[0], parts[_i].part.strength, 0.01);
    ck_assert(d->complete);
    finding_free(finding);
}
END_TEST

/* The bug alone chooses other experts than the dump has. */
START_TEST(whole_bug_is_everywhere_whatever_experts_it_chooses)
{
    const char *dump = dump_in_part(EXPERTS, "v-norm-missing", &(BugPart){ .strength = 1 }, "bf16", 3);
    Finding finding = find(EXPERTS, dump, "bf16", layer_outputs);
    ck_assert_str_eq(first_name(finding), "v-norm-missing");
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert_ptr_null(finding.diagnosis->reaches[0]);
    finding_free(finding);
}
END_TEST

/* It bends one step by little, and is plain over all steps. */
START_TEST(bug_of_many_straight_steps_is_named)
{
    const char *dump = dump_in_part(SHARED, "rmsnorm-bf16-variance", &(BugPart){ .strength = 1 }, "bf16", 4);
    Finding finding = find(SHARED, dump, "bf16", NULL);
    ck_assert_int_ge(finding.grade->first_bent, 0);
    ck_assert_str_eq(first_name(finding), "rmsnorm-bf16-variance");
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert(finding.diagnosis->complete);
    finding_free(finding);
}
END_TEST

Suite *parts_suite(void)
{
    Suite *suite = suite_create("parts");
    TCase *tcase = theme(suite, "fit");
    tcase_add_loop_test(tcase, parts_with_the_bug_are_found, 0, COUNT(fits));
    tcase_add_test(tcase, parts_that_change_the_same_are_no_answer);
    tcase_add_test(tcase, numbers_are_ranges);
    tcase_add_test(tcase, parts_have_words);
    tcase_add_loop_test(theme(suite, "dumps"), bug_in_a_part_is_named_with_its_reach, 0, COUNT(parts));
    tcase_add_test(theme(suite, "experts"), whole_bug_is_everywhere_whatever_experts_it_chooses);
    tcase_add_test(theme(suite, "steps"), bug_of_many_straight_steps_is_named);
    return suite;
}
