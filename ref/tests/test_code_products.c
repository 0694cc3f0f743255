/* test_code_products.c - the weights of a product with unit vectors are those of array_read, in every bit */
#include "nn/code_products.h"

#include "checkpoint/code_grid.h"
#include "checkpoint/gguf_types.h"
#include "helpers.h"
#include "run/threads.h"

enum { OUT = 3, STACKED = 2, MOST_BYTES = 1 << 16 };

static unsigned char bytes[MOST_BYTES];

static void random_bytes(void)
{
    for (int i = 0; i < MOST_BYTES; i++) bytes[i] = (unsigned char)random_bits();
}

/* bfloat16 numbers from 0.5 to 2, of either sign */
static Array random_numbers(Arena *arena, int64_t height, int64_t width, Dtype dtype)
{
    size_t size = dtype_size(dtype);
    unsigned char *data = arena_allocate(arena, (size_t)(height * width) * size);
    for (int64_t i = 0; i < height * width; i++) {
        float value = (float)((1 + random_bits() % 64 / 64.0) * (random_bits() % 2 ? 1 : -0.5));
        memcpy(data + (size_t)i * size, (const unsigned char *)&value + 4 - size, size);
    }
    return (Array){ .dtype = dtype, .rank = 2, .shape = { height, width }, .data = data };
}

static double small_zero(const CodeGrid *grid, int64_t row, int64_t group)
{
    (void)grid;
    return (double)((row * 5 + group * 3) % 7 - 3);
}

typedef enum { WITH_SCALES, WITH_ZEROS, WITH_BIASES, KINDS } Kind;
static const struct {
    int bits;
    bool complement;
    int64_t columns, group;
    Kind kind;
    Dtype dtype;
} grids[] = {
    { 4, false, 256, 32, WITH_SCALES, DTYPE_BF16 }, { 4, false, 160, 32, WITH_SCALES, DTYPE_F32 },
    { 4, false, 96, 32, WITH_ZEROS, DTYPE_BF16 },   { 4, false, 128, 64, WITH_BIASES, DTYPE_BF16 },
    { 8, false, 160, 32, WITH_SCALES, DTYPE_BF16 }, { 8, true, 96, 96, WITH_SCALES, DTYPE_F32 },
    { 8, true, 64, 32, WITH_ZEROS, DTYPE_BF16 },    { 8, false, 320, 160, WITH_BIASES, DTYPE_BF16 },
    { 4, false, 192, 96, WITH_ZEROS, DTYPE_BF16 },
};

static const Encoding *random_grid(int i)
{
    Arena *arena = run_as(ROUNDING_NONE)->arena;
    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    int64_t height = OUT * STACKED, half = (int64_t)1 << (grids[i].bits - 1), columns = grids[i].columns;
    *grid = (CodeGrid){ .rows = height, .columns = columns, .bits = grids[i].bits, .row_group = 1 };
    grid->values = grids[i].complement ? complement_values(8, arena)
                                       : integer_values(grids[i].bits, grids[i].kind == WITH_BIASES ? 0 : -half, arena);
    grid->column_group = grids[i].group;
    grid->codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { height, columns * grid->bits / 8 }, .data = bytes };
    Array *numbers = arena_allocate(arena, 2 * sizeof *numbers);
    for (int k = 0; k < 2; k++) numbers[k] = random_numbers(arena, height, columns / grids[i].group, grids[i].dtype);
    grid->scales = numbers[0];
    if (grids[i].kind == WITH_BIASES) grid->biases = &numbers[1];
    if (grids[i].kind == WITH_ZEROS) grid->zeros = &numbers[1];
    grid->zero = small_zero;
    code_grid_init(grid);
    return &grid->encoding;
}

static const Encoding *random_blocks(uint32_t id, int64_t elements)
{
    const uint16_t halves[] = { 0x0001, 0xfbff, 0x3155, 0x8400, 0 }; /* float16: subnormal and largest, too */
    const GgufType *type = gguf_type(id);
    for (int64_t i = 0; i < elements / type->block; i++)
        for (int k = 0; k < 2 && type->scales[k] >= 0; k++)
            memcpy(bytes + i * type->bytes + type->scales[k], &halves[random_bits() % 5], 2);
    Encoding *encoding = gguf_encoding(type, elements / type->block, run_as(ROUNDING_NONE)->arena);
    gguf_place(encoding, bytes);
    return encoding;
}

/* The second of two weights in a stack, four columns at a time */
static void assert_weights_are_read(const Encoding *encoding, int64_t columns)
{
    ck_assert(encoding->groups || encoding->table);
    Array stack = { .file = "memory",
                    .name = "weight",
                    .dtype = DTYPE_ENCODED,
                    .rank = 3,
                    .shape = { STACKED, OUT, columns },
                    .encoding = encoding };
    Array weight = array_at(&stack, 1);
    Tensor expected = new_tensor(run_as(ROUNDING_NONE), OUT, columns);
    array_read(&weight, 0, OUT * columns, expected.data);
    for (int64_t first = 0; first < columns; first += 4) {
        Run *run = run_as(ROUNDING_NONE);
        ArenaMark mark = arena_mark(run->arena);
        Tensor x = new_tensor(run, 4, columns);
        for (int64_t i = 0; i < elements(x); i++) x.data[i] = i % columns == first + i / columns;
        Tensor y = linear(x, &weight, NULL, run);
        for (int64_t i = 0; i < 4; i++)
            for (int64_t j = 0; j < OUT; j++)
                ck_assert_msg(y.data[i * OUT + j] == expected.data[j * columns + first + i],
                              "%s: row %lld, column %lld: found %a, expected %a", encoding->scheme, (long long)j,
                              (long long)(first + i), (double)y.data[i * OUT + j],
                              (double)expected.data[j * columns + first + i]);
        arena_release(run->arena, mark);
    }
}

