/* lockstep.c - three passes with one hook */
#include "lockstep.h"

#include <assert.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "values.h"

typedef enum { PASS_FREE, PASS_REPLAY, PASS_ORACLE } PassKind;

/* One tap that the dump holds, from pass to pass. */
typedef struct {
    const Array *backend;               /* y' */
    double *free;                       /* F(x) */
    float *replay;                      /* the honest backend's value at x' */
    double difference, norm, deviation; /* sums of squares over graded rows: y' - F(x'), F(x'), replay - F(x') */
    double inherited, total, free_norm;
    double worst_difference;                           /* of an element */
    double *row_difference, *row_deviation, *row_norm; /* sums of squares */
} Sums;

typedef struct {
    const Dump *dump;
    const GradeOptions *options;
    Error *error;
    PassKind pass;
    int pass_number, passes;
    Rows rows;
    Grade *grade;
    Sums *sums;  /* beside grade->steps */
    int current; /* the step that the next tap may continue */
    bool listed; /* the first pass has filled in steps and not_graded */
} Lockstep;

static bool is_wanted(const Lockstep *l, const char *tap)
{
    if (!l->options->only) return true;
    for (const char *const *glob = l->options->only; *glob; glob++)
        if (fnmatch(*glob, tap, 0) == 0) return true;
    return false;
}

/* Dimensions of 1 are optional: many backends have no batch. */
static bool same_shape(const Array *array, const Tap *tap)
{
    int i = 0, j = 0;
    for (;;) {
        while (i < array->rank && array->shape[i] == 1) i++;
        while (j < tap->rank && tap->shape[j] == 1) j++;
        if (i == array->rank || j == tap->rank) return i == array->rank && j == tap->rank;
        if (array->shape[i++] != tap->shape[j++]) return false;
    }
}

static int64_t tap_elements(const Tap *tap)
{
    int64_t elements = 1;
    for (int i = 0; i < tap->rank; i++) elements *= tap->shape[i];
    return elements;
}

static int64_t tap_width(const Tap *tap) { return tap->shape[tap->rank - 1]; }
static int64_t tap_rows(const Tap *tap) { return tap_width(tap) ? tap_elements(tap) / tap_width(tap) : 0; }

static void list_absent(Grade *grade, const Tap *tap)
{
    if (grade->not_graded_count && strcmp(grade->not_graded[grade->not_graded_count - 1], tap->name) == 0) return;
    grade->not_graded = realloc(grade->not_graded, (size_t)(grade->not_graded_count + 1) * sizeof *grade->not_graded);
    assert(grade->not_graded);
    grade->not_graded[grade->not_graded_count++] = arena_format(&grade->arena, "%s", tap->name);
}

static void list_step(Lockstep *l, const Tap *tap, const Array *backend)
{
    Grade *grade = l->grade;
    int n = grade->step_count++;
    grade->steps = realloc(grade->steps, (size_t)grade->step_count * sizeof *grade->steps);
    l->sums = realloc(l->sums, (size_t)grade->step_count * sizeof *l->sums);
    assert(grade->steps && l->sums);

    Step *step = &grade->steps[n];
    *step = (Step){ .tap = arena_format(&grade->arena, "%s", tap->name),
                    .rank = tap->rank,
                    .rows = tap_rows(tap),
                    .worst_row = -1,
                    .worst_element = -1 };
    memcpy(step->shape, tap->shape, sizeof step->shape);
    size_t elements = (size_t)tap_elements(tap), rows = (size_t)step->rows;
    l->sums[n] = (Sums){ .backend = backend,
                         .replay = allocate_zeroed(elements, sizeof(float)),
                         .free = l->options->with_total ? allocate_zeroed(elements, sizeof(double)) : NULL,
                         .row_difference = allocate_zeroed(rows, sizeof(double)),
                         .row_deviation = allocate_zeroed(rows, sizeof(double)),
                         .row_norm = allocate_zeroed(rows, sizeof(double)) };
}

