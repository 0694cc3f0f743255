/* test_eager_attention_forward.c - by blocks of queries, against a naive computation in double */
#include "gemma4.h"

#include "helpers.h"

enum { BATCH = 2, HEADS = 4, HEAD_DIM = 4 };

typedef enum { NO_MASK, ONE_ROW, ROW_OF_EACH_QUERY } MaskKind;

typedef struct {
    Tensor query, key, value, mask; /* mask [batch, 1, q or 1, kv] */
    int groups;
    double scaling;
} Attention;

static double score(const Attention *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    Matrix query = matrix_of(a->query, b, h), key = matrix_of(a->key, b, h / a->groups);
    double sum = 0;
    for (int64_t k = 0; k < HEAD_DIM; k++) sum += (double)query.data[i * HEAD_DIM + k] * key.data[j * HEAD_DIM + k];
    sum *= a->scaling;
    if (!a->mask.data) return sum;
    int64_t mask_rows = a->mask.shape[2], row = mask_rows == 1 ? 0 : i;
    return sum + a->mask.data[(b * mask_rows + row) * last(a->mask) + j];
}

/* One row of attn_output, and of attn_weights. */
static void naive(const Attention *a, int64_t b, int64_t h, int64_t i, double *output, double *weights)
{
    int64_t kv = a->key.shape[2];
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < kv; j++) max = fmax(max, score(a, b, h, i, j));
    for (int64_t j = 0; j < kv; j++) sum += weights[j] = exp(score(a, b, h, i, j) - max);
    memset(output, 0, HEAD_DIM * sizeof *output);
    for (int64_t j = 0; j < kv; j++) {
        weights[j] /= sum;
        const real *value = matrix_of(a->value, b, h / a->groups).data + j * HEAD_DIM;
        for (int64_t k = 0; k < HEAD_DIM; k++) output[k] += weights[j] * value[k];
    }
}

static Attention attention(int64_t q, int64_t kv, int kv_heads, MaskKind masked, double scaling)
{
    Attention a = { random_values(BATCH, HEADS, q, HEAD_DIM),
                    random_values(BATCH, kv_heads, kv, HEAD_DIM),
                    random_values(BATCH, kv_heads, kv, HEAD_DIM),
                    { 0 },
                    HEADS / kv_heads,
                    scaling };
    if (masked == NO_MASK) return a;
    a.mask = new_tensor(run_as(ROUNDING_NONE), BATCH, 1, masked == ONE_ROW ? 1 : q, kv);
    for (int64_t i = 0; i < elements(a.mask); i++)
        a.mask.data[i] = i % 3 == 1 || i >= elements(a.mask) - 2 ? REAL_LOWEST : 0;
    return a;
}

/* The parts of attn_weights as they come; every part must begin where the one before it ended. */
typedef struct {
    real *weights;
    int64_t seen;
    bool make_zero;
} Watch;

static void watch(void *context, const Tap *tap)
{
    Watch *w = context;
    ck_assert_str_eq(tap->name, "self_attn#attn_weights");
    ck_assert_int_eq(tap->first, w->seen);
    memcpy(w->weights + tap->first, tap->values, (size_t)tap->count * sizeof(real));
    if (w->make_zero) memset(tap->values, 0, (size_t)tap->count * sizeof(real));
    w->seen += tap->count;
}

static Tensor forward(const Attention *a, Watch *w)
{
    w->weights = new_tensor(run_as(ROUNDING_NONE), BATCH, HEADS, a->query.shape[2], a->key.shape[2]).data;
    Run *run = run_as(ROUNDING_NONE);
    run->hook = watch;
    run->hook_context = w;
    return eager_attention_forward((AttentionModule){ "self_attn", a->groups, a->scaling }, a->query, a->key, a->value,
                                   a->mask, run);
}

