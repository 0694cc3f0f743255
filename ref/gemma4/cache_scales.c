/* cache_scales.c - what a checkpoint says of a cache of narrow codes: a scale a layer for keys, one for values */
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
