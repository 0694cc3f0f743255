/* video_processor.h - a video that has been sampled already: a folder of PNG frames, in the order of their names */
#ifndef PLUMB_VIDEO_PROCESSOR_H
#define PLUMB_VIDEO_PROCESSOR_H

#include "run/arena.h"
#include "run/error.h"

typedef struct {
    const char **paths; /* [count] */
    int count;
} VideoFrames;

VideoFrames video_frames(const char *folder, Arena *arena, Error *error); /* at least one, or the error */

/* "mm:ss", what Hugging Face writes before a frame: frame / fps in whole seconds, rounded down */
const char *video_timestamp(int frame, double fps, Arena *arena);

#endif
