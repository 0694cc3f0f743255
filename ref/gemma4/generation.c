/* generation.c - GenerationMixin.generate: greedy search, with keys and values kept in a DynamicCache
 *
 * The prefill gives the first token, each decode step one more. Taps of decode step k end in "@k", the tokens are the
 * taps input_ids@1, @2, ..: a hook that replaces one decides what the next step is fed.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gemma4.h"

/* -> how many; a number alone is a list of one */
static int token_ids_load(const int64_t **list, ConfigReader at, const char *key, Arena *arena)
{
    const json_t *value = json_object_get(at.object, key);
    int count = json_is_array(value) ? (int)json_array_size(value) : 1;
    int64_t *ids = arena_allocate(arena, (size_t)count * sizeof *ids);
    for (int i = 0; i < count; i++) {
        const json_t *id = json_is_array(value) ? json_array_get(value, (size_t)i) : value;
        ids[i] = json_integer_value(id);
        if (!json_is_integer(id) || ids[i] < 0)
            config_refuse(at, key, "something else", "a token id, or a list of them");
    }
    *list = ids;
    return count;
}

static void eos_token_id_load(GenerationConfig *m, ConfigReader at, Arena *arena)
{
    m->eos_count = token_ids_load(&m->eos_token_id, at, "eos_token_id", arena);
}

static void suppress_tokens_load(GenerationConfig *m, ConfigReader at, Arena *arena)
{
    if (!config_has(at, "suppress_tokens")) return;
    if (json_is_array(json_object_get(at.object, "suppress_tokens")))
        m->suppress_count = token_ids_load(&m->suppress_tokens, at, "suppress_tokens", arena);
    else
        config_refuse(at, "suppress_tokens", "something else", "a list of token ids");
}

void generation_config_load(GenerationConfig *m, const char *folder, ConfigReader config,
                            const Gemma4TextConfig *text_config, Arena *arena)
{
    ConfigReader at = { arena_format(arena, "%s/generation_config.json", folder), "", NULL, config.error };
    ConfigReader text = config_has(config, "text_config") ? config_child(config, "text_config") : config;
    json_t *file = access(at.file, F_OK) == 0 ? config_open(at.file, config.error) : NULL;
    at.object = file;

    if (file) {
        if (config_has(at, "eos_token_id")) eos_token_id_load(m, at, arena);
        suppress_tokens_load(m, at, arena);
        m->pad_token_id = config_whole_or(at, "pad_token_id", -1);
    } else {
        if (config_has(config, "eos_token_id") || config_has(text, "eos_token_id"))
            eos_token_id_load(m, config_has(config, "eos_token_id") ? config : text, arena);
        suppress_tokens_load(m, config_has(config, "suppress_tokens") ? config : text, arena);
        m->pad_token_id = text_config->pad_token_id;
    }
    if (m->pad_token_id < 0 && m->eos_count) m->pad_token_id = m->eos_token_id[0];

    char found[32], expected[48];
    snprintf(found, sizeof found, "%lld", (long long)m->pad_token_id);
    snprintf(expected, sizeof expected, "one below vocab_size %d", text_config->vocab_size);
    if (m->pad_token_id >= text_config->vocab_size) config_refuse(file ? at : config, "pad_token_id", found, expected);
    json_decref(file);
}

bool is_eos_token(const GenerationConfig *m, int64_t token)
{
    for (int i = 0; i < m->eos_count; i++)
        if (m->eos_token_id[i] == token) return true;
    return false;
}

/* HF: _prepare_attention_mask_for_generation. Without a mask, pad tokens in the prompt are padding, unless they end a
 * row too. */
static const int64_t *prepare_attention_mask(const GenerationConfig *m, const ForwardArguments *a, Run *run)
{
    int64_t count = a->batch * a->seq;
    int64_t *mask = arena_allocate(run->arena, (size_t)count * sizeof *mask);
    for (int64_t i = 0; i < count; i++)
        mask[i] = a->input_ids[i] != m->pad_token_id || is_eos_token(m, m->pad_token_id);
    return mask;
}

/* HF: _prepare_position_ids_for_generation */
static const int64_t *prepare_position_ids(const ForwardArguments *a, Run *run)
{
    int64_t *position_ids = arena_allocate(run->arena, checked_size(a->batch, a->seq, sizeof *position_ids));
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t t = 0, seen = 0; t < a->seq; t++) {
            int64_t i = b * a->seq + t;
            seen += a->attention_mask[i] != 0;
            position_ids[i] = a->attention_mask[i] ? seen - 1 : 0;
        }
    return position_ids;
}

