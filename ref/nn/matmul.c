/* matmul.c - matrix products through a library with cblas: OpenBLAS, or what the Makefile's BLAS names */
#include <assert.h>
#include <cblas.h>
#include <stdint.h>
#include <string.h>

#include "nn/blas_memory.h"
#include "nn/code_products.h"
#include "nn/dot.h"
#include "nn/nn.h"
#include "run/threads.h"
#include "run/vectors.h"

/* Each library has some of these beside cblas. Weak, because the others lack them. */
#define WEAK __attribute__((weak))
extern char *openblas_get_config(void) WEAK;
extern char *openblas_get_corename(void) WEAK;
extern void openblas_set_num_threads(int threads) WEAK;
extern void bli_thread_set_num_threads(int64_t threads) WEAK;
extern int bli_arch_query_id(void) WEAK;
extern const char *bli_arch_string(int arch) WEAK;
extern void MKL_Set_Num_Threads(int threads) WEAK;

#ifdef REAL_IS_DOUBLE
#define gemm cblas_dgemm
#define gemv cblas_dgemv
#else
#define gemm cblas_sgemm
#define gemv cblas_sgemv
#endif

/* A weight is widened this many elements at a time: 16 MiB as float. BLAS packs x anew for every block, so small
 * blocks cost time; a large one costs memory. Of few rows nothing is packed, and what
 * was widened is still in a cache when it is multiplied. */
enum { WIDEN_BLOCK = 1 << 22, WIDEN_FOR_FEW = 1 << 16 };
enum { SHARE_STEP = 64 };  /* rows or columns: a multiple of what BLAS's kernels compute at once */
enum { WARM_UP = 256 }; /* more than what OpenBLAS multiplies without a buffer */
enum { FEW_ROWS = 4 };  /* of x, up to which reading the weight is most of the work */
enum { MULTIPLIED_AT_ONCE = 16 };

Matrix matrix(Tensor tensor) { return (Matrix){ tensor.data, rows(tensor), last(tensor), last(tensor) }; }

Matrix matrix_rows(Matrix whole, int64_t first, int64_t count)
{
    assert(first >= 0 && first + count <= whole.rows);
    return (Matrix){ whole.data + first * whole.stride, count, whole.columns, whole.stride };
}

Matrix matrix_columns(Matrix whole, int64_t first, int64_t count)
{
    assert(first >= 0 && first + count <= whole.columns);
    return (Matrix){ whole.data + first, whole.rows, count, whole.stride };
}

Matrix matrix_of(Tensor tensor, int64_t i, int64_t j)
{
    assert(tensor.rank == 4 && i < tensor.shape[0] && j < tensor.shape[1]);
    int64_t height = tensor.shape[2], width = tensor.shape[3];
    return (Matrix){ tensor.data + (i * tensor.shape[1] + j) * height * width, height, width, width };
}

/* m itself, or a copy with its elements rounded as factors of a product */
static Matrix factor(Matrix m, Run *run)
{
    if (!rounds_factors(run)) return m;
    Matrix rounded = matrix(new_tensor(run, m.rows, m.columns));
    for (int64_t i = 0; i < m.rows; i++) {
        real *row = rounded.data + i * rounded.stride;
        memcpy(row, m.data + i * m.stride, (size_t)m.columns * sizeof *row);
        round_factor(run, row, m.columns);
    }
    return rounded;
}

typedef struct {
    Matrix out, a, b;
    enum CBLAS_TRANSPOSE transposed; /* b */
    double scale;
} Product;

static void multiply(Product p)
{
    if (p.out.rows == 1) /* b^T a^T, or b a^T: half the time of a product of matrices */
        gemv(CblasRowMajor, p.transposed == CblasTrans ? CblasNoTrans : CblasTrans, (int)p.b.rows, (int)p.b.columns,
             (real)p.scale, p.b.data, (int)p.b.stride, p.a.data, 1, 0, p.out.data, 1);
    else
        gemm(CblasRowMajor, CblasNoTrans, p.transposed, (int)p.out.rows, (int)p.out.columns, (int)p.a.columns,
             (real)p.scale, p.a.data, (int)p.a.stride, p.b.data, (int)p.b.stride, 0, p.out.data, (int)p.out.stride);
}

static void multiply_rows(void *context, int64_t first, int64_t end)
{
    Product p = *(const Product *)context;
    p.out = matrix_rows(p.out, first, end - first);
    p.a = matrix_rows(p.a, first, end - first);
    multiply(p);
}

static void multiply_columns(void *context, int64_t first, int64_t end)
{
    Product p = *(const Product *)context;
    p.out = matrix_columns(p.out, first, end - first);
    p.b = p.transposed == CblasTrans ? matrix_rows(p.b, first, end - first) : matrix_columns(p.b, first, end - first);
    multiply(p);
}

