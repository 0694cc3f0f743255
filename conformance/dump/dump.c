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
#include "dump/file_kind.h"
#include "dump/npy.h"
#include "run/arena.h"

struct Dump {
    Arena arena;
    const char *path;
    Safetensors **files; /* none of NumPy's formats, whose bytes lie in the arena */
    int file_count;
    Array *arrays;
    int count;
};

static void append(Dump *dump, Array array, Error *error)
{
    if (dump->count == file_limits.arrays)
        error_set(error, "%s: found another array, expected at most %lld (--max-arrays)", dump->path,
                  (long long)file_limits.arrays);
    if (error_is_set(error)) return;
    dump->arrays = grown(dump->arrays, dump->count, sizeof array);
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

static Safetensors *open_safetensors(Dump *dump, const char *path, Error *error)
{
    Safetensors *file = safetensors_open(path, error);
    if (!file) return NULL;
    dump->files = grown(dump->files, dump->file_count, sizeof *dump->files);
    dump->files[dump->file_count++] = file;
    return file;
}

static void read_safetensors(Dump *dump, Error *error)
{
    FileKind kind = file_kind(dump->path);
    if (kind.is)
        error_set(error, "%s: found %s, expected a safetensors file, an .npz or a folder%s", dump->path, kind.is,
                  kind.advice);
    Safetensors *file = error_is_set(error) ? NULL : open_safetensors(dump, dump->path, error);
    for (int i = 0; file && i < safetensors_count(file); i++) append(dump, *safetensors_array(file, i), error);
}

/* Hugging Face's model_addition_debugger writes each tensor as "data" into a file of its own, which says the class, the
 * module and what it is of it: "Gemma4Model.layers.0.mlp_outputs", "_outputs_0" where there are several. */
static const char *debugger_name(Dump *dump, const char *file)
{
    size_t length = strlen(file) - strlen(".safetensors");
    const char *name = arena_format(&dump->arena, "%.*s", (int)length, file);
    const char *ending = ends_with(name, "_outputs") ? "_outputs" : ends_with(name, "_outputs_0") ? "_outputs_0" : NULL;
    const char *dot = strchr(name, '.');
    if (!ending || !dot) return name;
    return arena_format(&dump->arena, "%.*s", (int)(strlen(dot + 1) - strlen(ending)), dot + 1);
}

static void read_shard(Dump *dump, const char *entry, Error *error)
{
    Safetensors *file = open_safetensors(dump, arena_format(&dump->arena, "%s/%s", dump->path, entry), error);
    bool alone = file && safetensors_count(file) == 1 && strcmp(safetensors_array(file, 0)->name, "data") == 0;
    for (int i = 0; file && i < safetensors_count(file); i++) {
        Array array = *safetensors_array(file, i);
        if (alone) array.name = debugger_name(dump, entry);
        append(dump, array, error);
    }
}

static void read_npy(Dump *dump, const char *entry, Error *error)
{
    size_t size;
    const char *path = arena_format(&dump->arena, "%s/%s", dump->path, entry);
    const char *bytes = regular_file_read(path, (ExpectedFile){ "a .npy file", INT64_MAX - 1, "" }, &size, &dump->arena,
                                          error);
    if (bytes)
        append(dump, npy_read(&dump->arena, path, without_npy(dump, entry), (const unsigned char *)bytes, size, error),
               error);
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

/* A case's own expected.safetensors would pass as a dump of it. */
static void refuse_case(Dump *dump, Error *error)
{
    static const char *const parts[][2] = { { "config.json", "a checkpoint" }, { "model", "a case" } };
    struct stat status;
    for (int i = 0; i < 2; i++)
        if (stat(arena_format(&dump->arena, "%s/%s", dump->path, parts[i][0]), &status) == 0)
            error_set(error,
                      "%s: found %s, expected a dump: a safetensors file, an .npz or a folder of .safetensors or "
                      ".npy files",
                      dump->path, parts[i][1]);
}

static void read_folder(Dump *dump, Error *error)
{
    refuse_case(dump, error);
    if (error_is_set(error)) return;
    DIR *folder = opendir(dump->path);
    if (!folder) {
        error_set(error, "%s: %s", dump->path, strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder)) && !error_is_set(error);) {
        if (ends_with(entry->d_name, ".npy")) read_npy(dump, entry->d_name, error);
        if (ends_with(entry->d_name, ".safetensors")) read_shard(dump, entry->d_name, error);
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

    if (dump->count == 0 && dump->file_count == 0)
        error_set(error, "%s: found no .npy and no .safetensors in it, expected an array for each tap", path);

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

const Dump *dump_holding(const Dump *dump, const Array *arrays, int count, Arena *arena)
{
    Dump *other = arena_allocate(arena, sizeof *other);
    *other = (Dump){ .path = dump->path, .count = count };
    other->arrays = arena_allocate(arena, ((size_t)count + 1) * sizeof *arrays);
    if (count > 0) memcpy(other->arrays, arrays, (size_t)count * sizeof *arrays);
    return other;
}

Arena *dump_arena(Dump *dump) { return &dump->arena; }

void dump_close(Dump *dump)
{
    if (!dump) return;
    for (int i = 0; i < dump->file_count; i++) safetensors_close(dump->files[i]);
    free(dump->files);
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
