/* test_safetensors_writer.c - what is written is read back; what is not finished is not there */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "helpers.h"

static SafetensorsWriter *open_writer(const char *path)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    return writer;
}

static void write_array(SafetensorsWriter *writer, const char *name, int64_t count)
{
    safetensors_writer_begin(writer, name, DTYPE_F32, 1, &count);
    for (int64_t i = 0; i < count; i++) safetensors_writer_append(writer, &(float){ (float)i }, sizeof(float));
}

static Safetensors *close_and_read(SafetensorsWriter *writer, const char *path)
{
    Error error = { "" };
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    Safetensors *file = safetensors_open(path, &error);
    assert_clean(&error);
    return file;
}

START_TEST(round_trip)
{
    const char *path = temporary("taps.safetensors");
    SafetensorsWriter *writer = open_writer(path);
    write_array(writer, "model.b", 100000);
    safetensors_writer_begin(writer, "scalar \"quoted\" \xc3\xa9", DTYPE_U8, 0, (int64_t[]){ 0 });
    safetensors_writer_append(writer, "\x2a", 1);
    safetensors_writer_begin(writer, "empty", DTYPE_F64, SHAPE(3, 0));
    safetensors_writer_begin(writer, "a", DTYPE_BF16, SHAPE(2, 1, 2));
    safetensors_writer_append(writer, "\x80\x3f\x00", 3);
    safetensors_writer_append(writer, "\x40\x40\x40\x80\x40", 5);

    Safetensors *file = close_and_read(writer, path);
    ck_assert_int_eq(safetensors_count(file), 4);
    const Array *a = safetensors_find(file, "a"), *b = safetensors_find(file, "model.b");
    float found[4];
    array_read_f32(a, 0, 4, found);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(found[i], (float)(i + 1));
    ck_assert(array_has_shape(a, SHAPE(2, 1, 2)));
    array_read_f32(b, 99999, 1, found);
    ck_assert_float_eq(found[0], 99999);
    ck_assert_int_eq(array_integer(safetensors_find(file, "scalar \"quoted\" \xc3\xa9"), 0), 42);
    ck_assert(array_has_shape(safetensors_find(file, "empty"), SHAPE(3, 0)));
    ck_assert_int_eq(files_in(temporary_folder()), 1);
    safetensors_close(file);
}
END_TEST

/* Headers of every length modulo 8. */
START_TEST(data_is_aligned)
{
    const char *path = temporary("taps.safetensors");
    for (int length = 1; length <= 8; length++) {
        SafetensorsWriter *writer = open_writer(path);
        write_array(writer, arena_format(&scratch, "%0*d", length, 0), 2);
        Safetensors *file = close_and_read(writer, path);
        ck_assert_uint_eq((uintptr_t)safetensors_array(file, 0)->data % 8, 0);
        safetensors_close(file);
    }
}
END_TEST

START_TEST(no_arrays)
{
    const char *path = temporary("none.safetensors");
    Safetensors *file = close_and_read(open_writer(path), path);
    ck_assert_int_eq(safetensors_count(file), 0);
    safetensors_close(file);
}
END_TEST

START_TEST(nothing_there_before_close)
{
    const char *path = temporary("taps.safetensors");
    write_text(path, "from before");
    SafetensorsWriter *writer = open_writer(path);
    write_array(writer, "a", 1000);
    ck_assert_str_eq(read_text(path, NULL), "from before");
    Safetensors *file = close_and_read(writer, path);
    ck_assert_int_eq(safetensors_count(file), 1);
    safetensors_close(file);
}
END_TEST

START_TEST(abandoned_writer_leaves_nothing)
{
    SafetensorsWriter *writer = open_writer(temporary("taps.safetensors"));
    write_array(writer, "a", 1000);
    safetensors_writer_begin(writer, "half", DTYPE_F32, SHAPE(10));
    safetensors_writer_append(writer, "1234", 4);
    safetensors_writer_abandon(writer);
    safetensors_writer_abandon(NULL);
    ck_assert_int_eq(files_in(temporary_folder()), 0);
}
END_TEST

START_TEST(folder_is_not_there)
{
    Error error = { "" };
    const char *path = temporary("absent/taps.safetensors");
    ck_assert_ptr_null(safetensors_writer_open(path, &error));
    assert_refused(&error, path, ": cannot be written: No such file or directory");
}
END_TEST

START_TEST(path_is_a_folder)
{
    Error error = { "" };
    const char *path = temporary("folder");
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_ptr_null(safetensors_writer_open(path, &error));
    assert_refused(&error, path, ": cannot be written: Is a directory");
    ck_assert_int_eq(files_in(temporary_folder()), 1);
}
END_TEST

/* A disk that was full for a moment: what is missing is in the middle, and the end can be written. */
START_TEST(failed_write_is_remembered)
{
    Error error = { "" };
    struct rlimit now, small;
    const char *path = temporary("taps.safetensors");
    SafetensorsWriter *writer = open_writer(path);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &now), 0);
    small = (struct rlimit){ 2 << 20, now.rlim_max };
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    write_array(writer, "a", 1 << 20);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &now), 0);
    safetensors_writer_close(writer, &error);
    assert_refused(&error, path, ": cannot be written: File too large");
    ck_assert_int_eq(files_in(temporary_folder()), 0);
}
END_TEST

Suite *safetensors_writer_suite(void)
{
    Suite *suite = suite_create("safetensors_writer");
    TCase *tcase = theme(suite, "written");
    tcase_add_test(tcase, round_trip);
    tcase_add_test(tcase, data_is_aligned);
    tcase_add_test(tcase, no_arrays);
    tcase = theme(suite, "whole or not at all");
    tcase_add_test(tcase, nothing_there_before_close);
    tcase_add_test(tcase, abandoned_writer_leaves_nothing);
    tcase_add_test(tcase, folder_is_not_there);
    tcase_add_test(tcase, path_is_a_folder);
    tcase_add_test(tcase, failed_write_is_remembered);
    return suite;
}
