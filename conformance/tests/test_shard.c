/* test_shard.c - shards of one grade, joined, are the grade, to the last byte */
#include "backends.h"
#include "dump/tap_name.h"
#include "readings/reading.h"
#include "report/json_file.h"
#include "report/report_grade.h"
#include "report/report_shard.h"

enum { MOST = 5 };

typedef struct {
    Model *model;
    Inputs inputs;
    Dump *dump;
    const ArithmeticClass *class;
    const char *const *only;
    InputCodes cache;
    bool without_total;
    int taps;       /* that passes have shown */
    int taps_of[3]; /* of these, the first three */
} Opened;

static Opened opened(const char *model, const char *inputs, const char *dump, const char *class)
{
    Error error = { "" };
    Opened o = { .model = model_open(model, &error),
                 .inputs = inputs_open(inputs, &error),
                 .dump = dump_open(dump, &error),
                 .class = class_find(class) };
    assert_clean(&error);
    return o;
}

static Opened opened_case(const char *folder, const char *dump, const char *class)
{
    return opened(arena_format(&scratch, "%s/model", folder), arena_format(&scratch, "%s/inputs.safetensors", folder),
                  arena_format(&scratch, "%s/dumps/%s", folder, dump), class);
}

static void close_all(Opened *o)
{
    dump_close(o->dump);
    inputs_close(&o->inputs);
    model_close(o->model);
}

static void count_tap(void *context, int pass, int passes, const char *tap)
{
    Opened *o = context;
    (void)passes, (void)tap;
    o->taps++;
    if (pass < COUNT(o->taps_of)) o->taps_of[pass]++;
}

static Lockstep *graded_part(Opened *o, ShardNumber of)
{
    Error error = { "" };
    Followed followed;
    Trial trial = { .model = o->model, .inputs = &o->inputs, .dump = o->dump, .class = o->class };
    trial.cache = o->cache;
    trial.options = (GradeOptions){
        .only = o->only, .with_total = !o->without_total, .shard = of, .progress = count_tap, .progress_context = o
    };
    o->taps = 0;
    memset(o->taps_of, 0, sizeof o->taps_of);
    Lockstep *l = readings_begin(&trial, &followed, &error);
    assert_clean(&error);
    l = readings_measure_ends(l, &followed);
    followed_free(&followed);
    return l;
}

static const char *text_of_grade(const Grade *grade)
{
    json_t *json = report_grade_json(grade, (ReportTitle){ "case", "dump", 0 });
    char *text = json_file_text(json);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    json_decref(json);
    return kept;
}

static const char *whole(Opened *o)
{
    Grade *grade = lockstep_end(graded_part(o, (ShardNumber){ 0 }));
    const char *text = text_of_grade(grade);
    grade_free(grade);
    return text;
}

static Grade *merged(const json_t *const *shards, int count, Error *error)
{
    static const char *const paths[] = { "1.json", "2.json", "3.json", "4.json", "5.json" };
    return report_shards_grade(&(ShardReports){ shards, paths, count }, error);
}

/* Returns the most taps that one of them has shown. */
static int assert_whole(Opened *o, int count, const char *expected)
{
    Error error = { "" };
    json_t *shards[MOST];
    int most = 0;
    for (int k = 0; k < count; k++) {
        Lockstep *l = graded_part(o, (ShardNumber){ k, count });
        shards[k] = report_shard_json(l);
        grade_free(lockstep_end(l));
        if (o->taps > most) most = o->taps;
    }
    Grade *grade = merged((const json_t *const *)shards, count, &error);
    assert_clean(&error);
    grade->class = grade->declared = o->class;
    ck_assert_str_eq(text_of_grade(grade), expected);
    grade_free(grade);
    for (int k = 0; k < count; k++) json_decref(shards[k]);
    return most;
}

