/* rope_bugs.c - rotary embeddings of the text model
 *
 * Right: pair (i, i + head_dim / 2) turns by position * theta^-(2i / head_dim); in full layers only the first
 * partial_rotary_factor of the pairs turn. Frequencies are float32.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static const BugId ROPE_INV_FREQ_LOW_PRECISION = { "rope-inv-freq-low-precision" };
static const BugId ROPE_PARTIAL_PREFIX = { "rope-partial-prefix" };
static const BugId ROPE_PAIRS_INTERLEAVED = { "rope-pairs-interleaved" };
static const BugId ROPE_POSITIONS_BF16 = { "rope-positions-bf16" };
static const BugId ROPE_CACHE_SHORT = { "rope-cache-short" };
static const BugId ROPE_ANGLE_F16 = { "rope-angle-f16" };
static const BugId ROPE_BATCH_CURSOR = { "rope-batch-cursor" };
static const BugId ROPE_Q_PLUS_ONE = { "rope-q-plus-one" };
static const BugId ROPE_SHARED_Q_LATE = { "rope-shared-q-late" };
static const BugId ROPE_DIM_HALF = { "rope-dim-half" };

/* ---------------------------------------------------------------- configuration */

/* rope_parameters, with what stands for them where they are absent */
static json_t *rope_parameters(json_t *config)
{
    json_t *text = text_config(config), *all = json_object_get(text, "rope_parameters");
    if (!json_is_object(all)) {
        all = json_pack("{s:{s:s, s:f, s:f}, s:{s:s, s:f}}", "full_attention", "rope_type", "proportional",
                        "rope_theta", 1e6, "partial_rotary_factor", 0.25, "sliding_attention", "rope_type", "default",
                        "rope_theta", 1e4);
        json_object_set_new(text, "rope_parameters", all);
    }
    return all;
}

/* Those of full layers; NULL unless partial */
static json_t *partial_rope(json_t *config)
{
    json_t *full = json_object_get(rope_parameters(config), "full_attention");
    const char *type = json_string_value(json_object_get(full, "rope_type"));
    double share = json_number_value(json_object_get(full, "partial_rotary_factor"));
    return type && strcmp(type, "proportional") == 0 && share > 0 && share < 1 ? full : NULL;
}

/* theta^-(2i / (share head_dim)) is (theta^(1 / share))^-(2i / head_dim) */
static void partial_denominator(json_t *config)
{
    json_t *rope = partial_rope(config);
    double share = json_number_value(json_object_get(rope, "partial_rotary_factor"));
    if (rope)
        config_set(rope, "rope_theta",
                   json_real(pow(json_number_value(json_object_get(rope, "rope_theta")), 1 / share)));
}

static void global_full_rotation(json_t *config)
{
    config_set(partial_rope(config), "partial_rotary_factor", json_real(1));
}

/* Heads keep their width; only theta, and which pairs turn, are the other type's. */
static void layer_type_swapped(json_t *config)
{
    json_t *all = rope_parameters(config), *full = json_object_get(all, "full_attention");
    json_t *sliding = json_object_get(all, "sliding_attention");
    if (!full || !sliding) return;
    json_incref(full);
    json_object_set(all, "full_attention", sliding);
    json_object_set_new(all, "sliding_attention", full);
}

/* ---------------------------------------------------------------- positions and frequencies */

static float to_bf16(float value) { return narrowed(ROUNDING_BF16, value); }

/* Positions that a table of fixed length holds; those beyond it take its last row, as a clamped gather does. */
enum { TABLE_LENGTH = 4096 };

/* The position that tables are made for, with the bugs that are on. Rows that are shorter are padded in front. */
static int64_t table_position(BugRun *run, const Query *query)
{
    int64_t position = position_of(run, query);
    if (bug_is_on(run, &ROPE_BATCH_CURSOR) && tap_step(query->tap->name) > 0)
        for (int64_t b = 0; b < query->tap->shape[0]; b++) {
            int64_t other = position_of(run, &(Query){ query->tap, b, query->q, query->queries });
            if (other > position) position = other;
        }
    if (bug_is_on(run, &ROPE_CACHE_SHORT) && position >= TABLE_LENGTH) position = TABLE_LENGTH - 1;
    return bug_is_on(run, &ROPE_POSITIONS_BF16) ? (int64_t)to_bf16((float)position) : position;
}

