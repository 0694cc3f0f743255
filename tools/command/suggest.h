/* suggest.h - "did you mean": the word that a misspelt one may have been */
#ifndef PLUMB_SUGGEST_H
#define PLUMB_SUGGEST_H

#include <argp.h>
#include <stddef.h>

/* Letters to insert, delete, replace or exchange with their neighbour, at most */
enum { MOST_TYPOS = 3 };

/* How many that takes from one word to the other; words of more than 63 letters are cut off */
int typos_between(const char *word, const char *other);

/* The nearest of words so far; begin with { .word = misspelt } and offer each that there is. */
typedef struct {
    const char *word, *nearest; /* NULL: none is near */
    int typos;
} Suggestion;

void suggest_offer(Suggestion *suggestion, const char *word);

/* Ends the program with one line if a long option of argv is none of argp's, nor the beginning of one, and is near to
 * one. Otherwise argp finds what is wrong. */
void suggest_options(const struct argp *argp, char **argv);

#endif
