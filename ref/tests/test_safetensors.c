/* test_safetensors.c - a file is accepted whole or refused */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/mapped_file.h"
#include "helpers.h"
#include "run/output.h"

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define ENTRY(dtype, shape, offsets) "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

/* header, the length it claims (-1: its own), bytes of data after it, what the error says */
static const struct {
    const char *header;
    int64_t length;
    size_t data;
    const char *says;
} bad[] = {
    { "{" A "}", -1, 4, ": a: data_offsets: found [0, 8], expected a range within the file's 4 bytes of data" },
    { "{" A "}", 1000, 8, ": header: found a length of 1000 bytes, expected at most the 62 that follow" },
    { "{" A "}", INT64_MAX, 8, ": header: found a length of 9223372036854775807 bytes" },
    { "{" A "}", 20, 8, ": header: found invalid JSON" },
    { "{\"a\":", -1, 8, ": header: found invalid JSON" },
    { "", -1, 8, ": header: found invalid JSON" },
    { "[1]", -1, 0, ": header: found JSON that is not an object, expected one object" },
    { "{" A "," A "}", -1, 8, ": header: found invalid JSON (line 1: duplicate object key" },
    { "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", -1, 12,
      ": b: data_offsets: found an overlap" },
    { "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8,
      "data_offsets: found an overlap" },
    { "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}", -1, 20,
      ": b: data_offsets: found a gap" },
    { ENTRY("\"F32\"", "[2]", "[4,12]"), -1, 12, ": a: data_offsets: found a gap" },
    { "{" A "}", -1, 9, ": found 1 bytes after the last array, expected none" },
    { "{}", -1, 1, ": found 1 bytes after the last array" },
    { ENTRY("\"F32\"", "[3]", "[0,8]"), -1, 8, ": a: data_offsets: found 8 bytes, expected 12 for F32 [3]" },
    { ENTRY("\"F32\"", "[]", "[0,8]"), -1, 8, ": a: data_offsets: found 8 bytes, expected 4 for F32 []" },
    { ENTRY("\"F32\"", "[2]", "[8,0]"), -1, 8, ": a: data_offsets: found [8, 0]" },
    { ENTRY("\"F32\"", "[2]", "[-8,0]"), -1, 8, ": a: data_offsets: found [-8, 0]" },
    { ENTRY("\"F32\"", "[2]", "[0]"), -1, 8, ": a: data_offsets: found none, expected [begin, end]" },
    { ENTRY("\"F32\"", "[2]", "[0.0,8.0]"), -1, 8, ": a: data_offsets: found none" },
    { ENTRY("\"F32\"", "[2]", "null"), -1, 8, ": a: data_offsets: found none" },
    { ENTRY("\"F8_E8M0\"", "[8]", "[0,8]"), -1, 8, ": a: dtype: found \"F8_E8M0\", expected one of F64, F32" },
    { ENTRY("7", "[2]", "[0,8]"), -1, 8, ": a: dtype: found \"(none)\"" },
    { ENTRY("\"F32\"", "[-2]", "[0,8]"), -1, 8, ": a: shape: found dimension 0 out of range" },
    { ENTRY("\"F32\"", "[2,1.0]", "[0,8]"), -1, 8, ": a: shape: found dimension 1 out of range" },
    { ENTRY("\"F32\"", "[1099511627777]", "[0,8]"), -1, 8, ": a: shape: found dimension 0 out of range" },
    { ENTRY("\"F32\"", "[2147483648,2147483648,4]", "[0,0]"), -1, 0, ": a: shape: found dimension 1 out of range" },
    { ENTRY("\"F32\"", "2", "[0,8]"), -1, 8, ": a: shape: found none, expected a list" },
    { ENTRY("\"F32\"", "[2,1,1,1,1,1,1,1,1]", "[0,8]"), -1, 8, ": a: shape: found more, expected a list of at most 8" },
    { "{\"a\":7}", -1, 0, ": a: dtype: found \"(none)\"" },
};

START_TEST(bad_file)
{
    Error error = { "" };
    const char *path = temporary("bad.safetensors");
    write_safetensors(path, bad[_i].header, bad[_i].length, bad[_i].data);
    ck_assert_ptr_null(safetensors_open(path, &error));
    assert_refused(&error, path, bad[_i].says);
}
END_TEST

START_TEST(no_room_for_a_header)
{
    const char *path = temporary("short.safetensors");
    for (size_t size = 0; size < 8; size++) {
        Error error = { "" };
        write_bytes(path, "\2\0\0\0\0\0\0", size);
        ck_assert_ptr_null(safetensors_open(path, &error));
        assert_refused(&error, path, arena_format(&scratch, ": found %zu bytes, expected at least the 8", size));
    }
}
END_TEST

