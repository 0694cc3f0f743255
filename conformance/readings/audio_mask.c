/* audio_mask.c - sound that is masked as transformers before 5.20 masked it
 *
 * There the audio tower took its mask for a boolean. In sdpa mode, the default, it was one. In eager mode it was what
 * is added to the logits, and so each query heard the frames that it should not (bugs/audio_reading.h).
 */
#include "readings/reading.h"

static bool audio_mask_matters(const Trial *trial)
{
    const json_t *audio = json_object_get(model_config(trial->model), "audio_config");
    return trial->inputs->input_features && json_object_get(audio, "attention_chunk_size");
}

const Reading audio_mask = { .flag = READING_AUDIO_MASK,
                             .name = "audio-mask-before-5.20",
                             .sentence = "sound is masked as by transformers before 5.20 in eager mode: each query "
                                         "hears what it should not, see docs/readings.md",
                             .matters = audio_mask_matters };
