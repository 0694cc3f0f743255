/* multimodal_embedder.c - Gemma4MultimodalEmbedder: RMSNorm without weight, then the projection into text space
 *
 *   inputs_embeds [soft tokens, multimodal hidden]  ->  [soft tokens, text hidden]
 */
#include "gemma4.h"

void gemma4_multimodal_embedder_load(Gemma4MultimodalEmbedder *m, Loader at, int multimodal_hidden_size, double eps,
                                     int text_hidden_size)
{
    m->path = at.path;
    linear_load(&m->embedding_projection, child(at, "embedding_projection"), multimodal_hidden_size, text_hidden_size,
                false);
    gemma4_rms_norm_load(&m->embedding_pre_projection_norm, child(at, "embedding_pre_projection_norm"),
                         multimodal_hidden_size, eps, false);
}

Tensor gemma4_multimodal_embedder_forward(const Gemma4MultimodalEmbedder *m, Tensor inputs_embeds, Run *run)
{
    Tensor embs_normed = gemma4_rms_norm_forward(&m->embedding_pre_projection_norm, inputs_embeds, run);
    return tap_output(run, m->path, linear_forward(&m->embedding_projection, embs_normed, run));
}