/* divides: each of two shards has less to do than all of it. */
static void assert_shards(Opened o, int count, bool divides)
{
    const char *expected = whole(&o);
    int taps = o.taps, most = assert_whole(&o, 2, expected);
    assert_whole(&o, 1, expected);
    ck_assert_msg(!divides || most < taps, "found a shard of %d taps, expected fewer than %d", most, taps);
    assert_whole(&o, count, expected);
    close_all(&o);
}

/* Text with keys and values that layers share, pictures, the family without towers, and sounds; and experts, which the
 * dump leaves open in one layer, so that one shard has all */
START_TEST(of_fixtures)
{
    static const char *const cases[] = { "fixtures/e2b-shared", "fixtures/e2b-vision", "fixtures/12b-image",
                                         "fixtures/e2b-audio", "fixtures/26b-a4b" };
    assert_shards(opened_case(cases[_i], "honest-bf16-eager.safetensors", "bf16"), 3, _i < 4);
}
END_TEST

/* Layers' outputs alone, so that what is left out has no steps of its own */
START_TEST(of_layer_outputs)
{
    Opened o = opened_case("fixtures/e2b-shared", "honest-bf16-eager.safetensors", "bf16");
    o.only = tap_layer_outputs;
    assert_shards(o, MOST, true);
}
END_TEST

/* The free pass goes no further than the last layer that is the shard's: the first shard has the first layers. */
START_TEST(free_passes_end_early)
{
    Opened o = opened_case("fixtures/e2b-shared", "honest-bf16-eager.safetensors", "bf16");
    o.only = tap_layer_outputs;
    for (int k = 0; k < 2; k++) {
        grade_free(lockstep_end(graded_part(&o, (ShardNumber){ k, 2 })));
        ck_assert_int_gt(o.taps_of[0], 0);
        ck_assert_msg(k == 0 ? o.taps_of[1] < o.taps_of[0] : o.taps_of[1] == o.taps_of[0],
                      "found %d taps in the free pass of shard %d, and %d in the first", o.taps_of[1], k, o.taps_of[0]);
    }
    close_all(&o);
}
END_TEST

/* Where nothing is chosen, the pass that totals are measured from is the ends' first. */
START_TEST(totals_cost_no_pass_of_their_own)
{
    const char *folder = _i ? "fixtures/26b-a4b" : "fixtures/e2b-text";
    Opened o = opened_case(folder, "honest-bf16-eager.safetensors", "bf16");
    grade_free(lockstep_end(graded_part(&o, (ShardNumber){ 0 })));
    int taps = o.taps;
    o.without_total = true;
    grade_free(lockstep_end(graded_part(&o, (ShardNumber){ 0 })));
    ck_assert_msg(_i ? taps > o.taps : taps == o.taps, "found %d taps, and %d without totals", taps, o.taps);
    close_all(&o);
}
END_TEST

/* A decode step asks for keys and values of those before it, and fp32 has random bits of a kind of its own. */
START_TEST(of_decode_steps)
{
    Text text = text_of("{" SHARED "}", two_rows);
    const char *class = _i ? "fp32" : "bf16";
    const char *dump = backend_dump(text, &(Backend){ .class = class, .max_new_tokens = 3 });
    assert_shards(opened(text.model, text.inputs, dump, class), MOST, true);
}
END_TEST

/* The second replay of tf32 cuts factors off, which draws no bits: nothing is left out there. */
START_TEST(of_another_rounding)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "tf32" });
    assert_shards(opened(text.model, text.inputs, dump, "tf32"), MOST, true);
}
END_TEST

static void drop_experts_and_a_layer(Value *value, const void *context)
{
    (void)context;
    value->dropped = strstr(value->name, "router") || strcmp(value->name, "model.layers.1") == 0;
}