/* HF: SuppressTokensLogitsProcessor. The logits that a tap has shown stay as they are: they are HF's output_logits, and
 * these its output_scores. */
static const real *process_scores(const GenerationConfig *m, const real *logits, int64_t vocab_size, Run *run)
{
    if (m->suppress_count == 0) return logits;
    real *scores = new_tensor(run, vocab_size).data;
    memcpy(scores, logits, (size_t)vocab_size * sizeof *scores);
    for (int i = 0; i < m->suppress_count; i++)
        if (m->suppress_tokens[i] < vocab_size) scores[m->suppress_tokens[i]] = -(real)INFINITY;
    return scores;
}

static int64_t argmax(const real *row, int64_t count)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

/* next_tokens [batch], from the logits of the last position */
static void choose(const GenerationMixin *m, Tensor logits, bool *ended, bool ignore_eos, int64_t *next_tokens,
                   Run *run)
{
    int64_t batch = logits.shape[0], seq = logits.shape[1], vocab_size = logits.shape[2];
    Tensor input_ids = new_tensor(run, batch, 1);
    for (int64_t b = 0; b < batch; b++) {
        const real *next_token_logits = logits.data + (b * seq + seq - 1) * vocab_size;
        int64_t best = argmax(process_scores(m->generation_config, next_token_logits, vocab_size, run), vocab_size);
        input_ids.data[b] = (real)(ended[b] ? m->generation_config->pad_token_id : best);
    }
    input_ids = tap_output(run, "input_ids", input_ids);
    for (int64_t b = 0; b < batch; b++) {
        next_tokens[b] = (int64_t)input_ids.data[b];
        assert(next_tokens[b] >= 0 && next_tokens[b] < vocab_size);
        if (!ignore_eos && is_eos_token(m->generation_config, next_tokens[b])) ended[b] = true;
    }
}

static bool all(const bool *flags, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!flags[i]) return false;
    return true;
}

/* HF: prepare_inputs_for_generation, of decode step `step` */
static ForwardArguments decode_arguments(const ForwardArguments *prefill, int step, const int64_t *next_tokens,
                                         DynamicCache *past_key_values, Run *run)
{
    int64_t batch = prefill->batch, total = prefill->seq + step;
    ForwardArguments a = { .batch = batch, .seq = 1, .input_ids = next_tokens, .past_key_values = past_key_values };
    int64_t *position_ids = arena_allocate(run->arena, (size_t)batch * sizeof *position_ids);
    int64_t *mask = arena_allocate(run->arena, checked_size(batch, total, sizeof *mask));
    for (int64_t b = 0; b < batch; b++) {
        position_ids[b] = prefill->position_ids[b * prefill->seq + prefill->seq - 1] + step;
        for (int64_t t = 0; t < total; t++)
            mask[b * total + t] = t < prefill->seq ? prefill->attention_mask[b * prefill->seq + t] : 1;
    }
    a.position_ids = position_ids;
    a.attention_mask = mask;
    return a;
}

void generate(const GenerationMixin *m, const ForwardArguments *arguments, int max_new_tokens, bool ignore_eos,
              Run *run)
{
    DynamicCache past_key_values = dynamic_cache_new(m->config);
    ForwardArguments prefill = *arguments, a;
    prefill.past_key_values = &past_key_values;
    if (!prefill.attention_mask) prefill.attention_mask = prepare_attention_mask(m->generation_config, &prefill, run);
    if (!prefill.position_ids) prefill.position_ids = prepare_position_ids(&prefill, run);
    int64_t *next_tokens = arena_allocate(run->arena, (size_t)prefill.batch * sizeof *next_tokens);
    bool *ended = allocate_zeroed((size_t)prefill.batch, sizeof *ended);

    ArenaMark mark = arena_mark(run->arena);
    a = prefill;
    for (int n = 1;; n++) {
        Tensor logits = m->forward(m->model, &a, run);
        run->repeat = n;
        choose(m, logits, ended, ignore_eos, next_tokens, run);
        if (n == max_new_tokens || (!ignore_eos && all(ended, prefill.batch))) break;
        arena_release(run->arena, mark);
        a = decode_arguments(&prefill, n, next_tokens, &past_key_values, run);
    }
    run->repeat = 0;
    free(ended);
    dynamic_cache_free(&past_key_values);
}
