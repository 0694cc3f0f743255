/* text_rotary_embedding.c - Gemma4TextRotaryEmbedding, and transformers' _compute_proportional_rope_parameters
 *
 *   position_ids [batch, seq]  ->  cos, sin [batch, seq, head_dim], a table for each type of layer
 *
 * Sliding layers turn every pair of channels (i, i + head_dim / 2). Full layers are proportional: the frequencies are
 * spaced for the whole head_dim, but only the first partial_rotary_factor of them turn; the others are 0.
 */
#include <math.h>
#include <stdio.h>

#include "gemma4.h"

static void inv_freq_load(float *inv_freq, const Gemma4TextRopeConfig *rope)
{
    int head_dim = rope->head_dim, rope_angles = head_dim / 2;
    if (rope->proportional) rope_angles = (int)floor(rope->partial_rotary_factor * head_dim / 2);
    for (int i = 0; i < head_dim / 2; i++) {
        inv_freq[i] = i < rope_angles ? inverse_frequency(rope->rope_theta, 2 * i, head_dim) : 0;
        if (rope->proportional) inv_freq[i] /= (float)rope->factor;
    }
}

void gemma4_text_rotary_embedding_load(Gemma4TextRotaryEmbedding *m, Loader at, const Gemma4TextConfig *config)
{
    m->path = at.path;
    for (int type = 0; type < LAYER_TYPE_COUNT; type++) {
        const Gemma4TextRopeConfig *rope = &config->rope_parameters[type];
        if (!rope->exists) continue;
        m->head_dim[type] = rope->head_dim;
        m->inv_freq[type] = load_memory(at, (size_t)(rope->head_dim / 2) * sizeof *m->inv_freq[type]);
        inv_freq_load(m->inv_freq[type], rope);
    }
}

PositionEmbeddings gemma4_text_rotary_embedding_forward(const Gemma4TextRotaryEmbedding *m, const int64_t *position_ids,
                                                        int64_t batch, int64_t seq, LayerType layer_type, Run *run)
{
    const float *inv_freq = m->inv_freq[layer_type];
    int64_t head_dim = m->head_dim[layer_type], half = head_dim / 2;
    Tensor cosines = new_tensor(run, batch, seq, head_dim);
    Tensor sines = new_tensor(run, batch, seq, head_dim);

    for (int64_t i = 0; i < batch * seq; i++)
        for (int64_t j = 0; j < head_dim; j++) {
            real freq = (real)position_ids[i] * (real)inv_freq[j % half];
            cosines.data[i * head_dim + j] = (real)cos(freq);
            sines.data[i * head_dim + j] = (real)sin(freq);
        }
    char cos_name[32], sin_name[32];
    snprintf(cos_name, sizeof cos_name, "%s_cos", layer_type_names[layer_type]);
    snprintf(sin_name, sizeof sin_name, "%s_sin", layer_type_names[layer_type]);
    cosines = to_dtype_(cosines, run);
    sines = to_dtype_(sines, run);
    return (PositionEmbeddings){
        .cos = tap_local(run, m->path, cos_name, cosines),
        .sin = tap_local(run, m->path, sin_name, sines),
    };
}
