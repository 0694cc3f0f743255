/* test_rewritten.c - a dump written anew at random, and a prompt that is padded: the same report, the same verdict */
#include <math.h>
#include <sys/stat.h>

#include "backends.h"
#include "report/report_grade.h"

/* ---------------------------------------------------------------- one dump, and what it may be written as */

/* A dtype that holds every value of the array; .npy files have no bfloat16. */
static Dtype random_dtype(const Array *array, bool npy)
{
    if (array->dtype == DTYPE_BF16) return (Dtype[]){ DTYPE_F32, DTYPE_F64, DTYPE_BF16 }[random_below(npy ? 2 : 3)];
    if (array->dtype == DTYPE_F16) return (Dtype[]){ DTYPE_F32, DTYPE_F64, DTYPE_F16 }[random_below(3)];
    if (array->dtype == DTYPE_F32) return random_below(2) ? DTYPE_F64 : DTYPE_F32;
    return array->dtype;
}

/* The array as it is written: its bytes are in scratch where its dtype is another. */
static Array stored(const Array *array, Dtype dtype)
{
    Array as = *array;
    int64_t count = array_elements(array);
    if (array->dtype == dtype) return as;
    as.dtype = dtype;
    as.data = arena_allocate(&scratch, (size_t)count * dtype_size(dtype) + 1);
    if (dtype == DTYPE_F64)
        array_read_f64(array, 0, count, (double *)as.data);
    else
        array_read_f32(array, 0, count, (float *)as.data);
    return as;
}

static int random_letter(void) { return 'a' + (int)random_below(26); }

/* An array that no case knows, with values that would fail anywhere */
static Array stranger(int number)
{
    static const double garbage[] = { NAN, 1e300, -INFINITY, 0 };
    Array array = { .name = arena_format(&scratch, "%c.stranger.%d", random_letter(), number),
                    .dtype = random_below(2) ? DTYPE_F64 : DTYPE_I64,
                    .rank = 1 + (int)random_below(3),
                    .data = (const void *)garbage };
    for (int d = 0; d < array.rank; d++) array.shape[d] = random_below(3) ? 1 : 4 * (d == 0);
    return array;
}

static void shuffle(Array *arrays, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int j = (int)random_below(i + 1);
        Array kept = arrays[i];
        arrays[i] = arrays[j];
        arrays[j] = kept;
    }
}

static size_t bytes_of(const Array *array) { return (size_t)array_elements(array) * dtype_size(array->dtype); }

static void write_npy(const char *folder, const Array *array)
{
    static const char *const descr[DTYPE_COUNT] = { [DTYPE_F16] = "<f2", [DTYPE_F32] = "<f4", [DTYPE_F64] = "<f8",
                                                    [DTYPE_I64] = "<i8", [DTYPE_I32] = "<i4", [DTYPE_BOOL] = "|b1" };
    const char *shape = "";
    ck_assert_ptr_nonnull(descr[array->dtype]);
    for (int d = 0; d < array->rank; d++) shape = arena_format(&scratch, "%s%lld,", shape, (long long)array->shape[d]);
    size_t size;
    const unsigned char *bytes = npy_bytes(1,
                                           arena_format(&scratch,
                                                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                                                        descr[array->dtype], shape),
                                           array->data, bytes_of(array), &size);
    write_bytes(arena_format(&scratch, "%s/%s.npy", folder, array->name), bytes, size);
}

static void write_arrays_to(const char *path, const Array *arrays, int count)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < count; i++) {
        safetensors_writer_begin(writer, arrays[i].name, arrays[i].dtype, arrays[i].rank, arrays[i].shape);
        safetensors_writer_append(writer, arrays[i].data, bytes_of(&arrays[i]));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
}

/* In turn one safetensors file, a folder of several, and one of .npy files */
static const char *rewritten(const Dump *dump, int trial)
{
    enum { STRANGERS = 4 };
    const char *path = temporary(arena_format(&scratch, "rewritten-%d", trial));
    int files = trial % 3, count = dump_count(dump), strangers = (int)random_below(STRANGERS);
    Array *arrays = arena_allocate(&scratch, (size_t)(count + strangers) * sizeof *arrays);
    for (int i = 0; i < count; i++)
        arrays[i] = stored(dump_array(dump, i), random_dtype(dump_array(dump, i), files == 2));
    for (int i = 0; i < strangers; i++) arrays[count++] = stranger(i);
    shuffle(arrays, count);
    if (files == 0) {
        write_arrays_to(path, arrays, count);
        return path;
    }
    mkdir(path, 0700);
    for (int i = 0; files == 2 && i < count; i++) write_npy(path, &arrays[i]);
    for (int first = 0, next; files == 1 && first < count; first = next) {
        next = first + 1 + (int)random_below(count - first);
        write_arrays_to(arena_format(&scratch, "%s/%c-%d.safetensors", path, random_letter(), first), arrays + first,
                        next - first);
    }
    return path;
}

/* ---------------------------------------------------------------- the same report */

static void half_a_layer(Value *value, const void *context)
{
    (void)context;
    if (strcmp(value->name, "model.layers.2.mlp") != 0) return;
    for (int64_t i = 0; i < value->count; i++) value->values[i] *= 0.5f;
}

