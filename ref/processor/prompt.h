/* prompt.h - a prompt given as token ids, its pictures and sounds as placeholders, to input_ids and mm_token_type_ids
 *
 *     .. image ..                   -> .. begin, image x soft tokens, end ..      as Gemma4Processor writes an image
 *     .. begin, image, end ..       -> the same: its begin and end are there already
 *     .. begin, image x n, end ..   -> stays, if n is right
 *     .. begin, video, end ..       -> the same for one frame of a video
 *     .. audio ..                   -> as an image, between the begin and the end of sound
 *
 * A frame needs its begin and end: before it stands the text of its time, "00:01 ", which only a tokenizer can write.
 * tools/prompt.py does the same in Python.
 */
#ifndef PLUMB_PROMPT_H
#define PLUMB_PROMPT_H

#include <stdint.h>

#include "checkpoint/config.h"
#include "run/arena.h"

typedef struct {
    int64_t begin, end, image, video, audio; /* boi_token_id, eoi_token_id, .. of config.json */
    int64_t audio_begin, audio_end;          /* boa_token_id, eoa_token_index */
} PromptTokens;

typedef struct {
    const char *name; /* of the prompt, for messages */
    const int64_t *ids;
    int64_t count;
} PromptIds;

typedef struct {
    const int *soft_tokens; /* [count]: of each image, frame or sound */
    int count;
} PromptFeatures;

typedef struct {
    PromptFeatures images, frames, sounds;
} PromptMedia;

typedef struct {
    int64_t length;
    int64_t *input_ids, *mm_token_type_ids; /* [length]; types are text 0, image 1, video 2, audio 3 */
} Prompt;

PromptTokens prompt_tokens_load(ConfigReader at);

Prompt prompt_expand(PromptIds prompt, const PromptTokens *tokens, PromptMedia media, Arena *arena, Error *error);

/* "2 105, 258880\n106": whole numbers between blanks or commas; with error set, ids is NULL. */
PromptIds prompt_ids_parse(const char *name, const char *text, Arena *arena, Error *error);

#endif
