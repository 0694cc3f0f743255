/* vision_encoder.c - Gemma4VisionEncoder */
#include "gemma4.h"

void gemma4_vision_encoder_load(Gemma4VisionEncoder *m, Loader at, const Gemma4VisionConfig *config)
{
    m->path = at.path;
    m->num_layers = config->num_hidden_layers;
    gemma4_vision_rotary_embedding_load(&m->rotary_emb, child(at, "rotary_emb"), config);
    m->layers = load_memory(at, (size_t)m->num_layers * sizeof *m->layers);
    for (int i = 0; i < m->num_layers; i++)
        gemma4_vision_encoder_layer_load(&m->layers[i], child_at(at, "layers", i), config);
}

/* One row of HF's [batch, 1, seq, seq] is enough: padding is masked as a key, never as a query, so all are equal. */
static Tensor create_bidirectional_mask(const bool *padding_positions, int64_t batch, int64_t seq, Run *run)
{
    bool padded = false;
    for (int64_t i = 0; i < batch * seq; i++) padded |= padding_positions[i];
    if (!padded) return (Tensor){ 0 };

    Tensor attention_mask = new_tensor(run, batch, 1, 1, seq);
    for (int64_t i = 0; i < batch * seq; i++) attention_mask.data[i] = padding_positions[i] ? dtype_min(run) : 0;
    return attention_mask;
}

Tensor gemma4_vision_encoder_forward(const Gemma4VisionEncoder *m, Tensor inputs_embeds, const bool *padding_positions,
                                     PositionIds pixel_position_ids, Run *run)
{
    Tensor attention_mask = create_bidirectional_mask(padding_positions, inputs_embeds.shape[0], inputs_embeds.shape[1],
                                                      run);

    /* embed positions */
    Tensor hidden_states = inputs_embeds;
    PositionEmbeddings position_embeddings = gemma4_vision_rotary_embedding_forward(&m->rotary_emb, pixel_position_ids,
                                                                                    run);

    /* encoder layers */
    ArenaMark mark = arena_mark(run->arena);
    for (int i = 0; i < m->num_layers; i++) {
        hidden_states = gemma4_vision_encoder_layer_forward(&m->layers[i], hidden_states, position_embeddings,
                                                            attention_mask, run);
        hidden_states = keep(run, mark, hidden_states);
    }
    return tap_output(run, m->path, hidden_states);
}
