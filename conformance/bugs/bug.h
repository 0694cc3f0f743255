/* bug.h - a public bug, and how the reference is made to have it
 *
 * A bug is switched on by changes to config.json, to weights or to the inputs, or by a hook that replaces values as
 * they are produced; several of them together where it takes that. Nothing in ref/ knows of any. What bugs are written
 * with is in bug_hooks.h. Bugs of preprocessing make other patches of the same pictures, or change the patches, or make
 * other features of the same sounds.
 *
 *     static void softcap_missing(json_t *config) { config_set(text_config(config), "final_logit_softcapping", NULL); }
 *
 * In lockstep every value a hook sees was computed from the backend's own, and what it leaves is F_bug of them.
 */
#ifndef PLUMB_BUG_H
#define PLUMB_BUG_H

#include <jansson.h>

#include "bugs/bug_part.h"
#include "pictures/preprocessing.h"
#include "reference.h"
#include "sounds/extraction.h"

typedef struct BugRun BugRun; /* what a hook knows of the pass */

typedef struct {
    const char *id;         /* as in public reports: "projector-norm-after-projection" */
    const char *stage;      /* "projector" */
    const char *mechanism;  /* one line */
    const char *source;     /* a public thread, commit or release */
    int sources;            /* how many public ones there are; 0 where source says that there is none */
    const char *exposed_by; /* what a case needs for it to show, in words */

    void (*config)(json_t *config);
    void (*weights)(Checkpoint *checkpoint);
    void (*inputs)(BugRun *run, Inputs *inputs); /* points to arrays of its own; no other shapes, still what HF takes */
    void (*tap)(BugRun *run, const Tap *tap);
    /* Globs of taps that `tap` asks for later, NULL-terminated or NULL. The first are recorded while their layer runs,
     * the second until the tap comes again, in the next run of its layer. */
    const char *const *needs_in_layer, *const *needs_last_run;

    TargetSize *target_size;
    bool letterbox;                /* as in Preprocessing */
    const Resampling *resamplings; /* the ways in which ports have it, the last one without a kernel */
    void (*patches)(Patches *patches, Arena *arena); /* of images, and of frames */
    void (*extraction)(Extraction *how);             /* of log-mel features; the right one becomes the bug's */
} Bug;

/* Each ends with a NULL id. */
extern const Bug pixel_bugs[], vision_bugs[], pooler_bugs[], unified_bugs[], sound_bugs[], audio_bugs[],
    projector_bugs[], merge_bugs[], per_layer_embedding_bugs[], rope_bugs[], mask_bugs[], attention_bugs[],
    kv_sharing_bugs[], decode_bugs[], layer_bugs[], moe_bugs[], logits_bugs[], quantisation_bugs[], kept_weight_bugs[],
    cache_bugs[];

/* Layers, by the names of their taps, and logits, in which a bug changes something, where all that they are given is
 * right */
typedef struct {
    bool all; /* it is not known to leave any alone */
    char **names;
    int count;
} TouchedLayers;
void touched_layers_free(TouchedLayers *touched);

int bug_count(void);
const Bug *bug_at(int index);                 /* in the order of the pass */
const Bug *bug_find(const char *id);          /* NULL if there is none of that name */
bool bug_is_of_model(const Bug *bug);         /* the model is given it by buggy_model_open */
bool bug_is_of_preprocessing(const Bug *bug); /* it makes other patches of the same pictures */
bool bug_is_of_sounds(const Bug *bug);        /* it makes other features of the same sounds */

/* A model with one or several bugs, ready for passes. NULL where they do not fit this model: a weight or a key that
 * they change is not there, or one is of pictures before they are patches. */
typedef struct BuggyModel BuggyModel;

BuggyModel *buggy_model_open(const char *folder, const Bug *const *bugs, int count, Error *error);
/* The same of a model that is open already, which stays the caller's. Only bugs that change its configuration or its
 * weights have their own, of the same files. */
BuggyModel *buggy_model_of(Model *model, const Bug *const *bugs, int count, Error *error);
/* The same, where the last of the bugs is in a part of the model alone */
BuggyModel *buggy_model_in_part(Model *model, const Bug *const *bugs, int count, const BugPart *part, Error *error);
void buggy_model_note_sites(BuggyModel *model, Sites *sites); /* of that bug, in passes from now on; NULL: no more */
/* The same with bugs that need no more than a hook or other inputs */
BuggyModel *buggy_model_around(Model *model, const Bug *const *bugs, int count);
/* Another one with the same bugs everywhere, in the same reading, of another model of the same files, which stays the
 * caller's; NULL if it cannot be opened. */
BuggyModel *buggy_model_beside(const BuggyModel *buggy, Model *model);
bool buggy_model_in_a_part(const BuggyModel *buggy);
void buggy_model_close(BuggyModel *model); /* NULL is fine */
const Model *buggy_model_model(const BuggyModel *model);
/* Whether a bug changes masks: a port's attention may have the bug though the mask that it shows is right. */
bool buggy_model_has_masks(const BuggyModel *model);
/* Another reading of what Hugging Face computes, as a hook that every bug's comes after; NULL: none */
void buggy_model_set_mask_reading(BuggyModel *model, const Bug *reading);
/* Where it is set, pass->known is asked about the layers that the bugs leave alone. NULL: about none; the caller's. */
void buggy_model_set_touched(BuggyModel *model, const TouchedLayers *touched);
/* Whether a pass would be the honest one: no bug has a hook, and none changes anything else */
bool buggy_model_is_honest(BuggyModel *model, const Inputs *inputs);
/* pass as for the honest model; its hook sees what the bugs left, and what it replaces is what they build on */
void buggy_model_forward(BuggyModel *model, const Reference *reference, const Inputs *inputs, const Pass *pass);

#endif
