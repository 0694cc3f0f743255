/* test_bugs.c - the catalogue: each bug changes what it should and nothing before it, and nothing where it cannot show
 *
 * That each is the bug it is called was checked against Hugging Face with the same bug.
 */
#include <math.h>

#include "readings/subjects.h"
#include "bug_cases.h"
#include "grade/arithmetic_class.h"
#include "dump/tap_name.h"

/* Closes the model. */
static Recording pass_and_close(const BugCase *c, const OpenedCase *opened, BuggyModel *model, Rounding rounding)
{
    Recording recording = { 0 };
    buggy_model_forward(model, &reference_f32, &opened->inputs,
                        &(Pass){ .results = rounding,
                                 .weights = rounding,
                                 .cache = c->cache,
                                 .hook = record,
                                 .hook_context = &recording,
                                 .max_new_tokens = c->tokens,
                                 .ignore_eos = true });
    buggy_model_close(model);
    return recording;
}

/* A pass of the model with those bugs; without any it is the model itself */
static Recording pass_of(const BugCase *c, const OpenedCase *opened, const Bug *const *bugs, int count,
                         Rounding rounding)
{
    Error error = { "" };
    BuggyModel *model = buggy_model_open(opened->model, bugs, count, &error);
    assert_clean(&error);
    return pass_and_close(c, opened, model, rounding);
}

static bool is_same(Tensor a, Tensor b)
{
    return elements(a) == elements(b) && memcmp(a.data, b.data, (size_t)elements(a) * sizeof(real)) == 0;
}

/* The first tap that differs, NULL if none does */
static const char *first_change(const Recording *a, const Recording *b)
{
    ck_assert_int_eq(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        ck_assert_str_eq(a->taps[i].name, b->taps[i].name);
        if (!is_same(a->taps[i].value, b->taps[i].value)) return a->taps[i].name;
    }
    return NULL;
}

/* ---------------------------------------------------------------- the catalogue */

START_TEST(well_formed)
{
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        ck_assert_ptr_eq(bug_find(bug->id), bug); /* so that no id is there twice */
        const char *const lines[] = { bug->stage, bug->mechanism, bug->source, bug->exposed_by };
        for (int n = 0; n < COUNT(lines); n++)
            ck_assert_msg(lines[n] && *lines[n] && !strchr(lines[n], '\n'), "%s: no single line", bug->id);
        ck_assert_msg(strlen(bug->id) <= 31 && strlen(bug->stage) <= 24, "%s: too long for a column", bug->id);
        bool public = strncmp(bug->source, "https://", 8) == 0 && !strchr(bug->source, ' ');
        ck_assert_msg(public || strncmp(bug->source, "no known report; ", 17) == 0, "%s: %s", bug->id, bug->source);
        ck_assert_msg(public == (bug->sources > 0), "%s: %d sources", bug->id, bug->sources);
        bool has_effect = bug_is_of_model(bug) || bug_is_of_preprocessing(bug) || bug_is_of_sounds(bug);
        ck_assert_msg(has_effect, "%s cannot be switched on", bug->id);
    }
    ck_assert_ptr_null(bug_at(bug_count()));
    ck_assert_ptr_null(bug_find("no-such-bug"));
}
END_TEST

START_TEST(changes_its_tap_first)
{
    const BugCase *c = &bug_cases[_i];
    OpenedCase opened = bug_case_open(c);
    Recording honest = pass_of(c, &opened, NULL, 0, c->rounding);
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        if (!bug_is_of_model(bug)) continue;
        Recording buggy = pass_of(c, &opened, &bug, 1, c->rounding);
        const char *tap = first_change(&honest, &buggy);
        if (!bug_shows(c, bug->id))
            ck_assert_msg(!tap, "%s changes %s, where it cannot show", bug->id, tap);
        else
            ck_assert_msg(tap && bug_is_first_seen_at(bug->id, tap), "%s changes %s first", bug->id, tap);
    }
    Recording again = pass_of(c, &opened, NULL, 0, c->rounding);
    ck_assert_ptr_null(first_change(&honest, &again)); /* nothing of a bug stays behind */
    inputs_close(&opened.inputs);
}
END_TEST

