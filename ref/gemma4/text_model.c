/* text_model.c - Gemma4TextModel
 *
 *   inputs_embeds [batch, seq, hidden], and for models with per-layer embeddings
 *   per_layer_inputs [batch, seq, layers, width]    looked up by token, plus projected from inputs_embeds
 *     layers                                        a layer takes its own per_layer_input
 *     norm                                          -> last_hidden_state [batch, seq, hidden]
 */
#include <math.h>

#include "gemma4.h"

void gemma4_text_model_load(Gemma4TextModel *m, Loader at, const Gemma4TextConfig *config)
{
    int per_layer = config->hidden_size_per_layer_input, packed = config->num_hidden_layers * per_layer;

    m->path = at.path;
    m->config = config;
    m->checkpoint = at.checkpoint;
    gemma4_text_scaled_word_embedding_load(&m->embed_tokens, child(at, "embed_tokens"), config->vocab_size,
                                           config->hidden_size, sqrt(config->hidden_size));
    m->layers = load_memory(at, (size_t)config->num_hidden_layers * sizeof *m->layers);
    for (int i = 0; i < config->num_hidden_layers; i++) {
        gemma4_text_decoder_layer_load(&m->layers[i], child_at(at, "layers", i), config, i);
        checkpoint_let_go(m->checkpoint);
    }
    gemma4_rms_norm_load(&m->norm, child(at, "norm"), config->hidden_size, config->rms_norm_eps, true);
    gemma4_text_rotary_embedding_load(&m->rotary_emb, child(at, "rotary_emb"), config);

    if (per_layer) {
        gemma4_text_scaled_word_embedding_load(&m->embed_tokens_per_layer, child(at, "embed_tokens_per_layer"),
                                               config->vocab_size_per_layer_input, packed, sqrt(per_layer));
        linear_load(&m->per_layer_model_projection, child(at, "per_layer_model_projection"), config->hidden_size,
                    packed, false);
        gemma4_rms_norm_load(&m->per_layer_projection_norm, child(at, "per_layer_projection_norm"), per_layer,
                             config->rms_norm_eps, true);
    }
}

Tensor get_per_layer_inputs(const Gemma4TextModel *m, const int64_t *input_ids, int64_t batch, int64_t seq, Run *run)
{
    Tensor packed = gemma4_text_scaled_word_embedding_forward(&m->embed_tokens_per_layer, input_ids, batch, seq, run);
    return view(packed, batch, seq, m->config->num_hidden_layers, m->config->hidden_size_per_layer_input);
}

static Tensor project_per_layer_inputs(const Gemma4TextModel *m, Tensor inputs_embeds, Tensor per_layer_inputs,
                                       Run *run)
{
    Tensor per_layer_projection = tensor_clone(linear_forward(&m->per_layer_model_projection, inputs_embeds, run), run);
    scale_(per_layer_projection, 1 / sqrt(m->config->hidden_size), run);
    per_layer_projection = tensor_view(per_layer_projection, per_layer_inputs.rank, per_layer_inputs.shape);
    per_layer_projection = gemma4_rms_norm_forward(&m->per_layer_projection_norm, per_layer_projection, run);

    per_layer_inputs = scale_(add(per_layer_projection, per_layer_inputs, run), sqrt(0.5), run);
    return tap_local(run, m->path, "per_layer_inputs", per_layer_inputs);
}

/* HF: torch.arange(seq) + past_seen_tokens, one row for the whole batch */
static const int64_t *count_positions(const ForwardArguments *arguments, Run *run)
{
    int64_t past_seen_tokens = arguments->past_key_values ? arguments->past_key_values->seq_length : 0;
    int64_t *position_ids = arena_allocate(run->arena, (size_t)arguments->seq * sizeof *position_ids);
    for (int64_t i = 0; i < arguments->seq; i++) position_ids[i] = past_seen_tokens + i;
    return position_ids;
}

/* These go through the layers together. */
typedef struct {
    Tensor hidden_states, per_layer_inputs;
    PositionEmbeddings position_embeddings[LAYER_TYPE_COUNT];
    CausalMaskMapping causal_mask_mapping;
} Stream;

/* HF: _maybe_slice_kv_shared_inputs. Shared layers write no keys and values, so that tokens whose logits nobody asks
 * for need not go through them. */
