/* kv_sharing_bugs.c - the last layers of E2B and E4B, which have no keys and values of their own
 *
 * Right: they use those of the last layer of their type that has its own, and write none. Published checkpoints hold
 * k_proj, v_proj and k_norm for them all the same; that is what two of these bugs take.
 */
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static bool is_states(const Tap *tap) { return tap_is_text(tap, "#key_states") || tap_is_text(tap, "#value_states"); }

/* The last layer of the layer's type before `below`; the first where `first`; -1 */
static int layer_of_type(const BugRun *run, int layer, int below, bool first)
{
    for (int i = first ? 0 : below - 1; i >= 0 && i < below; i += first ? 1 : -1)
        if (layer_is_sliding(run, i) == layer_is_sliding(run, layer)) return i;
    return -1;
}

static int shared_from(const BugRun *run)
{
    return (int)(text_number(run, "num_hidden_layers", 0) - text_number(run, "num_kv_shared_layers", 0));
}

/* ---------------------------------------------------------------- keys and values of their own */

/* Keys or values that the shared layer of the tap would make of its input, [batch, kv_heads, seq, head_dim], for the
 * seq positions that it runs for; NULL if the checkpoint does not hold its weights */
static double *own_states(BugRun *run, const Tap *tap, int64_t *seq)
{
    bool is_key = tap_is_text(tap, "#key_states");
    const Recorded *input = recorded_beside(run, tap, "input_layernorm");
    const Array *k_proj = array_beside(run, tap, "self_attn.k_proj.weight");
    const Array *v_proj = array_beside(run, tap, "self_attn.v_proj.weight");
    const double *k_norm = weight_beside(run, tap, "self_attn.k_norm.weight");
    const Array *weight = is_key || !v_proj ? k_proj : v_proj;
    int64_t batch = tap->shape[0], heads = tap->shape[1], head_dim = tap->shape[3], count = heads * head_dim;
    if (!weight || !k_norm || weight->shape[0] != count) return NULL;

    *seq = input->shape[1];
    double *flat = scratch_row(run, batch * *seq * count), *own = scratch_row(run, batch * *seq * count);
    linear_rows(run, flat, input->values, batch * *seq, weight,
                array_beside(run, tap, is_key || !v_proj ? "self_attn.k_proj.bias" : "self_attn.v_proj.bias"));
    for (int64_t i = 0; i < batch * *seq * heads; i++) {
        int64_t h = i % heads;
        Query at = { tap, i / (*seq * heads), i / heads % *seq, *seq };
        double *row = flat + i * head_dim;
        rms_norm_row(row, head_dim, is_key ? k_norm : NULL, text_number(run, "rms_norm_eps", 1e-6));
        for (int64_t j = 0; j < head_dim; j++) row[j] = as_result(run, row[j]);
        if (is_key)
            turn_row(run, row, head_dim / 2, head_dim / 2, rotary_row(run, &at, "cos"), rotary_row(run, &at, "sin"));
        memcpy(own + ((at.b * heads + h) * *seq + at.q) * head_dim, row, (size_t)head_dim * sizeof *row);
    }
    return own;
}

/* Where shared layers run for the last positions only, as in HF's generate, they lack the input of those before: a
 * backend that leaves them out cannot have this bug. Cached rows are those of the run before. */
static void recomputed(BugRun *run, const Tap *tap)
{
    if (!is_states(tap) || !layer_is_shared(run, tap_layer(tap)) || bug_pass(run)->logits_to_keep > 0) return;
    int64_t seq, rows = tap->shape[2], head_dim = tap->shape[3];
    const Recorded *before = recorded_before(run, tap);
    const double *own = own_states(run, tap, &seq);
    for (int64_t i = 0; own && i < tap_rows(tap); i++) {
        int64_t head = i / rows, t = i % rows, cached = rows - seq;
        tap_set_row(tap, i,
                    t >= cached ? own + (head * seq + t - cached) * head_dim
                                : recorded_row(before, (head + 1) * before->shape[2] - cached + t));
    }
}

/* ---------------------------------------------------------------- overwriting */

