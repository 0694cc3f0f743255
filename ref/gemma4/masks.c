/* masks.c - who may look at whom
 *
 *   full layers       causal
 *   sliding layers    causal AND no further back than the window
 *   all               with use_bidirectional_attention "all": everywhere, or within the window on both sides
 *
 * and images and videos, block by block:
 *
 *   create_masks_for_vision_model    on sliding layers alone: (causal OR the same block) AND within the window
 *   create_masks_for_generate        on all layers: whatever the layer sees, OR the same block
 *
 * and never at padding. Queries at padding are not masked; nothing depends on them.
 */
#include <stdlib.h>

#include "gemma4.h"

typedef struct {
    bool bidirectional;
    int64_t window;                    /* 0: none */
    const int64_t *block_sequence_ids; /* [batch, seq]; NULL */
    bool blocks_within_window;
} MaskFunction;

/* Whether query q of row b may look at key kv, both counted from the first token */
static bool may_look(const MaskFunction *m, int64_t b, int64_t seq, int64_t q, int64_t kv)
{
    if (m->bidirectional) return m->window == 0 || llabs(q - kv) <= m->window;
    const int64_t *block = m->block_sequence_ids ? m->block_sequence_ids + b * seq : NULL;
    bool causal = kv <= q, same_block = block && block[q] >= 0 && block[q] == block[kv];
    bool in_window = m->window == 0 || kv > q - m->window;
    if (m->blocks_within_window) return (causal || same_block) && in_window;
    return (causal && in_window) || same_block;
}

static Tensor create_mask(const char *path, MaskFunction function, const ForwardArguments *a, LayerType layer_type,
                          Run *run)
{
    int64_t past = a->past_key_values ? a->past_key_values->seq_length : 0, total = past + a->seq;
    int64_t kept = dynamic_cache_kept(a->past_key_values, layer_type), kv_offset = past - kept;
    int64_t kv_length = kept + a->seq;

    Tensor mask = new_tensor(run, a->batch, 1, a->seq, kv_length);
    real *cell = mask.data;
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t q = past; q < total; q++)
            for (int64_t kv = kv_offset; kv < total; kv++) {
                bool padding = a->attention_mask && a->attention_mask[b * total + kv] == 0;
                *cell++ = !padding && may_look(&function, b, a->seq, q, kv);
            }

    char name[64];
    snprintf(name, sizeof name, "causal_mask_mapping.%s", layer_type_names[layer_type]);
    mask = tap_local(run, path, name, mask); /* as data: 1 where the query may look */
    for (int64_t i = 0; i < elements(mask); i++) mask.data[i] = mask.data[i] != 0 ? 0 : dtype_min(run);
    return mask;
}

static CausalMaskMapping create_masks(const char *path, const Gemma4TextConfig *config, const ForwardArguments *a,
                                      const MaskFunction of[LAYER_TYPE_COUNT], Run *run)
{
    CausalMaskMapping mapping = { 0 };
    for (int type = 0; type < LAYER_TYPE_COUNT; type++)
        if (config->rope_parameters[type].exists)
            mapping.of[type] = create_mask(path, of[type], a, (LayerType)type, run);
    return mapping;
}

CausalMaskMapping create_masks_for_generate(const char *path, const Gemma4TextConfig *config,
                                            const ForwardArguments *arguments, const int64_t *block_sequence_ids,
                                            Run *run)
{
    bool bidirectional = config->use_bidirectional_attention == BIDIRECTIONAL_ALL;
    const MaskFunction of[LAYER_TYPE_COUNT] = {
        [FULL_ATTENTION] = { bidirectional, 0, block_sequence_ids, false },
        [SLIDING_ATTENTION] = { bidirectional, config->sliding_window, block_sequence_ids, false },
    };
    return create_masks(path, config, arguments, of, run);
}

CausalMaskMapping create_masks_for_vision_model(const char *path, const Gemma4TextConfig *config,
                                                const ForwardArguments *arguments, const int64_t *block_sequence_ids,
                                                Run *run)
{
    bool bidirectional = config->use_bidirectional_attention == BIDIRECTIONAL_ALL;
    const MaskFunction of[LAYER_TYPE_COUNT] = {
        [FULL_ATTENTION] = { bidirectional, 0, NULL, false },
        [SLIDING_ATTENTION] = { bidirectional, config->sliding_window, block_sequence_ids, true },
    };
    return create_masks(path, config, arguments, of, run);
}

const int64_t *get_block_sequence_ids_for_mask(const ForwardArguments *arguments, Run *run)
{
    int64_t count = arguments->batch * arguments->seq, vision_group_id = -1;
    int64_t *block_sequence_ids = arena_allocate(run->arena, (size_t)count * sizeof *block_sequence_ids);
    for (int64_t i = 0; i < count; i++) {
        const int64_t *type = arguments->mm_token_type_ids + i;
        bool is_first = i % arguments->seq == 0, is_vision = *type == 1 || *type == 2;
        if (is_first) vision_group_id = -1;
        bool is_prev_vision = !is_first && (type[-1] == 1 || type[-1] == 2);
        if (is_vision && !is_prev_vision) vision_group_id++;
        block_sequence_ids[i] = is_vision ? vision_group_id : -1;
    }
    return block_sequence_ids;
}
