/* processor.c - one picture at a time, then all sounds, from their files to the file of inputs */
#include "processor/processor.h"

#include <string.h>

#include "checkpoint/safetensors.h"
#include "processor/prompt.h"
#include "image/video_processor.h"

/* Which processors config.json's model_type stands for */
typedef struct {
    const char *model_type;
    void (*load_image)(Gemma4ImageProcessor *, const char *folder, ResizeFlavour, int max_soft_tokens, Error *);
    void (*load_video)(Gemma4ImageProcessor *, const char *folder, int max_soft_tokens, Error *);
    ImageFeatures (*preprocess)(const Gemma4ImageProcessor *, Picture, const char *file, Arena *, Error *);
    bool is_unified; /* its Gemma4UnifiedAudioFeatureExtractor takes raw sound */
} Family;

static const Family families[] = {
    { "gemma4", gemma4_image_processor_load, gemma4_video_processor_load, gemma4_image_preprocess, false },
    { "gemma4_unified", gemma4_unified_image_processor_load, gemma4_unified_video_processor_load,
      gemma4_unified_image_preprocess, true },
};

typedef struct {
    const Family *family;
    Gemma4ImageProcessor processor;
    PngOptions png;
    const char *pixels_name, *positions_name;
    PictureReport *reports; /* [count] */
    int count;
    SafetensorsWriter *writer;
    Arena *arena;
    Error *error;
} Pictures;

/* Appends the patches of picture i; -> the length of their sequence, and its positions, kept in memory of their own. */
static int64_t write_pixels(const Pictures *p, int i, int64_t length, int64_t **position_ids, Arena *kept)
{
    PictureReport *report = &p->reports[i];
    ArenaMark mark = arena_mark(p->arena);
    Picture picture = picture_load_png(report->path, p->png, p->arena, p->error);
    report->width = picture.width;
    report->height = picture.height;
    if (error_is_set(p->error)) return 0;
    ImageFeatures f = p->family->preprocess(&p->processor, picture, report->path, p->arena, p->error);
    if (error_is_set(p->error)) return 0;
    report->columns = f.columns;
    report->rows = f.rows;
    report->new_width = f.columns * f.side;
    report->new_height = f.rows * f.side;
    report->soft_tokens = f.soft_tokens;
    int64_t shape[] = { p->count, f.length, 3 * (int64_t)f.side * f.side };
    if (i == 0) safetensors_writer_begin(p->writer, p->pixels_name, DTYPE_F32, 3, shape);
    if (i > 0 && f.length != length)
        error_set(p->error, "%s: found %lld patches, expected %lld, as of %s: do_resize is false", report->path,
                  (long long)f.length, (long long)length, p->reports[0].path);
    else
        safetensors_writer_append(p->writer, f.pixel_values, (size_t)(shape[1] * shape[2]) * sizeof(float));
    size_t size = 2 * (size_t)f.length * sizeof **position_ids;
    *position_ids = memcpy(arena_allocate(kept, size), f.position_ids, size);
    arena_release(p->arena, mark);
    return f.length;
}

static void write_pictures(const Pictures *p)
{
    Arena kept = { 0 };
    int64_t length = 0, **position_ids = arena_allocate(&kept, (size_t)p->count * sizeof *position_ids);
    for (int i = 0; i < p->count && !error_is_set(p->error); i++)
        length = write_pixels(p, i, length, &position_ids[i], &kept);
    if (p->count > 0 && !error_is_set(p->error)) {
        safetensors_writer_begin(p->writer, p->positions_name, DTYPE_I64, 3, (int64_t[]){ p->count, length, 2 });
        for (int i = 0; i < p->count; i++)
            safetensors_writer_append(p->writer, position_ids[i], (size_t)(2 * length) * sizeof(int64_t));
    }
    arena_free(&kept);
}

/* Hugging Face stacks the frames of a video before it resizes them. */
static void check_frames(const ProcessorReport *report, int videos, Error *error)
{
    const PictureReport *frame = report->frames;
    for (int v = 0; v < videos; frame += report->frames_per_video[v++])
        for (int i = 1; i < report->frames_per_video[v]; i++)
            if (frame[i].width != frame->width || frame[i].height != frame->height)
                error_set(error, "%s: found %d x %d pixels, expected %d x %d, as of the video's first frame",
                          frame[i].path, frame[i].width, frame[i].height, frame->width, frame->height);
}

