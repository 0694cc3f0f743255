/* regular_file.h - opens a file that strangers wrote
 *
 * A pipe would block until somebody writes to it, and a device may never end, so that only a regular file is opened.
 */
#ifndef PLUMB_REGULAR_FILE_H
#define PLUMB_REGULAR_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "run/arena.h"
#include "run/error.h"

/* The file to read and its status, or NULL with error set; "expected" ends the message: "a safetensors file". */
FILE *regular_file_open(const char *path, const char *expected, struct stat *status, Error *error);

typedef struct {
    const char *what;   /* "token ids": ends the message where there is no such file */
    int64_t most;       /* bytes */
    const char *option; /* raises most */
} ExpectedFile;

/* Returns all of its bytes and a 0 behind them, in the arena, or NULL with error set. */
char *regular_file_read(const char *path, ExpectedFile expected, size_t *size, Arena *arena, Error *error);

#endif
