/* array.h - an array that lies in a file: a weight, an input, a dumped activation
 *
 * The bytes stay where the file was mapped; array_read widens the part that is asked for.
 */
#ifndef PLUMB_ARRAY_H
#define PLUMB_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint/input_codes.h"
#include "run/real.h"

typedef enum {
    DTYPE_F64,
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U64,
    DTYPE_U32,
    DTYPE_U16,
    DTYPE_U8,
    DTYPE_BOOL,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_COUNT,
    DTYPE_ENCODED /* no dtype of a file: the elements follow from codes and scales */
} Dtype;

enum { ARRAY_MAX_RANK = 8 };

/* An element of a quantised tensor taken apart: values[code] * scale - shift. Scales and shifts that are codes
 * themselves lie steps apart. */
typedef struct {
    double scale, shift;
    unsigned char code;
    double scale_step, shift_step; /* 0: as near to each other as floats */
} CodePlace;

/* Groups of CODE_GROUP small integers, for products that widen codes where they multiply: element = code * scale +
 * offset, of which all but the last operation is exact, in float32 too. How the codes of a group lie: */
enum { CODE_GROUP = 32 };
typedef enum {
    CODES_IN_BYTES,
    CODES_IN_PAIRS,  /* two in a byte, the first in its low half */
    CODES_IN_HALVES, /* the first half of them in low halves of bytes, the second in high ones */
    CODES_IN_PLANES, /* every other group in low halves of bytes, and the one behind it in the high ones of the same */
    CODES_OF_6_BITS  /* of four groups, two in low halves of bytes, and two in the high ones of the same; and the two
                      * highest bits of all four in the four pairs of bits of as many bytes as a group has codes */
} CodeOrder;

typedef struct {
    const unsigned char **codes;   /* of each group */
    const unsigned char **highest; /* the bytes with its two highest bits, where codes are CODES_OF_6_BITS */
    /* Each group has one, or each half where the encoding's groups are of so many codes. Floats in both builds: an
     * encoding belongs to the one that opened the model. */
    float *scales, *offsets;
    bool has_offsets; /* false: offsets are not set, and 0 */
    uint32_t flip;    /* of the bits of a word of codes, which are signed then */
} CodeGroups;

/* Codes of 4 bits whose highest is a sign, with a byte for each scale: what they stand for can be looked up. */
enum { TABLE_SCALES = 256, TABLE_NUMBERS = 8, TABLE_GROUP = 16 };
typedef struct {
    const unsigned char *codes, *scales; /* of the tensor: two codes in a byte, the first in its low half; of its
                                          * groups, of 16 codes or a multiple */
    double numbers[TABLE_SCALES][TABLE_NUMBERS]; /* codes 0 to 7 at each scale; codes 8 to 15 are the same below 0 */
} CodeTable;

/* Where the elements of a quantised tensor come from. A layout's own struct begins with one of these. */
typedef struct Encoding Encoding;
struct Encoding {
    const char *scheme;   /* for people: "int4, groups of 32" */
    int bits;             /* of a code, 1 to 8; 0 where elements have no codes */
    const double *values; /* [2^bits]: what a code means */
    int64_t width;        /* of a row, behind which groups begin anew; of the tensor, where they go on */
    int64_t group;        /* elements of a row that share a scale */
    int64_t row_group;    /* rows that share theirs */
    int64_t pair;         /* from the code in a byte's low half to that in its high half; 0: in another row, or none */
    bool has_zeros;       /* codes are counted from zeros that the file holds */
    double global_scale;  /* in every scale as a factor */
    /* Elements first .. first + count - 1 of the flattened tensor, exactly what the codes and scales say where a double
     * can hold it */
    void (*read)(const Encoding *encoding, int64_t first, int64_t count, double *out);
    bool (*is_finite)(const Encoding *encoding);
    /* The same elements taken apart; NULL where bits is 0 */
    void (*places)(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out);
    /* The groups of a row's first elements; NULL where they are no such groups */
    void (*groups)(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out);
    CodeOrder order; /* of groups */
    bool is_signed;
    void (*table)(const Encoding *encoding, CodeTable *out); /* NULL where there is none */
};

typedef struct Array Array;
struct Array {
    const char *file; /* for messages */
    const char *name;
    Dtype dtype;
    int rank;
    int64_t shape[ARRAY_MAX_RANK];
    const unsigned char *data; /* row-major, little-endian, perhaps unaligned */
    const Encoding *encoding;  /* of DTYPE_ENCODED, which has no data */
    int64_t offset;            /* elements of the encoding before this array's first */
    InputCodes inputs;         /* of products with it */
    Rounding inputs_dtype;     /* that their rule is computed in */
    float input_scale;         /* of INPUTS_INT8_STATIC and INPUTS_FP8_STATIC; of INPUTS_FP4_GROUP, or 0: none */
    /* A stack of experts (expert_stack.h) has the matrices that its rows are, each with codes, and a rule for its
     * input, of its own; others have NULL. */
    const Array *const *matrices;
};

const char *dtype_name(Dtype dtype);          /* "BF16", as safetensors spells it */
const char *array_scheme(const Array *array); /* the same, or the encoding's scheme */
bool dtype_from_name(const char *name, Dtype *dtype);
size_t dtype_size(Dtype dtype);
bool dtype_is_float(Dtype dtype);

int64_t array_elements(const Array *array);
bool array_has_shape(const Array *array, int rank, const int64_t *shape);

Array array_at(const Array *array, int64_t index);          /* array[index], of one rank less */
const Array *array_matrix(const Array *array, int64_t row); /* the one that begins at that row; array, if no stack */

/* Elements first .. first + count - 1 of the flattened array, each converted to the nearest value of out's type. */
void array_read_f32(const Array *array, int64_t first, int64_t count, float *out);
void array_read_f64(const Array *array, int64_t first, int64_t count, double *out);
int64_t array_integer(const Array *array, int64_t index); /* asserts an integer dtype */
bool array_is_finite(const Array *array);                 /* no NaN and no infinity */

/* "[2, 36, 768]", at most size bytes; returns text */
const char *shape_text(char *text, size_t size, int rank, const int64_t *shape);
#define SHAPE_TEXT(rank, shape) shape_text((char[128]){ 0 }, 128, rank, shape)

#endif
