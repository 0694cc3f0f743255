/* test_added_noise.c - noise below the gates passes at any tap, noise beyond them fails, and NaN fails at any place */
#include <math.h>

#include "backends.h"
#include "noise/scales.h"

static const char *const models[] = { "{}", "{" MOE "}", "{" SHARED "}" };
static const char *const classes[] = { "bf16", "fp16", "fp32" };

/* ---------------------------------------------------------------- noise */

/* It is added to the elements of one tap. */
typedef struct {
    const char *tap;
    float *errors;
} AddedNoise;

static void add_noise(Value *value, const void *context)
{
    const AddedNoise *noise = context;
    if (strcmp(value->name, noise->tap) != 0) return;
    for (int64_t i = 0; i < value->count; i++) value->values[i] += noise->errors[value->first + i];
}

/* A step of the backend that adds nothing, and how far its gates let it be off */
typedef struct {
    const ArithmeticClass *class;
    const Step *step;
    const StepSums *sums;
    double factor; /* on the limit */
} Gated;

static bool is_noisy(const Gated *g, int64_t i)
{
    return g->sums->row_norm[i / g->sums->row_map.width] >= 0 && step_sums_expected(g->sums, i) != 0;
}

/* Every element is off, towards 0 or away from it, whichever makes up for those before, so that there is no bias.
 * Together they come to the tap's gate. */
static void spread_noise(const Gated *g, float *errors, int64_t count)
{
    Measurement m = step_measurement(g->step);
    int64_t width = g->sums->row_map.width;
    double sum = 0, bias = random_below(2) ? 1e-30 : -1e-30;
    double size = limit_of(g->class, &m, GATE_TAP) * sqrt(scale_of_tap(g->sums, g->class));
    for (int64_t i = 0; i < count; i++) {
        if (!is_noisy(g, i)) continue;
        double expected = step_sums_expected(g->sums, i);
        double noise = noise_of_element(g->sums, g->class, i / width, i % width, expected);
        double away = bias > 0 ? -sqrt(noise) : sqrt(noise);
        errors[i] = (float)copysign(away, away * expected);
        bias += away;
        sum += noise;
    }
    for (int64_t i = 0; i < count; i++) errors[i] *= (float)(g->factor * size / sqrt(sum));
}

/* One element comes to its own gate, or to that of its row. */
static void point_noise(const Gated *g, float *errors, int64_t count)
{
    Measurement m = step_measurement(g->step);
    int64_t i = random_below(count), width = g->sums->row_map.width;
    while (!is_noisy(g, i)) i = (i + 1) % count;
    double expected = step_sums_expected(g->sums, i);
    double of_element = sqrt(scale_of_element(g->sums, g->class, i / width, i % width, expected)),
           of_row = sqrt(scale_of_row(g->sums, g->class, i / width));
    double gate = fmin(limit_of(g->class, &m, GATE_ELEMENT) * of_element, limit_of(g->class, &m, GATE_ROW) * of_row);
    errors[i] = (float)(g->factor * gate * (random_below(2) ? 1 : -1));
}

typedef void MakeNoise(const Gated *g, float *errors, int64_t count);
static MakeNoise *const kinds[] = { spread_noise, point_noise };

/* One of a few elements that came to its gate would be a bias, too. */
static bool takes_noise(const Lockstep *l, int n)
{
    const StepSums *sums = lockstep_sums(l, n);
    int64_t noisy = 0, count = row_map_rows(&sums->row_map) * sums->row_map.width;
    for (int64_t i = 0; i < count; i++) noisy += is_noisy(&(Gated){ .sums = sums }, i);
    return !sums->is_choice && !sums->flags && noisy >= 100;
}

/* Noise at a step that is taken at random */
static AddedNoise noise_at_a_step(const Lockstep *l, const ArithmeticClass *class, MakeNoise *make, double factor)
{
    const Grade *grade = lockstep_grade_so_far(l);
    int n = (int)random_below(grade->step_count);
    while (!takes_noise(l, n)) n = (n + 1) % grade->step_count;
    const StepSums *sums = lockstep_sums(l, n);
    int64_t count = row_map_rows(&sums->row_map) * sums->row_map.width;
    AddedNoise noise = { grade->steps[n].tap, arena_allocate(&scratch, (size_t)count * sizeof(float)) };
    memset(noise.errors, 0, (size_t)count * sizeof(float));
    make(&(Gated){ class, &grade->steps[n], sums, factor }, noise.errors, count);
    return noise;
}

