/* prompt.c - expands placeholders, and counts them against the features */
#include "image/prompt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT, IMAGE, VIDEO };
static const char *const things[] = { "", "image", "frame" };

PromptTokens prompt_tokens_load(ConfigReader at)
{
    return (PromptTokens){ .begin = config_whole_or(at, "boi_token_id", 255999),
                           .end = config_whole_or(at, "eoi_token_id", 258882),
                           .image = config_whole_or(at, "image_token_id", 258880),
                           .video = config_whole_or(at, "video_token_id", 258884),
                           .audio = config_whole_or(at, "audio_token_id", 258881) };
}

static void put(Prompt *prompt, int64_t id, int64_t type, int64_t times)
{
    for (int64_t i = 0; i < times; i++, prompt->length++) {
        prompt->input_ids[prompt->length] = id;
        prompt->mm_token_type_ids[prompt->length] = type;
    }
}

/* How many tokens the placeholder at ids[0] is; *explicit: its begin and end are there. */
static int64_t measure(const char *name, const int64_t *ids, int64_t at, int64_t count, const PromptTokens *tokens,
                       bool *explicit, Error *error)
{
    int64_t run = 1;
    *explicit = at > 0 && ids[at - 1] == tokens->begin;
    while (*explicit && at + run < count && ids[at + run] == ids[at]) run++;
    bool ends = at + run < count && ids[at + run] == tokens->end;
    if (*explicit != ends)
        error_set(error,
                  "%s: found placeholder %lld at token %lld with %s only, expected begin and end (%lld, %lld), or %s",
                  name, (long long)ids[at], (long long)at, ends ? "an end" : "a begin", (long long)tokens->begin,
                  (long long)tokens->end, ids[at] == tokens->image ? "neither" : "the text of its time before them");
    return run;
}

typedef struct {
    int type, used;
    PromptFeatures features;
} Kind;

/* Writes what the placeholder at ids[at] stands for; returns how many tokens it is. */
static int64_t expand(const char *name, Prompt *prompt, Kind *kind, const int64_t *ids, int64_t at, int64_t count,
                      const PromptTokens *tokens, Error *error)
{
    bool explicit;
    int64_t run = measure(name, ids, at, count, tokens, &explicit, error);
    if (!explicit && kind->type == VIDEO)
        error_set(error,
                  "%s: found video placeholder %lld at token %lld alone, expected begin, placeholder and end for "
                  "each frame, after the text of its time",
                  name, (long long)ids[at], (long long)at);
    if (kind->used < kind->features.count && !error_is_set(error)) {
        int soft_tokens = kind->features.soft_tokens[kind->used];
        if (run != 1 && run != soft_tokens)
            error_set(error, "%s: found %lld tokens for %s %d, expected 1 or %d", name, (long long)run,
                      things[kind->type], kind->used, soft_tokens);
        if (!explicit) put(prompt, tokens->begin, TEXT, 1);
        put(prompt, ids[at], kind->type, soft_tokens);
        if (!explicit) put(prompt, tokens->end, TEXT, 1);
    }
    kind->used++;
    return run;
}

static void check_count(const char *name, const Kind *kind, Error *error)
{
    if (kind->used != kind->features.count)
        error_set(error, "%s: found %d %s placeholders, expected %d, one for each %s", name, kind->used,
                  things[kind->type], kind->features.count, things[kind->type]);
}

Prompt prompt_expand(const char *name, const int64_t *ids, int64_t count, const PromptTokens *tokens,
                     PromptFeatures images, PromptFeatures frames, Arena *arena, Error *error)
{
    Kind image = { .type = IMAGE, .features = images }, frame = { .type = VIDEO, .features = frames };
    int64_t most = count;
    for (int i = 0; i < images.count; i++) most += images.soft_tokens[i] + 2;
    for (int i = 0; i < frames.count; i++) most += frames.soft_tokens[i] + 2;
    Prompt prompt = { .input_ids = arena_allocate(arena, (size_t)most * sizeof(int64_t)),
                      .mm_token_type_ids = arena_allocate(arena, (size_t)most * sizeof(int64_t)) };
    for (int64_t at = 0; at < count && !error_is_set(error);) {
        if (ids[at] == tokens->image) {
            at += expand(name, &prompt, &image, ids, at, count, tokens, error);
        } else if (ids[at] == tokens->video) {
            at += expand(name, &prompt, &frame, ids, at, count, tokens, error);
        } else {
            if (ids[at] == tokens->audio)
                error_set(error,
                          "%s: found audio placeholder %lld at token %lld, expected none: there is no sound here", name,
                          (long long)ids[at], (long long)at);
            put(&prompt, ids[at++], TEXT, 1);
        }
    }
    check_count(name, &image, error);
    check_count(name, &frame, error);
    return prompt;
}

int64_t *prompt_ids_parse(const char *name, const char *text, int64_t *count, Arena *arena, Error *error)
{
    int64_t *ids = arena_allocate(arena, (strlen(text) / 2 + 1) * sizeof *ids);
    *count = 0;
    for (;;) {
        while (isspace((unsigned char)*text) || *text == ',') text++;
        if (!*text) break;
        char *end;
        long long id = strtoll(text, &end, 10);
        if (!isdigit((unsigned char)*text) || (*end && !isspace((unsigned char)*end) && *end != ',') ||
            id > INT32_MAX) {
            error_set(error, "%s: found \"%.20s\" as token %lld, expected a token id", name, text, (long long)*count);
            return NULL;
        }
        ids[(*count)++] = id;
        text = end;
    }
    if (*count > 0) return ids;
    error_set(error, "%s: found no token ids, expected some", name);
    return NULL;
}
