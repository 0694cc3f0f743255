/* cached_states.c - keys and values as a cache of narrow codes gives them back
 *
 *   key_states, value_states [batch, kv_heads, kv, head_dim]
 *     e4m3 of x / scale, times scale       one scale a layer for keys, one for values: the checkpoint's, or 1
 *     q8_0                                 one scale for 32 channels of a token's head
 *
 * HF's own caches of this kind keep the prompt as it is. Engines read every key from the cache, the prompt's too.
 */
#include <float.h>

#include "gemma4.h"

static double scale_in(Loader at, const char *name)
{
    const Array *array = checkpoint_array(at.checkpoint, child(at, name).path);
    double scale = 1;
    if (!array || error_is_set(at.error)) return scale;
    checkpoint_find(at.checkpoint, array->name)->asked = true;
    if (array_elements(array) != 1 || !dtype_is_float(array->dtype)) {
        error_set(at.error, "%s: %s: found %s %s, expected one float", array->file, array->name,
                  dtype_name(array->dtype), SHAPE_TEXT(array->rank, array->shape));
        return scale;
    }
    array_read_f64(array, 0, 1, &scale);
    if (!(scale > 0) || scale > (double)FLT_MAX)
        error_set(at.error, "%s: %s: found %g, expected a scale above 0", array->file, array->name, scale);
    return scale;
}

/* compressed-tensors has them in the attention, modelopt in its projections. Where there is one for keys alone, as in
 * layers whose values are made of the keys, it is for both. */
CacheScales cache_scales_load(Loader at)
{
    bool in_projections = has_tensor(child(at, "k_proj"), "k_scale");
    Loader keys = in_projections ? child(at, "k_proj") : at, values = in_projections ? child(at, "v_proj") : at;
    CacheScales scales = { .key = scale_in(keys, "k_scale") };
    scales.value = has_tensor(values, "v_scale") ? scale_in(values, "v_scale") : scales.key;
    return scales;
}

KeyValueStates states_as_cached(CacheScales scales, KeyValueStates states, Run *run)
{
    CodeRule of_keys = { .codes = run->cache, .scale = (float)scales.key };
    CodeRule of_values = { .codes = run->cache, .scale = (float)scales.value };
    states.key_states = to_codes(states.key_states, of_keys, run);
    states.value_states = to_codes(states.value_states, of_values, run);
    return states;
}

/* Some kernels round what the codes stand for to the dtype before they multiply, others never do. */
static Tensor as_read(Tensor cached, Run *run)
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

KeyValueStates states_as_read(KeyValueStates states, Run *run)
{
    return (KeyValueStates){ as_read(states.key_states, run), as_read(states.value_states, run) };
}
