/* test_dump.c - safetensors, .npz, and folders of .npy */
#include <sys/stat.h>
#include <zip.h>

#include "dumps.h"

static const float floats[] = { 1.5f, -2 };

/* An .npz of taps "a.b" and "c" and a file that is none. */
static const char *write_npz(zip_int32_t compression)
{
    static const char *const names[] = { "c.npy", "notes.txt", "a.b.npy" };
    const char *path = temporary("dump.npz");
    size_t size;
    const unsigned char *npy = npy_bytes(1, NPY("<f4", "False", "(2,)"), floats, sizeof floats, &size);
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    ck_assert_ptr_nonnull(zip);
    for (int i = 0; i < COUNT(names); i++) {
        zip_int64_t index = zip_file_add(zip, names[i], zip_source_buffer(zip, npy, size, 0), 0);
        ck_assert_int_ge(index, 0);
        ck_assert_int_eq(zip_set_file_compression(zip, (zip_uint64_t)index, compression, 0), 0);
    }
    ck_assert_int_eq(zip_close(zip), 0);
    return path;
}

static void write_npy(const char *name)
{
    size_t size;
    const unsigned char *npy = npy_bytes(1, NPY("<f4", "False", "(2,)"), floats, sizeof floats, &size);
    write_bytes(temporary(name), npy, size);
}

static const char *write_folder(zip_int32_t unused)
{
    (void)unused;
    mkdir(temporary("dump"), 0700);
    write_npy("dump/c.npy");
    write_npy("dump/a.b.npy");
    write_text(temporary("dump/notes.txt"), "no array");
    return temporary("dump");
}

static const char *write_safetensors_dump(zip_int32_t unused)
{
    (void)unused;
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("dump.safetensors"), &error);
    for (const char *const *name = (const char *const[]){ "c", "a.b", NULL }; *name; name++) {
        safetensors_writer_begin(writer, *name, DTYPE_F32, SHAPE(2));
        safetensors_writer_append(writer, floats, sizeof floats);
    }
    safetensors_writer_close(writer, &error);
    return temporary("dump.safetensors");
}

static const struct {
    const char *(*write)(zip_int32_t compression);
    zip_int32_t compression;
} formats[] = {
    { write_safetensors_dump, 0 },
    { write_npz, ZIP_CM_STORE },
    { write_npz, ZIP_CM_DEFLATE },
    { write_folder, 0 },
};

START_TEST(two_taps)
{
    Error error = { "" };
    Dump *dump = dump_open(formats[_i].write(formats[_i].compression), &error);
    assert_clean(&error);
    ck_assert_int_eq(dump_count(dump), 2);
    ck_assert_str_eq(dump_array(dump, 0)->name, "a.b");
    ck_assert_ptr_eq(dump_find(dump, "c"), dump_array(dump, 1));
    ck_assert_ptr_null(dump_find(dump, "notes"));
    for (int i = 0; i < 2; i++) {
        float found[2];
        ck_assert(array_has_shape(dump_array(dump, i), SHAPE(2)));
        array_read_f32(dump_array(dump, i), 0, 2, found);
        ck_assert_mem_eq(found, floats, sizeof found);
    }
    dump_close(dump);
}
END_TEST

START_TEST(replaced)
{
    Error error = { "" };
    Dump *dump = dump_open(formats[_i].write(formats[_i].compression), &error);
    assert_clean(&error);
    Array arrays[] = { *dump_array(dump, 1), *dump_array(dump, 0) };
    arrays[0].name = arena_format(dump_arena(dump), "%s", "z");
    arrays[1].name = "y";
    dump_replace(dump, arrays, 2);
    ck_assert_ptr_eq(dump_find(dump, "z"), dump_array(dump, 1));
    ck_assert_ptr_eq(dump_find(dump, "y"), dump_array(dump, 0));
    ck_assert_ptr_null(dump_find(dump, "a.b"));
    dump_close(dump);
}
END_TEST

