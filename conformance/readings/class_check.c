/* class_check.c - the size of errors, class by class */
#include "readings/class_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "readings/subjects.h"
#include "run/run.h"
#include "dump/tap_name.h"

/* A step tells its class from a tighter one where honest errors are so many times the tighter one's, or the rounding
 * of its result. What a wider dtype rounded in its dump, the next step starts from: that and its own rounding are
 * 1.4, which is why it takes 2.5. There honest backends stand at 0.88 and up, and those that are wider inside at 0.61
 * and below. */
static const double TELLING = 2.5, ALIKE = 0.75;

/* A result that errs by less than this part of its rounding was not rounded. */
static const double NOT_ROUNDED = 0.125;

/* Shares of steps: bent ones from which on a class is asked for, telling ones from which on they are heard; and those
 * that must err as a class does */
static const double MANY = 0.2, MOST = 0.75;

/* A step that moves, clamps or chooses is exact in every class, and says nothing. */
static bool says_something(const Step *step)
{
    return step->graded_rows > 0 && !tap_is_choice(step->tap) && step->introduced > 0;
}

/* ---------------------------------------------------------------- another class */

/* Whether many steps are bent and err by so much */
static bool many_err(const Grade *grade, double size)
{
    int steps = 0, err = 0;
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        steps += says_something(step);
        err += says_something(step) && step->verdict != VERDICT_PASS && step->introduced >= size;
    }
    return err > MANY * steps;
}

/* Straight, and where the two classes' errors differ much, with errors as the wider one's */
static bool fits(const Grade *declared, const Grade *wide)
{
    int telling = 0, alike = 0;
    if (wide->first_bent >= 0 || wide->step_count != declared->step_count) return false;
    for (int n = 0; n < wide->step_count; n++) {
        const Step *step = &wide->steps[n];
        if (!says_something(step) || !(step->honest >= TELLING * declared->steps[n].honest)) continue;
        telling++;
        alike += step->ratio >= ALIKE;
    }
    return telling > 0 && alike >= MOST * telling;
}

static bool is_representable(const Array *array, Rounding rounding)
{
    enum { BLOCK = 512 };
    float values[BLOCK], rounded[BLOCK];
    int64_t elements = array_elements(array);
    for (int64_t first = 0; first < elements; first += BLOCK) {
        int64_t count = elements - first < BLOCK ? elements - first : BLOCK;
        array_read_f32(array, first, count, values);
        memcpy(rounded, values, sizeof rounded);
        round_result(&(Run){ .rounding = rounding }, rounded, count);
        if (memcmp(rounded, values, (size_t)count * sizeof *values) != 0) return false;
    }
    return true;
}

/* The dump's results were rounded to 11 or 8 bits, which tf32 never does. At layer outputs nothing else may tell. */
static bool holds_narrow_results(const Dump *dump, const Grade *grade)
{
    int steps = 0, narrow = 0;
    for (int n = 0; n < grade->step_count; n++) {
        const Array *array = dump_find(dump, grade->steps[n].tap);
        if (!says_something(&grade->steps[n])) continue;
        steps++;
        narrow += is_representable(array, ROUNDING_FP16) || is_representable(array, ROUNDING_BF16);
    }
    return narrow >= MOST * steps;
}

/* Whether the class may be worth a grade. A narrow class rounds every result; tf32 only the factors of products. */
static bool is_likely(const Dump *dump, const Grade *grade, const ArithmeticClass *class)
{
    if (class->results == ROUNDING_TF32) return many_err(grade, 0) && !holds_narrow_results(dump, grade);
    return many_err(grade, NOT_ROUNDED * class->output_rounding);
}

static bool is_finite(const Grade *grade)
{
    for (int n = 0; n < grade->step_count; n++)
        if (grade->steps[n].non_finite > 0) return false;
    return true;
}

static const ArithmeticClass *find_class(const Trial *trial, const Grade *grade, Error *error)
{
    Trial wider = *trial;
    wider.options.with_total = false;
    wider.options.samples = 1;          /* sizes of errors, not how they spread */
    if (!is_finite(grade)) return NULL; /* which is straight nowhere */
    wider.class = class_wider(grade->class);
    for (; wider.class && !error_is_set(error); wider.class = class_wider(wider.class)) {
        if (!is_likely(trial->dump, grade, wider.class)) continue;
        Lockstep *l = lockstep_begin(&wider, subject_of(&wider), error);
        Grade *wide = l ? lockstep_end(l) : NULL;
        bool found = wide && fits(grade, wide);
        grade_free(wide);
        if (found) return wider.class;
    }
    return NULL;
}

/* ---------------------------------------------------------------- a hidden upcast */

/* float32's own honest error is a matter of how sums are ordered: nobody who does better has hidden anything. */
static void measure_rounding(ClassCheck *check, const Grade *grade)
{
    double rounding = grade->class->output_rounding;
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        if (!says_something(step)) continue;
        check->inexact++;
        check->unrounded += step->introduced < NOT_ROUNDED * rounding;
        if (!(step->honest >= TELLING * rounding)) continue;
        check->telling++;
        check->rounded_once += step->ratio < ALIKE;
    }
    bool heard = check->telling > 1 && check->telling >= MANY * check->inexact;
    check->wider = (heard && check->rounded_once >= MOST * check->telling) ||
                   (check->inexact > 1 && check->unrounded >= MOST * check->inexact);
}

ClassCheck class_check(const Trial *trial, const Grade *grade, Error *error)
{
    ClassCheck check = { .declared = grade->declared, .cache = cache_check(trial, grade, error) };
    if (check.cache.fits != check.cache.declared) return check; /* which says why it is bent */
    if (grade->first_bent >= 0) {
        check.fits = find_class(trial, grade, error);
    } else {
        check.fits = grade->declared;
        if (grade->class->results != ROUNDING_NONE) measure_rounding(&check, grade);
    }
    return check;
}

void class_check_text(FILE *out, const ClassCheck *check)
{
    cache_check_text(out, &check->cache);
    if (!check->declared) return; /* nobody looked, or nothing of the model was graded */
    const char *declared = check->declared->name;
    if (check->wider)
        fprintf(out,
                "note  declared %s, but it computes in a wider dtype: of %d steps of several operations, %d err as if "
                "only their results were rounded; of all %d, %d err less\n",
                declared, check->telling, check->rounded_once, check->inexact, check->unrounded);
    if (!check->fits || check->fits == check->declared) return;
    bool products = check->fits->results == ROUNDING_TF32;
    fprintf(out, "      declared %s; %s %s: every step is straight as %s\n", declared,
            products ? "its products are those of" : "it computes in", check->fits->name, check->fits->name);
}

json_t *class_check_json(const ClassCheck *check)
{
    return json_pack("{s:s?, s:b, s:{s:i, s:i}, s:{s:i, s:i}, s:o}", "fits", check->fits ? check->fits->name : NULL,
                     "computes_wider", check->wider, "rounded_once", "steps", check->rounded_once, "of", check->telling,
                     "unrounded", "steps", check->unrounded, "of", check->inexact,
                     "kv_cache", cache_check_json(&check->cache));
}
