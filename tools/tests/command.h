/* command.h - runs build/plumb, on a case that may be bent */
#ifndef PLUMB_COMMAND_H
#define PLUMB_COMMAND_H

#include <sys/types.h>

#include "helpers.h"

#define BIG "fixtures/31b-vision"
#define TEXT "fixtures/e2b-text" /* a text-only checkpoint; two rows, the second padded on the left */
#define WHOLE "fixtures/e2b"     /* from pixels to tokens */
#define EXPERTS "fixtures/26b-a4b"
#define UNIFIED "fixtures/12b-image" /* the family without towers; an image longer than the window */
#define HONEST E2B "/dumps/honest-bf16-eager.safetensors"

typedef struct {
    int status;            /* exit status; -SIGINT if that signal ended it */
    const char *out, *err; /* what it printed */
} Result;

extern const char *plumb_path;                                    /* argv[1] of the test program */
Result run_plumb(const char *const *arguments);                   /* NULL-terminated, without plumb itself */
pid_t start_plumb(const char *const *arguments, const char *out); /* out: where its stdout goes */
int status_of(pid_t child);                                       /* waits for it; as Result.status */
#define plumb(...) run_plumb((const char *const[]){ __VA_ARGS__, NULL })
#define assert_status(result, expected)                                                                              \
    ck_assert_msg((result).status == (expected), "found exit status %d, expected %d: %s", (result).status, expected, \
                  (result).err)
/* Status 2, and one line on stderr that says all of `names`, which end in NULL: the file, what is in it, what was found
 * and what was expected. */
void assert_one_line(Result result, const char *const *names);
bool is_there(const char *path);

const char *copied_case(const char *fixture); /* without its dumps, as "case" in the test's folder */

/* An entry of a safetensors header: field becomes value, which is JSON; without field the array is renamed. */
void set_field(const char *path, const char *array, const char *field, const char *value);
void set_bytes(const char *path, const char *array, const void *bytes, size_t size); /* the first of its data */
void write_images(const char *path, int64_t batch, int64_t width, int64_t height); /* inputs, for the fixture's model */
json_t *read_json(const char *path);

#endif
