/* cache_scales.c - what a checkpoint says of a cache of narrow codes: a scale a layer for keys, one for values
 *
 * compressed-tensors has them in the attention, modelopt in its projections. Where there is one for keys alone, as in
 * layers whose values are made of the keys, it is for both. Where there is none, it is 1.
 */
#include <float.h>

#include "gemma4.h"

/* A scale that float32 rounds to 0 would be none at all to a rule of codes. */
static double scale_in(Loader at, const char *name)
{
    const Array *array = checkpoint_array(at.checkpoint, child(at, name).path);
    double scale = 1;
    if (error_is_set(at.error)) return scale;
    checkpoint_find(at.checkpoint, array->name)->asked = true;
    if (array_elements(array) != 1 || !dtype_is_float(array->dtype)) {
        error_set(at.error, "%s: %s: found %s %s, expected one float", array->file, array->name,
                  dtype_name(array->dtype), SHAPE_TEXT(array->rank, array->shape));
        return scale;
    }
    array_read_f64(array, 0, 1, &scale);
    if (!(scale >= (double)FLT_TRUE_MIN) || scale > (double)FLT_MAX)
        error_set(at.error, "%s: %s: found %g, expected a scale above 0 that float32 holds", array->file, array->name,
                  scale);
    return scale;
}

static double scale_of(Loader at, const char *projection, const char *name, double none)
{
    Loader in_projection = child(at, projection);
    bool is_in_projection = has_tensor(in_projection, name);
    if (is_in_projection && has_tensor(at, name))
        error_set(at.error, "%s: %s: found %s there and in %s, expected one of them", at.checkpoint->file, at.path,
                  name, projection);
    if (is_in_projection) return scale_in(in_projection, name);
    return has_tensor(at, name) ? scale_in(at, name) : none;
}

CacheScales cache_scales_load(Loader at)
{
    CacheScales scales = { .key = scale_of(at, "k_proj", "k_scale", 1) };
    scales.value = scale_of(at, "v_proj", "v_scale", scales.key);
    return scales;
}
