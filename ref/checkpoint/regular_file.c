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