/* On threads of our own, because those of OpenBLAS 0.3.21 take 0.64 of one's time where two could take half, and are in
 * the way of other operations' (docs/performance.md). */
static void product(Matrix out, Matrix a, Matrix b, enum CBLAS_TRANSPOSE transposed, double scale, Run *run)
{
    if (out.rows == 0 || out.columns == 0) return;
    ArenaMark mark = arena_mark(run->arena);
    Product p = { out, factor(a, run), factor(b, run), transposed, scale };
    double work = (double)out.rows * (double)out.columns * (double)a.columns / MULTIPLIED_AT_ONCE;
    if (out.rows >= out.columns)
        share_out(out.rows, SHARE_STEP, work, multiply_rows, &p);
    else
        share_out(out.columns, SHARE_STEP, work, multiply_columns, &p);
    arena_release(run->arena, mark);
}

static void round_matrix(Matrix m, Run *run)
{
    for (int64_t i = 0; i < m.rows; i++) round_result(run, m.data + i * m.stride, m.columns);
}

void matmul_transposed(Matrix out, Matrix a, Matrix b, double scale, Run *run)
{
    assert(a.columns == b.columns && out.rows == a.rows && out.columns == b.rows);
    product(out, a, b, CblasTrans, scale, run);
    round_matrix(out, run);
}

/* out[i] += a[i, k] * b[k] for one k after the other, and every sum is rounded. */
static void product_by_steps(Matrix out, Matrix a, Matrix b, Rounding rounding)
{
    for (int64_t i = 0; i < out.rows; i++) {
        real *sum = out.data + i * out.stride;
        memset(sum, 0, (size_t)out.columns * sizeof *sum);
        for (int64_t k = 0; k < a.columns; k++) {
            real factor = a.data[i * a.stride + k];
            const real *row = b.data + k * b.stride;
            for (int64_t j = 0; j < out.columns; j++) sum[j] += factor * row[j];
            round_to(rounding, sum, out.columns);
        }
    }
}

void matmul(Matrix out, Matrix a, Matrix b, Run *run)
{
    assert(a.columns == b.rows && out.rows == a.rows && out.columns == b.columns);
    if (run->features & FEATURE_FLASH_F16_ACCUMULATOR)
        product_by_steps(out, a, b, ROUNDING_FP16);
    else
        product(out, a, b, CblasNoTrans, 1, run);
    round_matrix(out, run);
}

static Matrix transposed(Matrix m, Run *run)
{
    Matrix t = matrix(new_tensor(run, m.columns, m.rows));
    for (int64_t i = 0; i < m.rows; i++)
        for (int64_t j = 0; j < m.columns; j++) t.data[j * t.stride + i] = m.data[i * m.stride + j];
    return t;
}

/* y = x block^T */
static void linear_product(Matrix y, Matrix x, Matrix block, Run *run)
{
    if (!(run->features & FEATURE_ACCUMULATE_IN_DTYPE)) {
        product(y, x, block, CblasTrans, 1, run);
        return;
    }
    ArenaMark mark = arena_mark(run->arena);
    product_by_steps(y, x, transposed(block, run), run->rounding);
    arena_release(run->arena, mark);
}

/* Rows of the weight from `first` on */
typedef struct {
    const Array *weight;
    int64_t first;
    Matrix block;
    const Run *run;
} Widened;

static void widen_rows(void *context, int64_t first, int64_t end)
{
    const Widened *w = context;
    int64_t columns = w->block.columns;
    read_weight(w->run, w->weight, (w->first + first) * columns, (end - first) * columns,
                w->block.data + first * columns);
}

static void linear_by_blocks(Matrix y, Matrix x, const Array *weight, Run *run)
{
    int64_t out_features = weight->shape[0], in_features = weight->shape[1];
    int64_t most = (x.rows <= FEW_ROWS ? WIDEN_FOR_FEW : WIDEN_BLOCK) / in_features;
    if (most < 1) most = 1;
    if (most > out_features) most = out_features;
    Matrix block = matrix(new_tensor(run, most, in_features));
    for (int64_t first = 0; first < out_features; first += most) {
        int64_t count = out_features - first < most ? out_features - first : most;
        share_out(count, 1, (double)(count * in_features), widen_rows, &(Widened){ weight, first, block, run });
        linear_product(matrix_columns(y, first, count), x, matrix_rows(block, 0, count), run);
    }
}

/* Row by row of the weight, as it lies in the file: nothing is rounded, so a class that would round takes blocks. */
static bool is_read_as_it_is(Matrix x, const Array *weight, const Run *run)
{
    if (x.rows > FEW_ROWS || rounds_factors(run) || run->features & FEATURE_ACCUMULATE_IN_DTYPE) return false;
    if (weight->dtype == DTYPE_BF16) return run->weights != ROUNDING_FP16;
    if (weight->dtype != DTYPE_ENCODED || !(run->exact_codes || run->weights == ROUNDING_NONE)) return false;
    return weight->encoding->table || (weight->encoding->groups && x.columns % CODE_GROUP == 0);
}