/* Tables anew, where what they are made of is other than it should be */
static void tables_again(BugRun *run, const Tap *tap)
{
    bool is_cos = tap_ends(tap->name, "_cos"), is_sin = tap_ends(tap->name, "_sin");
    if (!strstr(tap->name, ".rotary_emb#") || tap_is_tower(tap, "") || (!is_cos && !is_sin)) return;
    int64_t queries = tap->shape[1], head_dim = tap->shape[2], half = head_dim / 2;
    bool narrow = bug_is_on(run, &ROPE_ANGLE_F16), low_precision = bug_is_on(run, &ROPE_INV_FREQ_LOW_PRECISION);
    float *inv_freq = bug_memory(run, (size_t)half * sizeof *inv_freq);
    text_inv_freq(run, strstr(tap->name, "#sliding") != NULL, head_dim, inv_freq);
    for (int64_t row = 0; row < tap_rows(tap); row++) {
        Query at = { tap, row / queries, row % queries, queries };
        int64_t right = position_of(run, &at), position = table_position(run, &at);
        for (int64_t j = 0; j < head_dim; j++) {
            float freq = inv_freq[j % half];
            float angle = (float)position * (low_precision ? to_bf16(freq) : freq);
            if (narrow) angle = narrowed(ROUNDING_FP16, angle);
            if (angle != (float)right * freq) tap_set(tap, row * head_dim + j, is_cos ? cos(angle) : sin(angle));
        }
    }
}

/* ---------------------------------------------------------------- rotation */

/* As rotary_emb gives them for `tokens` more than the query's position. No tap shows this table, so it is computed as
 * backends do in every class: angles in float32, and held as narrow as the class holds tables. */
static void table_further(BugRun *run, const Query *query, int64_t tokens, double *cosines, double *sines)
{
    int64_t head_dim = query->tap->shape[3], half = head_dim / 2;
    float *inv_freq = bug_memory(run, (size_t)half * sizeof *inv_freq);
    text_inv_freq(run, layer_is_sliding(run, tap_layer(query->tap)), head_dim, inv_freq);
    for (int64_t j = 0; j < half; j++) {
        float freq = bug_is_on(run, &ROPE_INV_FREQ_LOW_PRECISION) ? to_bf16(inv_freq[j]) : inv_freq[j];
        float angle = (float)(position_of(run, query) + tokens) * freq;
        cosines[j] = as_weight(run, cos(angle));
        sines[j] = as_weight(run, sin(angle));
    }
}

/* Those of full layers that turn at all */
static int64_t live_pairs(BugRun *run, int64_t head_dim)
{
    float *inv_freq = bug_memory(run, (size_t)(head_dim / 2) * sizeof *inv_freq);
    text_inv_freq(run, false, head_dim, inv_freq);
    int64_t pairs = head_dim / 2;
    while (pairs > 0 && inv_freq[pairs - 1] == 0) pairs--;
    return pairs;
}

/* How many positions too far the query is turned. A cache's offset that is read once the run's keys are in it counts
 * all tokens of the run besides. */
static int64_t query_is_late(BugRun *run, const Tap *tap)
{
    bool decodes = tap_step(tap->name) > 0, shared = layer_is_shared(run, tap_layer(tap));
    int64_t tokens = bug_is_on(run, &ROPE_Q_PLUS_ONE) && decodes;
    if (bug_is_on(run, &ROPE_SHARED_Q_LATE) && shared) tokens += decodes ? 1 : bug_inputs(run)->input_ids->shape[1];
    return tokens;
}

/* Pairs lie within the first half of head_dim, a quarter apart, with every other frequency: those of a head half as
 * wide. The second half does not turn. */
