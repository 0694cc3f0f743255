/* prompt.c - expands placeholders, and counts them against the features */
#include "processor/prompt.h"

#include "checkpoint/token_ids.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT, IMAGE, VIDEO, AUDIO };

/* Placeholders of one type stand for these features; used counts how many have been seen. */
typedef struct {
    int type;
    const char *thing;
    int64_t placeholder, begin, end;
    PromptFeatures features;
    int used;
} Kind;

PromptTokens prompt_tokens_load(ConfigReader at)
{
    return (PromptTokens){ .begin = config_whole_or(at, "boi_token_id", 255999),
                           .end = config_whole_or(at, "eoi_token_id", 258882),
                           .image = config_whole_or(at, "image_token_id", IMAGE_TOKEN_ID),
                           .video = config_whole_or(at, "video_token_id", VIDEO_TOKEN_ID),
                           .audio = config_whole_or(at, "audio_token_id", AUDIO_TOKEN_ID),
                           .audio_begin = config_whole_or(at, "boa_token_id", 256000),
                           .audio_end = config_whole_or(at, "eoa_token_index", 258883) };
}

static void put(Prompt *prompt, int64_t id, int64_t type, int64_t times)
{
    for (int64_t i = 0; i < times; i++, prompt->length++) {
        prompt->input_ids[prompt->length] = id;
        prompt->mm_token_type_ids[prompt->length] = type;
    }
}

/* Returns how many tokens the placeholder at ids[at] is; *explicit says that its begin and end are there. */
static int64_t measure(PromptIds prompt, int64_t at, const Kind *kind, bool *explicit, Error *error)
{
    const int64_t *ids = prompt.ids, count = prompt.count;
    int64_t run = 1;
    *explicit = at > 0 && ids[at - 1] == kind->begin;
    while (*explicit && at + run < count && ids[at + run] == ids[at]) run++;
    bool ends = at + run < count && ids[at + run] == kind->end;
    if (*explicit != ends)
        error_set(error,
                  "%s: found placeholder %lld at token %lld with %s only, expected begin and end (%lld, %lld), or %s",
                  prompt.name, (long long)ids[at], (long long)at, ends ? "an end" : "a begin", (long long)kind->begin,
                  (long long)kind->end, kind->type == VIDEO ? "the text of its time before them" : "neither");
    return run;
}

/* Writes what the placeholder at ids[at] stands for; returns how many tokens it is. */
static int64_t expand(PromptIds prompt, int64_t at, Kind *kind, Prompt *expanded, Error *error)
{
    bool explicit;
    int64_t run = measure(prompt, at, kind, &explicit, error);
    if (!explicit && kind->type == VIDEO)
        error_set(error,
                  "%s: found video placeholder %lld at token %lld alone, expected begin, placeholder and end for "
                  "each frame, after the text of its time",
                  prompt.name, (long long)prompt.ids[at], (long long)at);
    if (kind->used < kind->features.count && !error_is_set(error)) {
        int soft_tokens = kind->features.soft_tokens[kind->used];
        if (run != 1 && run != soft_tokens)
            error_set(error, "%s: found %lld tokens for %s %d, expected 1 or %d", prompt.name, (long long)run,
                      kind->thing, kind->used, soft_tokens);
        if (!explicit) put(expanded, kind->begin, TEXT, 1);
        put(expanded, prompt.ids[at], kind->type, soft_tokens);
        if (!explicit) put(expanded, kind->end, TEXT, 1);
    }
    kind->used++;
    return run;
}

static void check_count(const char *name, const Kind *kind, Error *error)
{
    if (kind->used != kind->features.count)
        error_set(error, "%s: found %d %s placeholders, expected %d, one for each %s", name, kind->used, kind->thing,
                  kind->features.count, kind->thing);
}

Prompt prompt_expand(PromptIds prompt, const PromptTokens *tokens, PromptMedia media, Arena *arena, Error *error)
{
    Kind kinds[] = { { IMAGE, "image", tokens->image, tokens->begin, tokens->end, media.images, 0 },
                     { VIDEO, "frame", tokens->video, tokens->begin, tokens->end, media.frames, 0 },
                     { AUDIO, "sound", tokens->audio, tokens->audio_begin, tokens->audio_end, media.sounds, 0 } };
    enum { KINDS = sizeof kinds / sizeof *kinds };
    int64_t most = prompt.count;
    for (int k = 0; k < KINDS; k++)
        for (int i = 0; i < kinds[k].features.count; i++) most += kinds[k].features.soft_tokens[i] + 2;
    Prompt expanded = { .input_ids = arena_allocate(arena, (size_t)most * sizeof(int64_t)),
                        .mm_token_type_ids = arena_allocate(arena, (size_t)most * sizeof(int64_t)) };
    for (int64_t at = 0; at < prompt.count && !error_is_set(error);) {
        int k = 0;
        while (k < KINDS && prompt.ids[at] != kinds[k].placeholder) k++;
        if (k < KINDS)
            at += expand(prompt, at, &kinds[k], &expanded, error);
        else
            put(&expanded, prompt.ids[at++], TEXT, 1);
    }
    for (int k = 0; k < KINDS; k++) check_count(prompt.name, &kinds[k], error);
    return expanded;
}

PromptIds prompt_ids_parse(const char *name, const char *text, Arena *arena, Error *error)
{
    int64_t *ids = arena_allocate(arena, (strlen(text) / 2 + 1) * sizeof *ids), count = 0;
    for (;;) {
        while (isspace((unsigned char)*text) || *text == ',') text++;
        if (!*text) break;
        char *end;
        long long id = strtoll(text, &end, 10);
        if (!isdigit((unsigned char)*text) || (*end && !isspace((unsigned char)*end) && *end != ',') ||
            id > INT32_MAX) {
            error_set(error, "%s: found \"%.20s\" as token %lld, expected a token id", name, text, (long long)count);
            return (PromptIds){ 0 };
        }
        ids[count++] = id;
        text = end;
    }
    if (count > 0) return (PromptIds){ name, ids, count };
    error_set(error, "%s: found no token ids, expected some", name);
    return (PromptIds){ 0 };
}
