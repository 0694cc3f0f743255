/* pass_state.h - what the passes of a lockstep share; for the files that are one */
#ifndef PLUMB_PASS_STATE_H
#define PLUMB_PASS_STATE_H

#include "lockstep/choices.h"
#include "lockstep/known_layers.h"
#include "lockstep/shard.h"
#include "lockstep/step_list.h"
#include "lockstep/turns.h"

typedef struct Lockstep Lockstep;

struct Lockstep {
    Subject subject;
    Trial trial;
    Error error; /* of its own, because passes come after the caller's may be gone */
    PaddingRows rows;
    StepList steps;
    Choices *choices;
    PassKind pass;
    int pass_number, passes;
    int samples, sample; /* how many replays there are, and the number of this one */
    bool sampled;        /* the round's passes had the samples among them */
    bool has_path;       /* the free pass was what PASS_PATH of the oracle would be, because nothing is chosen */
    bool last;           /* no pass comes after this one */
    int gone_by;         /* steps that this pass is done with: another tap has come since theirs */
    bool exact_codes;    /* of the replay: some kernels multiply codes and never round what they stand for */
    int decode_step;     /* the pass has come to this one */
    bool narrow_visits;  /* PASS_SUSPECT is of the float build */
    VisitRow *visit;     /* sees the rows of PASS_SUSPECT and PASS_NEAREST */
    void *visit_context;
    KnownLayers *known;              /* that PASS_SUSPECT need not compute; NULL: none */
    bool remembering;                /* this pass is what they are known from */
    const char *given;               /* such a layer, which the pass is in; NULL: none */
    Shard *shard;                    /* that this is; NULL: it is whole */
    bool left_out;                   /* the tap is of a layer of another shard, and has no values of the pass */
    const FreeVisitor *free_visitor; /* sees the rows of PASS_PATH */
    Turns *turns;                    /* of the passes that run side by side; NULL: this one is alone */
    int turn;                        /* this pass's place among them */
    Lockstep **beside;               /* for other threads (side_by_side.h) */
    int beside_count;
};

/* Step n's rows that the tap holds: each is measured as the pass asks, and the backend's takes its place. */
void visit_rows(Lockstep *lockstep, int n, const Tap *tap);

#endif
