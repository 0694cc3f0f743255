/* reading.h - what a port may read otherwise than Hugging Face's forward pass, and is right with
 *
 * A reading is no bug and no arithmetic: it says what the model is asked to compute. Where a dump is bent, each reading
 * that can matter is tried by itself, and followed if steps are straight with it that were bent, and no other step
 * bends. The report says which ones a dump follows. One table has them all; docs/readings.md has the evidence.
 */
#ifndef PLUMB_READING_H
#define PLUMB_READING_H

#include "lockstep/lockstep.h"
#include "readings/class_check.h"

typedef struct {
    unsigned flag;                       /* of ReadingFlag */
    const char *name;                    /* "counted-positions" */
    const char *sentence;                /* for the report */
    bool (*matters)(const Trial *trial); /* whether it can change anything */
    /* Edits the trial, and the inputs that it is given; what it allocates lives in arena. Either may be left alone. */
    void (*follow)(Trial *trial, Inputs *inputs, Arena *arena);
} Reading;

extern const Reading *const readings[]; /* NULL-terminated, in the order in which they are tried */
extern const Reading vision_mask_google, counted_positions, cast_pixels, audio_mask, whole_caches;

/* The trial by the readings that the dump follows. */
typedef struct {
    Trial trial;
    ClassCheck check; /* whether its arithmetic is what its backend declares */
    Arena arena;
} Followed;

/* Where no other class fits a bent dump, features of arithmetic are looked for too (profile.h).
 *
 * As lockstep_begin, of the honest model, by Hugging Face's reading or a better one: see above. trial->vision_mask
 * decides about the masks unless it is VISION_MASK_EITHER. A dump whose shapes only another reading has is graded by
 * that one. Free followed, which the lockstep needs, after it, also where the answer is NULL with error set. */
Lockstep *readings_begin(const Trial *trial, Followed *followed, Error *error);
void followed_free(Followed *followed);
/* As ends_measure. A dump that is straight and comes out too far off in all may have a feature, which a step shows that
 * stands out though it is straight: where all of it passes with that, the lockstep that does so takes the place of the
 * one given, which has ended then. */
Lockstep *readings_measure_ends(Lockstep *lockstep, Followed *followed);
/* The grade alone */
Grade *readings_grade(const Trial *trial, Error *error);

#endif
