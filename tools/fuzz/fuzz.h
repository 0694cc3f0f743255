/* fuzz.h - what the fuzz targets share: a folder in memory, the seeds' folder, and mutants of JSON that are JSON */
#ifndef PLUMB_FUZZ_H
#define PLUMB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "checkpoint/array.h"

/* libFuzzer calls three of these, and offers one. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

const char *fuzz_seed(const char *name); /* a path beside the program, where seeds.c has written to */
const char *fuzz_path(const char *name); /* a path in the folder in memory; a few at a time */
const char *fuzz_put(const char *name, const void *bytes, size_t size);
void fuzz_copy(const char *seed, const char *name);
void fuzz_remove(const char *name);

void fuzz_read_array(const Array *array); /* every element of it, in every way */
void fuzz_read_dump(const char *path); /* opened, and its first arrays read; aborts where neither dump nor error is */

/* From here on stdout and stderr of commands are lost; libFuzzer's and the sanitizers' are not. */
void fuzz_be_quiet(void);

/* An input in parts, with a 0 behind each but the last, which is all that is left */
typedef struct {
    char *text; /* a 0 ends it, which size does not count */
    size_t size;
} FuzzPart;
void fuzz_parts(const uint8_t *data, size_t size, FuzzPart *parts, int count);
void fuzz_free_parts(FuzzPart *parts, int count);

/* One value or key of the JSON becomes another; what is no JSON is mutated as bytes are. */
size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* The same of the first or the second part, or bytes anywhere */
size_t fuzz_mutate_parts(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
