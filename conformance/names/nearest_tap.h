/* nearest_tap.h - which tap an array of another name may be
 *
 * Names are cut into words, at dots, underscores and between letters and digits; words that ports use for the same
 * thing count as one ("attn" and "attention", "ffn" and "mlp"). Words that few taps have say more than those that all
 * have. Two names with other numbers are not alike: layer 3 is not layer 4. A tap's name with a
 * prefix, or with ".0" or "_output" behind it, is most like that tap.
 */
#ifndef PLUMB_NEAREST_TAP_H
#define PLUMB_NEAREST_TAP_H

#include "names/tap_list.h"

typedef struct TapWords TapWords;

TapWords *tap_words_new(const TapList *taps); /* which must live as long */
void tap_words_free(TapWords *words);
/* The tap most like the name among those with wanted[i], all where that is NULL: its place in the list; -1 where no tap
 * has a word of it. likeness: 0, nothing in common, to 1, the same */
int nearest_tap(const TapWords *words, const char *name, const bool *wanted, double *likeness);

#endif