START_TEST(grids_are_read)
{
    random_bytes();
    assert_weights_are_read(random_grid(_i), grids[_i].columns);
}
END_TEST

static const struct {
    uint32_t type;
    int64_t columns;
} blocks[] = { { 2, 32 },   { 2, 160 },  { 2, 256 },  { 8, 32 },  { 8, 160 },
               { 12, 256 }, { 12, 768 }, { 14, 256 }, { 14, 768 } };

START_TEST(blocks_are_read)
{
    random_bytes();
    assert_weights_are_read(random_blocks(blocks[_i].type, STACKED * OUT * blocks[_i].columns), blocks[_i].columns);
}
END_TEST

/* FP4 with scales in bytes: exponents, e4m3, and e4m3 beside a global scale that no float32 is the reciprocal of */
static const struct {
    int64_t columns, group;
    bool is_exponent;
    double factor, divisor;
} tables[] = {
    { 96, 32, true, 0, 0 }, { 48, 16, false, 0, 0 }, { 256, 16, false, 0x1.234567p-7, 0 }, { 32, 16, false, 0, 2687.3 }
};

static const Encoding *random_table(int i, int64_t height)
{
    Arena *arena = run_as(ROUNDING_NONE)->arena;
    CodeGrid *grid = arena_allocate(arena, sizeof *grid);
    int64_t columns = tables[i].columns, group = tables[i].group;
    unsigned char *scales = arena_allocate(arena, (size_t)(height * columns / group));
    for (int64_t k = 0; k < height * columns / group; k++)
        scales[k] = (unsigned char)(tables[i].is_exponent ? 100 + random_bits() % 50 : random_bits() % 127);
    *grid = (CodeGrid){ .rows = height, .columns = columns, .bits = 4, .row_group = 1, .column_group = group };
    grid->values = e2m1_values(arena);
    grid->codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { height, columns / 2 }, .data = bytes };
    grid->scales = (Array){ .dtype = tables[i].is_exponent ? DTYPE_U8 : DTYPE_F8_E4M3,
                            .rank = 2,
                            .shape = { height, columns / group },
                            .data = scales };
    if (tables[i].is_exponent) grid->scale = e8m0_scale;
    grid->factor = tables[i].factor;
    grid->divisor = tables[i].divisor;
    code_grid_init(grid);
    return &grid->encoding;
}

START_TEST(tables_are_read)
{
    random_bytes();
    assert_weights_are_read(random_table(_i, OUT * STACKED), tables[_i].columns);
}
END_TEST

static Tensor product_on(int threads, Tensor x, const Array *weight)
{
    threads_set(threads);
    Tensor y = linear(x, weight, NULL, run_as(ROUNDING_NONE));
    threads_set(1);
    return y;
}

/* Wide enough to be shared out */
START_TEST(threads_have_the_same_bits)
{
    enum { TALL = 400, WIDE = 256, TABLE_OF_256 = 2 };
    random_bytes();
    const Encoding *encodings[] = { random_blocks(2, TALL * WIDE), random_table(TABLE_OF_256, TALL) };
    Tensor x = random_values(4, WIDE);
    Array weight = { .dtype = DTYPE_ENCODED, .rank = 2, .shape = { TALL, WIDE }, .encoding = encodings[_i] };
    Tensor one = product_on(1, x, &weight), three = product_on(3, x, &weight);
    ck_assert_mem_eq(one.data, three.data, (size_t)elements(one) * sizeof(real));
}
END_TEST

/* A kernel that rounds what codes stand for multiplies by other weights: 7 * 1.0078125 is no bfloat16 number. */
START_TEST(rounded_weights_are_rounded)
{
    static const uint16_t scale = 0x3f81;
    static unsigned char codes[32];
    Run *run = run_as(ROUNDING_NONE);
    for (int i = 0; i < 32; i++) codes[i] = 7;
    CodeGrid grid = { .rows = 1, .columns = 32, .bits = 8, .row_group = 1, .column_group = 32 };
    grid.values = complement_values(8, run->arena);
    grid.codes = (Array){ .dtype = DTYPE_I8, .rank = 2, .shape = { 1, 32 }, .data = codes };
    grid.scales = (Array){ .dtype = DTYPE_BF16, .rank = 2, .shape = { 1, 1 }, .data = (const unsigned char *)&scale };
    code_grid_init(&grid);
    Array weight = { .dtype = DTYPE_ENCODED, .rank = 2, .shape = { 1, 32 }, .encoding = &grid.encoding };
    Tensor x = new_tensor(run, 1, 32);
    for (int i = 0; i < 32; i++) x.data[i] = i == 17;
    ck_assert_double_eq(linear(x, &weight, NULL, run).data[0], 7.0546875);
    run->weights = ROUNDING_BF16;
    ck_assert_double_eq(linear(x, &weight, NULL, run).data[0], 7.0625);
    run->exact_codes = true;
    ck_assert_double_eq(linear(x, &weight, NULL, run).data[0], 7.0546875);
}
END_TEST

Suite *code_products_suite(void)
{
    Suite *suite = suite_create("code_products");
    TCase *tcase = theme(suite, "few rows");
    tcase_add_loop_test(tcase, grids_are_read, 0, COUNT(grids));
    tcase_add_loop_test(tcase, blocks_are_read, 0, COUNT(blocks));
    tcase_add_loop_test(tcase, tables_are_read, 0, COUNT(tables));
    tcase_add_loop_test(tcase, threads_have_the_same_bits, 0, 2);
    tcase_add_test(tcase, rounded_weights_are_rounded);
    return suite;
}