/* Keys or values [batch, kv_heads, seq, head_dim] that the last shared layer of a type wrote when it ran last */
typedef struct {
    double *states;
    int64_t seq;
    int step;
} Written;

/* The donor's cache, as the next decode step finds it, holds what the last shared layer of its type wrote there. */
static void overwrites(BugRun *run, const Tap *tap)
{
    if (!is_states(tap) || text_number(run, "num_kv_shared_layers", 0) == 0) return;
    int layer = tap_layer(tap), layers = (int)text_number(run, "num_hidden_layers", 0), step = tap_step(tap->name);
    Written *w = bug_state(run, 4 * sizeof *w); /* two types, keys and values */
    w += 2 * layer_is_sliding(run, layer) + tap_is_text(tap, "#key_states");
    int64_t batch = tap->shape[0], heads = tap->shape[1], rows = tap->shape[2], head_dim = tap->shape[3];

    if (layer == layer_of_type(run, layer, shared_from(run), false) && w->states && w->step == step - 1) {
        int64_t first = rows - 1 - w->seq > 0 ? rows - 1 - w->seq : 0; /* the new token's row is right */
        for (int64_t head = 0; head < batch * heads; head++)
            for (int64_t t = first; t < rows - 1; t++)
                tap_set_row(tap, head * rows + t, w->states + ((head + 1) * w->seq - (rows - 1 - t)) * head_dim);
    }
    if (layer >= shared_from(run) && layer == layer_of_type(run, layer, layers, false)) {
        int64_t seq;
        const double *own = own_states(run, tap, &seq);
        if (!own) return;
        size_t bytes = (size_t)(batch * heads * seq * head_dim) * sizeof *own;
        if (!w->states || seq > w->seq) w->states = bug_memory(run, bytes);
        memcpy(w->states, own, bytes);
        w->seq = seq;
        w->step = step;
    }
}

/* ---------------------------------------------------------------- another donor */

static void wrong_donor(BugRun *run, const Tap *tap)
{
    int layer = tap_layer(tap);
    if (!is_states(tap) || !layer_is_shared(run, layer)) return;
    int right = layer_of_type(run, layer, shared_from(run), false);
    int wrong = layer_of_type(run, layer, shared_from(run), true);
    const Recorded *donor = recorded_in_layer(
        run, tap, wrong, tap_is_text(tap, "#key_states") ? "self_attn#key_states" : "self_attn#value_states");
    if (wrong == right || !donor) return;
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, donor->values[tap->first + i]);
}

/* ---------------------------------------------------------------- the list */

static const char *const own_needs[] = { ROTARY_TABLES, "*.input_layernorm", NULL };
static const char *const states[] = { "*.self_attn#key_states", "*.self_attn#value_states", NULL };

const Bug kv_sharing_bugs[] = {
    { .id = "kv-shared-recomputed",
      .stage = "KV sharing",
      .mechanism = "layers that share keys and values make their own, with weights that are in the file and unused",
      .source = "https://github.com/huggingface/transformers/pull/45312",
      .sources = 6,
      .exposed_by = "KV-shared layers whose k_proj, v_proj and k_norm are in the checkpoint",
      .tap = recomputed,
      .needs_in_layer = own_needs,
      .needs_last_run = states },
    { .id = "kv-shared-wrong-donor",
      .stage = "KV sharing",
      .mechanism = "layers use keys and values of the first layer of their type, not of the last that has its own",
      .source = "https://github.com/vllm-project/vllm/pull/48365",
      .sources = 1,
      .exposed_by = "KV-shared layers after two layers of one type",
      .tap = wrong_donor,
      .needs_last_run = states },
    { .id = "kv-shared-overwrites",
      .stage = "KV sharing",
      .mechanism = "layers that share keys and values write their own over the donor's in the cache",
      .source = "https://github.com/vllm-project/vllm-ascend/pull/11791",
      .sources = 1,
      .exposed_by =
          "generation of two tokens, and KV-shared layers whose k_proj, v_proj and k_norm are in the checkpoint",
      .tap = overwrites,
      .needs_in_layer = own_needs },
    { 0 },
};
