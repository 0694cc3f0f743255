/* vision_embedder.c - Gemma4UnifiedVisionEmbedder
 *
 *   pixel_values [images, patches, 3 * model_patch_size^2], 0 .. 1 as they are: no 2 * (x - 0.5) here
 *     patch_ln1, patch_dense, patch_ln2    -> [images, patches, mm_embed_dim]
 *     + pos_embedding[x][0] + pos_embedding[y][1], each of them zero where the position is -1
 *     pos_norm
 *     multimodal_embedder                  -> [images, patches, text hidden]
 *
 * Padding rows go through it all; the model leaves them out afterwards.
 */
#include "gemma4_unified.h"

void gemma4_unified_vision_embedder_load(Gemma4UnifiedVisionEmbedder *m, Loader at,
                                         const Gemma4UnifiedVisionConfig *vision_config,
                                         const Gemma4TextConfig *text_config)
{
    int patch_dim = 3 * vision_config->model_patch_size * vision_config->model_patch_size;
    int mm_embed_dim = vision_config->mm_embed_dim;

    m->path = at.path;
    m->mm_embed_dim = mm_embed_dim;
    layer_norm_load(&m->patch_ln1, child(at, "patch_ln1"), patch_dim, LAYER_NORM_EPS, true);
    linear_load(&m->patch_dense, child(at, "patch_dense"), patch_dim, mm_embed_dim, true);
    layer_norm_load(&m->patch_ln2, child(at, "patch_ln2"), mm_embed_dim, LAYER_NORM_EPS, true);
    m->pos_embedding = load_tensor(at, "pos_embedding", vision_config->mm_posemb_size, 2, mm_embed_dim);
    layer_norm_load(&m->pos_norm, child(at, "pos_norm"), mm_embed_dim, LAYER_NORM_EPS, true);
    gemma4_multimodal_embedder_load(&m->multimodal_embedder, child(at, "multimodal_embedder"), mm_embed_dim,
                                    vision_config->rms_norm_eps, text_config->hidden_size);
}

/* (pos_embedding[clamped, axes] * valid).sum(-2), rounded once */
static Tensor position_embeddings(const Gemma4UnifiedVisionEmbedder *m, PositionIds image_position_ids, Run *run)
{
    int64_t width = m->mm_embed_dim, count = image_position_ids.batch * image_position_ids.patches;
    Tensor pos_embs = new_tensor(run, image_position_ids.batch, image_position_ids.patches, width);
    Tensor of_axis = new_tensor(run, width);
    for (int64_t i = 0; i < elements(pos_embs); i++) pos_embs.data[i] = 0;
    for (int64_t i = 0; i < 2 * count; i++) {
        int64_t position = image_position_ids.xy[i], axis = i % 2;
        int64_t clamped = position < 0 ? 0 : position;
        if (position == -1) continue; /* not valid; HF takes other negative ones for 0 */
        read_weight(run, m->pos_embedding, (2 * clamped + axis) * width, width, of_axis.data);
        for (int64_t j = 0; j < width; j++) pos_embs.data[i / 2 * width + j] += of_axis.data[j];
    }
    return tap_local(run, m->path, "pos_embs", to_dtype_(pos_embs, run));
}

Tensor gemma4_unified_vision_embedder_forward(const Gemma4UnifiedVisionEmbedder *m, Tensor pixel_values,
                                              PositionIds image_position_ids, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);

    Tensor hidden_states = layer_norm_forward(&m->patch_ln1, to_dtype_(pixel_values, run), run);
    hidden_states = linear_forward(&m->patch_dense, hidden_states, run);
    hidden_states = layer_norm_forward(&m->patch_ln2, hidden_states, run);

    hidden_states = add(hidden_states, position_embeddings(m, image_position_ids, run), run);
    hidden_states = layer_norm_forward(&m->pos_norm, hidden_states, run);

    Tensor pooled_states = gemma4_multimodal_embedder_forward(&m->multimodal_embedder, hidden_states, run);
    return tap_output(run, m->path, keep(run, mark, pooled_states));
}
