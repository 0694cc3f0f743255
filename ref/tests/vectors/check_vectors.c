/* check_vectors.c - the paths of run/vectors.h against each other: AVX2 and AVX-512 give the same bits, and the path of
 * the build differs where it has no fused multiply-add, by a rounding or two
 *
 * The Makefile builds it, and what it tests, for every x86-64 processor, because a program that is built for one of
 * them has one path. A path that this processor has not is left out, and said to be.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/gguf_types.h"
#include "nn/nn.h"
#include "run/vectors.h"

enum { WIDEST = 1000, ROWS = 3 };

static const int64_t widths[] = { 1, 7, 16, 33, 64, 999, WIDEST };

/* Changes rows of x in place. */
typedef void Operation(Tensor x, Run *run);

static void softmax(Tensor x, Run *run) { softmax_rows_(matrix(x), (Matrix){ 0 }, run); }
static void gelu(Tensor x, Run *run) { act_fn_(GELU_PYTORCH_TANH, x, run); }
static void silu(Tensor x, Run *run) { act_fn_(SILU, x, run); }
static void quick_gelu(Tensor x, Run *run) { act_fn_(QUICK_GELU, x, run); }
static void to_bf16(Tensor x, Run *run) { (void)run, round_to(ROUNDING_BF16, x.data, elements(x)); }
static void to_fp16(Tensor x, Run *run) { (void)run, round_to(ROUNDING_FP16, x.data, elements(x)); }

static void gated(Tensor x, Run *run)
{
    Tensor both = cat(x, x, 1, run);
    memcpy(x.data, glu(both, run).data, (size_t)elements(x) * sizeof *x.data);
}

static void at_random(Tensor x, Run *run)
{
    static const Rounding roundings[] = { ROUNDING_NONE, ROUNDING_FP16, ROUNDING_BF16 };
    Random random = random_of(7);
    Run rounding = *run;
    rounding.random = &random;
    for (int64_t i = 0; i < rows(x); i++) {
        rounding.rounding = roundings[i % 3];
        round_result(&rounding, x.data + i * last(x), last(x));
    }
}

/* Rows of x by a row of a bfloat16 weight, few enough that it is read as it lies: each row begins with its sum then */
static void few_rows(Tensor x, Run *run)
{
    unsigned char *weight = arena_allocate(run->arena, (size_t)(2 * last(x)));
    for (int64_t i = 0; i < last(x); i++) {
        weight[2 * i] = (unsigned char)(37 * i);
        weight[2 * i + 1] = i % 2 ? 0x3f : 0xbe;
    }
    Array array = { .dtype = DTYPE_BF16, .rank = 2, .shape = { 1, last(x) }, .data = weight };
    Tensor y = linear(x, &array, NULL, run);
    for (int64_t i = 0; i < rows(x); i++) x.data[i * last(x)] = y.data[i];
}

/* A weight of one row */
static void begin_rows_with_products(Tensor x, const Encoding *encoding, int64_t columns, Run *run)
{
    Array array = { .dtype = DTYPE_ENCODED, .rank = 2, .shape = { 1, columns }, .encoding = encoding };
    Tensor y = linear(narrow(x, 1, 0, columns, run), &array, NULL, run);
    for (int64_t i = 0; i < rows(x); i++) x.data[i * last(x)] = y.data[i];
}

/* The same of codes in pairs, with scales in bfloat16, of as many whole groups as x has */
static void few_rows_of_codes(Tensor x, Run *run)
{
    int64_t groups = last(x) / CODE_GROUP, columns = groups * CODE_GROUP;
    if (groups == 0) return;
    unsigned char *codes = arena_allocate(run->arena, (size_t)columns / 2);
    unsigned char *scales = arena_allocate(run->arena, (size_t)groups * 2);
    for (int64_t i = 0; i < columns / 2; i++) codes[i] = (unsigned char)(37 * i);
    for (int64_t i = 0; i < groups; i++) memcpy(scales + 2 * i, i % 2 ? "\x13\x3f" : "\x57\xbe", 2);
    CodeGrid grid = { .rows = 1, .columns = columns, .bits = 4, .row_group = 1, .column_group = CODE_GROUP };
    grid.values = integer_values(4, -8, run->arena);
    grid.codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { 1, columns / 2 }, .data = codes };
    grid.scales = (Array){ .dtype = DTYPE_BF16, .rank = 2, .shape = { 1, groups }, .data = scales };
    code_grid_init(&grid);
    begin_rows_with_products(x, &grid.encoding, columns, run);
}

