/* tap_name.c - names taken apart */
#include "dump/tap_name.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/arena.h"

enum { MOST_DIGITS = 9 };

/* As tap_base_length; *run is k, or 0. */
static size_t base_length(const char *name, int *run)
{
    const char *at = strrchr(name, '@');
    *run = 0;
    if (!at) return strlen(name);
    size_t digits = strspn(at + 1, "0123456789");
    if (digits == 0 || digits > MOST_DIGITS || at[1] == '0' || at[1 + digits]) return strlen(name);
    *run = atoi(at + 1);
    return (size_t)(at - name);
}

size_t tap_base_length(const char *name)
{
    int run;
    return base_length(name, &run);
}

int tap_run(const char *name)
{
    int run;
    base_length(name, &run);
    return run;
}

bool tap_is(const char *name, const char *base)
{
    int run;
    size_t length = base_length(name, &run);
    return length == strlen(base) && strncmp(name, base, length) == 0;
}

bool tap_ends(const char *name, const char *ending)
{
    int run;
    size_t length = base_length(name, &run), tail = strlen(ending);
    return length >= tail && strncmp(name + length - tail, ending, tail) == 0;
}

bool tap_begins(const char *name, const char *beginning) { return strncmp(name, beginning, strlen(beginning)) == 0; }

bool tap_layer_name(const char *name, char *layer, size_t size)
{
    static const char layers[] = "layers.";
    const char *number = strstr(name, layers);
    if (!number) return false;
    number += strlen(layers);
    size_t digits = strspn(number, "0123456789"), length = (size_t)(number - name) + digits;
    const char *run = name + tap_base_length(name);
    if (digits == 0 || length + strlen(run) + 1 > size) return false;
    memcpy(layer, name, length);
    strcpy(layer + length, run);
    return true;
}

bool tap_unit_name(const char *name, char *unit, size_t size)
{
    if (!tap_is(name, "lm_head") && !tap_is(name, "logits")) return tap_layer_name(name, unit, size);
    return (size_t)snprintf(unit, size, "logits%s", name + tap_base_length(name)) < size;
}

bool tap_is_vision(const char *name)
{
    return tap_begins(name, "model.vision_tower") || tap_begins(name, "model.embed_vision");
}

bool tap_is_audio(const char *name)
{
    return tap_begins(name, "model.audio_tower") || tap_begins(name, "model.embed_audio");
}
bool tap_is_media(const char *name) { return tap_is_vision(name) || tap_is_audio(name); }

int tap_step(const char *name) { return tap_is_media(name) ? 0 : tap_run(name); }

bool tap_is_experts(const char *name) { return tap_ends(name, ".router#top_k_index"); }
bool tap_is_token(const char *name) { return tap_is(name, "input_ids") && tap_run(name) > 0; }
bool tap_is_choice(const char *name) { return tap_is_experts(name) || tap_is_token(name); }

#ifndef FNM_EXTMATCH
#define FNM_EXTMATCH 0 /* of glibc alone */
#endif

/* +([0-9]), a pattern of ksh, is known everywhere: each number of the name is tried in its place. */
bool tap_matches(const char *glob, const char *name)
{
    static const char number[] = "+([0-9])";
    const char *place = strstr(glob, number);
    if (!place) return fnmatch(glob, name, FNM_EXTMATCH) == 0;
    Arena arena = { 0 };
    bool matches = false;
    for (const char *digits = name; *digits && !matches; digits++) {
        int length = (int)strspn(digits, "0123456789");
        matches = length > 0 && tap_matches(arena_format(&arena, "%.*s%.*s%s", (int)(place - glob), glob, length,
                                                         digits, place + strlen(number)),
                                            name);
    }
    arena_free(&arena);
    return matches;
}

/* The glob fits the taps of decode steps and of videos too. */
#define AGAIN(glob) glob, glob "@*"

const char *const tap_layer_outputs[] = {
    AGAIN("*_embedder"),
    AGAIN("*.vision_tower"),
    AGAIN("*.pooler"),
    AGAIN("*.embed_vision"),
    AGAIN("*.subsample_conv_projection"),
    AGAIN("*.audio_tower"),
    AGAIN("*.embed_audio"),
    AGAIN("*.embed_tokens"),
    AGAIN("*.embed_tokens_per_layer"),
    AGAIN(LAYER_GLOB),
    AGAIN("model.norm"),
    AGAIN("*.language_model.norm"),
    AGAIN("logits"),
    AGAIN("input_ids"),
    "pixel_values",
    "image_position_ids",
    "input_features",
    "input_features_mask",
    NULL,
};

bool tap_holds_flags(const char *name)
{
    return tap_is_mask(name) || tap_ends(name, "#attention_mask") || tap_ends(name, "#mask") ||
           tap_ends(name, "#padding_positions");
}

bool tap_is_mask(const char *name) { return strstr(name, "#causal_mask_mapping.") != NULL; }
