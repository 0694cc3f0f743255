/* test_properties.c - what must not change a verdict, and what must never pass */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backends.h"

/* ---------------------------------------------------------------- the same dump, written otherwise */

typedef const char *Rewrite(const Dump *dump);

static const char *written(const Dump *dump, bool reversed, Dtype wide, bool with_unknown)
{
    Error error = { "" };
    const char *path = temporary("rewritten.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    int count = dump_count(dump);
    for (int i = 0; i < count; i++) {
        const Array *array = dump_array(dump, reversed ? count - 1 - i : i);
        int64_t elements = array_elements(array);
        bool widened = dtype_is_float(array->dtype) && wide != DTYPE_COUNT;
        double *values = arena_allocate(&scratch, (size_t)elements * sizeof *values);
        array_read_f64(array, 0, elements, values);
        safetensors_writer_begin(writer, array->name, widened ? wide : array->dtype, array->rank, array->shape);
        safetensors_writer_append(writer, widened ? (const void *)values : array->data,
                                  (size_t)elements * dtype_size(widened ? wide : array->dtype));
    }
    if (with_unknown) {
        safetensors_writer_begin(writer, "a.stranger", DTYPE_BF16, SHAPE(0));
        safetensors_writer_begin(writer, "zzz", DTYPE_F64, SHAPE(2));
        safetensors_writer_append(writer, (double[]){ NAN, 1e300 }, 16);
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    return path;
}

static const char *permuted(const Dump *dump) { return written(dump, true, DTYPE_COUNT, false); }
static const char *widened(const Dump *dump) { return written(dump, false, DTYPE_F64, false); }
static const char *with_strangers(const Dump *dump) { return written(dump, false, DTYPE_COUNT, true); }

static const char *as_npy_files(const Dump *dump)
{
    const char *folder = temporary("npy");
    mkdir(folder, 0700);
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        const char *shape = "", *descr = array->dtype == DTYPE_F32 ? "<f4" : "<i8";
        ck_assert(array->dtype == DTYPE_F32 || array->dtype == DTYPE_I64);
        for (int d = 0; d < array->rank; d++)
            shape = arena_format(&scratch, "%s%lld,", shape, (long long)array->shape[d]);
        const char *dict = arena_format(&scratch, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr,
                                        shape);
        size_t size, data = (size_t)array_elements(array) * dtype_size(array->dtype);
        const unsigned char *bytes = npy_bytes(1, dict, array->data, data, &size);
        write_bytes(arena_format(&scratch, "%s/%s.npy", folder, array->name), bytes, size);
    }
    return folder;
}

static Rewrite *const rewrites[] = { permuted, widened, with_strangers, as_npy_files };

static void half_a_layer(Value *value, const void *context)
{
    (void)context;
    for (int64_t i = 0; strcmp(value->name, "model.layers.2.mlp") == 0 && i < 2 * 7 * TINY_HIDDEN; i++)
        value->values[i] *= 0.5f;
}

static void nothing(Value *value, const void *context) { (void)value, (void)context; }

static Edit *const edits[] = { nothing, half_a_layer };

START_TEST(another_writer_gets_the_same_grade)
{
    Text text = text_of("{}", two_rows);
    const char *path = backend_dump(text, &(Backend){ .class = "bf16", .edit = edits[_i % COUNT(edits)] });
    Error error = { "" };
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    Grade *first = graded_text(text, path, "bf16", NULL),
          *second = graded_text(text, rewrites[_i / COUNT(edits)](dump), "bf16", NULL);
    ck_assert_int_eq(first->first_bent, second->first_bent);
    ck_assert_int_eq(first->first_bent >= 0, _i % COUNT(edits));
    ck_assert_int_eq(first->step_count, second->step_count);
    for (int n = 0; n < first->step_count; n++) {
        ck_assert_str_eq(first->steps[n].tap, second->steps[n].tap);
        ck_assert(first->steps[n].ratio == second->steps[n].ratio);
    }
    grade_free(first);
    grade_free(second);
    dump_close(dump);
}
END_TEST

/* ---------------------------------------------------------------- what is no number */

typedef struct {
    const char *tap;
    float value;
} Spoilt;

static void spoil(Value *value, const void *context)
{
    const Spoilt *spoilt = context;
    if (strcmp(value->name, spoilt->tap) == 0) *value_at(value, 0, value->shape[value->rank - 1] - 1) = spoilt->value;
}

static const float no_numbers[] = { NAN, INFINITY };

/* Row 0 is no padding. */
START_TEST(no_tap_passes_with_it)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *path = backend_dump(text, &(Backend){ .class = "bf16" });
    Error none = { "" };
    Dump *dump = dump_open(path, &none);
    assert_clean(&none);
    int tried = 0;
    for (int i = 0; i < dump_count(dump); i++) {
        Error error = { "" };
        Spoilt spoilt = { dump_array(dump, i)->name, no_numbers[_i] };
        Grade *grade = grade_text(text, edited_dump(path, spoil, &spoilt), "bf16",
                                  &(GradeOptions){ .samples = 1, .ignore_eos = true }, &error);
        ck_assert_msg(!grade || grade->first_bent >= 0, "%s: %g passes", spoilt.tap, no_numbers[_i]);
        grade_free(grade);
        tried++;
    }
    ck_assert_int_gt(tried, 90);
    dump_close(dump);
}
END_TEST

Suite *properties_suite(void)
{
    Suite *suite = suite_create("properties");
    TCase *tcase = theme(suite, "written otherwise");
    tcase_add_loop_test(tcase, another_writer_gets_the_same_grade, 0, COUNT(rewrites) * COUNT(edits));
    tcase = theme(suite, "no numbers");
    tcase_add_loop_test(tcase, no_tap_passes_with_it, 0, COUNT(no_numbers));
    return suite;
}
