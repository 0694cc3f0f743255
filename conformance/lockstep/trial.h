/* trial.h - a dump before the judge: what is graded, by which arithmetic and which options */
#ifndef PLUMB_TRIAL_H
#define PLUMB_TRIAL_H

#include "dump/dump.h"
#include "grade/grade.h"
#include "reference.h"

enum { SAMPLES = 8, FREE_REPLAYS = 4 }; /* replays of a grade, and of its ends */

typedef struct {
    int number, count; /* number: from 0 on; a count of 0: nothing is shared out */
} ShardNumber;

typedef struct {
    const char *const *only; /* globs, NULL-terminated: other taps count as absent. NULL: all */
    bool with_total;         /* also measure inherited and total: one more pass */
    bool ignore_eos;         /* the backend went on after an end-of-sequence token */
    int samples;             /* replays, the first of them to nearest; 0: SAMPLES */
    ShardNumber shard;       /* what of the grade is computed */
    int threads;             /* that passes run on, as many at once; 0: one */
    int straightened;        /* steps that features which were not declared make straight */
    uint64_t sequences;      /* a bit for each of the batch's, the first 64: only their tokens are graded; 0: all */
    unsigned readings;       /* of ReadingFlag: those that the subject and the inputs follow */
    bool *nothing_left;      /* set where an error says that no step is left to grade; NULL: nobody asks */
    /* Called with each step, in order, as its verdict is known, in the last pass; NULL: nobody waits for them */
    void (*graded)(void *context, const Grade *grade, int step);
    void (*progress)(void *context, int pass, int passes, const char *tap);
    void *progress_context; /* of graded, too */
} GradeOptions;

/* A port may read these otherwise than Hugging Face's forward pass does (readings/). */
typedef enum {
    READING_GOOGLE_MASKS = 1 << 0,
    READING_COUNTED_POSITIONS = 1 << 1,
    READING_CAST_PIXELS = 1 << 2,
    READING_AUDIO_MASK = 1 << 3,
    READING_WHOLE_CACHES = 1 << 4,
} ReadingFlag;

/* The reading of the masks that is asked for (readings/vision_mask.h); the first: whichever fits */
typedef enum { VISION_MASK_EITHER, VISION_MASK_HF, VISION_MASK_GOOGLE } VisionMask;

typedef struct {
    Model *model;
    const Inputs *inputs; /* they must have passed model_check */
    const Dump *dump;
    const ArithmeticClass *class;
    const ArithmeticClass *declared; /* what the backend says, where class has features besides; NULL: class */
    GradeOptions options;
    VisionMask vision_mask;
    InputCodes cache; /* of keys and values, as the backend declares (checkpoint/input_codes.h) */
    bool as_declared; /* neither another class nor features are looked for where the dump is bent (readings/) */
    const struct Tried *tried; /* what shards of the diagnosis have found (diagnose/tried.h); NULL: there are none */
} Trial;

/* Whoever computes F: the honest model, or one of readings/subjects.h. */
typedef struct Subject Subject;
struct Subject {
    void *self;
    void (*forward)(void *self, const Reference *reference, const Inputs *inputs, const Pass *pass);
    void (*close)(void *self); /* by lockstep_end; NULL: self is the caller's, and must be there until then */
    bool has_bugs;             /* it may make values that are not finite, and those are right then */
    bool has_masks;            /* its attention has masks of its own, whatever the dump's mask taps say */
    /* The same of another model of the same files, which has a close of its own; without a forward where there is none.
     * NULL: its passes run one after the other. */
    Subject (*beside)(const void *self, Model *model);
};

/* Sees a row of a step, by its number in the dump's array. */
typedef void VisitRow(void *context, int step, int64_t row, const double *values);

/* Sees the rows of several passes, each by its sample, and that one is done with a step. */
typedef struct {
    int step;
    int64_t row; /* in the dump's array */
    const double *values;
} VisitedRow;

typedef struct {
    void (*row)(void *context, int sample, VisitedRow row);
    void (*end_step)(void *context, int sample, int step);
    void *context;
} FreeVisitor;

Subject honest_subject(Model *model); /* the model stays the caller's */

#endif
