/* dumps.h - dumps that are made at test time, and grading them */
#ifndef PLUMB_DUMPS_H
#define PLUMB_DUMPS_H

#include "helpers.h"
#include "lockstep/lockstep.h"

#define BIG "fixtures/31b-vision"
#define BF16 E2B "/dumps/honest-bf16-eager.safetensors"
#define LAYER "model.vision_tower.encoder.layers.0"

/* One array of a dump on its way into another. */
typedef struct {
    const char *name;
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    float *values;        /* what bfloat16, float16 and float32 hold, float32 holds */
    int64_t first, count; /* the elements that values are: all, or whole rows of a tap that comes in parts */
    bool dropped;
} Value;

typedef void Edit(Value *value, const void *context);

/* A copy of the dump `from` with each array edited, in the test's folder. */
const char *edited_dump(const char *from, Edit *edit, const void *context);
float *value_at(Value *value, int64_t row, int64_t column); /* rows: everything before the last dimension */

/* Grades a dump of the case in folder; NULL with error set. only: globs or NULL */
Grade *grade_case(const char *folder, const char *dump, const char *class, const char *const *only, bool with_total,
                  Error *error);
Grade *grade_with(const char *model, const char *inputs, const char *dump, const char *class,
                  const GradeOptions *options, Error *error);
Grade *graded(const char *folder, const char *dump, const char *class, const char *const *only); /* without error */
const Step *step_of(const Grade *grade, const char *tap); /* NULL if it was not graded */
void assert_passes(const Grade *grade, const char *dump);
void assert_bent_at(const Grade *grade, const char *tap);
bool is_listed(const char **names, int count, const char *name);

extern const char *const layer_outputs[]; /* globs, as fixtures/README.md has them */

/* Returns the text that is printed to a file. */
typedef void Print(FILE *out, const void *what);
const char *printed(Print *print, const void *what);

/* The bytes of an .npy file. */
const unsigned char *npy_bytes(int version, const char *dict, const void *data, size_t data_size, size_t *size);
#define NPY(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"

#endif
