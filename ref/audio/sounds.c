/* sounds.c - all clips are read first: the longest says how many frames each has */
#include "audio/sounds.h"

static int64_t read_clips(const Gemma4UnifiedAudioFeatureExtractor *p, SoundReport *reports, Waveform *waveforms,
                          int count, Arena *arena, Error *error)
{
    int64_t longest = 0;
    for (int i = 0; i < count && !error_is_set(error); i++) {
        waveforms[i] = waveform_load_wav(reports[i].path, p->sampling_rate, arena, error);
        int64_t frames = gemma4_unified_audio_frames(p, waveforms[i].count);
        reports[i].samples = waveforms[i].count;
        reports[i].soft_tokens = (int)frames;
        if (frames > longest) longest = frames;
    }
    return longest;
}

void sounds_write(SafetensorsWriter *writer, const Gemma4UnifiedAudioFeatureExtractor *p, SoundReport *reports,
                  int count, Arena *arena, Error *error)
{
    ArenaMark mark = arena_mark(arena);
    Waveform *waveforms = arena_allocate(arena, (size_t)count * sizeof *waveforms);
    int64_t frames = read_clips(p, reports, waveforms, count, arena, error);
    if (count > 0 && !error_is_set(error)) {
        size_t width = (size_t)p->audio_samples_per_token, size = (size_t)frames * width * sizeof(float);
        float *features = arena_allocate(arena, size);
        unsigned char *masks = arena_allocate(arena, (size_t)count * (size_t)frames);
        safetensors_writer_begin(writer, "input_features", DTYPE_F32, 3, (int64_t[]){ count, frames, (int64_t)width });
        for (int i = 0; i < count; i++) {
            gemma4_unified_audio_extract(p, waveforms[i], frames, features, masks + i * frames);
            safetensors_writer_append(writer, features, size);
        }
        safetensors_writer_begin(writer, "input_features_mask", DTYPE_BOOL, 2, (int64_t[]){ count, frames });
        safetensors_writer_append(writer, masks, (size_t)count * (size_t)frames);
    }
    arena_release(arena, mark);
}
