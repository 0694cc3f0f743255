/* test_ends.c - errors that pass step by step and add up, and errors that do not */
#include "lockstep/ends.h"

#include <math.h>
#include <stdlib.h>

#include "backends.h"
#include "dump/tap_name.h"
#include "noise/end_sums.h"
#include "report/report_grade.h"

/* ---------------------------------------------------------------- sums, by hand */

enum { ROWS = 2, WIDTH = 2 };

static const float found[ROWS * WIDTH] = { 3, 4.5f, 0, 2 };
static const double expected[ROWS][WIDTH] = { { 3, 4 }, { 0, 2 } };
static const ArithmeticClass *bf16(void) { return class_find("bf16"); }

/* The dump is off by 0.5 in row 0. Replays are off by 0.25 there in the one, by 0.1 in the other. */
static End end_of(bool logits, bool is_many)
{
    Array backend = { .dtype = DTYPE_F32, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)found };
    StepSums step = { .row_map = { { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH }, .backend = &backend };
    EndSums sums = end_sums_new(&step, logits);
    for (int64_t row = 0; row < ROWS; row++) end_sums_expect(&sums, row, expected[row]);
    for (int replay = 0; replay < 2; replay++) {
        end_sums_add(&sums, 0, (const double[]){ 3, replay ? 4.1 : 4.25 });
        end_sums_add(&sums, 1, expected[1]);
        end_sums_end_replay(&sums);
    }
    End end = end_sums_conclude(&sums, bf16(), is_many);
    end_sums_free(&sums);
    return end;
}

START_TEST(in_units_of_replays)
{
    End end = end_of(false, false);
    double honest = sqrt((0.25 * 0.25 + 0.1 * 0.1) / 2), norm = sqrt(9 + 16 + 4);
    ck_assert_int_eq(end.rows, 2);
    ck_assert_int_eq(end.replays, 2);
    assert_near(end.total, 0.5 / norm, 1e-9, "total", 0);
    assert_near(end.honest, honest / norm, 1e-9, "honest", 0);
    assert_near(end.ratio, 0.5 / honest, 1e-9, "ratio", 0);
    assert_near(end.worst_row_ratio, 0.5 / honest, 1e-9, "row", 0); /* it has seen more than is to be expected of it */
    ck_assert_int_eq(end.worst_row, 0);
    assert_near(end.ratio_limit, bf16()->ends.ratio, 0, "limit", 0);
    ck_assert(!end.logits && end.root_limit == 0);
}
END_TEST

/* The error of the largest of many replays passes, where that is more than the limit. */
START_TEST(many_replays_say_what_passes)
{
    End end = end_of(false, true);
    double honest = sqrt((0.25 * 0.25 + 0.1 * 0.1) / 2);
    ck_assert_double_lt(0.25 / honest, bf16()->ends.ratio);
    assert_near(end.ratio_limit, bf16()->ends.ratio, 0, "limit", 0);
    ArithmeticClass strict = *bf16();
    strict.ends.ratio = 1;
    Array backend = { .dtype = DTYPE_F32, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)found };
    StepSums step = { .row_map = { { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH }, .backend = &backend };
    EndSums sums = end_sums_new(&step, false);
    end_sums_expect(&sums, 0, expected[0]);
    for (int replay = 0; replay < 2; replay++) {
        end_sums_add(&sums, 0, (const double[]){ 3, replay ? 4.1 : 4.2 });
        end_sums_end_replay(&sums);
    }
    assert_near(end_sums_conclude(&sums, &strict, false).ratio_limit, 1, 0, "few", 0);
    double honest_of_two = sqrt((0.2 * 0.2 + 0.1 * 0.1) / 2);
    assert_near(end_sums_conclude(&sums, &strict, true).ratio_limit, 0.2 / honest_of_two, 1e-6, "many", 0);
    end_sums_free(&sums);
}
END_TEST

/* Honest runs overflow where the dump, which is wider there, does not. */
START_TEST(replays_that_overflow_are_no_scale)
{
    Array backend = { .dtype = DTYPE_F32, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)found };
    StepSums step = { .row_map = { { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH }, .backend = &backend };
    EndSums sums = end_sums_new(&step, true);
    for (int64_t row = 0; row < ROWS; row++) end_sums_expect(&sums, row, expected[row]);
    for (int64_t row = 0; row < ROWS; row++) end_sums_add(&sums, row, (const double[]){ NAN, NAN });
    end_sums_end_replay(&sums);
    End end = end_sums_conclude(&sums, bf16(), false);
    ck_assert(end.ratio == 0 && end.worst_row_ratio == 0 && end.root_ratio == 0 && isinf(end.honest));
    end_sums_free(&sums);
}
END_TEST