static void write_integers(SafetensorsWriter *writer, const char *name, const int64_t *values, int64_t count)
{
    safetensors_writer_begin(writer, name, DTYPE_I64, 2, (int64_t[]){ 1, count });
    safetensors_writer_append(writer, values, (size_t)count * sizeof *values);
}

static void write_frame_counts(SafetensorsWriter *writer, const int *counts, int videos)
{
    safetensors_writer_begin(writer, "num_frames_per_video", DTYPE_I64, 1, (int64_t[]){ videos });
    for (int v = 0; v < videos; v++) safetensors_writer_append(writer, &(int64_t){ counts[v] }, sizeof(int64_t));
}

/* soft_tokens: of the first of `count` reports that are `size` bytes each */
static PromptFeatures prompt_features(const int *soft_tokens, size_t size, int count, Arena *arena)
{
    int *copy = arena_allocate(arena, (size_t)count * sizeof *copy);
    for (int i = 0; i < count; i++) copy[i] = *(const int *)((const char *)soft_tokens + (size_t)i * size);
    return (PromptFeatures){ copy, count };
}

static int64_t write_prompt(SafetensorsWriter *writer, const ProcessorRequest *request, const ProcessorReport *report,
                            const PromptTokens *tokens, Arena *arena, Error *error)
{
    PromptIds ids = { 0 };
    if (!error_is_set(error)) ids = prompt_ids_parse(request->prompt_name, request->prompt_ids, arena, error);
    if (!ids.ids) return 0;
    PromptMedia media = {
        prompt_features(&report->images->soft_tokens, sizeof(PictureReport), report->image_count, arena),
        prompt_features(&report->frames->soft_tokens, sizeof(PictureReport), report->frame_count, arena),
        prompt_features(&report->sounds->soft_tokens, sizeof(SoundReport), report->sound_count, arena),
    };
    Prompt prompt = prompt_expand(ids, tokens, media, arena, error);
    if (error_is_set(error)) return 0;
    int64_t *ones = arena_allocate(arena, (size_t)prompt.length * sizeof *ones);
    for (int64_t i = 0; i < prompt.length; i++) ones[i] = 1;
    write_integers(writer, "input_ids", prompt.input_ids, prompt.length);
    write_integers(writer, "attention_mask", ones, prompt.length);
    write_integers(writer, "mm_token_type_ids", prompt.mm_token_type_ids, prompt.length);
    return prompt.length;
}

static PictureReport *new_reports(int count, Arena *arena)
{
    return memset(arena_allocate(arena, (size_t)count * sizeof(PictureReport)), 0,
                  (size_t)count * sizeof(PictureReport));
}

static void list_files(ProcessorReport *report, const ProcessorRequest *request, Arena *arena, Error *error)
{
    Paths videos = request->videos;
    VideoFrames *frames = arena_allocate(arena, (size_t)videos.count * sizeof *frames);
    report->frames_per_video = arena_allocate(arena, (size_t)videos.count * sizeof *report->frames_per_video);
    for (int v = 0; v < videos.count; v++) {
        frames[v] = video_frames(videos.paths[v], arena, error);
        report->frames_per_video[v] = frames[v].count;
        report->frame_count += frames[v].count;
    }
    report->image_count = request->images.count;
    report->images = new_reports(report->image_count, arena);
    for (int i = 0; i < report->image_count; i++) report->images[i].path = request->images.paths[i];
    PictureReport *frame = report->frames = new_reports(report->frame_count, arena);
    for (int v = 0; v < videos.count; v++)
        for (int i = 0; i < frames[v].count; i++) (frame++)->path = frames[v].paths[i];
    report->sound_count = request->sounds.count;
    report->sounds = arena_allocate(arena, (size_t)report->sound_count * sizeof *report->sounds);
    for (int i = 0; i < report->sound_count; i++) report->sounds[i] = (SoundReport){ .path = request->sounds.paths[i] };
}

static const Family *find_family(ConfigReader at)
{
    const char *model_type = config_string(at, "model_type");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].model_type, model_type) == 0) return &families[i];
    config_refuse(at, "model_type", model_type, "gemma4 or gemma4_unified");
    return NULL;
}

static void refuse_null(ConfigReader at, const char *key, const char *expected)
{
    if (!error_is_set(at.error) && json_is_null(json_object_get(at.object, key)))
        config_refuse(at, key, "null", expected);
}