/* FP4, which is looked up */
static void few_rows_of_a_table(Tensor x, Run *run)
{
    int64_t groups = last(x) / TABLE_GROUP, columns = groups * TABLE_GROUP;
    if (groups == 0) return;
    unsigned char *codes = arena_allocate(run->arena, (size_t)columns / 2);
    unsigned char *scales = arena_allocate(run->arena, (size_t)groups);
    for (int64_t i = 0; i < columns / 2; i++) codes[i] = (unsigned char)(37 * i);
    for (int64_t i = 0; i < groups; i++) scales[i] = (unsigned char)(11 * i % 127);
    CodeGrid grid = { .rows = 1, .columns = columns, .bits = 4, .row_group = 1, .column_group = TABLE_GROUP };
    grid.divisor = 2687.3;
    grid.values = e2m1_values(run->arena);
    grid.codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { 1, columns / 2 }, .data = codes };
    grid.scales = (Array){ .dtype = DTYPE_F8_E4M3, .rank = 2, .shape = { 1, groups }, .data = scales };
    code_grid_init(&grid);
    begin_rows_with_products(x, &grid.encoding, columns, run);
}

static void few_rows_of_q6_k(Tensor x, Run *run)
{
    enum { Q6_K = 14 };
    const GgufType *type = gguf_type(Q6_K);
    int64_t blocks = last(x) / type->block;
    if (blocks == 0) return;
    unsigned char *bytes = arena_allocate(run->arena, (size_t)(blocks * type->bytes));
    for (int64_t i = 0; i < blocks * type->bytes; i++) bytes[i] = (unsigned char)(37 * i);
    for (int64_t i = 0; i < blocks; i++) memcpy(bytes + i * type->bytes + type->scales[0], "\x13\x31", 2);
    Encoding *encoding = gguf_encoding(type, blocks, run->arena);
    gguf_place(encoding, bytes);
    begin_rows_with_products(x, encoding, blocks * type->block, run);
}

static const struct {
    const char *name;
    Operation *operation;
    bool is_fused;
} operations[] = {
    { "softmax", softmax, true },
    { "gelu", gelu, true },
    { "silu", silu, true },
    { "quick_gelu", quick_gelu, true },
    { "glu", gated, true },
    { "round to bf16", to_bf16, false },
    { "round to fp16", to_fp16, false },
    { "round at random", at_random, false },
    { "few rows", few_rows, false },
    { "few rows of codes", few_rows_of_codes, false },
    { "few rows of FP4", few_rows_of_a_table, false },
    { "few rows of Q6_K", few_rows_of_q6_k, false },
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static Tensor result_of(Operation *operation, int64_t width, Vectors vectors, Run *run)
{
    Tensor x = new_tensor(run, ROWS, width);
    for (int64_t i = 0; i < elements(x); i++) x.data[i] = (real)(9 * sin((double)(i * i % 1013)));
    vectors_use(vectors);
    operation(x, run);
    return x;
}

static bool same_bits(Tensor a, Tensor b) { return memcmp(a.data, b.data, (size_t)elements(a) * sizeof *a.data) == 0; }

/* Sums of a softmax add up a rounding or two of each of their terms. */
static void assert_near_enough(Tensor a, Tensor b, const char *name)
{
    for (int64_t i = 0; i < elements(a); i++)
        ck_assert_msg(fabs(a.data[i] - b.data[i]) <= 1e-6 * fabs(b.data[i]) + 1e-30, "%s: %lld: %a and %a", name,
                      (long long)i, a.data[i], b.data[i]);
}

START_TEST(paths_agree)
{
    Arena arena = { 0 };
    Run run = { .arena = &arena };
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        Tensor avx2 = result_of(operations[_i].operation, widths[w], VECTORS_AVX2, &run);
        Tensor build = result_of(operations[_i].operation, widths[w], VECTORS_OF_BUILD, &run);
        if (operations[_i].is_fused)
            assert_near_enough(build, avx2, operations[_i].name);
        else
            ck_assert_msg(same_bits(build, avx2), "%s: other bits in rows of %lld", operations[_i].name,
                          (long long)widths[w]);
        if (vectors_best() != VECTORS_AVX512) continue;
        Tensor avx512 = result_of(operations[_i].operation, widths[w], VECTORS_AVX512, &run);
        ck_assert_msg(same_bits(avx2, avx512), "%s: other bits in rows of %lld with AVX-512", operations[_i].name,
                      (long long)widths[w]);
    }
    arena_free(&arena);
}
END_TEST

int main(void)
{
    if (!HAS_VECTOR_PATHS || vectors_best() == VECTORS_OF_BUILD) {
        printf("check-vectors: skipped: this processor is none of x86-64 with AVX2\n");
        return 0;
    }
    if (vectors_best() != VECTORS_AVX512) printf("check-vectors: AVX-512 skipped: this processor has none\n");
    Suite *suite = suite_create("vectors");
    TCase *paths = tcase_create("paths");
    tcase_add_loop_test(paths, paths_agree, 0, OPERATIONS);
    suite_add_tcase(suite, paths);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
