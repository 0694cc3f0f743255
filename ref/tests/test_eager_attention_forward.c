/* test_eager_attention_forward.c - by blocks of queries, against a naive computation in double */
#include "gemma4.h"

#include "helpers.h"

enum { BATCH = 2, HEADS = 4, HEAD_DIM = 4 };

typedef struct {
    Tensor query, key, value, mask;
    int groups;
    double scaling;
} Attention;

static double score(const Attention *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    Matrix query = matrix_of(a->query, b, h), key = matrix_of(a->key, b, h / a->groups);
    double sum = 0;
    for (int64_t k = 0; k < HEAD_DIM; k++) sum += (double)query.data[i * HEAD_DIM + k] * key.data[j * HEAD_DIM + k];
    return a->scaling * sum + (a->mask.data ? a->mask.data[b * a->query.shape[2] + j] : 0);
}

/* One row of attn_output, and of attn_weights. */
static void naive(const Attention *a, int64_t b, int64_t h, int64_t i, double *output, double *weights)
{
    int64_t seq = a->query.shape[2];
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seq; j++) max = fmax(max, score(a, b, h, i, j));
    for (int64_t j = 0; j < seq; j++) sum += weights[j] = exp(score(a, b, h, i, j) - max);
    memset(output, 0, HEAD_DIM * sizeof *output);
    for (int64_t j = 0; j < seq; j++) {
        weights[j] /= sum;
        const real *value = matrix_of(a->value, b, h / a->groups).data + j * HEAD_DIM;
        for (int64_t k = 0; k < HEAD_DIM; k++) output[k] += weights[j] * value[k];
    }
}

static Attention attention(int64_t seq, int kv_heads, bool masked, double scaling)
{
    Attention a = { random_values(BATCH, HEADS, seq, HEAD_DIM),
                    random_values(BATCH, kv_heads, seq, HEAD_DIM),
                    random_values(BATCH, kv_heads, seq, HEAD_DIM),
                    { 0 },
                    HEADS / kv_heads,
                    scaling };
    if (masked) {
        a.mask = new_tensor(run_as(ROUNDING_NONE), BATCH, seq);
        for (int64_t i = 0; i < BATCH * seq; i++) a.mask.data[i] = i % 3 == 1 || i >= 2 * seq - 2 ? REAL_LOWEST : 0;
    }
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
    ck_assert_int_eq(tap->shape[2], tap->shape[3]);
    memcpy(w->weights + tap->first, tap->values, (size_t)tap->count * sizeof(real));
    if (w->make_zero) memset(tap->values, 0, (size_t)tap->count * sizeof(real));
    w->seen += tap->count;
}

static Tensor forward(const Attention *a, Watch *w)
{
    int64_t seq = a->query.shape[2];
    w->weights = new_tensor(run_as(ROUNDING_NONE), BATCH, HEADS, seq, seq).data;
    Run *run = run_as(ROUNDING_NONE);
    run->hook = watch;
    run->hook_context = w;
    return eager_attention_forward("self_attn", a->query, a->key, a->value, a->groups, a->mask, a->scaling, run);
}

static const struct {
    int64_t seq;
    int kv_heads;
    bool masked;
    double scaling;
} shapes[] = {
    { 1, 4, false, 1 },  { 9, 4, true, 1 },   { 9, 2, false, 0.25 }, { 9, 1, true, 3 },
    { 252, 2, true, 1 }, { 253, 2, true, 1 }, { 600, 1, false, 1 }, /* one block of queries, two, three */
};

START_TEST(equals_naive)
{
    int64_t seq = shapes[_i].seq;
    Attention a = attention(seq, shapes[_i].kv_heads, shapes[_i].masked, shapes[_i].scaling);
    Watch w = { 0 };
    Tensor output = forward(&a, &w);
    ck_assert_mem_eq(output.shape, ((int64_t[]){ BATCH, seq, HEADS, HEAD_DIM }), sizeof output.shape);
    ck_assert_int_eq(w.seen, BATCH * HEADS * seq * seq);

    double expected[HEAD_DIM], weights[600];
    for (int64_t row = 0; row < BATCH * HEADS * seq; row++) {
        int64_t b = row / seq / HEADS, h = row / seq % HEADS, i = row % seq;
        naive(&a, b, h, i, expected, weights);
        for (int64_t j = 0; j < seq; j++)
            assert_near(w.weights[row * seq + j], weights[j], CLOSE, "weight", row * seq + j);
        for (int64_t k = 0; k < HEAD_DIM; k++)
            assert_near(output.data[((b * seq + i) * HEADS + h) * HEAD_DIM + k], expected[k], 4 * CLOSE, "output", row);
    }
}
END_TEST

START_TEST(replaced_weights_are_used)
{
    Attention a = attention(300, 4, false, 1);
    Watch w = { .make_zero = true };
    Tensor output = forward(&a, &w);
    for (int64_t i = 0; i < elements(output); i++) assert_near(output.data[i], 0, 0, "output", i);
}
END_TEST

Suite *eager_attention_forward_suite(void)
{
    Suite *suite = suite_create("eager_attention_forward");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, equals_naive, 0, COUNT(shapes));
    tcase_add_test(tcase, replaced_weights_are_used);
    return suite;
}