/* The step that tap belongs to; -1 if the dump does not hold it. The first pass lists, later ones follow the list. */
static int find_step(Lockstep *l, const Tap *tap)
{
    const Grade *grade = l->grade;
    for (int n = l->current; n <= l->current + 1; n++)
        if (n >= 0 && n < grade->step_count && strcmp(grade->steps[n].tap, tap->name) == 0) return l->current = n;
    if (l->listed) return -1;

    const Array *backend = is_wanted(l, tap->name) ? dump_find(l->dump, tap->name) : NULL;
    if (!backend) {
        list_absent(l->grade, tap);
        return -1;
    }
    if (!same_shape(backend, tap)) {
        error_set(l->error, "%s: %s: found shape %s, expected %s", backend->file, tap->name,
                  SHAPE_TEXT(backend->rank, backend->shape), SHAPE_TEXT(tap->rank, tap->shape));
        return -1;
    }
    list_step(l, tap, backend);
    return l->current = grade->step_count - 1;
}

static double square(double x) { return x * x; }

/* One row in the oracle pass: y' is the backend's, F the tap's. */
static void measure_row(Lockstep *l, int n, const Tap *tap, int64_t row, const double *backend)
{
    Step *step = &l->grade->steps[n];
    Sums *sums = &l->sums[n];
    int64_t width = tap_width(tap), first = row * width;
    double difference = 0, deviation = 0, norm = 0;

    for (int64_t j = 0; j < width; j++) {
        double expected = tap_value(tap, first - tap->first + j), found = backend[j];
        difference += square(found - expected);
        deviation += square(sums->replay[first + j] - expected);
        norm += square(expected);
        if (fabs(found - expected) > sums->worst_difference || step->worst_element < 0) {
            sums->worst_difference = fabs(found - expected);
            step->worst_element = first + j;
            step->worst_expected = expected;
            step->worst_found = found;
        }
        if (sums->free) {
            sums->inherited += square(expected - sums->free[first + j]);
            sums->total += square(found - sums->free[first + j]);
            sums->free_norm += square(sums->free[first + j]);
        }
    }
    sums->difference += difference;
    sums->deviation += deviation;
    sums->norm += norm;
    sums->row_difference[row] = difference;
    sums->row_deviation[row] = deviation;
    sums->row_norm[row] = norm;
    step->graded_rows++;
}

static void visit_row(Lockstep *l, int n, const Tap *tap, int64_t row, double *backend)
{
    Step *step = &l->grade->steps[n];
    Sums *sums = &l->sums[n];
    int64_t width = tap_width(tap), first = row * width;
    array_read_f64(sums->backend, first, width, backend);

    bool finite = true;
    for (int64_t j = 0; j < width; j++)
        if (!isfinite(backend[j])) finite = false;

    if (l->pass == PASS_REPLAY)
        for (int64_t j = 0; j < width; j++) sums->replay[first + j] = (float)tap_value(tap, first - tap->first + j);
    if (l->pass == PASS_ORACLE) {
        for (int64_t j = 0; j < width; j++) step->non_finite += !isfinite(backend[j]);
        if (finite && rows_graded(&l->rows, tap, row)) measure_row(l, n, tap, row, backend);
    }
    /* A row that is not finite would spoil every step after it; the reference's own goes on instead. */
    if (finite)
        for (int64_t j = 0; j < width; j++) tap_set(tap, first - tap->first + j, backend[j]);
}

static void on_tap(void *context, const Tap *tap)
{
    Lockstep *l = context;
    if (l->options->progress) l->options->progress(l->options->progress_context, l->pass_number, l->passes, tap->name);
    rows_observe(&l->rows, tap);
    int n = error_is_set(l->error) ? -1 : find_step(l, tap);
    if (n < 0 || tap->count == 0) return;

    if (l->pass == PASS_FREE) {
        for (int64_t i = 0; i < tap->count; i++) l->sums[n].free[tap->first + i] = tap_value(tap, i);
        return;
    }
    int64_t width = tap_width(tap);
    double *backend = allocate_zeroed((size_t)width, sizeof *backend);
    for (int64_t row = tap->first / width; row < (tap->first + tap->count) / width; row++)
        visit_row(l, n, tap, row, backend);
    free(backend);
}

static void run_pass(Lockstep *l, PassKind pass, Model *model, const Inputs *inputs)
{
    if (error_is_set(l->error)) return;
    const Class *class = l->grade->class;
    const Reference *reference = pass == PASS_REPLAY ? &reference_f32 : &reference_f64;
    l->pass = pass;
    l->current = -1;
    reference->forward(model, inputs,
                       &(Pass){ .results = pass == PASS_REPLAY ? class->results : ROUNDING_NONE,
                                .weights = class->weights,
                                .hook = on_tap,
                                .hook_context = l });
    l->listed = true;
    l->pass_number++;
}

