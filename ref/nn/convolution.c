/* convolution.c - conv2d through a matrix product, and the depthwise conv1d, which has none */
#include <assert.h>
#include <string.h>

#include "nn/nn.h"

enum { BLOCK = 1 << 19 }; /* elements of the patches that are unfolded at a time: 2 MiB as float */

/* One output position sees a patch [channels, kernel height, kernel width] of x [channels, height, width], whose first
 * row and column are at `top` and `left`. Beyond the edges there are zeros. */
static void unfold(real *patch, const real *x, const int64_t *shape, const int64_t *kernel, int64_t top, int64_t left)
{
    for (int64_t c = 0; c < shape[0]; c++)
        for (int64_t i = top; i < top + kernel[0]; i++)
            for (int64_t j = left; j < left + kernel[1]; j++) {
                bool inside = i >= 0 && i < shape[1] && j >= 0 && j < shape[2];
                *patch++ = inside ? x[(c * shape[1] + i) * shape[2] + j] : 0;
            }
}

static Tensor read_kernel(const Array *weight, Run *run)
{
    Tensor kernel = new_tensor(run, weight->shape[0], array_elements(weight) / weight->shape[0]);
    read_weight(run, weight, 0, elements(kernel), kernel.data);
    if (run->features & FEATURE_CONV_F16) round_to(ROUNDING_FP16, kernel.data, elements(kernel));
    return kernel;
}

Tensor conv2d(Tensor x, const Array *weight, int stride, int padding, Run *run)
{
    assert(x.rank == 4 && weight->rank == 4 && weight->shape[1] == x.shape[1]);
    const int64_t *size = weight->shape + 2; /* of the kernel */
    int64_t height = (x.shape[2] + 2 * padding - size[0]) / stride + 1, channels = weight->shape[0];
    int64_t width = (x.shape[3] + 2 * padding - size[1]) / stride + 1, positions = height * width;
    Tensor y = new_tensor(run, x.shape[0], channels, height, width);

    ArenaMark mark = arena_mark(run->arena);
    Matrix kernel = matrix(read_kernel(weight, run));
    int64_t most = BLOCK / kernel.columns > 0 ? BLOCK / kernel.columns : 1;
    if (most > positions) most = positions;
    Matrix patches = matrix(new_tensor(run, most, kernel.columns));
    for (int64_t b = 0; b < x.shape[0]; b++)
        for (int64_t first = 0; first < positions; first += most) {
            int64_t count = positions - first < most ? positions - first : most;
            for (int64_t i = 0; i < count; i++)
                unfold(patches.data + i * patches.stride, x.data + b * x.shape[1] * x.shape[2] * x.shape[3],
                       x.shape + 1, size, (first + i) / width * stride - padding,
                       (first + i) % width * stride - padding);
            if (run->features & FEATURE_CONV_F16) round_to(ROUNDING_FP16, patches.data, count * patches.stride);
            Matrix out = { y.data + b * channels * positions + first, channels, count, positions };
            matmul_transposed(out, kernel, matrix_rows(patches, 0, count), 1, run);
        }
    arena_release(run->arena, mark);
    return y;
}

Tensor depthwise_conv1d(Tensor x, const Array *weight, int left_pad, Run *run)
{
    assert(x.rank == 3 && weight->rank == 3 && weight->shape[0] == x.shape[1] && weight->shape[1] == 1);
    int64_t channels = x.shape[1], length = x.shape[2], size = weight->shape[2],
            out_length = length + left_pad - size + 1;
    Tensor y = new_tensor(run, x.shape[0], channels, out_length);
    memset(y.data, 0, (size_t)elements(y) * sizeof *y.data);

    ArenaMark mark = arena_mark(run->arena);
    Tensor kernel = new_tensor(run, channels, size);
    read_weight(run, weight, 0, elements(kernel), kernel.data);
    for (int64_t row = 0; row < x.shape[0] * channels; row++)
        for (int64_t k = 0; k < size; k++) {
            int64_t shift = k - left_pad, begin = shift < 0 ? -shift : 0; /* y[t] takes x[t + shift] */
            const real *from = x.data + row * length, w = kernel.data[row % channels * size + k];
            real *to = y.data + row * out_length;
            for (int64_t t = begin; t < out_length; t++) to[t] += w * from[t + shift];
        }
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}
