/* dump.c - one table of arrays, whatever they came in */
#include "dump/dump.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/regular_file.h"
#include "checkpoint/safetensors.h"
#include "dump/npy.h"
#include "run/arena.h"

struct Dump {
    Arena arena;
    const char *path;
    Safetensors *file; /* NULL for NumPy's formats, whose bytes lie in the arena */
    Array *arrays;
    int count;
};

static void append(Dump *dump, Array array, Error *error)
{
    if (dump->count == file_limits.arrays)
        error_set(error, "%s: found another array, expected at most %lld (--max-arrays)", dump->path,
                  (long long)file_limits.arrays);
    if (error_is_set(error)) return;
    dump->arrays = reallocate(dump->arrays, (size_t)dump->count + 1, sizeof array);
    dump->arrays[dump->count++] = array;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* "model.embed_vision.npy" holds the tap "model.embed_vision". */
static const char *without_npy(Dump *dump, const char *file)
{
    return arena_format(&dump->arena, "%.*s", (int)(strlen(file) - strlen(".npy")), file);
}

static void read_safetensors(Dump *dump, Error *error)
{
    dump->file = safetensors_open(dump->path, error);
    if (!dump->file) return;
    for (int i = 0; i < safetensors_count(dump->file); i++) append(dump, *safetensors_array(dump->file, i), error);
}

/* libzip, on a regular file alone; NULL with error set */
static zip_t *open_archive(Dump *dump, int64_t *size, Error *error)
{
    struct stat status;
    FILE *file = regular_file_open(dump->path, "an .npz file", &status, error);
    if (!file) return NULL;
    int code = 0, descriptor = dup(fileno(file));
    zip_t *zip = descriptor < 0 ? NULL : zip_fdopen(descriptor, 0, &code);
    if (!zip) {
        if (descriptor >= 0) close(descriptor);
        error_set(error, "%s: found no readable zip archive (libzip error %d), expected an .npz file", dump->path,
                  code);
    }
    fclose(file);
    *size = status.st_size;
    return zip;
}

/* A member says itself how large it will be, and is not believed beyond what is left. */
static void read_member(Dump *dump, zip_t *zip, zip_uint64_t index, uint64_t *left, Error *error)
{
    zip_stat_t status;
    const char *name = zip_get_name(zip, index, 0);
    zip_file_t *member = zip_fopen_index(zip, index, 0);
    if (!member || zip_stat_index(zip, index, 0, &status) != 0) {
        error_set(error, "%s: %s: cannot be read: %s", dump->path, name, zip_strerror(zip));
    } else if (status.size > *left) {
        error_set(error,
                  "%s: %s: found %llu bytes that it unpacks to, expected at most %llu more, for the archive's size "
                  "(--max-expansion)",
                  dump->path, name, (unsigned long long)status.size, (unsigned long long)*left);
    } else {
        *left -= status.size;
        unsigned char *bytes = arena_allocate(&dump->arena, (size_t)status.size + 1);
        /* Only whoever reads on to the end is told that the checksum is wrong. */
        if (zip_fread(member, bytes, status.size) != (zip_int64_t)status.size ||
            zip_fread(member, bytes + status.size, 1) != 0)
            error_set(error, "%s: %s: found damaged or missing bytes, expected %llu", dump->path, name,
                      (unsigned long long)status.size);
        else
            append(dump, npy_read(&dump->arena, dump->path, without_npy(dump, name), bytes, (size_t)status.size, error),
                   error);
    }
    if (member) zip_fclose(member);
}

static void read_npz(Dump *dump, Error *error)
{
    int64_t size;
    zip_t *zip = open_archive(dump, &size, error);
    if (!zip) return;
    uint64_t left;
    if (__builtin_mul_overflow((uint64_t)size, (uint64_t)file_limits.expansion, &left)) left = UINT64_MAX;
    if (left < UNPACKED_FREELY) left = UNPACKED_FREELY;
    zip_int64_t entries = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < entries && !error_is_set(error); i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (name && ends_with(name, ".npy")) read_member(dump, zip, (zip_uint64_t)i, &left, error);
    }
    zip_discard(zip);
}

static void read_folder(Dump *dump, Error *error)
{
    DIR *folder = opendir(dump->path);
    if (!folder) {
        error_set(error, "%s: %s", dump->path, strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) && !error_is_set(error);) {
        if (!ends_with(entry->d_name, ".npy")) continue;
        size_t size;
        const char *path = arena_format(&dump->arena, "%s/%s", dump->path, entry->d_name);
        const char *bytes = regular_file_read(path, (ExpectedFile){ "a .npy file", INT64_MAX - 1, "" }, &size,
                                              &dump->arena, error);
        if (bytes)
            append(dump,
                   npy_read(&dump->arena, path, without_npy(dump, entry->d_name), (const unsigned char *)bytes, size,
                            error),
                   error);
    }
    closedir(folder);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const Array *)left)->name, ((const Array *)right)->name);
}

Dump *dump_open(const char *path, Error *error)
{
    Dump *dump = allocate_zeroed(1, sizeof *dump);
    dump->path = arena_format(&dump->arena, "%s", path);

    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        read_folder(dump, error);
    else if (ends_with(path, ".npz"))
        read_npz(dump, error);
    else
        read_safetensors(dump, error);

    if (dump->count == 0 && !dump->file) error_set(error, "%s: found no .npy in it, expected one for each tap", path);

    if (dump->count > 0) qsort(dump->arrays, (size_t)dump->count, sizeof *dump->arrays, by_name);
    for (int i = 1; i < dump->count && !error_is_set(error); i++)
        if (by_name(&dump->arrays[i - 1], &dump->arrays[i]) == 0)
            error_set(error, "%s: %s: found two arrays of that name, expected one", path, dump->arrays[i].name);

    if (error_is_set(error)) {
        dump_close(dump);
        return NULL;
    }
    return dump;
}

void dump_replace(Dump *dump, const Array *arrays, int count)
{
    free(dump->arrays);
    dump->arrays = allocate_zeroed((size_t)count + 1, sizeof *arrays);
    if (count > 0) memcpy(dump->arrays, arrays, (size_t)count * sizeof *arrays);
    dump->count = count;
    if (count > 0) qsort(dump->arrays, (size_t)count, sizeof *dump->arrays, by_name);
}

Arena *dump_arena(Dump *dump) { return &dump->arena; }

void dump_close(Dump *dump)
{
    if (!dump) return;
    safetensors_close(dump->file);
    free(dump->arrays);
    arena_free(&dump->arena);
    free(dump);
}

int dump_count(const Dump *dump) { return dump->count; }
const Array *dump_array(const Dump *dump, int index) { return &dump->arrays[index]; }

const Array *dump_find(const Dump *dump, const char *tap)
{
    Array key = { .name = tap };
    return dump->count ? bsearch(&key, dump->arrays, (size_t)dump->count, sizeof key, by_name) : NULL;
}
