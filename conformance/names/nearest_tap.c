/* nearest_tap.c - words compared */
#include "names/nearest_tap.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 32, WORD_SIZE = 24 };

static const double LIKELY = 0.9; /* how like a tap's name is at least that has a prefix */

typedef struct {
    char text[MOST_WORDS][WORD_SIZE];
    int count;
} Words;

/* Ports call things by these words, and Hugging Face by those; a word may stand for several. */
static const struct {
    const char *word, *means;
} synonyms[] = {
    { "attention", "attn" },  { "blk", "layers" },      { "block", "layers" },   { "blocks", "layers" },
    { "layer", "layers" },    { "decoder", "layers" },  { "ffn", "mlp" },        { "ffw", "mlp" },
    { "feedforward", "mlp" }, { "layernorm", "norm" },  { "ln", "norm" },        { "normed", "norm" },
    { "rmsnorm", "norm" },    { "query", "q" },         { "key", "k" },          { "value", "v" },
    { "output", "out" },      { "o", "out" },           { "embedder", "embed" }, { "embd", "embed" },
    { "embedding", "embed" }, { "tok", "tokens" },      { "token", "tokens" },   { "probs", "weights" },
    { "softmax", "weights" }, { "projection", "proj" }, { "einsum", "proj" },    { "linear", "proj" },
    { "gating", "gate" },     { "vis", "vision" },      { "image", "vision" },   { "final", "model" },
    { "moe", "experts" },     { "expert", "experts" },  { "lm", "model" },       { "head", "logits" },
};

static void add_word(Words *words, const char *start, size_t length)
{
    if (words->count == MOST_WORDS || length == 0 || length >= WORD_SIZE) return;
    char *word = words->text[words->count++];
    for (size_t i = 0; i < length; i++) word[i] = (char)tolower((unsigned char)start[i]);
    word[length] = '\0';
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (strcmp(word, synonyms[i].word) == 0) {
            strcpy(word, synonyms[i].means);
            return;
        }
}

static Words words_of(const char *name)
{
    Words words = { .count = 0 };
    for (const char *at = name; *at;) {
        size_t length = 0;
        if (isdigit((unsigned char)*at))
            while (isdigit((unsigned char)at[length])) length++;
        else
            while (isalpha((unsigned char)at[length])) length++;
        add_word(&words, at, length);
        at += length ? length : 1;
    }
    return words;
}

static bool has_word(const Words *words, const char *word)
{
    for (int i = 0; i < words->count; i++)
        if (strcmp(words->text[i], word) == 0) return true;
    return false;
}

static bool is_number(const char *word) { return isdigit((unsigned char)*word); }

/* A word of the taps, and how much it says: the logarithm of one over the share of taps that have it */
typedef struct {
    char text[WORD_SIZE];
    int having;
} KnownWord;

struct TapWords {
    Words *taps;
    int count;
    KnownWord *known;
    int known_count;
};

static KnownWord *find_known(const TapWords *words, const char *word)
{
    for (int i = 0; i < words->known_count; i++)
        if (strcmp(words->known[i].text, word) == 0) return &words->known[i];
    return NULL;
}

static double weight_of(const TapWords *words, const char *word)
{
    const KnownWord *known = find_known(words, word);
    return is_number(word) ? 0 : log((words->count + 2.0) / ((known ? known->having : 0) + 1.0));
}

static bool first_of_its_kind(const Words *words, int at)
{
    for (int i = 0; i < at; i++)
        if (strcmp(words->text[i], words->text[at]) == 0) return false;
    return true;
}

static void count_word(TapWords *words, const char *word)
{
    KnownWord *known = find_known(words, word);
    if (!known) {
        words->known = grown(words->known, words->known_count, sizeof *words->known);
        known = &words->known[words->known_count++];
        *known = (KnownWord){ .having = 0 };
        memcpy(known->text, word, strlen(word) + 1);
    }
    known->having++;
}

TapWords *tap_words_new(const TapList *taps)
{
    TapWords *words = allocate_zeroed(1, sizeof *words);
    words->taps = allocate_zeroed((size_t)taps->count + 1, sizeof *words->taps);
    words->count = taps->count;
    for (int i = 0; i < taps->count; i++) {
        Words *of_tap = &words->taps[i];
        *of_tap = words_of(taps->taps[i].name);
        for (int n = 0; n < of_tap->count; n++)
            if (!is_number(of_tap->text[n]) && first_of_its_kind(of_tap, n)) count_word(words, of_tap->text[n]);
    }
    return words;
}

void tap_words_free(TapWords *words)
{
    if (!words) return;
    free(words->taps);
    free(words->known);
    free(words);
}

static bool same_numbers(const Words *left, const Words *right)
{
    for (int i = 0; i < left->count; i++)
        if (is_number(left->text[i]) && !has_word(right, left->text[i])) return false;
    return true;
}

static double likeness_of(const TapWords *words, const Words *left, const Words *right)
{
    double common = 0, all = 0;
    if (!same_numbers(left, right) || !same_numbers(right, left)) return 0;
    for (int i = 0; i < left->count; i++) {
        double weight = weight_of(words, left->text[i]);
        if (has_word(right, left->text[i])) common += weight;
        all += weight;
    }
    for (int i = 0; i < right->count; i++) {
        double weight = weight_of(words, right->text[i]);
        if (has_word(left, right->text[i])) common += weight;
        all += weight;
    }
    return all > 0 ? common / all : 0;
}

/* A framework writes such words behind a module's name for the first of its outputs. */
static bool is_first_output(const char *word)
{
    static const char *const words[] = { "0", "out", "tensor", "result" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) return true;
    return false;
}

static bool same_words(const Words *name, int at, const Words *tap)
{
    for (int i = 0; i < tap->count; i++)
        if (strcmp(name->text[at + i], tap->text[i]) != 0) return false;
    return true;
}

/* Whether the name is the tap's, with a prefix, or with what stands for the first output behind it: "module.logits",
 * "model.norm.0" */
static bool wraps(const Words *name, const Words *tap)
{
    int more = name->count - tap->count, behind = 0;
    if (more < 0 || tap->count == 0) return false;
    while (behind < more && is_first_output(name->text[name->count - 1 - behind])) behind++;
    for (int i = 0; i <= behind; i++)
        if (same_words(name, more - i, tap)) return true;
    return false;
}

/* The longest name that is wrapped is the likest. */
static double likeness_of_wrapped(const Words *name, const Words *tap)
{
    return LIKELY + (1 - LIKELY) * tap->count / name->count;
}

int nearest_tap(const TapWords *words, const char *name, const bool *wanted, double *likeness)
{
    Words own = words_of(name);
    int nearest = -1;
    *likeness = 0;
    for (int i = 0; i < words->count; i++) {
        double alike = wanted && !wanted[i] ? 0 : likeness_of(words, &own, &words->taps[i]);
        if ((!wanted || wanted[i]) && wraps(&own, &words->taps[i]))
            alike = fmax(alike, likeness_of_wrapped(&own, &words->taps[i]));
        if (alike <= *likeness) continue;
        nearest = i;
        *likeness = alike;
    }
    return nearest;
}
