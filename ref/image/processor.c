/* processor.c - one picture at a time, from its file to the file of inputs */
#include "image/processor.h"

#include <string.h>

#include "checkpoint/safetensors.h"
#include "image/prompt.h"
#include "image/video_processor.h"

/* Which processors config.json's model_type stands for */
typedef struct {
    const char *model_type;
    void (*load_image)(Gemma4ImageProcessor *, const char *folder, ResizeFlavour, int max_soft_tokens, Error *);
    void (*load_video)(Gemma4ImageProcessor *, const char *folder, int max_soft_tokens, Error *);
    ImageFeatures (*preprocess)(const Gemma4ImageProcessor *, Picture, const char *file, Arena *, Error *);
} Family;

static const Family families[] = {
    { "gemma4", gemma4_image_processor_load, gemma4_video_processor_load, gemma4_image_preprocess },
    { "gemma4_unified", gemma4_unified_image_processor_load, gemma4_unified_video_processor_load,
      gemma4_unified_image_preprocess },
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

static PromptFeatures prompt_features(const PictureReport *reports, int count, Arena *arena)
{
    int *soft_tokens = arena_allocate(arena, (size_t)count * sizeof *soft_tokens);
    for (int i = 0; i < count; i++) soft_tokens[i] = reports[i].soft_tokens;
    return (PromptFeatures){ soft_tokens, count };
}

static int64_t write_prompt(SafetensorsWriter *writer, const ProcessorRequest *request, const ProcessorReport *report,
                            const PromptTokens *tokens, Arena *arena, Error *error)
{
    int64_t count = 0, *ids = NULL;
    if (!error_is_set(error)) ids = prompt_ids_parse(request->prompt_name, request->prompt_ids, &count, arena, error);
    if (!ids) return 0;
    Prompt prompt = prompt_expand(request->prompt_name, ids, count, tokens,
                                  prompt_features(report->images, report->image_count, arena),
                                  prompt_features(report->frames, report->frame_count, arena), arena, error);
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

static void list_pictures(ProcessorReport *report, const ProcessorRequest *request, Arena *arena, Error *error)
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
}

static const Family *find_family(ConfigReader at)
{
    const char *model_type = config_string(at, "model_type");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].model_type, model_type) == 0) return &families[i];
    config_refuse(at, "model_type", model_type, "gemma4 or gemma4_unified");
    return NULL;
}

/* What config.json has to say: whose processor it is, that pictures are wanted, and the ids of their tokens. */
static PromptTokens read_config(const char *folder, const Family **family, Arena *arena, Error *error)
{
    ConfigReader at = { .file = arena_format(arena, "%s/config.json", folder), .path = "", .error = error };
    json_t *config = config_open(at.file, error);
    at.object = config;
    *family = find_family(at);
    if (!error_is_set(error) && json_is_null(json_object_get(config, "vision_config")))
        config_refuse(at, "vision_config", "null", "one: this model takes no pictures");
    PromptTokens tokens = prompt_tokens_load(at);
    json_decref(config);
    return tokens;
}

ProcessorReport gemma4_processor_write(const char *model_folder, const ProcessorRequest *request, const char *path,
                                       Arena *arena, Error *error)
{
    ProcessorReport report = { 0 };
    const Family *family;
    PromptTokens tokens = read_config(model_folder, &family, arena, error);
    if (!error_is_set(error)) list_pictures(&report, request, arena, error);
    Pictures images = { .family = family,
                        .png = request->png,
                        .pixels_name = "pixel_values",
                        .positions_name = "image_position_ids",
                        .reports = report.images,
                        .count = report.image_count,
                        .arena = arena,
                        .error = error };
    Pictures frames = images;
    frames.pixels_name = "pixel_values_videos";
    frames.positions_name = "video_position_ids";
    frames.reports = report.frames;
    frames.count = report.frame_count;
    frames.png.alpha = ALPHA_DROPPED;
    if (images.count && !error_is_set(error))
        family->load_image(&images.processor, model_folder, request->flavour, request->max_soft_tokens, error);
    if (frames.count && !error_is_set(error))
        family->load_video(&frames.processor, model_folder, request->max_soft_tokens, error);
    if (error_is_set(error)) return report;

    SafetensorsWriter *writer = images.writer = frames.writer = safetensors_writer_open(path, error);
    if (!writer) return report;
    write_pictures(&images);
    write_pictures(&frames);
    check_frames(&report, request->videos.count, error);
    if (frames.count && !error_is_set(error))
        write_frame_counts(writer, report.frames_per_video, request->videos.count);
    if (request->prompt_ids) report.prompt_length = write_prompt(writer, request, &report, &tokens, arena, error);
    if (error_is_set(error))
        safetensors_writer_abandon(writer);
    else
        safetensors_writer_close(writer, error);
    return report;
}
