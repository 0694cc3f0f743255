/* regular_file.c - opens a file that strangers wrote */
#include "checkpoint/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

FILE *regular_file_open(const char *path, const char *expected, struct stat *status, Error *error)
{
    /* Without O_NONBLOCK, open() itself waits for a pipe's writer. It changes nothing for a regular file. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = NULL;
    if (descriptor < 0 || fstat(descriptor, status) != 0)
        error_set(error, "%s: found no readable file (%s), expected %s", path, strerror(errno), expected);
    else if (!S_ISREG(status->st_mode))
        error_set(error, "%s: found something that is not a file, expected %s", path, expected);
    else if (!(file = fdopen(descriptor, "rb")))
        error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    if (descriptor >= 0 && !file) close(descriptor);
    return file;
}

char *regular_file_read(const char *path, ExpectedFile expected, size_t *size, Arena *arena, Error *error)
{
    struct stat status;
    FILE *file = regular_file_open(path, expected.what, &status, error);
    if (!file) return NULL;
    char *text = NULL;
    if (status.st_size > expected.most) {
        error_set(error, "%s: found %lld bytes, expected at most %lld (%s)", path, (long long)status.st_size,
                  (long long)expected.most, expected.option);
    } else {
        text = arena_allocate(arena, (size_t)status.st_size + 1);
        *size = fread(text, 1, (size_t)status.st_size, file);
        text[*size] = '\0';
        if (*size != (size_t)status.st_size)
            error_set(error, "%s: found %zu bytes to read, expected %lld", path, *size, (long long)status.st_size);
    }
    fclose(file);
    return error_is_set(error) ? NULL : text;
}
