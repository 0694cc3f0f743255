/* weight_bench.c - times a product with a weight in bfloat16, and with weights of codes and scales
 *
 *     weight-bench ROWS
 *
 * x has ROWS rows of COLUMNS; weights have OUT rows. Each line of standard input asks for a round (answer_rounds): what
 * the memory gives at most, and then each product in turn. Measuring the memory reads more than any cache holds, and so
 * drives the weights out; each weight is larger than most caches, too.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peak.h"
#include "bench/work.h"
#include "checkpoint/code_grid.h"
#include "checkpoint/gguf_types.h"
#include "nn/kernel.h"
#include "nn/nn.h"

enum {
    MOST_WEIGHTS = 9,
    PASSES = 7,
    OUT = 16384,
    COLUMNS = 4096,
    GROUP = 32,
    HALF_ONE = 0x3c
}; /* the upper byte of float16's 1 */

typedef struct {
    const char *name;
    double bytes; /* of codes, scales and biases */
    Array array;
} Weight;

typedef struct {
    Arena arena;
    Weight weights[MOST_WEIGHTS];
    int count;
    int64_t rows;
    Tensor x;
} Bench;

static Weight *add_weight(Bench *b, const char *name)
{
    Weight *weight = &b->weights[b->count++];
    *weight = (Weight){ name, 0, { .file = name, .name = name, .rank = 2, .shape = { OUT, COLUMNS } } };
    return weight;
}

static unsigned char *bytes_of(Bench *b, Weight *weight, int64_t count)
{
    unsigned char *bytes = arena_allocate(&b->arena, (size_t)count);
    uint32_t random = 1;
    for (int64_t i = 0; i < count; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(random >> 24);
    }
    weight->bytes += (double)count;
    return bytes;
}

/* A bfloat16 array of numbers from 0.5 on, of either sign */
static Array numbers(Bench *b, Weight *weight, int64_t columns)
{
    unsigned char *bytes = bytes_of(b, weight, 2 * OUT * columns);
    for (int64_t i = 1; i < 2 * OUT * columns; i += 2) bytes[i] = bytes[i] & 1 ? 0x3f : 0xbf;
    return (Array){ .dtype = DTYPE_BF16, .rank = 2, .shape = { OUT, columns }, .data = bytes };
}

static void add_bf16(Bench *b)
{
    Weight *weight = add_weight(b, "bf16");
    Array whole = numbers(b, weight, COLUMNS);
    weight->array.dtype = whole.dtype;
    weight->array.data = whole.data;
}

/* Codes bit by bit, with scales in bfloat16 */
static void add_grid(Bench *b, const char *name, int bits, int64_t group, bool has_biases)
{
    Weight *weight = add_weight(b, name);
    CodeGrid *grid = arena_allocate(&b->arena, sizeof *grid);
    const double *values = has_biases ? integer_values(bits, 0, &b->arena)
                                      : integer_values(bits, -((int64_t)1 << (bits - 1)), &b->arena);
    *grid = (CodeGrid){ .rows = OUT, .columns = COLUMNS, .bits = bits, .values = values, .row_group = 1 };
    grid->column_group = group;
    grid->codes = (Array){ .dtype = DTYPE_I32, .rank = 2, .shape = { OUT, COLUMNS * bits / 32 } };
    grid->codes.data = bytes_of(b, weight, OUT * COLUMNS * bits / 8);
    grid->scales = numbers(b, weight, COLUMNS / group);
    if (has_biases) {
        Array *biases = arena_allocate(&b->arena, sizeof *biases);
        *biases = numbers(b, weight, COLUMNS / group);
        grid->biases = biases;
    }
    code_grid_init(grid);
    weight->array.dtype = DTYPE_ENCODED;
    weight->array.encoding = &grid->encoding;
}

