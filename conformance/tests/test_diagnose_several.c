/* test_diagnose_several.c - several bugs in one dump, and bugs that a dump's own masks hide */
#include "bugs/bug.h"
#include "dump/tap_name.h"
#include "findings.h"

#define TEXT "fixtures/e2b-text"
#define EXPERTS "fixtures/26b-a4b"

typedef bool IsHonest(const Tap *tap, int64_t element);

typedef struct {
    SafetensorsWriter *writer;
    const Dump *honest;
    IsHonest *is_honest; /* these elements are written as the honest dump has them; NULL: none is */
} Writing;

static void write_tap(void *context, const Tap *tap)
{
    const Writing *w = context;
    const Array *honest = w->honest ? dump_find(w->honest, tap->name) : NULL;
    if (tap->first == 0) safetensors_writer_begin(w->writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    for (int64_t i = 0; i < tap->count; i++) {
        const float *own = (const float *)tap->values + i;
        bool replaced = honest && w->is_honest(tap, tap->first + i);
        safetensors_writer_append(w->writer, replaced ? (const float *)honest->data + tap->first + i : own,
                                  sizeof *own);
    }
}

static bool masks(const Tap *tap, int64_t element)
{
    (void)element;
    return tap_is_mask(tap->name);
}

static bool second_sequence(const Tap *tap, int64_t element)
{
    int64_t elements = 1;
    for (int i = 0; i < tap->rank; i++) elements *= tap->shape[i];
    return element >= elements / 2;
}

/* A dump of a bf16 backend with these bugs */
static const char *dump_with(const char *folder, const char *const *ids, const Dump *honest, IsHonest *is_honest)
{
    Error error = { "" };
    const Bug *bugs[4];
    int count = 0;
    for (; ids[count]; count++) bugs[count] = bug_find(ids[count]);
    const char *path = temporary(count ? "buggy.safetensors" : "honest.safetensors");
    BuggyModel *model = buggy_model_open(arena_format(&scratch, "%s/model", folder), bugs, count, &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    Writing writing = { safetensors_writer_open(path, &error), honest, is_honest };
    assert_clean(&error);
    buggy_model_forward(
        model, &reference_f32, &inputs,
        &(Pass){ .results = ROUNDING_BF16, .weights = ROUNDING_BF16, .hook = write_tap, .hook_context = &writing });
    safetensors_writer_close(writing.writer, &error);
    assert_clean(&error);
    inputs_close(&inputs);
    buggy_model_close(model);
    return path;
}

static void assert_named(const char *folder, const char *const *ids, const char *const *only)
{
    Finding finding = find(folder, dump_with(folder, ids, NULL, NULL), "bf16", only);
    int count = 0;
    for (; ids[count]; count++) {
        bool is_named = false;
        for (int i = 0; i < finding.diagnosis->named_count; i++)
            is_named |= strcmp(finding.diagnosis->named[i]->id, ids[count]) == 0;
        ck_assert_msg(is_named, "%s is not named", ids[count]);
    }
    ck_assert_int_eq(finding.diagnosis->named_count, count);
    ck_assert(finding.diagnosis->complete);
    finding_free(finding);
}

START_TEST(one_after_the_other)
{
    assert_named(E2B, (const char *const[]){ "vision-clip-omitted", "projector-norm-after-projection", NULL },
                 layer_outputs);
}
END_TEST

/* A layer's output is one step, which all three bend. */
START_TEST(three_in_one_step)
{
    assert_named(EXPERTS,
                 (const char *const[]){ "router-input-normed", "per-expert-scale-missing", "experts-silu", NULL },
                 layer_outputs);
}
END_TEST

/* In the first layer each spoils the sums that the others are seen by. The first two are named for later ones. */
START_TEST(on_top_of_those_that_are_named)
{
    const char *const ids[] = { "layer-scalar-misplaced", "rope-pairs-interleaved", "prefill-evicts-keys", NULL };
    assert_named(TEXT, ids, layer_outputs);
}
END_TEST

/* The mask that the dump shows is right, and its attention has another. */
START_TEST(mask_is_right_and_attention_is_not)
{
    Error error = { "" };
    Dump *honest = dump_open(dump_with(TEXT, (const char *const[]){ NULL }, NULL, NULL), &error);
    assert_clean(&error);
    const char *dump = dump_with(TEXT, (const char *const[]){ "window-off-by-one", NULL }, honest, masks);
    Finding finding = find(TEXT, dump, "bf16", NULL);
    ck_assert_str_eq(finding.grade->steps[finding.grade->first_bent].tap, "model.layers.0.self_attn#attn_weights");
    ck_assert_str_eq(first_name(finding), "window-off-by-one");
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert(finding.diagnosis->complete);
    finding_free(finding);
    dump_close(honest);
}
END_TEST

static void swell_a_row(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t j = 0; j < value->shape[value->rank - 1]; j++) *value_at(value, 4, j) *= 1.1f;
}

/* A step that has a known bug has an error of its own besides, which no bug is. */
START_TEST(something_else_is_bent_there_too)
{
    const char *buggy = dump_with(TEXT, (const char *const[]){ "layer-scalar-missing", NULL }, NULL, NULL);
    Finding finding = find(TEXT, edited_dump(buggy, swell_a_row, "model.layers.1"), "bf16", layer_outputs);
    ck_assert_str_eq(first_name(finding), "layer-scalar-missing");
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert(finding.diagnosis->with_others[0]);
    ck_assert(!finding.diagnosis->complete);
    ck_assert_str_eq(finding.diagnosis->unexplained, "model.layers.1");
    finding_free(finding);

    finding = find(TEXT, buggy, "bf16", layer_outputs);
    ck_assert(!finding.diagnosis->with_others[0]);
    ck_assert(finding.diagnosis->complete);
    finding_free(finding);
}
END_TEST

/* The first of two sequences has the bug. */
START_TEST(in_one_sequence)
{
    Error error = { "" };
    Dump *honest = dump_open(dump_with(TEXT, (const char *const[]){ NULL }, NULL, NULL), &error);
    assert_clean(&error);
    const char *dump = dump_with(TEXT, (const char *const[]){ "window-off-by-one", NULL }, honest, second_sequence);
    Finding finding = find(TEXT, dump, "bf16", layer_outputs);
    ck_assert_str_eq(first_name(finding), "window-off-by-one");
    ck_assert_int_eq(finding.diagnosis->named_count, 1);
    ck_assert_str_eq(finding.diagnosis->reaches[0], "in sequence 0 of the batch only");
    ck_assert(finding.diagnosis->complete);
    finding_free(finding);
    dump_close(honest);
}
END_TEST

Suite *diagnose_several_suite(void)
{
    Suite *suite = suite_create("diagnose_several");
    TCase *tcase = theme(suite, "several");
    tcase_add_test(tcase, one_after_the_other);
    tcase_add_test(tcase, three_in_one_step);
    tcase_add_test(tcase, on_top_of_those_that_are_named);
    tcase_add_test(tcase, in_one_sequence);
    tcase_add_test(tcase, something_else_is_bent_there_too);
    tcase_add_test(tcase, mask_is_right_and_attention_is_not);
    return suite;
}
