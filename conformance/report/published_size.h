/* published_size.h - which published Gemma 4 a config.json is of, or in what it differs from the nearest */
#ifndef PLUMB_PUBLISHED_SIZE_H
#define PLUMB_PUBLISHED_SIZE_H

#include <jansson.h>
#include <stdbool.h>

#include "run/arena.h"

enum { MOST_DIFFERENCES = 32 };

typedef struct {
    const char *key; /* in config.json, "text_config.hidden_size" */
    int found, published;
} SizeDifference;

typedef struct {
    const char *nearest; /* "E2B", of towers "E2B and E4B"; with the fewest and the smallest differences */
    bool text_only;      /* no towers are compared: the checkpoint is of the text model alone */
    bool towers_only;    /* no text model is */
    int count;           /* 0: it is the published one */
    SizeDifference differences[MOST_DIFFERENCES];
} PublishedSize;

/* config is what model_open has accepted; has_text: the checkpoint holds weights of a text model, too. */
PublishedSize published_size_of(const json_t *config, bool has_text, Arena *arena);

#endif