START_TEST(logits_as_distributions)
{
    End end = end_of(true, false);
    double p = 1 / (1 + exp(-1)), q = 1 / (1 + exp(-1.5)); /* of the second token of row 0 */
    double divergence = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
    assert_near(end.divergence, divergence / ROWS, 1e-9, "divergence", 0);
    ck_assert_int_eq(end.flipped, 0);
    ck_assert_double_gt(end.root_ratio, 2);
    assert_near(end.root_limit, bf16()->ends.root, 0, "limit", 0);
}
END_TEST

START_TEST(verdicts)
{
    const End within = { .ratio = 3, .ratio_limit = 3, .worst_row_ratio = 5, .row_limit = 5, .root_ratio = 9 };
    End end = within;
    ck_assert_int_eq(end_verdict(&end), VERDICT_PASS); /* there is no distribution of what are no logits */
    end.logits = true;
    ck_assert_int_eq(end_verdict(&end), VERDICT_FAIL);
    end.root_limit = 9;
    ck_assert_int_eq(end_verdict(&end), VERDICT_PASS);
    end.ratio = NAN;
    ck_assert_int_eq(end_verdict(&end), VERDICT_FAIL);
    end.ratio = 1;
    end.worst_row_ratio = 5.1;
    ck_assert_int_eq(end_verdict(&end), VERDICT_FAIL);
}
END_TEST

/* ---------------------------------------------------------------- dumps */

/* A backend that, after each layer, moves on in the direction in which it has come away from the reference's values, or
 * by as much in any direction. */
typedef struct {
    double size;        /* of what each layer adds, of the row's norm */
    const Dump *honest; /* NULL: any direction */
} Lean;

static const Text six_layers = { "fixtures/e2b-shared/model", "fixtures/e2b-shared/inputs.safetensors" };

static bool is_layer_output(const char *name)
{
    const char *digit = name + strlen(name) - 1;
    return tap_begins(name, "model.layers.") && digit > name && digit[-1] == '.' && *digit >= '0' && *digit <= '9';
}

/* A sign that is anybody's guess, but the same each time */
static double sign_of(int64_t place, int layer)
{
    uint32_t bits = (uint32_t)(place * 104729 + layer * 1299709 + 12345);
    for (int i = 0; i < 3; i++) bits = (bits ^ bits >> 15) * 2246822519u;
    return bits >> 31 ? 1 : -1;
}

static double norm_of(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t j = 0; j < count; j++) sum += values[j] * values[j];
    return sqrt(sum);
}

static void lean(Value *value, const void *context)
{
    const Lean *how = context;
    value->dropped = !is_layer_output(value->name) && !tap_is(value->name, "logits");
    if (!is_layer_output(value->name)) return;
    int64_t width = value->shape[2], rows = value->shape[0] * value->shape[1];
    double *own = arena_allocate(&scratch, (size_t)width * sizeof *own);
    double *away = arena_allocate(&scratch, (size_t)width * sizeof *away);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t j = 0; j < width; j++) own[j] = *value_at(value, row, j);
        if (how->honest) array_read_f64(dump_find(how->honest, value->name), row * width, width, away);
        for (int64_t j = 0; j < width; j++) away[j] = how->honest ? own[j] - away[j] : 0;
        if (norm_of(away, width) < 0.001 * norm_of(own, width))
            for (int64_t j = 0; j < width; j++) away[j] = sign_of(row * width + j, value->name[13]);
        double step = how->size * (value->name[13] < '2' ? 1.35 : 1) * norm_of(own, width) / norm_of(away, width);
        for (int64_t j = 0; j < width; j++) *value_at(value, row, j) = (float)(own[j] + step * away[j]);
    }
}

static const End *end_named(const Grade *grade, const char *tap)
{
    for (int i = 0; i < grade->ends.count; i++)
        if (strcmp(grade->ends.list[i].tap, tap) == 0) return &grade->ends.list[i];
    return NULL;
}

/* Each step passes, and they add up to more than honest ones do; steps of the same size that point anywhere do not. */
START_TEST(errors_that_point_one_way)
{
    Error error = { "" };
    const char *path = temporary("honest.safetensors");
    ck_assert_int_eq(rename(backend_dump(six_layers, &(Backend){ .class = "fp32" }), path), 0);
    Dump *honest = dump_open(path, &error);
    assert_clean(&error);
    for (int aligned = 0; aligned < 2; aligned++) {
        Lean how = { 0.0095, aligned ? honest : NULL };
        const char *dump = backend_dump(six_layers, &(Backend){ .class = "fp32", .edit = lean, .context = &how });
        Grade *grade = graded_text(six_layers, dump, "bf16", NULL);
        ck_assert_int_eq(grade->first_bent, -1);
        ck_assert_int_eq(grade->ends.count, 1);
        const End *end = end_named(grade, "logits");
        ck_assert_int_eq(end->verdict, aligned ? VERDICT_FAIL : VERDICT_PASS);
        ck_assert_int_eq(end->replays, aligned ? MANY_FREE_REPLAYS : FREE_REPLAYS);
        ck_assert((grade_far_end(grade) != NULL) == aligned);
        ck_assert_str_eq(report_verdict(grade), aligned ? "fail" : "pass");
        if (aligned) ck_assert(end->ratio > 3.2 && end->root_ratio > 3.2);
        if (!aligned) ck_assert(end->ratio < 2);
        grade_free(grade);
    }
    dump_close(honest);
}
END_TEST

