/* whole_caches.c - sliding layers that keep the whole cache, and mask what is before the window
 *
 * Hugging Face's cache of a sliding layer drops what no later query may look at: a decode step sees `sliding_window`
 * keys. A port may keep them all and mask the others, which comes out the same. Its arrays are wider then: their last
 * keys are Hugging Face's, and those before them have to be masked and without weight, or nothing is cut off.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/array_layout.h"
#include "dump/tap_name.h"
#include "readings/reading.h"

enum { CUT_BLOCK = 4096 };

static const json_t *text_config(const Trial *trial)
{
    const json_t *config = model_config(trial->model), *text = json_object_get(config, "text_config");
    return text ? text : config;
}

static bool is_in_sliding_layer(const Trial *trial, const char *tap)
{
    char layer[256];
    if (!tap_layer_name(tap, layer, sizeof layer)) return false;
    const char *number = strstr(layer, "layers.");
    const json_t *types = json_object_get(text_config(trial), "layer_types");
    const char *type = number ? json_string_value(json_array_get(types, strtoul(number + strlen("layers."), NULL, 10)))
                              : NULL;
    return type && strcmp(type, "sliding_attention") == 0;
}

/* The axis of the keys in an array of a decode step that a sliding layer's cache has a part in; -1: there is none */
static int axis_of_keys(const Trial *trial, const Array *array)
{
    const char *tap = array->name;
    if (tap_step(tap) == 0 || array->rank < 2) return -1;
    if (tap_ends(tap, "#causal_mask_mapping.sliding_attention")) return array->rank - 1;
    if (!is_in_sliding_layer(trial, tap)) return -1;
    if (tap_ends(tap, "#attn_weights")) return array->rank - 1;
    return tap_ends(tap, "#key_states") || tap_ends(tap, "#value_states") ? array->rank - 2 : -1;
}

static int64_t keys_beyond_the_window(const Trial *trial, const Array *array, int axis)
{
    int64_t window = json_integer_value(json_object_get(text_config(trial), "sliding_window"));
    return axis >= 0 && window > 0 && array->shape[axis] > window ? array->shape[axis] - window : 0;
}

static bool whole_caches_matter(const Trial *trial)
{
    for (int i = 0; i < dump_count(trial->dump); i++) {
        const Array *array = dump_array(trial->dump, i);
        if (keys_beyond_the_window(trial, array, axis_of_keys(trial, array)) > 0) return true;
    }
    return false;
}

/* Whether the keys are masked: of a mask a flag that is 0, or a number far below 0; of weights 0 */
static bool is_without_effect(const Array *keys, Arena *arena)
{
    ArenaMark mark = arena_mark(arena);
    double *block = arena_allocate(arena, CUT_BLOCK * sizeof *block);
    bool is_float = dtype_is_float(keys->dtype), is_mask = tap_is_mask(keys->name), masked = true;
    for (int64_t first = 0, count; first < array_elements(keys) && masked; first += count) {
        count = array_elements(keys) - first < CUT_BLOCK ? array_elements(keys) - first : CUT_BLOCK;
        if (is_float) array_read_f64(keys, first, count, block);
        for (int64_t i = 0; i < count && masked; i++) {
            double value = is_float ? block[i] : (double)array_integer(keys, first + i);
            masked = is_mask && is_float ? value < -1e4 || value == 0 : value == 0;
        }
    }
    arena_release(arena, mark);
    return masked;
}

static Array without_old_keys(const Trial *trial, const Array *array, Arena *arena)
{
    int axis = axis_of_keys(trial, array);
    int64_t extra = keys_beyond_the_window(trial, array, axis);
    if (extra == 0) return *array;
    bool tells = axis == array->rank - 1; /* masks and weights say whether the keys count; keys themselves do not */
    Array old = array_cut(array, axis, 0, extra, arena);
    if (tells && !is_without_effect(&old, arena)) return *array;
    return array_cut(array, axis, extra, array->shape[axis] - extra, arena);
}

static void cut_caches(Trial *trial, Inputs *inputs, Arena *arena)
{
    (void)inputs;
    int count = dump_count(trial->dump);
    Array *arrays = arena_allocate(arena, ((size_t)count + 1) * sizeof *arrays);
    for (int i = 0; i < count; i++) arrays[i] = without_old_keys(trial, dump_array(trial->dump, i), arena);
    trial->dump = dump_holding(trial->dump, arrays, count, arena);
}

const Reading whole_caches = { .flag = READING_WHOLE_CACHES,
                               .name = "whole-caches",
                               .sentence = "sliding layers keep the whole cache, and mask what is before the window",
                               .matters = whole_caches_matter,
                               .follow = cut_caches };
