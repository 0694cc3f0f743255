/* tap_meaning.h - what a tap is, in a phrase, and where Hugging Face computes it */
#ifndef PLUMB_TAP_MEANING_H
#define PLUMB_TAP_MEANING_H

/* A configuration's model_type says which of them a model is. */
typedef enum { FAMILY_GEMMA4 = 1, FAMILY_TEXT = 2, FAMILY_UNIFIED = 4 } Family;

typedef struct {
    const char *pattern; /* a glob for the tap's name without "@k"; the first row that matches counts */
    unsigned families;   /* flags of Family; 0: all */
    const char *phrase;
    const char *hugging_face; /* Class.method of transformers, or of torch.nn */
    int line, unified_line;   /* of the method, in modeling_gemma4.py and modeling_gemma4_unified.py; 0: none */
} TapMeaning;

extern const TapMeaning tap_meanings[];
extern const int tap_meaning_count;

Family family_of(const char *model_type);                       /* "gemma4", "gemma4_unified", .. */
const TapMeaning *tap_meaning(const char *name, Family family); /* NULL: no row */
/* "Class.method (file:line)". gemma4_unified has classes of its own, Gemma4UnifiedX for Gemma4X. -> text */
const char *tap_meaning_place(const TapMeaning *meaning, Family family, char *text, int size);

#endif
