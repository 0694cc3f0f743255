/* vision_rotary_embedding.c - Gemma4VisionRotaryEmbedding
 *
 *   position_ids [batch, patches, 2]  ->  cos, sin [batch, patches, head_dim]
 *
 * In quarters of head_dim the angles are x, x, y, y. HF calls the two halves freq_h and freq_w; position ids are
 * (x, y), so freq_h is x. Padding keeps its -1 here.
 */
#include <math.h>

#include "gemma4.h"

void gemma4_vision_rotary_embedding_load(Gemma4VisionRotaryEmbedding *m, Loader at, const Gemma4VisionConfig *config)
{
    int spatial_dim = config->head_dim / 2;

    m->path = at.path;
    m->head_dim = config->head_dim;
    m->inv_freq = load_memory(at, (size_t)(spatial_dim / 2) * sizeof *m->inv_freq);
    for (int i = 0; i < spatial_dim; i += 2) m->inv_freq[i / 2] = inverse_frequency(config->rope_theta, i, spatial_dim);
}

PositionEmbeddings gemma4_vision_rotary_embedding_forward(const Gemma4VisionRotaryEmbedding *m,
                                                          PositionIds position_ids, Run *run)
{
    int64_t batch = position_ids.batch, patches = position_ids.patches, head_dim = m->head_dim, quarter = head_dim / 4;
    Tensor cosines = new_tensor(run, batch, patches, head_dim);
    Tensor sines = new_tensor(run, batch, patches, head_dim);

    for (int64_t i = 0; i < batch * patches; i++)
        for (int64_t j = 0; j < head_dim; j++) {
            bool is_y = j >= 2 * quarter;
            real freq = (real)position_ids.xy[2 * i + is_y] * (real)m->inv_freq[j % quarter];
            cosines.data[i * head_dim + j] = (real)cos(freq);
            sines.data[i * head_dim + j] = (real)sin(freq);
        }
    cosines = to_dtype_(cosines, run);
    sines = to_dtype_(sines, run);
    return (PositionEmbeddings){
        .cos = tap_local(run, m->path, "cos", cosines),
        .sin = tap_local(run, m->path, "sin", sines),
    };
}
