/* test_gates.c - one wrong element, one wrong channel, cutting off instead of rounding: found; legal arithmetic passes
 */

#include "backends.h"
#include "noise/scales.h"
#include "dump/tap_name.h"

#define QUERIES LAYER ".self_attn.q_proj.linear"

/* ---------------------------------------------------------------- one element, one channel */

static const Text vision = { E2B "/model", E2B "/inputs.safetensors" };

/* Where the fixture has no whole dump of the class, the reference's own. */
static const char *whole_dump(const char *dump, const char *class)
{
    return dump ? dump : backend_dump(vision, &(Backend){ .class = class });
}

typedef struct {
    const char *tap;
    int64_t row, column; /* row -1: of every row */
    double offset, factor;
} Bend;

static void bend(Value *value, const void *context)
{
    const Bend *b = context;
    int64_t width = value->shape[value->rank - 1], count = 1;
    if (strcmp(value->name, b->tap) != 0) return;
    for (int d = 0; d < value->rank - 1; d++) count *= value->shape[d];
    for (int64_t row = 0; row < count; row++)
        if (b->row < 0 || row == b->row)
            value->values[row * width + b->column] = (float)(b->factor * value->values[row * width + b->column] +
                                                             b->offset);
}

/* The error of an honest backend at an element of the fixture's honest dump, and its scale */
static double scale_at(const char *dump_path, const char *class, const Bend *at, const char *const *only)
{
    Error error = { "" };
    Model *model = model_open(E2B "/model", &error);
    Inputs inputs = inputs_open(E2B "/inputs.safetensors", &error);
    Dump *dump = dump_open(dump_path, &error);
    Trial trial = { .model = model, .inputs = &inputs, .dump = dump, .class = class_find(class), .options.only = only };
    Lockstep *l = lockstep_begin(&trial, honest_subject(model), &error);
    assert_clean(&error);
    const Grade *grade = lockstep_grade_so_far(l);
    double scale = 0;
    for (int n = 0; n < grade->step_count; n++) {
        if (strcmp(grade->steps[n].tap, at->tap) != 0) continue;
        const StepSums *sums = lockstep_sums(l, n);
        int64_t i = at->row * sums->row_map.width + at->column;
        double found;
        array_read_f64(sums->backend, i, 1, &found);
        scale = sqrt(scale_of_element(sums, class_find(class), at->row, at->column, found - sums->residual[i]));
    }
    grade_free(lockstep_end(l));
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return scale;
}

static const struct {
    const char *dump, *class;
    Bend at;
    bool layers;
} elements_bent[] = {
    { BF16, "bf16", { QUERIES, 3, 17, 0, 1 }, false },
    { BF16, "bf16", { LAYER ".self_attn#attn_weights", 2, 3, 0, 1 }, false },
    { BF16, "bf16", { LAYER ".mlp.act_fn", 20, 100, 0, 1 }, false },
    { BF16, "bf16", { LAYER, 0, 127, 0, 1 }, false },
    { BF16, "bf16", { LAYER, 7, 64, 0, 1 }, true },
    { BF16, "bf16", { "model.embed_vision", 2, 95, 0, 1 }, true },
    { NULL, "fp16", { QUERIES, 3, 17, 0, 1 }, false },
    { NULL, "fp16", { LAYER, 7, 64, 0, 1 }, true },
};

/* In a narrow class: ten times its scale is seen, and so is the other sign where it is no small element. */
START_TEST(one_wrong_element)
{
    const char *const *only = elements_bent[_i].layers ? layer_outputs : NULL;
    const char *class = elements_bent[_i].class;
    const char *dump = whole_dump(elements_bent[_i].dump, class);
    Bend bent = elements_bent[_i].at;
    double scale = scale_at(dump, class, &bent, only);
    ck_assert_double_gt(scale, 0);
    for (int turned = 0; turned < 2; turned++) {
        bent.offset = turned ? 0 : 11 * scale; /* the honest error may make it less */
        bent.factor = turned ? -1 : 1;
        Grade *grade = graded(E2B, edited_dump(dump, bend, &bent), class, only);
        assert_bent_at(grade, bent.tap);
        const Step *step = step_of(grade, bent.tap);
        ck_assert_int_eq(step->worst_element, bent.row * step->shape[step->rank - 1] + bent.column);
        Measurement m = step_measurement(step);
        ck_assert_double_gt(measurement_at(&m, GATE_ELEMENT), limit_of(class_find(class), &m, GATE_ELEMENT));
        grade_free(grade);
    }
}
END_TEST

