/* audio_frames.h - which rows of a tap of sound are padding
 *
 * The audio tower makes one frame of four: frame t of its result is padding if frame 4 t of input_features is. A model
 * without a tower keeps frames as they are. Rows that belong to no one frame are graded whole: relative positions, the
 * subsampled mask, and the depthwise convolution, whose rows are channels.
 */
#ifndef PLUMB_AUDIO_FRAMES_H
#define PLUMB_AUDIO_FRAMES_H

#include <jansson.h>
#include <stdbool.h>

#include "checkpoint/array.h"
#include "run/tap.h"

typedef struct {
    bool *padding;       /* [clips * count]: by input_features_mask; NULL without */
    int64_t count;       /* frames of a clip in input_features */
    int64_t chunk, past; /* queries of a block, and keys before its first; chunk is 0 without a tower */
} AudioFrames;

AudioFrames audio_frames_of(const Array *input_features_mask, const json_t *config); /* config.json */
bool audio_frames_graded(const AudioFrames *frames, const Tap *tap, int64_t row);
void audio_frames_free(AudioFrames *frames);

#endif
