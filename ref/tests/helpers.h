/* helpers.h - what the suites share: a folder, memory and runs that last as long as one test */
#ifndef PLUMB_HELPERS_H
#define PLUMB_HELPERS_H

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "run/run.h"

#ifdef REAL_IS_DOUBLE
#define REAL_DTYPE DTYPE_F64
#define CLOSE 1e-13 /* a few roundings of values near 1 */
#else
#define REAL_DTYPE DTYPE_F32
#define CLOSE 2e-6
#endif
#define COUNT(table) (int)(sizeof(table) / sizeof *(table))
#define E2B "fixtures/e2b-vision"

typedef Suite *MakeSuite(void);
int run_suites(MakeSuite *const *suites, int count); /* what main returns */

/* A test case whose tests have `scratch`, which is emptied, and a folder, which is removed, after each of them. */
TCase *theme(Suite *suite, const char *name);
/* The same, for tests that take a minute under sanitizers, where CK_EXCLUDE_TAGS=long leaves them out: they run on more
 * dumps what others run, too. */
TCase *long_theme(Suite *suite, const char *name);
extern Arena scratch;
extern Arena pass_memory;                /* emptied too; of runs whose hook allocates from scratch */
const char *temporary(const char *name); /* a path in the test's folder */
const char *temporary_folder(void);
int files_in(const char *folder);

void write_bytes(const char *path, const void *bytes, size_t size);
void write_text(const char *path, const char *text);
char *read_text(const char *path, size_t *size); /* in scratch, ending in 0; size may be NULL */
void copy_file(const char *from, const char *to);
/* length: what the first 8 bytes claim the header's to be; -1 for the truth. data: how many bytes follow it */
void write_safetensors(const char *path, const char *header, int64_t length, size_t data);

/* Writes {"name": [[1, 2], [3, 4]], ..}: whole numbers as I64, others as F32, true and false as BOOL; "2 3 4" stands
 * for random values of that shape. The lists of a name must be of one length. */
void write_arrays(const char *path, const char *json);

/* The JSON file from with value, itself JSON, at key "a.b.c"; without the key where value is NULL. */
json_t *edited_json(const char *from, const char *key, const char *value);
void write_edited_json(const char *from, const char *to, const char *key, const char *value);

/* Makes a folder of the E2B fixture's model in float32, each weight a little off: rounded to bf16, it is the same. */
const char *nudged_model(void);

size_t resident(const void *address); /* bytes of the mapping around address that are in memory */

Run *run_as(Rounding rounding);                       /* of results and weights, in scratch */
uint32_t random_bits(void);                           /* the same sequence in each test */
int64_t random_below(int64_t count);                  /* 0 .. count - 1, of that sequence */
void random_begin(int trial);                         /* the sequence of another trial */
Tensor random_tensor(int rank, const int64_t *shape); /* evenly spread over -1 .. 1 */
#define random_values(...) random_tensor(SHAPE(__VA_ARGS__))
#define values(...) values_of((real[]){ __VA_ARGS__ }, COUNT(((real[]){ __VA_ARGS__ })))
Tensor values_of(const real *list, int64_t count); /* [count] */
Array array_of(Tensor tensor);                     /* a weight that holds the tensor */

/* error says `phrase`, and begins with the path of the file at fault unless that is NULL. */
void assert_refused(const Error *error, const char *path, const char *phrase);
void assert_clean(const Error *error);
/* The shape, and each element within tolerance */
void assert_tensor(Tensor found, Tensor expected, double tolerance, const char *what);
/* NaN is near nothing. Cheap: Check writes down every ck_assert, which tells in a loop over thousands of values. */
void assert_near(double found, double expected, double tolerance, const char *what, int64_t index);

#endif
