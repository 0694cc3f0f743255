/* text_scaled_word_embedding.c - Gemma4TextScaledWordEmbedding: rows of a table, times the square root of a width
 *
 * The factor is rounded to the dtype of the weights: 39.19 becomes 39.25 in bfloat16.
 */
#include "gemma4.h"

void gemma4_text_scaled_word_embedding_load(Gemma4TextScaledWordEmbedding *m, Loader at, int num_embeddings,
                                            int embedding_dim, double embed_scale)
{
    m->path = at.path;
    m->weight = load_table(at, "weight", num_embeddings, embedding_dim);
    m->embed_scale = (float)embed_scale;
}

Tensor gemma4_text_scaled_word_embedding_forward(const Gemma4TextScaledWordEmbedding *m, const int64_t *input_ids,
                                                 int64_t batch, int64_t seq, Run *run)
{
    Tensor embeds = embedding(m->weight, input_ids, batch, seq, run);
    return tap_output(run, m->path, scale_(embeds, weight_scalar(run, m->embed_scale), run));
}
