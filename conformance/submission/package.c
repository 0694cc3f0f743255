/* package.c - submissions as zip archives, by libzip */
#include "submission/package.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "checkpoint/json_load.h"
#include "checkpoint/regular_file.h"
#include "run/output.h"

static const char expected[] = "a package of plumb submit";

bool package_name_is_plain(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/";
    enum { LONGEST = 255 };
    size_t length = strlen(name);
    if (length == 0 || length > LONGEST || strspn(name, plain) != length) return false;
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.')) return false;
    }
    return true;
}

void package_add(Package *package, const char *name, const char *bytes, size_t size)
{
    char *copy = arena_allocate(&package->arena, size + 1);
    memcpy(copy, bytes, size);
    copy[size] = 0;
    package->members = grown(package->members, package->count, sizeof *package->members);
    package->members[package->count++] = (PackageMember){ arena_format(&package->arena, "%s", name), copy, size };
}

const PackageMember *package_find(const Package *package, const char *name)
{
    for (int i = 0; i < package->count; i++)
        if (strcmp(package->members[i].name, name) == 0) return &package->members[i];
    return NULL;
}

json_t *package_json(const Package *package, const char *path, const char *name, Error *error)
{
    Arena arena = { 0 };
    const PackageMember *member = package_find(package, name);
    if (!member) error_set(error, "%s: found no %s, expected %s", path, name, expected);
    json_t *json = member ? json_parse_object(member->bytes, member->size, arena_format(&arena, "%s: %s", path, name),
                                              "what plumb submit writes", error)
                          : NULL;
    arena_free(&arena);
    return json;
}

/* ---------------------------------------------------------------- to write */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const PackageMember *)a)->name, ((const PackageMember *)b)->name);
}

/* libzip's dates are of the machine's time zone, but for those that MS-DOS counts from: 1 January 1980. */
enum { MIDNIGHT = 0, FIRST_DAY = 1 << 5 | 1 };

static bool put_members(zip_t *zip, const Package *package)
{
    for (int i = 0; i < package->count; i++) {
        const PackageMember *member = &package->members[i];
        zip_source_t *source = zip_source_buffer(zip, member->bytes, member->size, 0);
        zip_int64_t index = source ? zip_file_add(zip, member->name, source, ZIP_FL_ENC_UTF_8) : -1;
        if (index < 0 || zip_file_set_dostime(zip, (zip_uint64_t)index, MIDNIGHT, FIRST_DAY, 0) != 0) return false;
    }
    return true;
}

static bool copy_archive(zip_source_t *archive, FILE *out)
{
    char block[1 << 14];
    zip_int64_t size = zip_source_open(archive) == 0 ? 1 : -1;
    while (size > 0 && (size = zip_source_read(archive, block, sizeof block)) > 0)
        fwrite(block, 1, (size_t)size, out); /* output_close looks for errors */
    zip_source_close(archive);
    return size == 0;
}

void package_write(Package *package, const char *path, Error *error)
{
    qsort(package->members, (size_t)package->count, sizeof *package->members, by_name);
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &why);
    zip_t *zip = archive ? zip_open_from_source(archive, ZIP_TRUNCATE, &why) : NULL;
    if (zip) zip_source_keep(archive);
    bool good = zip && put_members(zip, package) && zip_close(zip) == 0;
    if (zip && !good) zip_discard(zip);
    Output *output = good ? output_open(path, error) : NULL;
    if (output && copy_archive(archive, output_stream(output))) {
        output_close(output, error);
    } else {
        output_abandon(output);
        error_set(error, "%s: found no way to make the archive (%s), expected one", path, zip_error_strerror(&why));
    }
    zip_source_free(archive);
    zip_error_fini(&why);
}

/* ---------------------------------------------------------------- to read */

static bool is_link(zip_t *zip, zip_uint64_t index)
{
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    return zip_file_get_external_attributes(zip, index, 0, &system, &attributes) == 0 && system == ZIP_OPSYS_UNIX &&
           S_ISLNK(attributes >> 16);
}

/* A member says itself how large it will be, and is not believed beyond what is left. */
static void read_member(Package *package, zip_t *zip, zip_uint64_t index, const char *path, Error *error)
{
    zip_stat_t status;
    const char *name = zip_get_name(zip, index, 0);
    size_t left = PACKAGE_BYTES;
    for (int i = 0; i < package->count; i++) left -= package->members[i].size;
    zip_file_t *member = zip_fopen_index(zip, index, 0);
    if (!member || !name || zip_stat_index(zip, index, 0, &status) != 0) {
        error_set(error, "%s: found a member that cannot be read (%s), expected %s", path, zip_strerror(zip), expected);
    } else if (!package_name_is_plain(name) || is_link(zip, index)) {
        error_set(error, "%s: %s: found a name with other signs than letters, digits, . _ + -, or a link, expected %s",
                  path, name, expected);
    } else if (package_find(package, name)) {
        error_set(error, "%s: %s: found it twice, expected %s", path, name, expected);
    } else if (status.size > left) {
        error_set(error, "%s: %s: found %llu bytes that it unpacks to, expected at most %zu more", path, name,
                  (unsigned long long)status.size, left);
    } else {
        char *bytes = allocate_or_end((size_t)status.size + 1);
        /* Only whoever reads on to the end is told that the checksum is wrong. */
        if (zip_fread(member, bytes, status.size) != (zip_int64_t)status.size ||
            zip_fread(member, bytes + status.size, 1) != 0)
            error_set(error, "%s: %s: found damaged or missing bytes, expected %llu", path, name,
                      (unsigned long long)status.size);
        else
            package_add(package, name, bytes, (size_t)status.size);
        free(bytes);
    }
    if (member) zip_fclose(member);
}

Package package_read(const char *path, Error *error)
{
    Package package = { 0 };
    struct stat status;
    FILE *file = regular_file_open(path, expected, &status, error);
    if (!file) return package;
    int code = 0, descriptor = dup(fileno(file));
    zip_t *zip = descriptor < 0 ? NULL : zip_fdopen(descriptor, ZIP_CHECKCONS, &code);
    fclose(file);
    if (!zip) {
        if (descriptor >= 0) close(descriptor);
        error_set(error, "%s: found no readable zip archive (libzip error %d), expected %s", path, code, expected);
        return package;
    }
    zip_int64_t count = zip_get_num_entries(zip, 0);
    if (count > PACKAGE_MEMBERS)
        error_set(error, "%s: found %lld members, expected at most %d", path, (long long)count, PACKAGE_MEMBERS);
    for (zip_int64_t i = 0; i < count && !error_is_set(error); i++)
        read_member(&package, zip, (zip_uint64_t)i, path, error);
    zip_discard(zip);
    return package;
}

void package_free(Package *package)
{
    free(package->members);
    arena_free(&package->arena);
    *package = (Package){ 0 };
}