static const struct {
    int64_t q, kv;
    int kv_heads;
    MaskKind masked;
    double scaling;
} shapes[] = {
    { 1, 1, 4, NO_MASK, 1 },
    { 9, 9, 4, ONE_ROW, 1 },
    { 9, 9, 2, NO_MASK, 0.25 },
    { 9, 9, 1, ONE_ROW, 3 },
    { 9, 9, 2, ROW_OF_EACH_QUERY, 1 },
    /* behind a cache */
    { 1, 13, 2, ROW_OF_EACH_QUERY, 1 },
    { 3, 13, 1, ROW_OF_EACH_QUERY, 1 },
    { 3, 13, 4, NO_MASK, 1 },
    /* one block of queries, two, three */
    { 252, 252, 2, ONE_ROW, 1 },
    { 253, 253, 2, ONE_ROW, 1 },
    { 253, 300, 2, ROW_OF_EACH_QUERY, 1 },
    { 600, 600, 1, NO_MASK, 1 },
    { 505, 70, 2, ROW_OF_EACH_QUERY, 1 },
};

START_TEST(equals_naive)
{
    int64_t q = shapes[_i].q, kv = shapes[_i].kv;
    Attention a = attention(q, kv, shapes[_i].kv_heads, shapes[_i].masked, shapes[_i].scaling);
    Watch w = { 0 };
    Tensor output = forward(&a, &w);
    ck_assert_mem_eq(output.shape, ((int64_t[]){ BATCH, q, HEADS, HEAD_DIM }), 4 * sizeof *output.shape);
    ck_assert_int_eq(w.seen, BATCH * HEADS * q * kv);

    double expected[HEAD_DIM], weights[600];
    for (int64_t row = 0; row < BATCH * HEADS * q; row++) {
        int64_t b = row / q / HEADS, h = row / q % HEADS, i = row % q;
        naive(&a, b, h, i, expected, weights);
        for (int64_t j = 0; j < kv; j++)
            assert_near(w.weights[row * kv + j], weights[j], CLOSE, "weight", row * kv + j);
        for (int64_t k = 0; k < HEAD_DIM; k++)
            assert_near(output.data[((b * q + i) * HEADS + h) * HEAD_DIM + k], expected[k], 4 * CLOSE, "output", row);
    }
}
END_TEST

START_TEST(replaced_weights_are_used)
{
    Attention a = attention(300, 300, 4, NO_MASK, 1);
    Watch w = { .make_zero = true };
    Tensor output = forward(&a, &w);
    for (int64_t i = 0; i < elements(output); i++) assert_near(output.data[i], 0, 0, "output", i);
}
END_TEST

/* Scores, shares and sums: two keys of score 1 / 3 and 0; their shares and the sum of 1 and 3 times them, in 8 bits */
START_TEST(every_operation_is_rounded)
{
    Run *run = run_as(ROUNDING_BF16);
    Tensor query = view(values((real)0x1.56p-2), 1, 1, 1, 1), key = view(values((real)0x1.02p0, 0), 1, 1, 2, 1);
    Tensor value = view(values(1, 3), 1, 1, 2, 1), none = { 0 };
    Tensor output = eager_attention_forward((AttentionModule){ "self_attn", 1, 1 }, query, key, value, none, run);
    real score = to_dtype_(values((real)(0x1.56p-2 * 0x1.02p0)), run).data[0];
    double share = exp((double)score) / (exp((double)score) + 1);
    Tensor shares = to_dtype_(values((real)share, (real)(1 - share)), run);
    ck_assert_double_eq(output.data[0], to_dtype_(values(shares.data[0] + 3 * shares.data[1]), run).data[0]);
}
END_TEST

Suite *eager_attention_forward_suite(void)
{
    Suite *suite = suite_create("eager_attention_forward");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, equals_naive, 0, COUNT(shapes));
    tcase_add_test(tcase, replaced_weights_are_used);
    tcase_add_test(tcase, every_operation_is_rounded);
    return suite;
}
