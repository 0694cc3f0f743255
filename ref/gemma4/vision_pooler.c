/* vision_pooler.c - Gemma4VisionPooler
 *
 *   hidden_states [batch, patches, hidden]
 *     zero at padding
 *     mean over k x k patches, by position     -> [batch, output_length, hidden]
 *     * sqrt(hidden)                           float32, and stays float32
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "gemma4.h"

int64_t gemma4_vision_pooler_kernel(int64_t input_seq_len, int64_t length)
{
    if (length < 1 || length > input_seq_len) return 0;
    int64_t k = (int64_t)sqrt((double)(input_seq_len / length));
    return k * k * length == input_seq_len ? k : 0;
}

void gemma4_vision_pooler_kernel_idxs(int64_t *kernel_idxs, const int64_t *xy, int64_t patches, int64_t k)
{
    int64_t max_x = 0;
    for (int64_t i = 0; i < patches; i++)
        if (xy[2 * i] > max_x) max_x = xy[2 * i];
    max_x += 1;
    for (int64_t i = 0; i < patches; i++) {
        int64_t x = xy[2 * i] < 0 ? 0 : xy[2 * i], y = xy[2 * i + 1] < 0 ? 0 : xy[2 * i + 1]; /* clamp(min=0) */
        kernel_idxs[i] = x / k + (max_x / k) * (y / k);
    }
}

static Pooled avg_pool_by_positions(const Gemma4VisionPooler *m, Tensor hidden_states, PositionIds pixel_position_ids,
                                    int64_t length, Run *run)
{
    int64_t batch = hidden_states.shape[0], patches = hidden_states.shape[1], hidden = m->hidden_size;
    int64_t k = gemma4_vision_pooler_kernel(patches, length);
    int64_t *kernel_idxs = arena_allocate(run->arena, (size_t)patches * sizeof *kernel_idxs);
    bool *mask = arena_allocate(run->arena, checked_size(batch, length, sizeof *mask));
    memset(mask, 0, (size_t)(batch * length) * sizeof *mask);

    Tensor output = new_tensor(run, batch, length, hidden);
    for (int64_t b = 0; b < batch; b++) {
        gemma4_vision_pooler_kernel_idxs(kernel_idxs, pixel_position_ids.xy + 2 * b * patches, patches, k);
        one_hot_matmul(matrix_rows(matrix(output), b * length, length), kernel_idxs,
                       matrix_rows(matrix(hidden_states), b * patches, patches), constant(run, 1 / (double)(k * k)),
                       run);
        /* Padding falls into soft token 0 and makes it valid, with a weight but without a value. */
        for (int64_t i = 0; i < patches; i++) mask[b * length + kernel_idxs[i]] = true;
    }
    tap_mask(run, m->path, "mask", mask, batch, length);
    return (Pooled){ to_dtype_(output, run), mask };
}

Pooled gemma4_vision_pooler_forward(const Gemma4VisionPooler *m, Tensor hidden_states, PositionIds pixel_position_ids,
                                    const bool *padding_positions, int64_t output_length, Run *run)
{
    hidden_states = masked_fill(hidden_states, padding_positions, 0, run);
    Pooled pooled = { hidden_states, padding_positions };

    if (hidden_states.shape[1] != output_length)
        pooled = avg_pool_by_positions(m, hidden_states, pixel_position_ids, output_length, run);

    const real root_hidden_size = constant(run, sqrt(m->hidden_size));
    for (int64_t i = 0; i < elements(pooled.hidden_states); i++) pooled.hidden_states.data[i] *= root_hidden_size;
    pooled.hidden_states = tap_output(run, m->path, pooled.hidden_states);
    return pooled;
}