static void turn_first_half(BugRun *run, double *row, int64_t head_dim, double *cosines, double *sines)
{
    for (int64_t j = 0; j < head_dim / 4; j++) {
        cosines[j] = cosines[2 * j];
        sines[j] = sines[2 * j];
    }
    turn_row(run, row, head_dim / 4, head_dim / 4, cosines, sines);
}

/* Keys that were cached are as they were; those that another layer shares have been turned there. */
static void turn_again(BugRun *run, const Tap *tap)
{
    bool is_query = tap_is_text(tap, ".self_attn#query_states"), is_key = tap_is_text(tap, ".self_attn#key_states");
    if (!is_query && !is_key) return;
    const Recorded *normed = recorded_beside(run, tap, is_query ? "self_attn.q_norm" : "self_attn.k_norm");
    int64_t heads = tap->shape[1], rows = tap->shape[2], head_dim = tap->shape[3], half = head_dim / 2;
    bool sliding = layer_is_sliding(run, tap_layer(tap));
    bool prefix = bug_is_on(run, &ROPE_PARTIAL_PREFIX) && !sliding && live_pairs(run, head_dim) < half;
    bool interleaved = bug_is_on(run, &ROPE_PAIRS_INTERLEAVED);
    bool first_half = bug_is_on(run, &ROPE_DIM_HALF) && sliding && !interleaved;
    int64_t further = is_query ? query_is_late(run, tap) : 0;
    if (!normed || (!prefix && !further && !interleaved && !first_half)) return;

    int64_t batch = tap->shape[0], seq = normed->shape[1], pairs = prefix ? live_pairs(run, head_dim) : half;
    double *row = scratch_row(run, head_dim), *c = scratch_row(run, half), *s = scratch_row(run, half);
    for (int64_t i = 0; i < batch * seq * heads; i++) { /* normed is [batch, seq, heads, head_dim] */
        int64_t h = i % heads;
        Query at = { tap, i / (seq * heads), i / heads % seq, seq };
        memcpy(row, recorded_row(normed, i), (size_t)head_dim * sizeof *row);
        memcpy(c, rotary_row(run, &at, "cos"), (size_t)half * sizeof *c);
        memcpy(s, rotary_row(run, &at, "sin"), (size_t)half * sizeof *s);
        if (further) table_further(run, &at, further, c, s);
        for (int64_t j = 0; interleaved && j < half; j++) turn_row(run, row + 2 * j, 1, 1, c + j, s + j);
        if (first_half) turn_first_half(run, row, head_dim, c, s);
        if (!interleaved && !first_half) turn_row(run, row, pairs, pairs, c, s);
        tap_set_row(tap, (at.b * heads + h) * rows + rows - seq + at.q, row);
    }
}

static const char *const rotation_needs[] = { ROTARY_TABLES, "*.q_norm", "*.k_norm", POSITION_INPUTS, NULL };

