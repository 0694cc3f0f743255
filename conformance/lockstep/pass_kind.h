/* pass_kind.h - the passes of a lockstep */
#ifndef PLUMB_PASS_KIND_H
#define PLUMB_PASS_KIND_H

typedef enum {
    PASS_FREE,   /* nothing is replaced, but for the tokens that steps are fed */
    PASS_REPLAY, /* rounded as the class */
    PASS_ORACLE,
    PASS_RANDOM,      /* rounded as the class, up or down at random */
    PASS_NEAREST,     /* rounded as the class, once more for somebody who looks on */
    PASS_ALTERNATIVE, /* the oracle's, with other choices */
    PASS_SETTLE,      /* the oracle's, with those that were kept */
    PASS_PATH,        /* nothing is replaced but choices, which are the dump's and the oracle's */
    PASS_SUSPECT,     /* of a model with a bug, which chooses as it does */
} PassKind;

#endif
