/* vision_patch_embedder.c - Gemma4VisionPatchEmbedder
 *
 *   pixel_values [batch, patches, 3 * patch_size^2], 0 .. 1
 *     2 * (pixel_values - 0.5)
 *     input_proj                           -> [batch, patches, hidden]
 *     + table[0][x] + table[1][y]          zero at padding
 */
#include "gemma4.h"

void gemma4_vision_patch_embedder_load(Gemma4VisionPatchEmbedder *m, Loader at, const Gemma4VisionConfig *config)
{
    m->path = at.path;
    m->hidden_size = config->hidden_size;
    m->position_embedding_size = config->position_embedding_size;
    linear_load(&m->input_proj, child(at, "input_proj"), 3 * config->patch_size * config->patch_size, m->hidden_size,
                false);
    m->position_embedding_table = load_tensor(at, "position_embedding_table", 2, m->position_embedding_size,
                                              m->hidden_size);
}

static Tensor position_embeddings(const Gemma4VisionPatchEmbedder *m, PositionIds pixel_position_ids,
                                  const bool *padding_positions, Run *run)
{
    int64_t batch = pixel_position_ids.batch, patches = pixel_position_ids.patches, hidden = m->hidden_size;
    Tensor position_embeddings = new_tensor(run, batch, patches, hidden);
    Tensor y_emb = new_tensor(run, hidden);

    for (int64_t i = 0; i < batch * patches; i++) {
        Tensor x_emb = { position_embeddings.data + i * hidden, 1, { hidden } };
        const int64_t *xy = pixel_position_ids.xy + 2 * i;
        int64_t x = xy[0] < 0 ? 0 : xy[0], y = xy[1] < 0 ? 0 : xy[1]; /* HF: clamp(min=0) */
        read_weight(run, m->position_embedding_table, x * hidden, hidden, x_emb.data);
        read_weight(run, m->position_embedding_table, (m->position_embedding_size + y) * hidden, hidden, y_emb.data);
        add_(x_emb, y_emb, run);
    }
    position_embeddings = masked_fill(position_embeddings, padding_positions, 0, run);
    return tap_local(run, m->path, "position_embeddings", position_embeddings);
}

Tensor gemma4_vision_patch_embedder_forward(const Gemma4VisionPatchEmbedder *m, Tensor pixel_values,
                                            PositionIds pixel_position_ids, const bool *padding_positions, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);

    /* In the dtype of the pixels, which is float32; only then does HF cast to the model's. */
    Tensor scaled = tensor_new(run, pixel_values.rank, pixel_values.shape);
    for (int64_t i = 0; i < elements(scaled); i++) scaled.data[i] = 2 * (pixel_values.data[i] - (real)0.5);
    scaled = to_dtype_(scaled, run);

    Tensor hidden_states = linear_of_patches_forward(&m->input_proj, scaled, run);
    Tensor embeddings = position_embeddings(m, pixel_position_ids, padding_positions, run);
    return tap_output(run, m->path, keep(run, mark, add_(hidden_states, embeddings, run)));
}