static const struct {
    const char *dump, *class;
    Bend at;
} channels_bent[] = {
    { BF16, "bf16", { QUERIES, -1, 17, 0, 1.03 } },
    { BF16, "bf16", { LAYER ".mlp.down_proj.linear", -1, 5, 0, 0.97 } },
    { BF16, "bf16", { LAYER, -1, 127, 0, 1.05 } },
    { NULL, "fp16", { QUERIES, -1, 17, 0, 1.005 } },
    { E2B "/expected.safetensors", "fp32", { QUERIES, -1, 17, 0, 1.0001 } },
};

START_TEST(one_wrong_channel)
{
    const Bend *at = &channels_bent[_i].at;
    const char *class = channels_bent[_i].class, *dump = whole_dump(channels_bent[_i].dump, class);
    Grade *grade = graded(E2B, edited_dump(dump, bend, at), class, NULL);
    assert_bent_at(grade, at->tap);
    const Step *step = step_of(grade, at->tap);
    ck_assert_int_eq(step->worst_channel, at->column);
    Measurement m = step_measurement(step);
    ck_assert_double_gt(measurement_at(&m, GATE_CHANNEL), limit_of(class_find(class), &m, GATE_CHANNEL));
    grade_free(grade);
}
END_TEST

/* ---------------------------------------------------------------- arithmetic */

static float in_bf16(float value)
{
    real rounded = value;
    round_result(&(Run){ .rounding = ROUNDING_BF16 }, &rounded, 1);
    return (float)rounded;
}

static float cut_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0xffff0000;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float thrice(float value) { return in_bf16(in_bf16(in_bf16(value) * 1.5f) / 1.5f); }

typedef struct {
    float (*rounded)(float);
    bool layers; /* only there, and nothing else is dumped */
} Arithmetic;

static bool is_layer_output(const char *tap)
{
    for (const char *const *glob = layer_outputs; *glob; glob++)
        if (tap_matches(*glob, tap)) return true;
    return false;
}

static void compute_as(Value *value, const void *context)
{
    const Arithmetic *arithmetic = context;
    int64_t count = 1;
    value->dropped = arithmetic->layers && !is_layer_output(value->name);
    for (int d = 0; d < value->rank; d++) count *= value->shape[d];
    /* A weight is a part of another size; and there is one way to round a table of few values. */
    if (strstr(value->name, "#attn_weights") || strstr(value->name, "rotary_emb#")) return;
    for (int64_t i = 0; !value->dropped && i < count; i++) value->values[i] = arithmetic->rounded(value->values[i]);
}

static const struct {
    const char *class; /* of the backend's steps */
    Arithmetic arithmetic;
    bool honest;
} backends[] = {
    { "fp32", { cut_to_bf16, false }, false }, { "fp32", { cut_to_bf16, true }, false },
    { "fp32", { in_bf16, true }, true },       { "bf16", { in_bf16, false }, true },
    { "bf16", { thrice, false }, true },       { "bf16", { thrice, true }, true },
};

/* Truncating backends are told by their bias. Those that round more often than Hugging Face, or less, are honest. */
START_TEST(arithmetic_as_bf16)
{
    const char *dump = backend_dump(
        vision, &(Backend){ .class = backends[_i].class, .edit = compute_as, .context = &backends[_i].arithmetic });
    Grade *grade = graded(E2B, dump, "bf16", NULL);
    if (backends[_i].honest) {
        assert_passes(grade, dump);
    } else {
        ck_assert_int_ge(grade->first_bent, 0);
        int biased = 0;
        for (int n = 0; n < grade->step_count; n++) {
            Measurement m = step_measurement(&grade->steps[n]);
            biased += measurement_at(&m, GATE_BIAS) > limit_of(grade->class, &m, GATE_BIAS);
            if (grade->steps[n].bias < -0.5) biased++;
        }
        ck_assert_int_ge(biased, 2);
    }
    grade_free(grade);
}
END_TEST

Suite *gates_suite(void)
{
    Suite *suite = suite_create("gates");
    TCase *tcase = theme(suite, "must fail");
    tcase_add_loop_test(tcase, one_wrong_element, 0, COUNT(elements_bent));
    tcase_add_loop_test(tcase, one_wrong_channel, 0, COUNT(channels_bent));
    tcase = theme(suite, "arithmetic");
    tcase_add_loop_test(tcase, arithmetic_as_bf16, 0, COUNT(backends));
    return suite;
}