static void slice_kv_shared_inputs(Stream *s, int64_t logits_to_keep, Run *run)
{
    int64_t seq = s->hidden_states.shape[1], first = seq - logits_to_keep;
    if (seq == 1 || logits_to_keep == 0 || first <= 0) return;
    s->hidden_states = narrow(s->hidden_states, 1, first, logits_to_keep, run);
    if (s->per_layer_inputs.data) s->per_layer_inputs = narrow(s->per_layer_inputs, 1, first, logits_to_keep, run);
    for (int type = 0; type < LAYER_TYPE_COUNT; type++) {
        PositionEmbeddings *p = &s->position_embeddings[type];
        Tensor *mask = &s->causal_mask_mapping.of[type];
        if (!mask->data) continue;
        p->cos = narrow(p->cos, 1, first, logits_to_keep, run);
        p->sin = narrow(p->sin, 1, first, logits_to_keep, run);
        *mask = narrow(*mask, 2, first, logits_to_keep, run);
    }
}

static Tensor layers_forward(const Gemma4TextModel *m, Stream s, const ForwardArguments *arguments, Run *run)
{
    const Gemma4TextConfig *config = m->config;
    int first_kv_shared_layer_idx = config->num_hidden_layers - config->num_kv_shared_layers;
    SharedKvStates shared_kv_states = { 0 };

    ArenaMark mark = arena_mark(run->arena);
    for (int i = 0; i < config->num_hidden_layers; i++) {
        if (i == first_kv_shared_layer_idx) {
            slice_kv_shared_inputs(&s, arguments->logits_to_keep, run);
            mark = arena_mark(run->arena);
        }
        LayerType layer_type = config->layers[i].layer_type;
        Tensor per_layer_input = { 0 };
        if (s.per_layer_inputs.data) {
            per_layer_input = narrow(s.per_layer_inputs, 2, i, 1, run);
            per_layer_input = view(per_layer_input, per_layer_input.shape[0], per_layer_input.shape[1], -1);
        }
        Gemma4TextLayerArguments layer_arguments = { s.position_embeddings[layer_type],
                                                     s.causal_mask_mapping.of[layer_type], &shared_kv_states,
                                                     arguments->past_key_values };
        s.hidden_states = gemma4_text_decoder_layer_forward(&m->layers[i], s.hidden_states, per_layer_input,
                                                            &layer_arguments, run);
        s.hidden_states = keep(run, mark, s.hidden_states);
        if (arguments->seq > 1) checkpoint_let_go(m->checkpoint); /* nothing of a layer is read again soon */
    }
    arena_free(&shared_kv_states.arena);
    return s.hidden_states;
}

Tensor gemma4_text_model_forward(const Gemma4TextModel *m, const ForwardArguments *arguments, Tensor inputs_embeds,
                                 Tensor per_layer_inputs, const CausalMaskMapping *causal_mask_mapping, Run *run)
{
    int64_t batch = arguments->batch, seq = arguments->seq;
    const int64_t *input_ids = arguments->input_ids, *position_ids = arguments->position_ids;
    Stream s = { 0 };

    if (!inputs_embeds.data)
        inputs_embeds = gemma4_text_scaled_word_embedding_forward(&m->embed_tokens, input_ids, batch, seq, run);

    if (m->config->hidden_size_per_layer_input) {
        if (!per_layer_inputs.data) per_layer_inputs = get_per_layer_inputs(m, input_ids, batch, seq, run);
        s.per_layer_inputs = project_per_layer_inputs(m, inputs_embeds, per_layer_inputs, run);
    }

    int64_t position_rows = position_ids ? batch : 1;
    if (!position_ids) position_ids = count_positions(arguments, run);

    s.causal_mask_mapping = causal_mask_mapping ? *causal_mask_mapping
                                                : create_masks_for_generate(m->path, m->config, arguments, NULL, run);

    /* embed positions */
    s.hidden_states = inputs_embeds;
    for (int type = 0; type < LAYER_TYPE_COUNT; type++)
        if (m->config->rope_parameters[type].exists)
            s.position_embeddings[type] = gemma4_text_rotary_embedding_forward(
                &m->rotary_emb, position_ids, position_rows, seq, (LayerType)type, run);

    /* decoder layers */
    Tensor hidden_states = layers_forward(m, s, arguments, run);

    hidden_states = gemma4_rms_norm_forward(&m->norm, hidden_states, run);
    if (arguments->past_key_values) arguments->past_key_values->seq_length += seq;
    return tap_output(run, m->path, hidden_states);
}
