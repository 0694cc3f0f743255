/* flips.h - backends that choose otherwise
 *
 * Experts 4 to 7 of eight have the router weights of 0 to 3 times a factor near 1, so that of each token's three the
 * last is nearly tied with the first that is not chosen. What the two compute is not alike. Tokens 3 and 8 likewise.
 */
#ifndef PLUMB_FLIPS_H
#define PLUMB_FLIPS_H

#include "backends.h"

#define ROUTER(layer) "model.layers." layer ".router"
enum { PAIRED = 4, TOKEN = 3, OTHER_TOKEN = 8 };

Text near_experts(double factor, int pairs); /* pairs: of experts that are like each other; PAIRED: all */
/* A dump of a backend that takes, of the first `pairs` pairs, the other one wherever one was chosen and the other was
 * not. lacks: what the dump does not hold, NULL-terminated; NULL: it holds all */
const char *flipped_dump(Text text, const char *class, int tokens, int pairs, const char *const *lacks);
extern int flips;              /* that the backend made in that dump, padding apart */
extern const char *first_flip; /* the tap */

/* Row 8 of the head is row 3 times factor, and 4 and 9 are the negatives of these; all others are small. So one of the
 * four is always chosen. */
Text near_tokens(double factor);
/* A dump of a backend that takes, as the second new token, the one that is like it. */
const char *flipped_token_dump(Text text, const char *const *lacks);

bool is_dropped(const char *name, const char *const *lacks);

#endif
