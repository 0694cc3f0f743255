/* tiny_weights.h - random weights for tiny.c's configurations */
#ifndef PLUMB_TINY_WEIGHTS_H
#define PLUMB_TINY_WEIGHTS_H

#include "gemma4.h"

/* A file that is written, and what its tensors' names begin with */
typedef struct {
    SafetensorsWriter *writer;
    const char *prefix;
} Place;

typedef void PutMore(SafetensorsWriter *writer, int64_t text_hidden);

void put(Place at, int rank, const int64_t *shape, const char *format, ...) __attribute__((format(printf, 4, 5)));
void put_text(Place at, const Gemma4TextConfig *config);
void put_towers(SafetensorsWriter *writer, int64_t text_hidden);    /* of the gemma4 model */
void put_embedders(SafetensorsWriter *writer, int64_t text_hidden); /* of the gemma4_unified model */

#endif
