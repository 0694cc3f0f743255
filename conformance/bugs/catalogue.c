/* catalogue.c - all families, in the order of the pass */
#include <string.h>

#include "bugs/bug.h"

static const Bug *const families[] = {
    pixel_bugs,       vision_bugs, pooler_bugs,
    unified_bugs,     sound_bugs,  audio_bugs,
    projector_bugs,   merge_bugs,  per_layer_embedding_bugs,
    mask_bugs,        rope_bugs,   kv_sharing_bugs,
    attention_bugs,   decode_bugs, layer_bugs,
    moe_bugs,         logits_bugs, quantisation_bugs,
    kept_weight_bugs, cache_bugs,
};
enum { FAMILIES = sizeof families / sizeof *families };

const Bug *bug_at(int index)
{
    for (int i = 0; i < FAMILIES; i++)
        for (const Bug *bug = families[i]; bug->id; bug++)
            if (index-- == 0) return bug;
    return NULL;
}

int bug_count(void)
{
    int count = 0;
    while (bug_at(count)) count++;
    return count;
}

const Bug *bug_find(const char *id)
{
    for (int i = 0; bug_at(i); i++)
        if (strcmp(bug_at(i)->id, id) == 0) return bug_at(i);
    return NULL;
}

bool bug_is_of_model(const Bug *bug) { return bug->config || bug->weights || bug->inputs || bug->tap || bug->patches; }
bool bug_is_of_preprocessing(const Bug *bug)
{
    return bug->target_size || bug->letterbox || bug->resamplings || bug->patches;
}
bool bug_is_of_sounds(const Bug *bug) { return bug->extraction; }