/* Every other replay never rounds what codes of a cache stand for, and draws as many bits as the others do. */
START_TEST(of_a_cache_of_codes)
{
    static const char *const dumps[] = { "honest-fp8-rounded-bf16.safetensors", "honest-q8_0-exact-bf16.safetensors" };
    Opened o = opened_case("fixtures/quantised/e2b-fp8-cache", dumps[_i], "bf16");
    o.cache = _i ? INPUTS_Q8_0 : INPUTS_FP8_STATIC;
    assert_shards(o, 2, true);
}
END_TEST

/* Experts that the dump holds are followed in each shard. */
START_TEST(of_experts)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
    assert_shards(opened(text.model, text.inputs, dump, "bf16"), MOST, true);
}
END_TEST

/* Experts that the dump leaves open are settled by passes of all layers, which one shard runs. */
START_TEST(of_what_cannot_be_shared_out)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
    Opened o = opened(text.model, text.inputs, edited_dump(dump, drop_experts_and_a_layer, NULL), "bf16");
    assert_shards(o, MOST, false);
}
END_TEST

/* The rows that a dump does not hold come from the layer before, so that layer is computed by all. */
START_TEST(of_the_last_positions)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .logits_to_keep = 2 });
    Opened o = opened(text.model, text.inputs, edited_dump(dump, drop_experts_and_a_layer, NULL), "bf16");
    assert_shards(o, MOST, false);
}
END_TEST

static void assert_not_joined(const json_t *const *shards, int count, const char *message)
{
    Error error = { "" };
    Grade *grade = merged(shards, count, &error);
    ck_assert_ptr_null(grade);
    ck_assert_msg(strstr(error.message, message), "found %s, expected %s", error.message, message);
}

START_TEST(what_is_no_whole_is_refused)
{
    Text text = text_of("{}", two_rows);
    Opened o = opened(text.model, text.inputs, backend_dump(text, &(Backend){ .class = "bf16" }), "bf16");
    json_t *shards[2];
    for (int k = 0; k < 2; k++) {
        Lockstep *l = graded_part(&o, (ShardNumber){ k, 2 });
        shards[k] = report_shard_json(l);
        grade_free(lockstep_end(l));
    }
    const json_t *const twice[] = { shards[0], shards[1], shards[1] };
    assert_not_joined(twice, 1, "expected each step once");
    assert_not_joined(twice + 1, 1, "found no shard with");
    assert_not_joined((const json_t *const[]){ NULL }, 1, "1.json: found a shard whose steps are not as");
    assert_not_joined(twice, 3, "which 2.json has too, expected each step once");
    json_t *broken = json_deep_copy(shards[1]);
    const json_t *const other[] = { shards[0], broken };
    json_object_del(json_array_get(json_object_get(broken, "steps"), 0), "ratio");
    assert_not_joined(other, 2, "2.json: found a shard whose steps are not as plumb grade --shard writes them");
    json_object_set_new(json_object_get(broken, "listed"), "misfits", json_integer(1));
    assert_not_joined(other, 2, "2.json: found other steps than in 1.json");
    json_decref(broken);
    for (int k = 0; k < 2; k++) json_decref(shards[k]);
    close_all(&o);
}
END_TEST

Suite *shard_suite(void)
{
    Suite *suite = suite_create("shard");
    TCase *tests = theme(suite, "shards of one grade");
    tcase_add_loop_test(tests, of_fixtures, 0, 5);
    tcase_add_test(tests, of_layer_outputs);
    tcase_add_test(tests, free_passes_end_early);
    tcase_add_loop_test(tests, totals_cost_no_pass_of_their_own, 0, 2);
    tcase_add_loop_test(tests, of_decode_steps, 0, 2);
    tcase_add_test(tests, of_another_rounding);
    tcase_add_loop_test(tests, of_a_cache_of_codes, 0, 2);
    tcase_add_test(tests, of_experts);
    tcase_add_test(tests, of_what_cannot_be_shared_out);
    tcase_add_test(tests, of_the_last_positions);
    tcase_add_test(tests, what_is_no_whole_is_refused);
    return suite;
}
