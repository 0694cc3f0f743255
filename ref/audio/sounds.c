/* sounds.c - all clips are read first: the longest says how many frames each has */
#include "audio/sounds.h"

static int64_t read_clips(int sampling_rate, SoundReport *reports, Waveform *waveforms, int count, Arena *arena,
                          Error *error)
{
    int64_t longest = 0;
    for (int i = 0; i < count && !error_is_set(error); i++) {
        waveforms[i] = waveform_load_wav(reports[i].path, sampling_rate, arena, error);
        reports[i].samples = waveforms[i].count;
        if (waveforms[i].count > longest) longest = waveforms[i].count;
    }
    return longest;
}

/* -> the soft tokens of the clip */
static int extract(AudioFeatureExtractor e, Waveform waveform, int64_t longest, float *features, unsigned char *mask)
{
    if (e.unified) {
        gemma4_unified_audio_extract(e.unified, waveform, gemma4_unified_audio_frames(e.unified, longest), features,
                                     mask);
        return (int)gemma4_unified_audio_frames(e.unified, waveform.count);
    }
    gemma4_audio_extract(e.gemma4, waveform, longest, features, mask);
    return gemma4_audio_soft_tokens(mask, gemma4_audio_frames(e.gemma4, longest));
}

void sounds_write(SafetensorsWriter *writer, AudioFeatureExtractor e, SoundReport *reports, int count, Arena *arena,
                  Error *error)
{
    if (count == 0 || error_is_set(error)) return;
    ArenaMark mark = arena_mark(arena);
    Waveform *waveforms = arena_allocate(arena, (size_t)count * sizeof *waveforms);
    int sampling_rate = e.unified ? e.unified->sampling_rate : e.gemma4->sampling_rate;
    int64_t longest = read_clips(sampling_rate, reports, waveforms, count, arena, error);
    int64_t width = e.unified ? e.unified->audio_samples_per_token : e.gemma4->feature_size,
            frames = e.unified ? gemma4_unified_audio_frames(e.unified, longest)
                               : gemma4_audio_frames(e.gemma4, longest);
    if (!error_is_set(error)) {
        size_t size = checked_size(frames, width, sizeof(float));
        float *features = arena_allocate(arena, size);
        unsigned char *masks = arena_allocate(arena, checked_size(count, frames, 1));
        safetensors_writer_begin(writer, "input_features", DTYPE_F32, 3, (int64_t[]){ count, frames, width });
        for (int i = 0; i < count; i++) {
            reports[i].soft_tokens = extract(e, waveforms[i], longest, features, masks + i * frames);
            safetensors_writer_append(writer, features, size);
        }
        safetensors_writer_begin(writer, "input_features_mask", DTYPE_BOOL, 2, (int64_t[]){ count, frames });
        safetensors_writer_append(writer, masks, (size_t)count * (size_t)frames);
    }
    arena_release(arena, mark);
}
