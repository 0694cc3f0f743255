/* helpers.c - what the suites share */
#include "helpers.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/nn.h"

/* Suites run side by side, where a library's threads, which wait for each other by spinning, would be in each other's
 * way. */
int run_suites(MakeSuite *const *suites, int count)
{
    matmul_set_callers(1);
    SRunner *runner = srunner_create(NULL);
    for (int i = 0; i < count; i++) srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---------------------------------------------------------------- folder and memory */

Arena scratch, pass_memory;
static char folder[256];
static uint32_t random_state;

/* New memory is full of NaN, so that what nobody has written shows. */
static void make_dirty(Arena *arena)
{
    enum { BYTES = 1 << 19 };
    ArenaMark empty = arena_mark(arena);
    memset(arena_allocate(arena, BYTES), 0xff, BYTES);
    arena_release(arena, empty);
}

static void begin(void)
{
    make_dirty(&scratch);
    make_dirty(&pass_memory);
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/plumb-check-XXXXXX", parent ? parent : "/tmp");
    ck_assert_msg(mkdtemp(folder) != NULL, "%s: no folder for temporary files", folder);
    random_state = 1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void end(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(&scratch);
    arena_free(&pass_memory);
}

TCase *theme(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

TCase *long_theme(Suite *suite, const char *name)
{
    TCase *tcase = theme(suite, name);
    tcase_set_tags(tcase, "long");
    return tcase;
}

const char *temporary(const char *name) { return arena_format(&scratch, "%s/%s", folder, name); }
const char *temporary_folder(void) { return folder; }

int files_in(const char *path)
{
    int count = 0;
    DIR *entries = opendir(path);
    ck_assert_ptr_nonnull(entries);
    for (struct dirent *entry; (entry = readdir(entries));) count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

/* ---------------------------------------------------------------- files */

void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s: cannot be written", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

void write_text(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }

char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: cannot be read", path);
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    char *text = arena_allocate(&scratch, length + 1);
    ck_assert_uint_eq(fread(text, 1, length, file), length);
    fclose(file);
    text[length] = '\0';
    if (size) *size = length;
    return text;
}

void copy_file(const char *from, const char *to)
{
    size_t size;
    const char *bytes = read_text(from, &size);
    write_bytes(to, bytes, size);
}

void write_safetensors(const char *path, const char *header, int64_t length, size_t data)
{
    uint64_t claimed = length < 0 ? strlen(header) : (uint64_t)length;
    size_t size = 8 + strlen(header) + data;
    unsigned char *bytes = arena_allocate(&scratch, size);
    memset(bytes, 0, size);
    memcpy(bytes, &claimed, 8);
    memcpy(bytes + 8, header, strlen(header));
    write_bytes(path, bytes, size);
}

/* The numbers in nested lists, one after another */
static void write_numbers(SafetensorsWriter *writer, const json_t *value, Dtype dtype)
{
    for (size_t i = 0; i < json_array_size(value); i++) write_numbers(writer, json_array_get(value, i), dtype);
    if (json_is_array(value)) return;
    ck_assert(json_is_number(value) || json_is_boolean(value));
    if (dtype == DTYPE_BOOL)
        safetensors_writer_append(writer, &(bool){ json_is_true(value) }, 1);
    else if (dtype == DTYPE_I64)
        safetensors_writer_append(writer, &(int64_t){ json_integer_value(value) }, 8);
    else
        safetensors_writer_append(writer, &(float){ (float)json_number_value(value) }, 4);
}

static void write_random(SafetensorsWriter *writer, const char *name, const char *dimensions)
{
    Array array = { 0 };
    for (char *end; *dimensions; dimensions = end) array.shape[array.rank++] = strtoll(dimensions, &end, 10);
    safetensors_writer_begin(writer, name, DTYPE_F32, array.rank, array.shape);
    for (int64_t i = 0; i < array_elements(&array); i++)
        safetensors_writer_append(writer, &(float){ (float)(random_bits() / 4294967296.0) }, 4);
}

void write_arrays(const char *path, const char *json)
{
    Error error = { "" };
    json_error_t why;
    json_t *arrays = json_loads(json, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(arrays != NULL, "%s: %s", json, why.text);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    const char *name;
    json_t *value;
    json_object_foreach(arrays, name, value)
    {
        if (json_is_string(value)) {
            write_random(writer, name, json_string_value(value));
            continue;
        }
        Array array = { 0 };
        const json_t *first = value;
        for (; json_is_array(first); first = json_array_get(first, 0))
            array.shape[array.rank++] = (int64_t)json_array_size(first);
        Dtype dtype = json_is_real(first) ? DTYPE_F32 : json_is_boolean(first) ? DTYPE_BOOL : DTYPE_I64;
        safetensors_writer_begin(writer, name, dtype, array.rank, array.shape);
        write_numbers(writer, value, dtype);
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    json_decref(arrays);
}

json_t *edited_json(const char *from, const char *key, const char *value)
{
    json_error_t why;
    json_t *whole = json_load_file(from, 0, &why), *object = whole;
    ck_assert_msg(whole != NULL, "%s: %s", from, why.text);
    for (const char *dot; (dot = strchr(key, '.')); key = dot + 1) {
        object = json_object_get(object, arena_format(&scratch, "%.*s", (int)(dot - key), key));
        ck_assert_msg(object != NULL, "%s: there is no %s to edit", from, key);
    }
    if (!value)
        ck_assert_int_eq(json_object_del(object, key), 0);
    else
        ck_assert_int_eq(json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    return whole;
}

void write_edited_json(const char *from, const char *to, const char *key, const char *value)
{
    json_t *json = edited_json(from, key, value);
    ck_assert_int_eq(json_dump_file(json, to, JSON_COMPACT), 0);
    json_decref(json);
}

const char *nudged_model(void)
{
    Error error = { "" };
    const char *to = temporary("nudged");
    mkdir(to, 0700);
    copy_file(E2B "/model/config.json", temporary("nudged/config.json"));
    Safetensors *from = safetensors_open(E2B "/model/model.safetensors", &error);
    SafetensorsWriter *writer = safetensors_writer_open(temporary("nudged/model.safetensors"), &error);
    assert_clean(&error);
    for (int i = 0; i < safetensors_count(from); i++) {
        const Array *array = safetensors_array(from, i);
        safetensors_writer_begin(writer, array->name, DTYPE_F32, array->rank, array->shape);
        for (int64_t j = 0; j < array_elements(array); j++) {
            float weight;
            array_read_f32(array, j, 1, &weight);
            weight *= 1 + 0x1p-12f;
            safetensors_writer_append(writer, &weight, sizeof weight);
        }
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    safetensors_close(from);
    return to;
}

size_t resident(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    ck_assert_ptr_nonnull(maps);
    char line[512];
    unsigned long begin, end, kilobytes;
    bool inside = false;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = begin <= (uintptr_t)address && (uintptr_t)address < end;
        if (inside && sscanf(line, "Rss: %lu kB", &kilobytes) == 1) break;
    }
    fclose(maps);
    ck_assert_msg(inside, "no mapping holds the address");
    return (size_t)kilobytes << 10;
}

/* ---------------------------------------------------------------- values */

Run *run_as(Rounding rounding)
{
    Run *run = arena_allocate(&scratch, sizeof *run);
    *run = (Run){ .arena = &scratch, .rounding = rounding, .weights = rounding };
    return run;
}

uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

int64_t random_below(int64_t count) { return (int64_t)((double)random_bits() / 4294967296.0 * (double)count); }

void random_begin(int trial)
{
    random_state = 1;
    for (int i = 0; i < 1000 * trial; i++) random_bits();
}

Tensor random_tensor(int rank, const int64_t *shape)
{
    Tensor tensor = tensor_new(run_as(ROUNDING_NONE), rank, shape);
    for (int64_t i = 0; i < elements(tensor); i++) tensor.data[i] = (real)(random_bits() / 2147483648.0 - 1);
    return tensor;
}

Tensor values_of(const real *list, int64_t count)
{
    Tensor tensor = new_tensor(run_as(ROUNDING_NONE), count);
    memcpy(tensor.data, list, (size_t)count * sizeof *list);
    return tensor;
}

Array array_of(Tensor tensor)
{
    Array array = { .file = "memory",
                    .name = "array",
                    .dtype = REAL_DTYPE,
                    .rank = tensor.rank,
                    .data = (const unsigned char *)tensor.data };
    memcpy(array.shape, tensor.shape, sizeof tensor.shape);
    return array;
}

/* ---------------------------------------------------------------- assertions */

void assert_refused(const Error *error, const char *path, const char *phrase)
{
    const char *message = error->message;
    ck_assert_msg(error_is_set(error), "no error, expected one that says \"%s\"", phrase);
    ck_assert_msg(strstr(message, phrase) != NULL, "\"%s\" does not say \"%s\"", message, phrase);
    ck_assert_msg(!path || strncmp(message, path, strlen(path)) == 0, "\"%s\" does not begin with %s", message, path);
    ck_assert_msg(strchr(message, '\n') == NULL, "\"%s\" is more than one line", message);
}

void assert_clean(const Error *error) { ck_assert_msg(!error_is_set(error), "%s", error->message); }

void assert_tensor(Tensor found, Tensor expected, double tolerance, const char *what)
{
    bool same = found.rank == expected.rank;
    for (int i = 0; same && i < found.rank; i++) same = found.shape[i] == expected.shape[i];
    ck_assert_msg(same, "%s: found shape %s, expected %s", what, SHAPE_TEXT(found.rank, found.shape),
                  SHAPE_TEXT(expected.rank, expected.shape));
    for (int64_t i = 0; i < elements(found); i++) assert_near(found.data[i], expected.data[i], tolerance, what, i);
}

void assert_near(double found, double expected, double tolerance, const char *what, int64_t index)
{
    if (found == expected || fabs(found - expected) <= tolerance) return;
    ck_abort_msg("%s[%lld]: found %.17g, expected %.17g within %.3g", what, (long long)index, found, expected,
                 tolerance);
}
