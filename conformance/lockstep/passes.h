/* passes.h - passes of a lockstep, one by one or several in turn; for the files that run them */
#ifndef PLUMB_PASSES_H
#define PLUMB_PASSES_H

#include "lockstep/pass_state.h"

/* turn, alternative: of PASS_ALTERNATIVE */
void run_pass(Lockstep *lockstep, PassKind kind, int turn, int alternative);

typedef struct {
    PassKind kind;
    int sample; /* of PASS_RANDOM and PASS_PATH */
    bool last;  /* steps get their verdicts as it goes by them */
} OrderedPass;

/* The steps must be listed. Each pass comes to a step after the one before it has gone by there (turns.h), and as many
 * run at once as there are threads. */
void run_passes_in_turn(Lockstep *lockstep, const OrderedPass *passes, int count);

#endif
