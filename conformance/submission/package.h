/* package.h - the zip archive that a submission is: a list of names and their bytes
 *
 *     Package package = { 0 };
 *     package_add(&package, "reports/e2b-text-bf16.json", text, strlen(text));
 *     package_write(&package, "port.zip", &error);
 *     package_free(&package);
 *
 * The same members give the same bytes: sorted by name, without a date. A package of strangers is read into memory and
 * never unpacked into a folder.
 */
#ifndef PLUMB_PACKAGE_H
#define PLUMB_PACKAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "run/arena.h"
#include "run/error.h"

enum { PACKAGE_MEMBERS = 4096, PACKAGE_BYTES = 256 << 20 }; /* at most, unpacked */

typedef struct {
    const char *name, *bytes; /* bytes end in a 0 that size does not count */
    size_t size;
} PackageMember;

typedef struct {
    Arena arena;
    PackageMember *members;
    int count;
} Package;

/* A relative path of letters, digits and "._+-", with no part that is "." or "..": nothing to climb out with */
bool package_name_is_plain(const char *name);

void package_add(Package *package, const char *name, const char *bytes, size_t size); /* copies both */
const PackageMember *package_find(const Package *package, const char *name);          /* NULL: there is none */
/* The JSON of a member, which must be an object; NULL with error set, whose message begins "PATH: NAME". */
json_t *package_json(const Package *package, const char *path, const char *name, Error *error);

void package_write(Package *package, const char *path, Error *error);
Package package_read(const char *path, Error *error);
void package_free(Package *package);

#endif
