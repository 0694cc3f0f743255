/* dynamic_cache.c - DynamicCache: keys and values of the tokens before, for generation
 *
 * A full layer keeps them all, a sliding one the last sliding_window - 1, a shared one none. HF keeps inside update;
 * here that is a call of its own, after the taps, so that what a hook replaced is what is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "gemma4.h"

DynamicCache dynamic_cache_new(const Gemma4TextConfig *config)
{
    DynamicCache cache = { .num_layers = config->num_hidden_layers, .sliding_window = config->sliding_window };
    cache.layers = allocate_zeroed((size_t)cache.num_layers, sizeof *cache.layers);
    for (int i = 0; i < cache.num_layers; i++)
        if (config->layers[i].layer_type == SLIDING_ATTENTION) cache.layers[i].sliding_window = cache.sliding_window;
    return cache;
}

void dynamic_cache_free(DynamicCache *cache)
{
    for (int i = 0; i < cache->num_layers; i++) {
        free(cache->layers[i].keys.data);
        free(cache->layers[i].values.data);
    }
    free(cache->layers);
    *cache = (DynamicCache){ 0 };
}

void dynamic_cache_update(const DynamicCache *cache, int layer_idx, Tensor *key_states, Tensor *value_states, Run *run)
{
    const DynamicLayer *layer = &cache->layers[layer_idx];
    if (!layer->keys.data) return;
    *key_states = cat(layer->keys, *key_states, 2, run);
    *value_states = cat(layer->values, *value_states, 2, run);
}

/* The last `tokens` of states, in memory of their own */
static void keep_last(Tensor *kept, Tensor states, int64_t tokens)
{
    int64_t heads = states.shape[0] * states.shape[1], seq = states.shape[2], head_dim = states.shape[3];
    size_t bytes = (size_t)(tokens * head_dim) * sizeof(real);
    free(kept->data);
    *kept = states;
    kept->shape[2] = tokens;
    kept->data = allocate_zeroed((size_t)heads, bytes);
    for (int64_t i = 0; i < heads; i++)
        memcpy(kept->data + i * tokens * head_dim, states.data + (i * seq + seq - tokens) * head_dim, bytes);
}

void dynamic_cache_keep(DynamicCache *cache, int layer_idx, Tensor key_states, Tensor value_states)
{
    DynamicLayer *layer = &cache->layers[layer_idx];
    int64_t tokens = key_states.shape[2];
    if (layer->sliding_window && tokens > layer->sliding_window - 1) tokens = layer->sliding_window - 1;
    keep_last(&layer->keys, key_states, tokens);
    keep_last(&layer->values, value_states, tokens);
}

int64_t dynamic_cache_kept(const DynamicCache *cache, LayerType layer_type)
{
    if (!cache) return 0;
    int64_t most = layer_type == SLIDING_ATTENTION ? cache->sliding_window - 1 : cache->seq_length;
    return cache->seq_length < most ? cache->seq_length : most;
}
