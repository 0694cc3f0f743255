/* file_digest.h - which files a report is about */
#ifndef PLUMB_FILE_DIGEST_H
#define PLUMB_FILE_DIGEST_H

#include <jansson.h>
#include <stddef.h>

#include "run/error.h"

/* Appends {role, path, bytes, sha256} to list. Of a folder, its *.json, *.safetensors and *.npy files are appended,
 * sorted by name. path NULL, or a pipe or a device: nothing. Where a file cannot be read, error says so. */
void files_append(json_t *list, const char *role, const char *path, Error *error);

enum { DIGEST_TEXT = 2 * 32 + 1 };

/* SHA-256 of bytes in memory, as hexadecimal digits; "" where libcrypto cannot. */
void bytes_digest(const void *bytes, size_t size, char hex[DIGEST_TEXT]);

#endif