/* A bit of the data flips: the archive's checksum tells. */
START_TEST(damaged_archive)
{
    Error error = { "" };
    size_t size;
    const char *path = write_npz(formats[1 + _i].compression);
    char *bytes = read_text(path, &size);
    size_t place = formats[1 + _i].compression == ZIP_CM_STORE ? 30 + 5 + 10 + 60 : 60;
    bytes[place] = (char)(bytes[place] ^ 1);
    write_bytes(path, bytes, size);
    ck_assert_ptr_null(dump_open(path, &error));
    assert_refused(&error, path, ": c.npy: found damaged or missing bytes");
}
END_TEST

START_TEST(truncated_archive)
{
    Error error = { "" };
    size_t size;
    const char *path = write_npz(ZIP_CM_DEFLATE), *bytes = read_text(path, &size);
    write_bytes(path, bytes, size - 10);
    ck_assert_ptr_null(dump_open(path, &error));
    assert_refused(&error, path, ": found no readable zip archive");
}
END_TEST

static const struct {
    const char *name, *content, *says;
} bad[] = {
    { "dump.npz", "no archive", ": found no readable zip archive" },
    { "absent.npz", NULL, ": found no readable file (No such file" },
    { "dump.safetensors", "\1\2\3", ": found 3 bytes, expected at least" },
    { "absent.safetensors", NULL, ": found no readable file (No such file" },
};

START_TEST(refused)
{
    Error error = { "" };
    const char *path = temporary(bad[_i].name);
    if (bad[_i].content) write_text(path, bad[_i].content);
    ck_assert_ptr_null(dump_open(path, &error));
    assert_refused(&error, path, bad[_i].says);
}
END_TEST

START_TEST(bad_file_in_a_folder)
{
    Error error = { "" };
    write_npy("a.npy");
    write_text(temporary("b.npy"), "...");
    ck_assert_ptr_null(dump_open(temporary_folder(), &error));
    assert_refused(&error, temporary("b.npy"), ": b: found no .npy header, expected one");
}
END_TEST

START_TEST(pipes_are_refused)
{
    static const char *const names[] = { "pipe.npy", "pipe.safetensors" };
    for (int i = 0; i < COUNT(names); i++) {
        Error error = { "" };
        ck_assert_int_eq(mkfifo(temporary(names[i]), 0600), 0);
        ck_assert_ptr_null(dump_open(i == 0 ? temporary_folder() : temporary(names[i]), &error));
        assert_refused(&error, temporary(names[i]), ": found something that is not a file, expected a");
    }
}
END_TEST

START_TEST(empty_folder)
{
    Error error = { "" };
    ck_assert_ptr_null(dump_open(temporary_folder(), &error));
    assert_refused(&error, temporary_folder(),
                   ": found no .npy and no .safetensors in it, expected an array for each tap");
}
END_TEST

START_TEST(empty_file)
{
    Error error = { "" };
    write_safetensors(temporary("none.safetensors"), "{}", -1, 0);
    Dump *dump = dump_open(temporary("none.safetensors"), &error);
    assert_clean(&error);
    ck_assert_int_eq(dump_count(dump), 0);
    ck_assert_ptr_null(dump_find(dump, "a"));
    dump_close(dump);
    dump_close(NULL);
}
END_TEST

Suite *dump_suite(void)
{
    Suite *suite = suite_create("dump");
    TCase *tcase = theme(suite, "formats");
    tcase_add_loop_test(tcase, two_taps, 0, COUNT(formats));
    tcase_add_loop_test(tcase, replaced, 0, COUNT(formats));
    tcase_add_test(tcase, empty_file);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, damaged_archive, 0, 2);
    tcase_add_test(tcase, truncated_archive);
    tcase_add_loop_test(tcase, refused, 0, COUNT(bad));
    tcase_add_test(tcase, bad_file_in_a_folder);
    tcase_add_test(tcase, pipes_are_refused);
    tcase_add_test(tcase, empty_folder);
    return suite;
}