/* Elements of the first step in one free replay, and in the next */
typedef struct {
    double nearest[1024];
    int elements, different;
} Beside;

static void see_row(void *context, int sample, VisitedRow row)
{
    Beside *seen = context;
    for (int64_t j = 0; row.step == 0 && j < TINY_HIDDEN; j++) {
        double *nearest = &seen->nearest[row.row * TINY_HIDDEN + j];
        if (sample == 0) *nearest = row.values[j];
        seen->elements += sample > 0;
        seen->different += sample > 0 && row.values[j] != *nearest;
    }
}

static void see_end(void *context, int sample, int step) { (void)context, (void)sample, (void)step; }

/* Honest backends round to nearest: one rounding from the inputs 1 value in 64 is near enough a tie to go another way.
 * Rounding at random, 1 in 3 does. */
START_TEST(free_replays_round_to_nearest)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    Model *model = model_open(text.model, &error);
    Inputs inputs = inputs_open(text.inputs, &error);
    Dump *dump = dump_open(backend_dump(text, &(Backend){ .class = "bf16" }), &error);
    Trial trial = { .model = model, .inputs = &inputs, .dump = dump, .class = bf16(), .options.samples = 1 };
    Lockstep *l = lockstep_begin(&trial, honest_subject(model), &error);
    assert_clean(&error);
    Beside seen = { .elements = 0 };
    lockstep_visit_free(l, 0, 9, &(FreeVisitor){ see_row, see_end, &seen });
    double share = (double)seen.different / seen.elements;
    ck_assert_str_eq(lockstep_grade_so_far(l)->steps[0].tap, "model.embed_tokens");
    ck_assert_msg(share > 0.001 && share < 0.05, "%g of %d differ", share, seen.elements);
    grade_free(lockstep_end(l));
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

/* The last tap of a part is an end, whatever its name is. */
static const struct {
    const char *folder, *dump, *only, *ends[7];
} honest_dumps[] = {
    { "fixtures/e2b",
      "honest-bf16-eager",
      NULL,
      { "model.vision_tower", "model.embed_vision", "logits", "logits@1", "logits@2" } },
    { "fixtures/e2b-text", "honest-fp16-eager", NULL, { "logits" } },
    { "fixtures/e2b-text", "honest-bf16-eager", "model.layers.[01]", { "model.layers.1" } },
    { "fixtures/26b-a4b", "honest-bf16-sdpa-2threads", NULL, { "model.vision_tower", "model.embed_vision", "logits" } },
    { "fixtures/12b-video-audio",
      "honest-fp32-sdpa-2threads",
      NULL,
      { "model.embed_vision", "model.embed_audio", "logits" } },
};

START_TEST(honest_dumps_come_out_near)
{
    const char *dump = arena_format(&scratch, "%s/dumps/%s.safetensors", honest_dumps[_i].folder,
                                    honest_dumps[_i].dump);
    const char *only[] = { honest_dumps[_i].only, NULL };
    const char *class = strstr(dump, "bf16") ? "bf16" : strstr(dump, "fp16") ? "fp16" : "fp32";
    Grade *grade = graded(honest_dumps[_i].folder, dump, class, *only ? only : NULL);
    assert_passes(grade, dump);
    int count = 0;
    for (; honest_dumps[_i].ends[count]; count++) {
        const End *end = end_named(grade, honest_dumps[_i].ends[count]);
        ck_assert_msg(end != NULL, "%s: %s is no end", dump, honest_dumps[_i].ends[count]);
        ck_assert(end->ratio < 2 && end->worst_row_ratio < 3 && end->root_ratio < 2);
        ck_assert(end->logits == tap_is(end->tap, "logits"));
    }
    ck_assert_int_eq(grade->ends.count, count);
    grade_free(grade);
}
END_TEST

Suite *ends_suite(void)
{
    Suite *suite = suite_create("ends");
    TCase *sums = theme(suite, "sums"), *dumps = theme(suite, "dumps");
    tcase_add_test(sums, in_units_of_replays);
    tcase_add_test(sums, many_replays_say_what_passes);
    tcase_add_test(sums, replays_that_overflow_are_no_scale);
    tcase_add_test(sums, logits_as_distributions);
    tcase_add_test(sums, verdicts);
    tcase_add_test(dumps, errors_that_point_one_way);
    tcase_add_test(dumps, free_replays_round_to_nearest);
    tcase_add_loop_test(dumps, honest_dumps_come_out_near, 0, COUNT(honest_dumps));
    return suite;
}