static ALWAYS_INLINE void products_by_rows_body(Matrix y, Matrix x, const unsigned char *weight)
{
    for (int64_t j = 0; j < y.columns; j++)
        for (int64_t i = 0; i < x.rows; i++)
            y.data[i * y.stride + j] = dot_bf16(weight + 2 * j * x.columns, x.data + i * x.stride, x.columns);
}

FOR_PROCESSORS(void, products_by_rows, (Matrix y, Matrix x, const unsigned char *weight), (y, x, weight),
               (y, x, weight))

typedef struct {
    Matrix y, x;
    const unsigned char *weight;
} FewRows;

static void multiply_few_rows(void *context, int64_t first, int64_t end)
{
    const FewRows *few = context;
    products_by_rows(matrix_columns(few->y, first, end - first), few->x, few->weight + 2 * first * few->x.columns);
}

static void products_of_few_rows(Matrix y, Matrix x, const Array *weight)
{
    double work = (double)(y.rows * y.columns * x.columns) / 4;
    share_out(y.columns, 1, work, multiply_few_rows, &(FewRows){ y, x, weight->data });
}

static void add_bias(Tensor y, const Array *bias, Run *run)
{
    Tensor wide = new_tensor(run, last(y));
    read_weight(run, bias, 0, last(y), wide.data);
    for (int64_t i = 0; i < rows(y); i++)
        for (int64_t j = 0; j < last(y); j++) y.data[i * last(y) + j] += wide.data[j];
}

static void linear_of_matrix(Matrix y, Tensor x, const Array *weight, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Matrix rounded = matrix(input_codes(x, weight, run));
    if (!is_read_as_it_is(rounded, weight, run))
        linear_by_blocks(y, rounded, weight, run);
    else if (weight->dtype == DTYPE_BF16)
        products_of_few_rows(y, rounded, weight);
    else if (weight->encoding->table)
        table_products(y, rounded, weight, run);
    else
        code_products(y, rounded, weight, run);
    arena_release(run->arena, mark);
}

/* Each matrix of a stack of experts rounds its input by its own rule. */
static void linear_of_matrices(Matrix y, Tensor x, const Array *weight, Run *run)
{
    for (int64_t first = 0; first < y.columns;) {
        const Array *matrix = array_matrix(weight, first);
        linear_of_matrix((Matrix){ y.data + first, y.rows, matrix->shape[0], y.stride }, x, matrix, run);
        first += matrix->shape[0];
    }
}

Tensor linear(Tensor x, const Array *weight, const Array *bias, Run *run)
{
    int64_t out_features = weight->shape[0], in_features = weight->shape[1];
    assert(weight->rank == 2 && last(x) == in_features);

    Tensor y = x;
    y.shape[y.rank - 1] = out_features;
    y = tensor_new(run, y.rank, y.shape);

    ArenaMark mark = arena_mark(run->arena);
    linear_of_matrices(matrix(y), x, weight, run);
    if (bias) add_bias(y, bias, run);
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}

Tensor linear_of_patches(Tensor x, const Array *weight, const Array *bias, Run *run)
{
    if (!(run->features & FEATURE_CONV_F16)) return linear(x, weight, bias, run);
    Run narrow = *run;
    narrow.weights = ROUNDING_FP16;
    ArenaMark mark = arena_mark(run->arena);
    x = tensor_clone(x, run);
    round_to(ROUNDING_FP16, x.data, elements(x));
    return keep(run, mark, linear(x, weight, bias, &narrow));
}

static void set_library_threads(int threads)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(threads);
    else if (bli_thread_set_num_threads)
        bli_thread_set_num_threads(threads);
    else if (MKL_Set_Num_Threads)
        MKL_Set_Num_Threads(threads);
}

/* The product makes OpenBLAS take its memory here, where it was looked for, and not when it has become scarce. */
void matmul_set_callers(int callers)
{
    static float square[WARM_UP * WARM_UP], out[WARM_UP * WARM_UP];
    blas_memory_check(callers);
    set_library_threads(1);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, WARM_UP, WARM_UP, WARM_UP, 1, square, WARM_UP, square,
                WARM_UP, 0, out, WARM_UP);
}

const char *matmul_library(void)
{
    if (openblas_set_num_threads) return "OpenBLAS";
    if (bli_thread_set_num_threads) return "BLIS";
    return MKL_Set_Num_Threads ? "MKL" : "a library with cblas";
}

const char *matmul_kernel(void)
{
    if (bli_arch_query_id && bli_arch_string) return bli_arch_string(bli_arch_query_id());
    if (!openblas_get_config || !openblas_get_corename || !strstr(openblas_get_config(), "DYNAMIC_ARCH")) return NULL;
    return openblas_get_corename();
}
