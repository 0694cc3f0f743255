/* audio_rel_positional_encoding.c - Gemma4AudioRelPositionalEncoding
 *
 *   -> [1, context_size / 2 + 1, hidden]: sines, then cosines, of the distances context_size / 2, .., 1, 0
 *
 * The conformer knows no absolute positions: a query is told how far behind it each key lies. Timescales go from 1 to
 * 10,000 frames in equal ratios. HF makes inv_timescales in the dtype that the model is loaded in, so in bfloat16 each
 * step to them rounds, and a distance of 12 frames is off by up to 0.05 rad (docs/pitfalls.md).
 */
#include <math.h>

#include "gemma4.h"

void gemma4_audio_rel_positional_encoding_load(Gemma4AudioRelPositionalEncoding *m, Loader at,
                                               const Gemma4AudioConfig *config)
{
    m->path = at.path;
    m->hidden_size = config->hidden_size;
    m->context_size = gemma4_audio_context_size(config);
}

/* float32, or narrower, whatever real is */
static Tensor inv_timescales(const Gemma4AudioRelPositionalEncoding *m, Run *run)
{
    const double min_timescale = 1.0, max_timescale = 10000.0;
    int num_timescales = m->hidden_size / 2;
    double log_timescale_increment = log(max_timescale / min_timescale) / fmax(num_timescales - 1, 1);

    Tensor inv_timescales = new_tensor(run, num_timescales);
    real *at = inv_timescales.data;
    for (int i = 0; i < num_timescales; i++) at[i] = (real)i;
    round_result(run, at, num_timescales);
    for (int i = 0; i < num_timescales; i++) at[i] = (float)at[i] * (float)-log_timescale_increment;
    round_result(run, at, num_timescales);
    for (int i = 0; i < num_timescales; i++) at[i] = (float)exp((double)at[i]);
    return to_dtype_(inv_timescales, run);
}

Tensor gemma4_audio_rel_positional_encoding_forward(const Gemma4AudioRelPositionalEncoding *m, Run *run)
{
    int64_t positions = m->context_size / 2 + 1, num_timescales = m->hidden_size / 2;
    Tensor pos_embed = new_tensor(run, 1, positions, m->hidden_size);

    ArenaMark mark = arena_mark(run->arena);
    Tensor inverse = inv_timescales(m, run), scaled_time = new_tensor(run, num_timescales);
    for (int64_t i = 0; i < positions; i++) {
        real *sines = pos_embed.data + i * m->hidden_size, *cosines = sines + num_timescales;
        for (int64_t j = 0; j < num_timescales; j++) scaled_time.data[j] = (real)(positions - 1 - i) * inverse.data[j];
        round_result(run, scaled_time.data, num_timescales);
        for (int64_t j = 0; j < num_timescales; j++) {
            sines[j] = (real)sin((double)scaled_time.data[j]);
            cosines[j] = (real)cos((double)scaled_time.data[j]);
        }
    }
    arena_release(run->arena, mark);
    return tap_output(run, m->path, to_dtype_(pos_embed, run));
}
