/* conversion_mapping.c - of transformers' conversion_mapping.py, "gemma4_unified" */
#include "checkpoint/conversion_mapping.h"

#include <string.h>

typedef struct {
    const char *source, *target; /* part of the name in the checkpoint, and in the model */
} WeightRenaming;

static const WeightRenaming renamings[] = {
    { "vision_embedder.patch_ln1", "embed_vision.patch_ln1" },
    { "vision_embedder.patch_dense", "embed_vision.patch_dense" },
    { "vision_embedder.patch_ln2", "embed_vision.patch_ln2" },
    { "vision_embedder.pos_embedding", "embed_vision.pos_embedding" },
    { "vision_embedder.pos_norm", "embed_vision.pos_norm" },
    { "embed_vision.embedding_projection", "embed_vision.multimodal_embedder.embedding_projection" },
};

const char *source_name(const char *name, Arena *arena)
{
    for (size_t i = 0; i < sizeof renamings / sizeof *renamings; i++) {
        const char *part = strstr(name, renamings[i].target);
        if (part)
            return arena_format(arena, "%.*s%s%s", (int)(part - name), name, renamings[i].source,
                                part + strlen(renamings[i].target));
    }
    return NULL;
}