static void add_e2m1(Bench *b)
{
    Weight *weight = add_weight(b, "nvfp4");
    CodeGrid *grid = arena_allocate(&b->arena, sizeof *grid);
    *grid = (CodeGrid){ .rows = OUT, .columns = COLUMNS, .bits = 4, .values = e2m1_values(&b->arena), .row_group = 1 };
    grid->column_group = 16;
    grid->codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { OUT, COLUMNS / 2 } };
    grid->codes.data = bytes_of(b, weight, OUT * COLUMNS / 2);
    grid->scales = (Array){ .dtype = DTYPE_F8_E4M3, .rank = 2, .shape = { OUT, COLUMNS / 16 } };
    grid->scales.data = bytes_of(b, weight, OUT * COLUMNS / 16);
    code_grid_init(grid);
    weight->array.dtype = DTYPE_ENCODED;
    weight->array.encoding = &grid->encoding;
}

static void add_blocks(Bench *b, uint32_t id)
{
    const GgufType *type = gguf_type(id);
    Weight *weight = add_weight(b, type->name);
    int64_t blocks = (int64_t)OUT * COLUMNS / type->block;
    unsigned char *bytes = bytes_of(b, weight, blocks * type->bytes);
    for (int64_t i = 0; i < blocks; i++)
        for (int j = 0; j < 2 && type->scales[j] >= 0; j++) bytes[i * type->bytes + type->scales[j] + 1] = HALF_ONE;
    Encoding *encoding = gguf_encoding(type, blocks, &b->arena);
    gguf_place(encoding, bytes);
    weight->array.dtype = DTYPE_ENCODED;
    weight->array.encoding = encoding;
}

static double product(Bench *b, const Weight *weight)
{
    ArenaMark mark = arena_mark(&b->arena);
    Run run = { .arena = &b->arena };
    double start = now();
    linear(b->x, &weight->array, NULL, &run);
    double seconds = now() - start;
    arena_release(&b->arena, mark);
    return seconds;
}

/* The fastest of some passes over all, because a product of one row is done in less than a slice of a busy processor */
static json_t *round_of(void *context)
{
    Bench *b = context;
    double most = 0, least[MOST_WEIGHTS];
    for (int pass = 0; pass < (b->rows > 4 ? 1 : PASSES); pass++) {
        most = fmax(most, read_bytes_per_second(1));
        for (int i = 0; i < b->count; i++) {
            double seconds = product(b, &b->weights[i]);
            least[i] = pass == 0 ? seconds : fmin(least[i], seconds);
        }
    }
    json_t *answer = json_pack("{s:f}", "read_bytes_per_second", most);
    for (int i = 0; i < b->count; i++) json_object_set_new(answer, b->weights[i].name, json_real(least[i]));
    return answer;
}

int main(int argc, char **argv)
{
    kernel_start(argv);
    Bench b = { .rows = argc == 2 ? atoi(argv[1]) : 0 };
    if (b.rows < 1) {
        fprintf(stderr, "Usage: weight-bench ROWS\n");
        return 2;
    }
    add_bf16(&b);
    add_grid(&b, "int4, groups of 32", 4, GROUP, false);
    add_grid(&b, "int8 a row", 8, COLUMNS, false);
    add_e2m1(&b);
    add_grid(&b, "mlx affine 4, groups of 32", 4, GROUP, true);
    const uint32_t types[] = { 2, 8, 12, 14 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) add_blocks(&b, types[i]);

    Run run = { .arena = &b.arena };
    b.x = new_tensor(&run, b.rows, COLUMNS);
    for (int64_t i = 0; i < elements(b.x); i++) b.x.data[i] = (real)(i % 17) / 17;
    bench_threads(1);
    json_decref(round_of(&b)); /* touches the memory for its results first */
    json_t *first = json_pack("{s:s?}", "kernel", matmul_kernel());
    for (int i = 0; i < b.count; i++) json_object_set_new(first, b.weights[i].name, json_real(b.weights[i].bytes));
    answer_rounds(first, round_of, &b);
    arena_free(&b.arena);
    return 0;
}