/* A model that is open gets a bug as one that is opened with it has it, and stays what it was. */
START_TEST(switched_on_in_an_open_model)
{
    const BugCase *c = &bug_cases[_i];
    Error error = { "" };
    OpenedCase opened = bug_case_open(c);
    Model *honest = model_open(opened.model, &error);
    ArenaMark mark = arena_mark(&scratch);
    assert_clean(&error);
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        if (!bug_is_of_model(bug)) continue;
        Recording with_bug = pass_of(c, &opened, &bug, 1, ROUNDING_BF16);
        BuggyModel *buggy = buggy_model_of(honest, &bug, 1, &error);
        assert_clean(&error);
        bool shows = bug_shows(c, bug->id);
        ck_assert_msg(!shows || !buggy_model_is_honest(buggy, &opened.inputs), "%s: said to change nothing", bug->id);
        Recording the_same = pass_and_close(c, &opened, buggy, ROUNDING_BF16);
        const char *tap = first_change(&with_bug, &the_same);
        ck_assert_msg(!tap, "%s: %s is not the same in an open model", bug->id, tap);
        arena_release(&scratch, mark);
    }
    model_close(honest);
    inputs_close(&opened.inputs);
}
END_TEST

/* A hook that sees every tap rounds none that it leaves alone: not those either that are float32 in a narrow class. */
START_TEST(leaves_the_rest_as_it_is)
{
    static const char *const ids[] = { "rope-inv-freq-low-precision", "v-norm-missing", "audio-conv-centred" };
    const BugCase *c = bug_cases;
    while (!c->folder || strcmp(c->folder, "fixtures/e4b-audio-vision") != 0) c++;
    OpenedCase opened = bug_case_open(c);
    const Bug *bug = bug_find(ids[_i]);
    Recording honest = pass_of(c, &opened, NULL, 0, ROUNDING_BF16), buggy = pass_of(c, &opened, &bug, 1, ROUNDING_BF16);
    const char *tap = first_change(&honest, &buggy);
    ck_assert_msg(tap && bug_is_first_seen_at(bug->id, tap), "%s changes %s first", bug->id, tap);
    inputs_close(&opened.inputs);
}
END_TEST

START_TEST(shown_by_some_case)
{
    for (int i = 0; i < bug_count(); i++) {
        if (!bug_is_of_model(bug_at(i))) continue;
        int shown = 0;
        for (int n = 0; n < bug_case_count; n++) shown += bug_shows(&bug_cases[n], bug_at(i)->id);
        ck_assert_msg(shown > 0, "%s is shown by no case", bug_at(i)->id);
    }
}
END_TEST

/* ---------------------------------------------------------------- in lockstep */

