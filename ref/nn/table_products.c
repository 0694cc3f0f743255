/* table_products.c - a few rows of x by a weight of FP4 codes, which is read as it lies in the file
 *
 * A register holds the eight numbers of a group's scale, which are those that array_read gives, and a code's is looked
 * up there. They are made before, for all scales that a byte can be:
 *
 *     word [8 codes]      code k in bits 4 * k and following
 *       << ..             [8]: a sign in the highest bit, and a place behind it
 *       numbers[place]    of the group's scale, and the sign
 *       * x
 */
#include <string.h>

#include "nn/code_products.h"
#include "nn/dot.h"
#include "run/threads.h"
#include "run/vectors.h"

typedef real TableReals __attribute__((vector_size(TABLE_NUMBERS * sizeof(real)), aligned(sizeof(real))));
typedef uint32_t TableWords __attribute__((vector_size(4 * TABLE_NUMBERS)));

#ifdef __clang__
#define LOOKED_UP(numbers, places) __builtin_shufflevector(numbers, places)
#else
#define LOOKED_UP(numbers, places) __builtin_shuffle(numbers, places)
#endif

#ifdef REAL_IS_DOUBLE
static ALWAYS_INLINE void look_up(const real *numbers, const TableWords *codes, TableReals *out)
{
    for (int k = 0; k < TABLE_NUMBERS; k++) {
        real number = numbers[(*codes)[k] >> 28 & 7];
        (*out)[k] = (*codes)[k] >> 31 ? -number : number;
    }
}
#else
static ALWAYS_INLINE void look_up(const real *numbers, const TableWords *codes, TableReals *out)
{
    TableWords number = (TableWords)LOOKED_UP(*(const TableReals *)numbers, *codes >> 28 & 7);
    *out = (TableReals)(number ^ (*codes & 0x80000000));
}
#endif

/* group is a constant where this is called. */
static ALWAYS_INLINE real dot_table(const unsigned char *codes, const unsigned char *scales, int64_t group,
                                    const real (*numbers)[TABLE_NUMBERS], const real *x, int64_t count)
{
    static const TableWords to_top = { 28, 24, 20, 16, 12, 8, 4, 0 };
    TableReals sums[2] = { { 0 } };
    for (int64_t i = 0; i < count; i += TABLE_GROUP, codes += TABLE_GROUP / 2) {
        const real *of_scale = numbers[scales[i / group]];
        __builtin_prefetch(codes + DOT_AHEAD);
        for (int k = 0; k < 2; k++) {
            uint32_t word;
            memcpy(&word, codes + 4 * k, sizeof word);
            TableWords each = (word - (TableWords){ 0 }) << to_top;
            TableReals weight;
            look_up(of_scale, &each, &weight);
            sums[k] += weight * *(const TableReals *)(x + i + TABLE_NUMBERS * k);
        }
    }
    TableReals both = sums[0] + sums[1];
    real sum = 0;
    for (int k = 0; k < TABLE_NUMBERS; k++) sum += both[k];
    return sum;
}

static ALWAYS_INLINE void products_body(Matrix y, Matrix x, const Array *weight, const CodeTable *table,
                                        const real (*numbers)[TABLE_NUMBERS])
{
    int64_t group = weight->encoding->group;
    for (int64_t j = 0; j < y.columns; j++) {
        int64_t first = weight->offset + j * x.columns;
        const unsigned char *codes = table->codes + first / 2, *scales = table->scales + first / group;
        for (int64_t i = 0; i < x.rows; i++) {
            const real *row = x.data + i * x.stride;
            y.data[i * y.stride + j] = group == TABLE_GROUP
                                         ? dot_table(codes, scales, TABLE_GROUP, numbers, row, x.columns)
                                         : dot_table(codes, scales, group, numbers, row, x.columns);
        }
    }
}

FOR_PROCESSORS(void, products,
               (Matrix y, Matrix x, const Array *weight, const CodeTable *table, const real (*numbers)[TABLE_NUMBERS]),
               (y, x, weight, table, numbers), (y, x, weight, table, numbers))

typedef struct {
    Matrix y, x;
    const Array *weight;
    const CodeTable *table;
    const real (*numbers)[TABLE_NUMBERS];
} TableProducts;

static void multiply_by_rows(void *context, int64_t first, int64_t end)
{
    const TableProducts *of = context;
    Array rows = *of->weight;
    rows.offset += first * of->x.columns;
    products(matrix_columns(of->y, first, end - first), of->x, &rows, of->table, of->numbers);
}

void table_products(Matrix y, Matrix x, const Array *weight, Run *run)
{
    CodeTable *table = arena_allocate(run->arena, sizeof *table);
    weight->encoding->table(weight->encoding, table);
    real(*numbers)[TABLE_NUMBERS] = (real(*)[TABLE_NUMBERS])new_tensor(run, TABLE_SCALES, TABLE_NUMBERS).data;
    for (int i = 0; i < TABLE_SCALES; i++)
        for (int code = 0; code < TABLE_NUMBERS; code++) numbers[i][code] = (real)table->numbers[i][code];
    TableProducts of = { y, x, weight, table, (const real(*)[TABLE_NUMBERS])numbers };
    share_out(y.columns, 1, (double)(y.rows * y.columns * x.columns) / 4, multiply_by_rows, &of);
}
