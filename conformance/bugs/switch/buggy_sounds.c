/* buggy_sounds.c - the right extraction, changed by one bug after the other */
#include "bugs/switch/buggy_sounds.h"

SoundFeatures extract_with_bugs(const Clips *clips, const Bug *const *bugs, int count, Arena *arena, Error *error)
{
    Extraction how = right_extraction(clips);
    for (int i = 0; i < count && !error_is_set(error); i++) {
        if (bug_is_of_sounds(bugs[i]))
            bugs[i]->extraction(&how);
        else
            error_set(error, "--bug: found %s, expected a bug of audio features", bugs[i]->id);
    }
    return error_is_set(error) ? (SoundFeatures){ 0 } : extract_features(clips, &how, arena);
}