/* Reads past what is left of a file that was cut after it was opened; -> the exit status, and stderr in `said`. */
static int cut_and_read(const char *path, char *said, size_t size)
{
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        Error error = { "" };
        dup2(ends[1], STDERR_FILENO);
        Safetensors *file = safetensors_open(path, &error);
        output_open(temporary("unfinished"), &error);
        if (truncate(path, 100) != 0) _exit(9);
        double last;
        const Array *array = safetensors_array(file, 0);
        array_read_f64(array, array_elements(array) - 1, 1, &last);
        _exit(0);
    }
    close(ends[1]);
    ssize_t count = read(ends[0], said, size - 1);
    said[count > 0 ? count : 0] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(file_is_cut_while_it_is_read)
{
    char said[1024];
    const char *path = temporary("a.safetensors");
    write_safetensors(path, "{\"a\":{\"dtype\":\"F32\",\"shape\":[10000],\"data_offsets\":[0,40000]}}", -1, 40000);
    ck_assert_int_eq(cut_and_read(path, said, sizeof said), 2);
    ck_assert_str_eq(said, arena_format(&scratch,
                                        "plumb: %s: found it cut short while it was read, expected a file that "
                                        "stays as it is\n",
                                        path));
    ck_assert_int_eq(files_in(temporary_folder()), 1);
}
END_TEST

START_TEST(file_changes_while_it_is_open)
{
    Error before = { "" }, after = { "" };
    const char *path = temporary("a.safetensors");
    write_safetensors(path, "{" A "}", -1, 8);
    Safetensors *file = safetensors_open(path, &before);
    mapped_files_check(&before);
    assert_clean(&before);
    const struct timespec then[2] = { { 1, 0 }, { 1, 0 } };
    ck_assert_int_eq(utimensat(AT_FDCWD, path, then, 0), 0);
    mapped_files_check(&after);
    assert_refused(&after, path, ": found it changed while it was read, expected a file that stays as it is");
    safetensors_close(file);
    Error closed = { "" };
    mapped_files_check(&closed);
    assert_clean(&closed);
}
END_TEST

START_TEST(no_file)
{
    Error absent = { "" }, folder = { "" };
    ck_assert_ptr_null(safetensors_open(temporary("absent"), &absent));
    assert_refused(&absent, temporary("absent"), "No such file");
    ck_assert_ptr_null(safetensors_open(temporary_folder(), &folder));
    assert_refused(&folder, temporary_folder(), "found something that is not a file, expected a safetensors file");
}
END_TEST

static Safetensors *open_good(const char *header, size_t data)
{
    Error error = { "" };
    const char *path = temporary("good.safetensors");
    write_safetensors(path, header, -1, data);
    Safetensors *file = safetensors_open(path, &error);
    assert_clean(&error);
    ck_assert_str_eq(safetensors_path(file), path);
    return file;
}

/* Arrays in another order than names, empty ones between them, unaligned data, metadata. */
START_TEST(good_file)
{
    Safetensors *file = open_good("{\"__metadata__\":{\"format\":\"pt\"},"
                                  "\"z\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                  "\"m\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[1,9]},"
                                  "\"empty\":{\"dtype\":\"F32\",\"shape\":[2,0,1099511627776],\"data_offsets\":[1,1]},"
                                  "\"scalar\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[9,17]}}",
                                  17);
    static const char *const sorted[] = { "empty", "m", "scalar", "z" };
    ck_assert_int_eq(safetensors_count(file), 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(safetensors_array(file, i)->name, sorted[i]);
        ck_assert_ptr_eq(safetensors_find(file, sorted[i]), safetensors_array(file, i));
        ck_assert_str_eq(safetensors_array(file, i)->file, safetensors_path(file));
    }
    const Array *z = safetensors_find(file, "z"), *m = safetensors_find(file, "m");
    ck_assert_int_eq(m->data - z->data, 1);
    ck_assert_int_eq(m->dtype, DTYPE_F32);
    ck_assert(array_has_shape(m, SHAPE(1, 2)));
    ck_assert_int_eq(safetensors_find(file, "scalar")->rank, 0);
    ck_assert_int_eq(array_elements(safetensors_find(file, "empty")), 0);
    ck_assert_ptr_null(safetensors_find(file, "n"));
    ck_assert_ptr_null(safetensors_find(file, "__metadata__"));
    safetensors_close(file);
}
END_TEST

START_TEST(no_arrays)
{
    Safetensors *file = open_good("{}", 0);
    ck_assert_int_eq(safetensors_count(file), 0);
    ck_assert_ptr_null(safetensors_find(file, "a"));
    safetensors_close(file);
    safetensors_close(NULL);
}
END_TEST

Suite *safetensors_suite(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, bad_file, 0, COUNT(bad));
    tcase_add_test(tcase, no_room_for_a_header);
    tcase_add_test(tcase, no_file);
    tcase_add_test(tcase, file_is_cut_while_it_is_read);
    tcase_add_test(tcase, file_changes_while_it_is_open);
    tcase = theme(suite, "accepted");
    tcase_add_test(tcase, good_file);
    tcase_add_test(tcase, no_arrays);
    return suite;
}
