/* buggy_pictures.c - size, resampling, then what is done to the patches */
#include "bugs/switch/buggy_pictures.h"

static void refuse_second(const Bug *bug, bool taken, const char *what, Error *error)
{
    if (taken) error_set(error, "--bug: found %s too, expected one bug of %s", bug->id, what);
}

static Preprocessing preprocessing_of(const Pictures *pictures, const Bug *const *bugs, int count, Error *error)
{
    Preprocessing how = { .flavour = pictures->processor.flavour };
    for (int i = 0; i < count && !error_is_set(error); i++) {
        if (!bug_is_of_preprocessing(bugs[i]))
            error_set(error, "--bug: found %s, expected a bug of preprocessing", bugs[i]->id);
        if (bugs[i]->target_size || bugs[i]->letterbox) {
            refuse_second(bugs[i], how.target_size || how.letterbox, "size", error);
            how.target_size = bugs[i]->target_size;
            how.letterbox = bugs[i]->letterbox;
        }
        if (bugs[i]->resamplings) {
            refuse_second(bugs[i], how.resampling != NULL, "resampling", error);
            how.resampling = bugs[i]->resamplings;
        }
    }
    return how;
}

Patches preprocess_with_bugs(const Pictures *pictures, const Bug *const *bugs, int count, Arena *arena, Error *error)
{
    Preprocessing how = preprocessing_of(pictures, bugs, count, error);
    if (error_is_set(error)) return (Patches){ 0 };
    Patches patches = preprocess(pictures, &how, arena);
    for (int i = 0; i < count; i++)
        if (bugs[i]->patches) bugs[i]->patches(&patches, arena);
    return patches;
}
