/* suggest.c - the distance of Damerau and Levenshtein */
#include "command/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 63 };

static int smaller(int a, int b) { return a < b ? a : b; }

int typos_between(const char *word, const char *other)
{
    int rows[3][LONGEST + 1], length = (int)strnlen(other, LONGEST);
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= length; j++) last[j] = j;
    for (int i = 1; i <= LONGEST && word[i - 1]; i++) {
        now[0] = i;
        for (int j = 1; j <= length; j++) {
            bool same = word[i - 1] == other[j - 1];
            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[length];
}

void suggest_offer(Suggestion *s, const char *word)
{
    int typos = typos_between(s->word, word), most = smaller(MOST_TYPOS, ((int)strlen(s->word) + 2) / 3);
    bool longer = strlen(s->word) >= 3 && strncmp(s->word, word, strlen(s->word)) == 0; /* "grad", "window-off" */
    if (longer) typos = 1;
    if (typos > most || (s->nearest && typos >= s->typos)) return;
    s->nearest = word;
    s->typos = typos;
}

/* ---------------------------------------------------------------- options */

/* The option that a name, or the beginning of one, is */
static const struct argp_option *find_option(const struct argp *argp, const char *name, size_t length)
{
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
        if (o->name && strncmp(o->name, name, length) == 0) return o;
    for (const struct argp_child *child = argp->children; child && child->argp; child++) {
        const struct argp_option *found = find_option(child->argp, name, length);
        if (found) return found;
    }
    return NULL;
}

static void offer_options(const struct argp *argp, Suggestion *suggestion)
{
    for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
        if (o->name) suggest_offer(suggestion, o->name);
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        offer_options(child->argp, suggestion);
}

static void end_with_suggestion(const struct argp *argp, const char *command, const char *name)
{
    Suggestion suggestion = { .word = name };
    offer_options(argp, &suggestion);
    if (!suggestion.nearest) return;
    fprintf(stderr, "%s: --%s: found no such option, expected one that %s --help lists; did you mean --%s?\n", command,
            name, command, suggestion.nearest);
    exit(argp_err_exit_status);
}

void suggest_options(const struct argp *argp, char **argv)
{
    static const struct argp_option builtin[] = { { "help", 0, 0, 0, 0, 0 }, { "usage", 0, 0, 0, 0, 0 }, { 0 } };
    const struct argp with_builtin = { .options = builtin,
                                       .children = (const struct argp_child[]){ { argp, 0, 0, 0 }, { 0 } } };
    for (char **argument = argv + 1; *argument && strcmp(*argument, "--") != 0; argument++) {
        if (strncmp(*argument, "--", 2) != 0) continue;
        char name[LONGEST + 1];
        size_t length = strcspn(*argument + 2, "=");
        if (length > LONGEST) continue;
        snprintf(name, sizeof name, "%.*s", (int)length, *argument + 2);
        const struct argp_option *option = find_option(&with_builtin, name, length);
        if (!option) end_with_suggestion(&with_builtin, argv[0], name);
        if (option && option->arg && !(*argument)[2 + length] && argument[1]) argument++; /* past its value */
    }
}
