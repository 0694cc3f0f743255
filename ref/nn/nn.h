/* nn.h - what torch gives Hugging Face
 *
 * Every operation rounds its result as the run asks (run.h). A trailing underscore means what it means in torch: the
 * operation changes its argument in place. Tensors are row-major; "row" is everything along the last dimension.
 */
#ifndef PLUMB_NN_H
#define PLUMB_NN_H

#include "run/run.h"

/* matmul.c - the only file that knows BLAS */

typedef struct {
    real *data;
    int64_t rows, columns, stride; /* stride: from a row to the next, at least columns */
} Matrix;

Matrix matrix(Tensor tensor); /* [rows, last] */
Matrix matrix_rows(Matrix whole, int64_t first, int64_t count);
Matrix matrix_columns(Matrix whole, int64_t first, int64_t count);
Matrix matrix_of(Tensor tensor, int64_t i, int64_t j); /* tensor[i, j] of a tensor of rank 4 */

/* out = scale * a b^T   a [rows, k], b [columns, k], out [rows, columns] */
void matmul_transposed(Matrix out, Matrix a, Matrix b, double scale, Run *run);
/* out = a b   a [rows, k], b [k, columns], out [rows, columns] */
void matmul(Matrix out, Matrix a, Matrix b, Run *run);
/* x [.., in], weight [out, in] and bias [out] or NULL -> [.., out]; the weight is widened block by block */
Tensor linear(Tensor x, const Array *weight, const Array *bias, Run *run);
/* The same of patches of a picture, which many ports compute as a convolution whose kernel is as large as its stride */
Tensor linear_of_patches(Tensor x, const Array *weight, const Array *bias, Run *run);
void matmul_set_callers(int callers); /* threads that multiply at the same time, each by itself */
const char *matmul_library(void); /* "OpenBLAS", "BLIS", .. */
/* The kernel that OpenBLAS or BLIS has chosen; NULL where it has only one, and of other libraries */
const char *matmul_kernel(void);

/* input_codes.c - x as a kernel rounds it before a product with the weight, or x itself (checkpoint/input_codes.h) */
Tensor input_codes(Tensor x, const Array *weight, Run *run);

typedef struct {
    InputCodes codes;
    float scale;    /* the checkpoint's, where the rule takes one */
    Rounding dtype; /* that the rule is computed in */
} CodeRule;

Tensor to_codes(Tensor x, CodeRule rule, Run *run); /* x by any rule, or x itself */

/* cached_states.c - keys or values through the run's cache (run.h), or themselves where it has none */

Tensor as_cached(Tensor states, double scale, Run *run); /* what their codes stand for, exactly */
Tensor as_read(Tensor cached, Run *run);                 /* that as a kernel takes it, in its dtype or not */

/* elementwise.c */

Tensor add(Tensor a, Tensor b, Run *run);
Tensor add_(Tensor a, Tensor b, Run *run);
Tensor mul_(Tensor a, Tensor b, Run *run);
Tensor scale_(Tensor x, double factor, Run *run);
Tensor divide_(Tensor x, double divisor, Run *run);
Tensor mul_row_(Tensor x, const Array *row, Run *run); /* each row of x by row [last(x)] */
Tensor clamp(Tensor x, real min, real max, Run *run);
Tensor clamp_(Tensor x, real min, real max);
Tensor masked_fill(Tensor x, const bool *mask, real value, Run *run); /* mask [rows of x]: true rows become value */
Tensor to_dtype_(Tensor x, Run *run);                                 /* HF: x.to(the dtype the model runs in) */

/* moving.c - tensors whose elements are some of x's */

Tensor tensor_clone(Tensor x, Run *run);
Tensor transpose_1_2(Tensor x, Run *run);                                 /* [a, b, c, d] -> [a, c, b, d] */
Tensor transpose_last(Tensor x, Run *run);                                /* [.., a, b] -> [.., b, a] */
Tensor narrow(Tensor x, int dim, int64_t first, int64_t count, Run *run); /* torch: x.narrow(dim, first, count) */
Tensor cat(Tensor a, Tensor b, int dim, Run *run);
Tensor select_rows(Tensor x, const bool *mask, Run *run); /* torch: x[mask], mask [rows of x] -> [true rows, last(x)] */
/* torch: x.masked_scatter(mask, source), mask [rows of x]: true rows become those of source, which are as many */
Tensor masked_scatter_(Tensor x, const bool *mask, Tensor source);

/* embedding.c */

/* ids [batch, seq] and weight [vocabulary, width] -> [batch, seq, width] */
Tensor embedding(const Array *weight, const int64_t *ids, int64_t batch, int64_t seq, Run *run);

/* norm.c */

/* x * (mean(x^2) + eps)^-0.5, times weight [last(x)] unless it is NULL; float32 inside */
Tensor rms_norm(Tensor x, const Array *weight, double eps, Run *run);
/* (x - mean(x)) * (mean((x - mean(x))^2) + eps)^-0.5 * weight, plus bias unless it is NULL, both [last(x)]; float32
 * inside */
Tensor layer_norm(Tensor x, const Array *weight, const Array *bias, double eps, Run *run);

/* softmax.c */

/* Rows of x become softmax(x + mask) in float32. mask [rows, columns], or one row for all; or none, its data NULL. */
void softmax_rows_(Matrix x, Matrix mask, Run *run);

/* top_k.c */

/* The k largest of each row, largest first; of equal ones the first. values and index [rows of x, k] */
void top_k(Matrix x, int64_t k, Matrix values, int64_t *index);

/* activation.c - the names of transformers' ACT2FN */

typedef enum { GELU_PYTORCH_TANH, GELU, SILU, QUICK_GELU, RELU, ACTIVATION_COUNT } Activation;

bool activation_from_name(const char *name, Activation *activation);
extern const char *const activation_names; /* all of them, for a message */
Tensor act_fn_(Activation activation, Tensor x, Run *run);
Tensor tanh_(Tensor x, Run *run);
Tensor softplus(Tensor x, Run *run); /* log(1 + exp(x)); x itself above 20, as in torch */
Tensor glu(Tensor x, Run *run);      /* [.., 2 n] -> [.., n]: the first half of each row times sigmoid(the second) */

/* convolution.c */

/* x [batch, in, height, width], weight [out, in, kernel height, kernel width]; zeros around x, padding wide
 * -> [batch, out, (height + 2 padding - kernel height) / stride + 1, the same of width] */
Tensor conv2d(Tensor x, const Array *weight, int stride, int padding, Run *run);
/* Each channel by itself: x [batch, channels, length], weight [channels, 1, kernel]; left_pad zeros before x
 * -> [batch, channels, length + left_pad - kernel + 1] */
Tensor depthwise_conv1d(Tensor x, const Array *weight, int left_pad, Run *run);

/* rope.c */

/* base^-(i / dim) as Hugging Face has it, each step in float32 */
float inverse_frequency(double base, int i, int dim);
/* x [batch, seq, heads, head_dim], cos and sin [batch or 1, seq, head_dim]: in each head, channels first ..
 * first + width of x become x * cos + rotate_half(x) * sin. HF: apply_rotary_pos_emb on one split of x. */
void apply_rotary_pos_emb_(Tensor x, Tensor cos, Tensor sin, int64_t first, int64_t width, Run *run);

/* one_hot.c */

/* out[index[i]] = sum of x[i] * weight over the rows i: one_hot(index).T * weight @ x without the one-hot matrix.
 * x [n, channels], out [length, channels]. float32 inside and out. */
void one_hot_matmul(Matrix out, const int64_t *index, Matrix x, real weight, Run *run);

#endif
