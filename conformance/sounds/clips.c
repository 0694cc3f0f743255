/* clips.c - WAV files, read once */
#include "sounds/clips.h"

#include <stdlib.h>
#include <string.h>

#include "pictures/case_files.h"

static void check_model_type(const char *model_folder, Arena *arena, Error *error)
{
    ConfigReader at = { .file = arena_format(arena, "%s/config.json", model_folder), .path = "", .error = error };
    json_t *config = config_open(at.file, error);
    at.object = config;
    const char *model_type = config_string(at, "model_type");
    if (!error_is_set(error) && strcmp(model_type, "gemma4") != 0)
        config_refuse(at, "model_type", model_type, "gemma4, whose sounds alone are graded");
    json_decref(config);
}

Clips *clips_open(const char *model_folder, const ProcessorRequest *request, Error *error)
{
    Clips *c = allocate_zeroed(1, sizeof *c);
    check_model_type(model_folder, &c->arena, error);
    if (!error_is_set(error)) gemma4_audio_load(&c->extractor, model_folder, &c->arena, error);
    c->count = request->sounds.count;
    c->paths = arena_allocate(&c->arena, (size_t)c->count * sizeof *c->paths);
    c->waveforms = arena_allocate(&c->arena, (size_t)c->count * sizeof *c->waveforms);
    for (int i = 0; i < c->count && !error_is_set(error); i++) {
        c->paths[i] = arena_format(&c->arena, "%s", request->sounds.paths[i]);
        c->waveforms[i] = waveform_load_wav(c->paths[i], c->extractor.sampling_rate, &c->arena, error);
        if (c->waveforms[i].count > c->longest) c->longest = c->waveforms[i].count;
    }
    if (!error_is_set(error)) return c;
    clips_close(c);
    return NULL;
}

void clips_close(Clips *clips)
{
    if (!clips) return;
    arena_free(&clips->arena);
    free(clips);
}

Clips *case_clips_open(const char *folder, const char *model_folder, const Inputs *inputs, Error *error)
{
    Arena arena = { 0 };
    Clips *clips = NULL;
    ConfigReader at;
    json_t *config = case_json_open(folder, &at, &arena, error);
    if (config && config_has(at, "sounds")) {
        ProcessorRequest request = { .sounds = case_files(at, "sounds", "WAV files", folder, &arena) };
        int64_t given = inputs->input_features ? inputs->input_features->shape[0] : 0;
        if (!error_is_set(error) && given != request.sounds.count)
            error_set(error, "%s: sounds: found %d, expected %lld, as in the inputs", at.file, request.sounds.count,
                      (long long)given);
        if (!error_is_set(error)) clips = clips_open(model_folder, &request, error);
    }
    json_decref(config);
    arena_free(&arena);
    return clips;
}