static const struct {
    const char *folder; /* NULL: a model made here */
    const char *dump, *class;
    Backend backend;
    const char *const *only;
} dumps[] = {
    { NULL, NULL, "bf16", { .class = "bf16", .max_new_tokens = 2 }, NULL },
    { NULL, NULL, "bf16", { .class = "bf16", .edit = half_a_layer }, NULL },
    { "fixtures/e2b-text", "dumps/honest-bf16-eager.safetensors", "bf16", { 0 }, layer_outputs },
    { "fixtures/e2b-vision", "dumps/buggy-vision-clip-omitted-bf16.safetensors", "bf16", { 0 }, NULL },
};

/* It leaves out the strangers, which the report lists as no tap of the case. */
static json_t *report_of(Text text, const char *dump, int i)
{
    Error error = { "" };
    Grade *grade = grade_text(text, dump, dumps[i].class,
                              &(GradeOptions){ .only = dumps[i].only, .samples = 2, .ignore_eos = true }, &error);
    assert_clean(&error);
    json_t *report = report_grade_json(grade, (ReportTitle){ "case", "dump", 0 });
    grade_free(grade);
    size_t n;
    json_t *unknown = json_object_get(report, "unknown"), *name, *kept = json_array();
    json_array_foreach(unknown, n, name)
        if (!strstr(json_string_value(name), ".stranger.")) json_array_append(kept, name);
    json_object_set_new(report, "unknown", kept);
    return report;
}

static void assert_same(const json_t *found, const json_t *expected, int trial)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)expected, key, value)
        ck_assert_msg(json_equal(json_object_get(found, key), value), "trial %d: another \"%s\"", trial, key);
    ck_assert(json_equal(found, expected));
}

START_TEST(another_writer_gets_the_same_report)
{
    enum { TRIALS = 4 };
    const char *folder = dumps[_i].folder;
    Text text = folder ? (Text){ arena_format(&scratch, "%s/model", folder),
                                 arena_format(&scratch, "%s/inputs.safetensors", folder) }
                       : text_of("{" MOE "}", two_rows);
    const char *path = folder ? arena_format(&scratch, "%s/%s", folder, dumps[_i].dump)
                              : backend_dump(text, &dumps[_i].backend);
    Error error = { "" };
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    json_t *expected = report_of(text, path, _i);
    ck_assert_str_eq(json_string_value(json_object_get(expected, "verdict")), _i % 2 ? "fail" : "pass");
    random_begin(_i);
    for (int trial = 0; trial < TRIALS; trial++) {
        json_t *report = report_of(text, rewritten(dump, trial), _i);
        assert_same(report, expected, trial);
        json_decref(report);
    }
    json_decref(expected);
    dump_close(dump);
}
END_TEST

/* ---------------------------------------------------------------- padding */

#define PROMPT "5, 9, 2, 11, 7, 3, 8"

/* A prompt, how many tokens of padding its rows begin with, and whether a layer is bent */
typedef struct {
    const char *inputs;
    int padding[2];
    bool bent;
} Padded;

static const Padded padded[] = {
    { "{\"input_ids\": [[" PROMPT "]], \"attention_mask\": [[1, 1, 1, 1, 1, 1, 1]]}", { 0 }, false },
    { "{\"input_ids\": [[0, " PROMPT "]], \"attention_mask\": [[0, 1, 1, 1, 1, 1, 1, 1]]}", { 1 }, false },
    { "{\"input_ids\": [[0, 0, 0, 0, 0, " PROMPT "]], \"attention_mask\": [[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]}",
      { 5 },
      false },
    { "{\"input_ids\": [[" PROMPT "], [0, 0, 0, 0, 0, 0, 4]], \"attention_mask\": [[1, 1, 1, 1, 1, 1, 1], "
      "[0, 0, 0, 0, 0, 0, 1]]}",
      { 0, 6 },
      false },
};

/* Padding holds whatever the backend happened to leave there. */
static void pad_with_garbage(Value *value, const void *context)
{
    const Padded *p = context;
    if (p->bent) half_a_layer(value, NULL);
    if (value->rank != 3 || strncmp(value->name, "model.layers.", 13) != 0) return;
    int64_t tokens = value->shape[1], width = value->shape[2];
    for (int64_t i = 0; i < value->count; i++)
        if (i / width % tokens < p->padding[i / width / tokens]) value->values[i] = (float)(random_below(2000) - 1000);
}

static const char *bent_tap(const Grade *grade)
{
    return grade->first_bent < 0 ? "none" : grade->steps[grade->first_bent].tap;
}

START_TEST(padding_keeps_the_verdict)
{
    static const char *const models[] = { "{}", "{" MOE "}", "{" SHARED "}" };
    for (int i = 0; i < COUNT(padded); i++) {
        Padded p = padded[i];
        p.bent = _i % 2;
        Text text = text_of(models[_i / 2], p.inputs);
        const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .edit = pad_with_garbage, .context = &p });
        Grade *grade = graded_text(text, dump, "bf16", NULL);
        ck_assert_str_eq(bent_tap(grade), p.bent ? "model.layers.2.mlp" : "none");
        ck_assert_str_eq(report_verdict(grade), p.bent ? "fail" : "pass");
        grade_free(grade);
    }
}
END_TEST

Suite *rewritten_suite(void)
{
    Suite *suite = suite_create("rewritten");
    TCase *tcase = theme(suite, "written anew");
    tcase_add_loop_test(tcase, another_writer_gets_the_same_report, 0, COUNT(dumps));
    tcase = theme(suite, "padding");
    tcase_add_loop_test(tcase, padding_keeps_the_verdict, 0, 6);
    return suite;
}