static double relative(double difference, double norm)
{
    return difference == 0 ? 0 : sqrt(difference / norm); /* infinite where the norm is 0 */
}

/* The row whose difference is largest beside its noise: what the replay's row deviates by, but never less than the
 * row's share of the tap's noise, because one replay of a few elements can be exact by luck. */
static void find_worst_row(const Class *class, Step *step, const Sums *sums)
{
    double tap_noise = noise_floored(class, sqrt(sums->deviation), sqrt(sums->norm));
    for (int64_t row = 0; row < step->rows; row++) {
        double share = tap_noise * relative(sums->row_norm[row], sums->norm);
        double noise = fmax(share, sqrt(sums->row_deviation[row]));
        double ratio = relative(sums->row_difference[row], square(noise));
        if (step->worst_row < 0 || !(ratio <= step->worst_row_ratio)) {
            step->worst_row = row;
            step->worst_row_ratio = ratio;
        }
    }
}

static void conclude(Lockstep *l)
{
    Grade *grade = l->grade;
    grade->first_bent = -1;
    for (int n = 0; n < grade->step_count; n++) {
        Step *step = &grade->steps[n];
        const Sums *sums = &l->sums[n];
        double noise = noise_floored(grade->class, sqrt(sums->deviation), sqrt(sums->norm));
        step->introduced = relative(sums->difference, sums->norm);
        step->honest = relative(square(noise), sums->norm);
        step->ratio = relative(sums->difference, square(noise));
        step->inherited = sums->free ? relative(sums->inherited, sums->free_norm) : NAN;
        step->total = sums->free ? relative(sums->total, sums->free_norm) : NAN;
        if (step->graded_rows > 0) find_worst_row(grade->class, step, sums);
        step->verdict = verdict_of(grade->class, (Measurement){ step->non_finite, step->ratio, step->worst_row_ratio });
        if (step->verdict != VERDICT_PASS && grade->first_bent < 0) grade->first_bent = n;
    }
}

static void list_unknown(Lockstep *l)
{
    Grade *grade = l->grade;
    grade->unknown = allocate_zeroed((size_t)dump_count(l->dump), sizeof *grade->unknown);
    for (int i = 0; i < dump_count(l->dump); i++) {
        const char *name = dump_array(l->dump, i)->name;
        bool known = false;
        for (int n = 0; n < grade->step_count && !known; n++) known = strcmp(grade->steps[n].tap, name) == 0;
        for (int n = 0; n < grade->not_graded_count && !known; n++) known = strcmp(grade->not_graded[n], name) == 0;
        if (!known) grade->unknown[grade->unknown_count++] = arena_format(&grade->arena, "%s", name);
    }
}

static void free_sums(Lockstep *l)
{
    for (int n = 0; n < l->grade->step_count; n++) {
        Sums *sums = &l->sums[n];
        free(sums->free);
        free(sums->replay);
        free(sums->row_difference);
        free(sums->row_deviation);
        free(sums->row_norm);
    }
    free(l->sums);
    rows_free(&l->rows);
}

Grade *lockstep_grade(Model *model, const Inputs *inputs, const Dump *dump, const Class *class,
                      const GradeOptions *options, Error *error)
{
    Grade *grade = allocate_zeroed(1, sizeof *grade);
    grade->class = class;
    Lockstep l = {
        .dump = dump, .options = options, .error = error, .grade = grade, .passes = options->with_total ? 3 : 2
    };

    if (options->with_total) run_pass(&l, PASS_FREE, model, inputs);
    run_pass(&l, PASS_REPLAY, model, inputs);
    run_pass(&l, PASS_ORACLE, model, inputs);
    conclude(&l);
    list_unknown(&l);
    free_sums(&l);

    if (!error_is_set(error) && grade->step_count == 0)
        error_set(error, "%s: found %d arrays and no known tap among them, expected names like model.embed_vision",
                  dump_count(dump) ? dump_array(dump, 0)->file : "dump", dump_count(dump));
    if (error_is_set(error)) {
        grade_free(grade);
        return NULL;
    }
    return grade;
}

void grade_free(Grade *grade)
{
    if (!grade) return;
    free(grade->steps);
    free(grade->not_graded);
    free(grade->unknown);
    arena_free(&grade->arena);
    free(grade);
}
