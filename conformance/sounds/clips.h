/* clips.h - the WAV files that a case's sound is made from
 *
 *     Clips *clips = clips_open("model", &request, &error);
 *     Clips *clips = case_clips_open("case", "model", &inputs, &error);
 *
 * case.json names them, beside the file: "sounds": ["a.wav", ..].
 */
#ifndef PLUMB_CLIPS_H
#define PLUMB_CLIPS_H

#include "inputs.h"
#include "processor/processor.h"

/* WAV files, read, and the settings that they are processed by */
typedef struct {
    Gemma4AudioFeatureExtractor extractor;
    const char **paths;
    Waveform *waveforms; /* [count] */
    int count;
    int64_t longest; /* of them, in samples */
    Arena arena;
} Clips;

/* The sounds of the request. NULL with error set: also for a model of the family that has no log-mel features. */
Clips *clips_open(const char *model_folder, const ProcessorRequest *request, Error *error);
void clips_close(Clips *clips); /* NULL is fine */

/* NULL without error: the folder has no case.json, or it names no sounds. inputs: of the case, which must have as many
 * clips */
Clips *case_clips_open(const char *folder, const char *model_folder, const Inputs *inputs, Error *error);

#endif
