/* decode_bugs.c - what decoding alone does wrong
 *
 * Right: a sliding layer's cache keeps the last window - 1 keys, and a decode step looks at these and at its own. A bug
 * that looks further back needs keys that the reference's cache has dropped, so its hook keeps them all.
 */
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

enum { LAYERS = 256 }; /* more than any published model has */

/* The states of every token so far, [batch, heads, tokens, head_dim], as the backend has them */
typedef struct {
    double *values;
    int64_t tokens, room;
} Kept;

typedef struct {
    Kept keys[LAYERS], values[LAYERS];
} AllStates;

/* Adds the states of this run's tokens, the last of those that are recorded. */
static void keep_states(BugRun *run, Kept *kept, const Recorded *states, int64_t tokens)
{
    int64_t rows = states->shape[0] * states->shape[1], held = states->shape[2], width = states->shape[3];
    if (kept->tokens + tokens > kept->room) {
        int64_t room = 2 * (kept->tokens + tokens);
        double *values = bug_memory(run, (size_t)(rows * room * width) * sizeof *values);
        for (int64_t i = 0; i < rows && kept->tokens > 0; i++)
            memcpy(values + i * room * width, kept->values + i * kept->room * width,
                   (size_t)(kept->tokens * width) * sizeof *values);
        kept->values = values;
        kept->room = room;
    }
    for (int64_t i = 0; i < rows; i++)
        memcpy(kept->values + (i * kept->room + kept->tokens) * width,
               states->values + ((i + 1) * held - tokens) * width, (size_t)(tokens * width) * sizeof *kept->values);
    kept->tokens += tokens;
}

static const BugId DECODE_WINDOW_IGNORED = { "decode-window-ignored" };
static const BugId DECODE_RING_OFF_BY_ONE = { "decode-ring-off-by-one" };

/* A ring of W slots in which each token beyond the W-th takes the slot of the token after the oldest: that one is lost
 * a step early, and the oldest, which has left the window, stays until its slot's turn comes again. */
static bool is_in_shifted_ring(BugRun *run, int64_t token, int64_t tokens)
{
    int64_t window = (int64_t)text_number(run, "sliding_window", 0), last = tokens - 1;
    int64_t prompt = bug_inputs(run)->input_ids->shape[1], first = prompt > window ? prompt : window;
    bool stays = token == first - window && last - first < window - 1;
    return stays || token > last - window + 1;
}

/* Whether the query of a row, whose causal mask that is, looks at each of all tokens so far */
static bool *looked_at(BugRun *run, const double *causal, int64_t tokens)
{
    bool *may_look = bug_memory(run, (size_t)tokens * sizeof *may_look);
    bool ring = bug_is_on(run, &DECODE_RING_OFF_BY_ONE) && !bug_is_on(run, &DECODE_WINDOW_IGNORED);
    for (int64_t j = 0; j < tokens; j++)
        may_look[j] = causal[j] != 0 && (!ring || is_in_shifted_ring(run, j, tokens));
    return may_look;
}

static void look_back(BugRun *run, const Tap *tap, const Kept *keys, const Kept *values)
{
    const Recorded *query = recorded_beside(run, tap, "self_attn#query_states");
    const Recorded *key = recorded_beside(run, tap, "self_attn#key_states");
    const Recorded *mask = recorded_above(run, tap, "#causal_mask_mapping.full_attention");
    int64_t heads = query->shape[1], kv_heads = key->shape[1], head_dim = query->shape[3];
    if (!mask || mask->shape[3] != keys->tokens) return;
    double *row = scratch_row(run, heads * head_dim);
    for (int64_t b = 0; b < tap_rows(tap); b++) { /* one query a sequence */
        const bool *may_look = looked_at(run, recorded_row(mask, b), keys->tokens);
        for (int64_t h = 0; h < heads; h++) {
            int64_t state = b * kv_heads + h / (heads / kv_heads);
            attend_head(run,
                        &(AttentionHead){ .query = recorded_row(query, b * heads + h),
                                          .keys = keys->values + state * keys->room * head_dim,
                                          .values = values->values + state * values->room * head_dim,
                                          .may_look = may_look,
                                          .tokens = keys->tokens,
                                          .head_dim = head_dim },
                        row + h * head_dim);
        }
        tap_set_row(tap, b, row);
    }
}

static void attention_further_back(BugRun *run, const Tap *tap)
{
    int layer = tap_layer(tap);
    if (!tap_is_text(tap, ".self_attn#attn_output") || layer >= LAYERS || !layer_is_sliding(run, layer)) return;
    AllStates *all = bug_state(run, sizeof *all);
    const Recorded *key = recorded_beside(run, tap, "self_attn#key_states");
    const Recorded *value = recorded_beside(run, tap, "self_attn#value_states");
    if (!key || !value) return;
    /* A prefill has all states, though layers that share theirs may have the last query alone. */
    int64_t tokens = tap_step(tap->name) == 0 ? key->shape[2] : tap->shape[1];
    keep_states(run, &all->keys[layer], key, tokens);
    keep_states(run, &all->values[layer], value, tokens);
    if (tap_step(tap->name) == 0 || tokens != 1 || all->keys[layer].tokens <= key->shape[2]) return;
    look_back(run, tap, &all->keys[layer], &all->values[layer]);
}

static const char *const looking_back[] = { "*#causal_mask_mapping.full_attention", ATTENTION_INPUTS,
                                            "*#value_states", NULL };

const Bug decode_bugs[] = {
    { .id = DECODE_WINDOW_IGNORED.text,
      .stage = "cache",
      .mechanism = "decode steps of sliding layers look at all tokens, not at the last of a window",
      .source = "https://github.com/EricLBuehler/mistral.rs/issues/2094",
      .sources = 1,
      .exposed_by = "a decode step further from the prompt's beginning than the window is wide",
      .tap = attention_further_back,
      .needs_in_layer = looking_back },
    { .id = DECODE_RING_OFF_BY_ONE.text,
      .stage = "cache",
      .mechanism = "a full ring's slots are counted one too far: the second oldest key is lost, and one too old stays",
      .source = "https://github.com/zml/zml/issues/763",
      .sources = 1,
      .exposed_by = "a decode step further from the prompt's beginning than the window is wide",
      .tap = attention_further_back,
      .needs_in_layer = looking_back },
    { 0 },
};
