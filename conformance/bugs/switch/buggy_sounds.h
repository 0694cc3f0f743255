/* buggy_sounds.h - log-mel features as a port with bugs of the feature extractor makes them */
#ifndef PLUMB_BUGGY_SOUNDS_H
#define PLUMB_BUGGY_SOUNDS_H

#include "bugs/bug.h"

/* A bug that is none of the extractor is refused. Lives in arena. */
SoundFeatures extract_with_bugs(const Clips *clips, const Bug *const *bugs, int count, Arena *arena, Error *error);

#endif