/* The backend goes on with what it is off by. */
static void assert_judged(Text text, const char *class, const AddedNoise *noise, bool straight)
{
    Backend backend = { .class = class, .exact = true, .edit = add_noise, .context = noise };
    Grade *grade = graded_text(text, backend_dump(text, &backend), class, NULL);
    const char *bent = grade->first_bent < 0 ? "no step" : grade->steps[grade->first_bent].tap;
    ck_assert_msg(strcmp(bent, straight ? "no step" : noise->tap) == 0, "%s, noise %s the gate at %s: %s fails", class,
                  straight ? "below" : "beyond", noise->tap, bent);
    grade_free(grade);
}

START_TEST(noise_below_the_gates_passes)
{
    enum { TRIALS = 1 };
    const char *class = classes[_i % COUNT(classes)];
    Text text = text_of(models[_i / COUNT(classes)], two_rows);
    Error error = { "" };
    Model *model = model_open(text.model, &error);
    Inputs inputs = inputs_open(text.inputs, &error);
    Dump *dump = dump_open(backend_dump(text, &(Backend){ .class = class, .exact = true }), &error);
    assert_clean(&error);
    Trial trial = { .model = model, .inputs = &inputs, .dump = dump, .class = class_find(class) };
    Lockstep *l = lockstep_begin(&trial, honest_subject(model), &error);
    assert_clean(&error);
    random_begin(_i);
    for (int i = 0; i < TRIALS * COUNT(kinds); i++) {
        AddedNoise below_gate = noise_at_a_step(l, trial.class, kinds[i % COUNT(kinds)], 0.9),
                   beyond = noise_at_a_step(l, trial.class, kinds[i % COUNT(kinds)], 2);
        assert_judged(text, class, &below_gate, true);
        assert_judged(text, class, &beyond, false);
    }
    grade_free(lockstep_end(l));
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

/* ---------------------------------------------------------------- no numbers */

/* NaN and infinity by their upper bits: bfloat16 is the upper half of float32. */
static const uint16_t no_numbers[] = { 0x7fc0, 0xffc1, 0x7f81, 0x7f80, 0xff80 };

/* The array with one of them at any place, in one of the dtypes that may store it */
static Array spoilt(const Array *array)
{
    Array other = *array;
    int64_t count = array_elements(array), at = random_below(count);
    uint32_t bits = (uint32_t)no_numbers[random_below(COUNT(no_numbers))] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    double *wide = arena_allocate(&scratch, (size_t)count * sizeof *wide);
    float *narrow = arena_allocate(&scratch, (size_t)count * sizeof *narrow);
    uint16_t *halves = arena_allocate(&scratch, (size_t)count * sizeof *halves);
    array_read_f64(array, 0, count, wide);
    array_read_f32(array, 0, count, narrow);
    wide[at] = narrow[at] = value;
    for (int64_t i = 0; i < count; i++) memcpy(&halves[i], (const char *)&narrow[i] + 2, 2);
    halves[at] = (uint16_t)(bits >> 16);
    switch (random_below(3)) {
    case 0: other.dtype = DTYPE_F64, other.data = (const void *)wide; break;
    case 1: other.dtype = DTYPE_F32, other.data = (const void *)narrow; break;
    default: other.dtype = DTYPE_BF16, other.data = (const void *)halves;
    }
    return other;
}

static const char *write_spoilt(const Dump *dump, int spoilt_array)
{
    Error error = { "" };
    const char *path = temporary("spoilt.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < dump_count(dump); i++) {
        Array array = *dump_array(dump, i);
        if (i == spoilt_array) array = spoilt(&array);
        safetensors_writer_begin(writer, array.name, array.dtype, array.rank, array.shape);
        safetensors_writer_append(writer, array.data, (size_t)array_elements(&array) * dtype_size(array.dtype));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    return path;
}

/* In padding, too */
START_TEST(what_is_no_number_passes_nowhere)
{
    enum { TRIALS = 12 };
    Text text = text_of(models[_i], two_rows);
    Error none = { "" };
    Dump *dump = dump_open(backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 2 }), &none);
    assert_clean(&none);
    random_begin(_i);
    for (int trial = 0; trial < TRIALS; trial++) {
        Error error = { "" };
        int array = (int)random_below(dump_count(dump));
        Grade *grade = grade_text(text, write_spoilt(dump, array), "bf16",
                                  &(GradeOptions){ .samples = 1, .ignore_eos = true }, &error);
        ck_assert_msg(!grade || grade->first_bent >= 0, "trial %d: %s passes", trial, dump_array(dump, array)->name);
        grade_free(grade);
    }
    dump_close(dump);
}
END_TEST

Suite *added_noise_suite(void)
{
    Suite *suite = suite_create("added_noise");
    TCase *tcase = theme(suite, "noise");
    tcase_add_loop_test(tcase, noise_below_the_gates_passes, 0, COUNT(models) * COUNT(classes));
    tcase = theme(suite, "no numbers");
    tcase_add_loop_test(tcase, what_is_no_number_passes_nowhere, 0, COUNT(models));
    return suite;
}