/* config.json says whose processor it is, whether the model takes what is given, and the ids of the tokens. */
static PromptTokens read_config(const char *folder, const ProcessorRequest *request, const Family **family,
                                Arena *arena, Error *error)
{
    ConfigReader at = { .file = arena_format(arena, "%s/config.json", folder), .path = "", .error = error };
    json_t *config = config_open(at.file, error);
    at.object = config;
    *family = find_family(at);
    if (request->images.count + request->videos.count > 0)
        refuse_null(at, "vision_config", "one: this model takes no pictures");
    if (request->sounds.count > 0) refuse_null(at, "audio_config", "one: this model takes no sound");
    PromptTokens tokens = prompt_tokens_load(at);
    json_decref(config);
    return tokens;
}

/* Everything that is written, and who makes it */
typedef struct {
    Pictures images, frames;
    Gemma4AudioFeatureExtractor gemma4_audio;
    Gemma4UnifiedAudioFeatureExtractor unified_audio;
    AudioFeatureExtractor extractor;
    PromptTokens tokens;
} Processor;

static void load_audio(Processor *p, const Family *family, const char *folder, const ProcessorRequest *request,
                       Arena *arena, Error *error)
{
    if (family->is_unified) {
        p->extractor.unified = &p->unified_audio;
        gemma4_unified_audio_load(&p->unified_audio, folder, request->max_audio_tokens, error);
        return;
    }
    p->extractor.gemma4 = &p->gemma4_audio;
    if (request->max_audio_tokens)
        error_set(error,
                  "--max-audio-tokens: found %d, expected none: Hugging Face cuts sound for gemma4 to 480000 "
                  "samples",
                  request->max_audio_tokens);
    gemma4_audio_load(&p->gemma4_audio, folder, arena, error);
}

static void load_settings(Processor *p, const Family *family, const char *folder, const ProcessorRequest *request,
                          Arena *arena, Error *error)
{
    if (request->images.count && !error_is_set(error))
        family->load_image(&p->images.processor, folder, request->flavour, request->max_soft_tokens, error);
    if (request->videos.count && !error_is_set(error))
        family->load_video(&p->frames.processor, folder, request->max_soft_tokens, error);
    if (request->sounds.count && !error_is_set(error)) load_audio(p, family, folder, request, arena, error);
}

static void write_all(Processor *p, SafetensorsWriter *writer, const ProcessorRequest *request, ProcessorReport *report,
                      Arena *arena, Error *error)
{
    p->images.writer = p->frames.writer = writer;
    write_pictures(&p->images);
    write_pictures(&p->frames);
    check_frames(report, request->videos.count, error);
    if (request->videos.count && !error_is_set(error))
        write_frame_counts(writer, report->frames_per_video, request->videos.count);
    sounds_write(writer, p->extractor, report->sounds, report->sound_count, arena, error);
    if (request->prompt_ids) report->prompt_length = write_prompt(writer, request, report, &p->tokens, arena, error);
}

ProcessorReport gemma4_processor_write(const char *model_folder, const ProcessorRequest *request, const char *path,
                                       Arena *arena, Error *error)
{
    ProcessorReport report = { 0 };
    const Family *family;
    Processor p = { .tokens = read_config(model_folder, request, &family, arena, error) };
    if (!error_is_set(error)) list_files(&report, request, arena, error);
    p.images = (Pictures){ .family = family,
                           .png = request->png,
                           .pixels_name = "pixel_values",
                           .positions_name = "image_position_ids",
                           .reports = report.images,
                           .count = report.image_count,
                           .arena = arena,
                           .error = error };
    p.frames = p.images;
    p.frames.pixels_name = "pixel_values_videos";
    p.frames.positions_name = "video_position_ids";
    p.frames.reports = report.frames;
    p.frames.count = report.frame_count;
    p.frames.png.alpha = ALPHA_DROPPED;
    load_settings(&p, family, model_folder, request, arena, error);
    SafetensorsWriter *writer = error_is_set(error) ? NULL : safetensors_writer_open(path, error);
    if (!writer) return report;
    write_all(&p, writer, request, &report, arena, error);
    if (error_is_set(error))
        safetensors_writer_abandon(writer);
    else
        safetensors_writer_close(writer, error);
    return report;
}
