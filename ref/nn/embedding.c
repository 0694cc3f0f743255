/* embedding.c - rows of a table; the rest of the table is not touched */
#include <assert.h>

#include "nn/nn.h"

Tensor embedding(const Array *weight, const int64_t *ids, int64_t batch, int64_t seq, Run *run)
{
    int64_t vocabulary = weight->shape[0], width = weight->shape[1];
    Tensor y = new_tensor(run, batch, seq, width);
    for (int64_t i = 0; i < batch * seq; i++) {
        assert(ids[i] >= 0 && ids[i] < vocabulary);
        read_weight(run, weight, ids[i] * width, width, y.data + i * width);
    }
    return y;
}
