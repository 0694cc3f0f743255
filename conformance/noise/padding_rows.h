/* padding_rows.h - which patch or token a row of a tap is of, and whether it is graded
 *
 * A row is everything along the last dimension: a token's channels, a query's weights. Rows of padding hold finite
 * garbage that nothing depends on: they are not graded, but must be finite. Which patches and tokens are padding is
 * learned from the reference's own masks as they pass the hook, those of the text in an earlier pass: its first taps
 * come before them. A model without towers has no masks of patches and frames: there the inputs tell.
 */
#ifndef PLUMB_PADDING_ROWS_H
#define PLUMB_PADDING_ROWS_H

#include <jansson.h>
#include <stdbool.h>

#include "inputs.h"
#include "noise/audio_frames.h"
#include "run/tap.h"

typedef struct PaddingRows {
    bool *image_padding, *video_padding; /* [images or frames * patches]: by the inputs; NULL without */
    AudioFrames audio_frames;            /* by the inputs */
    bool *padding;                       /* [images * patches]: model.vision_tower#padding_positions */
    int64_t padding_count;
    int64_t patches;
    bool *pooled; /* [images * soft tokens]: model.vision_tower.pooler#mask; NULL when nothing is pooled */
    int64_t pooled_count;
    bool *masked;          /* [batch * tokens]: where attention_mask is 0; NULL without one */
    int64_t batch, tokens; /* of input_ids; 0 without */
    uint64_t sequences;    /* a bit for each of the batch: tokens of the others are not graded; 0: all are */
    bool *overwritten; /* [batch * tokens]: placeholders whose embeddings features take the place of; NULL without */
} PaddingRows;

/* How rows lie: row = (outer * positions + position) * inner + i. */
typedef struct {
    int64_t heads;     /* outer / heads is the place in the batch */
    int64_t outer;     /* batch, or batch * heads where each head has rows of its own, as in attention */
    int64_t positions; /* patches, queries or keys */
    int64_t inner;     /* rows of a position */
    int axis;          /* the dimension that positions are along */
} Layout;

typedef struct {
    int64_t batch;
    int64_t column; /* counted from the prompt's first token; the first decode step's is behind its last */
} Token;

/* The name of a tap says what its rows are of; it is taken apart once, and not for each row. */
typedef enum {
    ROWS_UNPADDED, /* of vision */
    ROWS_OF_SOUND,
    ROWS_EMBEDDED, /* of model.embed_vision */
    ROWS_POOLED,
    ROWS_OF_PATCHES,
    ROWS_OF_TEXT,   /* from here on they may be tokens */
    ROWS_LOOKED_UP, /* of embed_tokens */
} RowKind;

typedef struct {
    const Tap *tap;
    RowKind kind;
    Layout layout;
    int run; /* as tap_run() */
} TapRows;

PaddingRows padding_rows_of(const Inputs *inputs, const json_t *config); /* config.json */
void padding_rows_observe(PaddingRows *rows, const Tap *tap);            /* every tap of a pass, in order */
Layout padding_rows_layout(const PaddingRows *rows, const Tap *tap);
TapRows padding_rows_tap(const PaddingRows *rows, const Tap *tap); /* as long as tap is there */
bool padding_rows_token(const PaddingRows *rows, const TapRows *tap, int64_t row,
                        Token *token); /* false: of no token, or of several */
bool padding_rows_graded(const PaddingRows *rows, const TapRows *tap, int64_t row);
/* Whether the row is the embedding of a placeholder, which nothing reads once features have taken its place. Hugging
 * Face looks the pad token up there; ports look up the placeholder's own row, or none. */
bool padding_rows_overwritten(const PaddingRows *rows, const TapRows *tap, int64_t row);
void padding_rows_free(PaddingRows *rows);
/* For a pass that runs beside others: it learns masks by itself, and shares what the inputs tell. */
PaddingRows padding_rows_copy(const PaddingRows *rows);
void padding_rows_free_copy(PaddingRows *rows);

#endif
