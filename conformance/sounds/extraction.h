/* extraction.h - clips to log-mel features, in Hugging Face's way or in another
 *
 *     SoundFeatures features = features_of_hugging_face(clips, &arena);
 *     Extraction how = right_extraction(clips);
 *     how.log_rule = LOG_OF_LARGER;
 *     features = extract_features(clips, &how, &arena);
 *
 * Hugging Face's are float32, bit for bit. Another extraction is computed in float64 throughout, so that no rounding is
 * in it but that of what is found in a dump.
 */
#ifndef PLUMB_EXTRACTION_H
#define PLUMB_EXTRACTION_H

#include "checkpoint/array.h"
#include "sounds/clips.h"

typedef struct {
    Array input_features;      /* F32 [clips, frames, bins] */
    Array input_features_mask; /* BOOL [clips, frames] */
    /* [clips, frames, bins]: what a value moves by where bins of the spectrum are off by one rounding of the frame */
    float *spread;
} SoundFeatures;

typedef enum {
    WINDOW_PERIODIC,    /* right */
    WINDOW_SYMMETRIC,   /* 0 at both ends */
    WINDOW_HALF_SAMPLE, /* of points between the samples */
} WindowRule;

typedef enum {
    LOG_OF_SUM,    /* right: ln(mel + mel_floor) */
    LOG_OF_LARGER, /* ln(max(mel, mel_floor)) */
    LOG10_OF_SUM,
} LogRule;

typedef struct {
    Gemma4AudioFeatureExtractor settings; /* its tables are made anew */
    double sample_scale;                  /* 1 */
    int pad_left;                         /* zeros in front: half a frame */
    int tail;                             /* samples that a window has beyond its frame: 1 */
    WindowRule window;
    LogRule log_rule;
    bool power;                     /* squares of magnitudes; false */
    bool slaney_scale, slaney_norm; /* of the mel filters; false */
    bool mask_strided;              /* a frame counts if the sample at its number times hop_length does; false */
    bool padding_kept;              /* frames of padding stay what the logarithm made of them; false */
} Extraction;

Extraction right_extraction(const Clips *clips);

/* Both live in arena. */
SoundFeatures extract_features(const Clips *clips, const Extraction *how, Arena *arena);
SoundFeatures features_of_hugging_face(const Clips *clips, Arena *arena);

#endif