const Bug rope_bugs[] = {
    { .id = "rope-partial-denominator",
      .stage = "rotary embedding",
      .mechanism = "frequencies of full layers are spaced for the part of head_dim that turns, not for all of it",
      .source = "https://github.com/pegainfer-project/pegainfer/issues/758",
      .sources = 2,
      .exposed_by = "full layers with partial_rotary_factor below 1, and two tokens",
      .config = partial_denominator },
    { .id = "rope-global-full-rotation",
      .stage = "rotary embedding",
      .mechanism = "all pairs of full layers turn, not the first quarter of them",
      .source = "https://github.com/dogkeeper886/ollama37/issues/373",
      .sources = 3,
      .exposed_by = "full layers with partial_rotary_factor below 1; the more, the longer the prompt",
      .config = global_full_rotation },
    { .id = ROPE_INV_FREQ_LOW_PRECISION.text,
      .stage = "rotary embedding",
      .mechanism = "frequencies are held in bfloat16, not in float32",
      .source = "https://github.com/NVIDIA-NeMo/Automodel/pull/2549",
      .sources = 1,
      .exposed_by = "two tokens; the more, the longer the prompt",
      .tap = tables_again,
      .needs_in_layer = (const char *const[]){ POSITION_INPUTS, NULL } },
    { .id = "rope-layer-type-swapped",
      .stage = "rotary embedding",
      .mechanism = "full layers turn as sliding ones do, with their theta and all pairs, and sliding ones as full ones",
      .source = "https://github.com/google/gemma.cpp/pull/986",
      .sources = 2,
      .exposed_by = "two tokens",
      .config = layer_type_swapped },
    { .id = ROPE_POSITIONS_BF16.text,
      .stage = "rotary embedding",
      .mechanism = "positions are rounded to bfloat16, which holds no odd ones beyond 256",
      .source = "https://github.com/keras-team/keras-hub/issues/1494",
      .sources = 1,
      .exposed_by = "a prompt longer than 256 tokens, or position_ids beyond 256",
      .tap = tables_again,
      .needs_in_layer = (const char *const[]){ POSITION_INPUTS, NULL } },
    { .id = ROPE_CACHE_SHORT.text,
      .stage = "rotary embedding",
      .mechanism = "the table of rotations ends at 4096 positions, and later ones get its last row",
      .source = "https://github.com/pegainfer-project/pegainfer/issues/220",
      .sources = 2,
      .exposed_by = "a prompt of more than 4096 tokens, or position_ids beyond 4096",
      .tap = tables_again,
      .needs_in_layer = (const char *const[]){ POSITION_INPUTS, NULL } },
    { .id = ROPE_ANGLE_F16.text,
      .stage = "rotary embedding",
      .mechanism = "angles are rounded to float16, not kept in float32",
      .source = "https://github.com/cactus-compute/cactus/pull/688",
      .sources = 1,
      .exposed_by = "two tokens; the more, the longer the prompt",
      .tap = tables_again,
      .needs_in_layer = (const char *const[]){ POSITION_INPUTS, NULL } },
    { .id = ROPE_BATCH_CURSOR.text,
      .stage = "rotary embedding",
      .mechanism = "in decode steps all rows of a batch have the position of the longest",
      .source = "https://github.com/scouzi1966/maclocal-api/pull/92",
      .sources = 1,
      .exposed_by = "generation of two tokens, and two rows of which one is padded",
      .tap = tables_again,
      .needs_in_layer = (const char *const[]){ POSITION_INPUTS, NULL } },
    { .id = ROPE_PAIRS_INTERLEAVED.text,
      .stage = "attention",
      .mechanism = "pairs are neighbours, (2i, 2i + 1), not half of head_dim apart",
      .source = "https://github.com/zml/zml/issues/660",
      .sources = 1,
      .exposed_by = "two tokens",
      .tap = turn_again,
      .needs_in_layer = rotation_needs },
    { .id = ROPE_DIM_HALF.text,
      .stage = "attention",
      .mechanism = "sliding layers turn the first half of head_dim alone, as a head half as wide",
      .source = "https://github.com/kekzl/imp/pull/20",
      .sources = 1,
      .exposed_by = "two tokens",
      .tap = turn_again,
      .needs_in_layer = rotation_needs },
    { .id = ROPE_PARTIAL_PREFIX.text,
      .stage = "attention",
      .mechanism = "full layers turn pairs within the first quarter of head_dim, not pairs half of head_dim apart",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4916",
      .sources = 1,
      .exposed_by = "full layers with partial_rotary_factor below 1, and two tokens",
      .tap = turn_again,
      .needs_in_layer = rotation_needs },
    { .id = ROPE_Q_PLUS_ONE.text,
      .stage = "attention",
      .mechanism = "in decode steps queries are turned for the next position",
      .source = "https://github.com/Blaizzy/mlx-vlm/pull/966",
      .sources = 1,
      .exposed_by = "generation of two tokens",
      .tap = turn_again,
      .needs_in_layer = rotation_needs },
    { .id = ROPE_SHARED_Q_LATE.text,
      .stage = "attention",
      .mechanism = "queries of KV-shared layers are turned by a cache's offset that the run's tokens have moved",
      .source = "https://github.com/ml-explore/mlx-swift-lm/pull/212",
      .sources = 1,
      .exposed_by = "num_kv_shared_layers, and two tokens",
      .tap = turn_again,
      .needs_in_layer = rotation_needs },
    { 0 },
};