static void write_tap(void *writer, const Tap *tap)
{
    if (tap->first == 0) safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* The dump of a backend with those bugs */
static Dump *dump_of(const BugCase *c, const OpenedCase *opened, const Bug *const *bugs, int count,
                     const ArithmeticClass *class)
{
    Error error = { "" };
    const char *path = temporary("buggy.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    BuggyModel *model = buggy_model_open(opened->model, bugs, count, &error);
    assert_clean(&error);
    buggy_model_forward(model, &reference_f32, &opened->inputs,
                        &(Pass){ .results = class->results,
                                 .weights = class->weights,
                                 .cache = c->cache,
                                 .hook = write_tap,
                                 .hook_context = writer,
                                 .max_new_tokens = c->tokens,
                                 .ignore_eos = true });
    buggy_model_close(model);
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    return dump;
}

/* The first step that the reference with those bugs finds bent; NULL: none */
static const char *bent_step(const OpenedCase *opened, const Dump *dump, const Bug *const *bugs, int count,
                             const ArithmeticClass *class, InputCodes cache)
{
    Error error = { "" };
    BuggyModel *model = buggy_model_open(opened->model, bugs, count, &error);
    Trial trial = { .model = (Model *)buggy_model_model(model),
                    .inputs = &opened->inputs,
                    .dump = dump,
                    .class = class,
                    .options.ignore_eos = true,
                    .cache = cache };
    Lockstep *lockstep = lockstep_begin(&trial, subject_with_bugs(model, &trial.options), &error);
    assert_clean(&error);
    Grade *grade = lockstep_end(lockstep);
    const char *tap = grade->first_bent < 0 ? NULL : arena_format(&scratch, "%s", grade->steps[grade->first_bent].tap);
    grade_free(grade);
    buggy_model_close(model);
    return tap;
}

static bool is_infinite(const Bug *bug)
{
    return strcmp(bug->id, "pool-scale-f16-overflow") == 0 || strcmp(bug->id, "unified-dense-f16-overflow") == 0;
}

/* From a backend's own values, the reference with its bug computes what it does. */
START_TEST(straight_with_the_bug)
{
    static const char *const classes[] = { "fp32", "bf16", "fp16", "tf32" };
    const BugCase *c = &bug_cases[_i];
    OpenedCase opened = bug_case_open(c);
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        int any = c->scaled[0] ? 0 : i % COUNT(classes); /* float16 would overflow */
        const ArithmeticClass *class = class_find(c->rounding == ROUNDING_BF16 ? "bf16" : classes[any]);
        if (!bug_shows(c, bug->id) || is_infinite(bug)) continue;
        Dump *dump = dump_of(c, &opened, &bug, 1, class);
        const char *bent = bent_step(&opened, dump, &bug, 1, class, c->cache);
        ck_assert_msg(!bent, "%s: with it, %s is bent as %s", bug->id, bent, class->name);
        dump_close(dump);
    }
    inputs_close(&opened.inputs);
}
END_TEST

/* Each changes what the other one sees, or they meet in one step. */
static const struct {
    int place; /* of the case */
    const char *ids[2];
} pairs[] = {
    { 0, { "rope-partial-prefix", "attn-scale-rsqrt" } },
    { 0, { "window-off-by-one", "attn-scale-rsqrt" } },
    { 0, { "rope-inv-freq-low-precision", "rope-partial-prefix" } },
    { 0, { "layer-scalar-missing", "pre-ffn-norm-mismapped" } },
    { 2, { "rope-q-plus-one", "rope-partial-prefix" } },
    { 2, { "ple-rows-misaligned", "double-wide-missing" } },
    { 3, { "kv-shared-recomputed", "v-norm-missing" } },
    { 4, { "kv-tied-after-norm", "v-norm-missing" } },
    { 4, { "router-input-normed", "router-norm-scale-missing" } },
    { 4, { "per-expert-scale-twice", "experts-silu" } },
    { 5, { "pool-sum", "pool-padding-not-zeroed" } },
    { 5, { "vision-attn-scale-rsqrt", "vision-mask-none" } },
    { 5, { "merge-embed-scale-on-features", "merge-stale-first-image" } },
    { 5, { "projector-norm-after-projection", "ple-placeholder-id" } },
    { 5, { "vision-xy-swapped", "vision-rope-half-shared" } },
    { 5, { "patch-feature-order", "vision-grid-column-major" } },
    { 8, { "vision-clip-omitted", "tower-rmsnorm-one-plus-weight" } },
    { 0, { "attn-softcap-50", "attn-scale-rsqrt" } },
    { 13, { "rope-positions-bf16", "rope-inv-freq-low-precision" } },
    { 2, { "rope-pairs-interleaved", "rope-q-plus-one" } },
    { 4, { "gate-up-swapped", "experts-silu" } },
    { 12, { "pool-width-of-batch", "pool-sum" } },
    { 13, { "rope-positions-bf16", "rope-pairs-interleaved" } },
    { 10, { "posemb-flat-index", "unified-layernorm-eps" } },
    { 10, { "audio-unified-count", "projector-norm-missing" } },
    { 10, { "bidir-missing", "window-off-by-one" } },
};

START_TEST(two_at_once)
{
    const BugCase *c = &bug_cases[pairs[_i].place];
    const ArithmeticClass *class = class_find("fp32");
    const Bug *both[] = { bug_find(pairs[_i].ids[0]), bug_find(pairs[_i].ids[1]) };
    OpenedCase opened = bug_case_open(c);
    Dump *dump = dump_of(c, &opened, both, 2, class);
    const char *bent = bent_step(&opened, dump, both, 2, class, c->cache);
    ck_assert_msg(!bent, "%s and %s: with them, %s is bent", both[0]->id, both[1]->id, bent);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(bent_step(&opened, dump, &both[i], 1, class, c->cache), "%s: nothing is left of the other",
                      both[i]->id);
    dump_close(dump);
    inputs_close(&opened.inputs);
}
END_TEST

Suite *bugs_suite(void)
{
    Suite *suite = suite_create("bugs");
    TCase *catalogue = theme(suite, "catalogue");
    tcase_add_test(catalogue, well_formed);
    tcase_add_test(catalogue, shown_by_some_case);
    tcase_add_loop_test(catalogue, leaves_the_rest_as_it_is, 0, 3);
    tcase_add_loop_test(catalogue, changes_its_tap_first, 0, bug_case_count);
    tcase_add_loop_test(theme(suite, "lockstep"), two_at_once, 0, COUNT(pairs));
    TCase *each = long_theme(suite, "each bug");
    tcase_add_loop_test(each, switched_on_in_an_open_model, 0, bug_case_count);
    tcase_add_loop_test(each, straight_with_the_bug, 0, bug_case_count);
    return suite;
}
