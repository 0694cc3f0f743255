/* dump.c - one table of arrays, whatever they came in */
#include "dump/dump.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "checkpoint/regular_file.h"
#include "checkpoint/safetensors.h"
#include "dump/name_map.h"
#include "dump/npy.h"
#include "run/arena.h"

struct Dump {
    Arena arena;
    const char *path;
    Safetensors *file; /* NULL for NumPy's formats, whose bytes lie in the arena */
    Array *arrays;
    int count;
};

static void append(Dump *dump, Array array)
{
    dump->arrays = realloc(dump->arrays, (size_t)(dump->count + 1) * sizeof array);
    assert(dump->arrays);
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
    for (int i = 0; i < safetensors_count(dump->file); i++) append(dump, *safetensors_array(dump->file, i));
}

static void read_npz(Dump *dump, Error *error)
{
    int code = 0;
    zip_t *zip = zip_open(dump->path, ZIP_RDONLY, &code);
    if (!zip) {
        error_set(error, "%s: found no readable zip archive (libzip error %d), expected an .npz file", dump->path,
                  code);
        return;
    }
    zip_int64_t entries = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < entries && !error_is_set(error); i++) {
        zip_stat_t status;
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (!name || !ends_with(name, ".npy")) continue;
        zip_file_t *entry = zip_fopen_index(zip, (zip_uint64_t)i, 0);
        if (!entry || zip_stat_index(zip, (zip_uint64_t)i, 0, &status) != 0 || status.size > (zip_uint64_t)1 << 40) {
            error_set(error, "%s: %s: cannot be read: %s", dump->path, name, zip_strerror(zip));
        } else {
            unsigned char *bytes = arena_allocate(&dump->arena, (size_t)status.size + 1);
            /* Only whoever reads on to the end is told that the checksum is wrong. */
            if (zip_fread(entry, bytes, status.size) != (zip_int64_t)status.size ||
                zip_fread(entry, bytes + status.size, 1) != 0)
                error_set(error, "%s: %s: found damaged or missing bytes, expected %llu", dump->path, name,
                          (unsigned long long)status.size);
            else
                append(dump,
                       npy_read(&dump->arena, dump->path, without_npy(dump, name), bytes, (size_t)status.size, error));
        }
        if (entry) zip_fclose(entry);
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
        const char *path = arena_format(&dump->arena, "%s/%s", dump->path, entry->d_name);
        struct stat status;
        FILE *file = regular_file_open(path, "a .npy file", &status, error);
        if (!file) break;
        unsigned char *bytes = arena_allocate(&dump->arena, (size_t)status.st_size + 1);
        if (fread(bytes, 1, (size_t)status.st_size, file) != (size_t)status.st_size)
            error_set(error, "%s: cannot be read", path);
        else
            append(dump, npy_read(&dump->arena, path, without_npy(dump, entry->d_name), bytes, (size_t)status.st_size,
                                  error));
        fclose(file);
    }
    closedir(folder);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const Array *)left)->name, ((const Array *)right)->name);
}

Dump *dump_open(const char *path, const char *names, Error *error)
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

    if (names && !error_is_set(error)) name_map_apply(names, dump->arrays, dump->count, &dump->arena, error);
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
