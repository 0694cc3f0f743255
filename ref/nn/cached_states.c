/* cached_states.c - keys and values as a cache of narrow codes gives them back
 *
 *   states [batch, kv_heads, kv, head_dim]
 *     e4m3 of x / scale, times scale       the checkpoint's scale of the layer, or 1
 *     q8_0                                 one scale for 32 channels of a token's head
 *
 * HF's own caches of this kind keep the prompt as it is. Engines read every key from the cache, the prompt's too.
 */
#include "nn/nn.h"

Tensor as_cached(Tensor states, double scale, Run *run)
{
    return to_codes(states, (CodeRule){ .codes = run->cache, .scale = (float)scale }, run);
}

/* Some kernels round what the codes stand for to the dtype before they multiply, others never do. */
Tensor as_read(Tensor cached, Run *run)
{
    if (run->cache == INPUTS_PLAIN) return cached;
    if (run->exact_codes) {
        leave_unrounded(run, elements(cached));
        return cached;
    }
    Tensor read = tensor_clone(cached, run);
    round_result(run, read.data, elements(read));
    return read;
}
