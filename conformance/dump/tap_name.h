/* tap_name.h - what a tap's name says
 *
 * A module that runs again gets "@1", "@2", ..  behind its name: a decode step of the text model; the videos, where
 * images went through the vision tower before them.
 */
#ifndef PLUMB_TAP_NAME_H
#define PLUMB_TAP_NAME_H

#include <stdbool.h>
#include <stddef.h>

int tap_run(const char *name);                       /* k of "NAME@k"; 0 for the first run */
size_t tap_base_length(const char *name);            /* without "@k", which begins there */
bool tap_is(const char *name, const char *base);     /* in whichever run */
bool tap_ends(const char *name, const char *ending); /* likewise */
bool tap_begins(const char *name, const char *beginning);
/* "model.layers.3@1", the layer that "model.layers.3.mlp@1" is of; false where it is of none, or size is too small */
bool tap_layer_name(const char *name, char *layer, size_t size);
/* The same, or "logits@1", that "lm_head@1" is of: what a pass computes whole or not at all */
bool tap_unit_name(const char *name, char *unit, size_t size);
bool tap_is_vision(const char *name); /* of the tower or its projector */
bool tap_is_audio(const char *name);  /* likewise */
bool tap_is_media(const char *name);  /* of either: its rows are no tokens of a prompt */
int tap_step(const char *name);       /* the decode step that it is of; 0 in the prefill */

/* A tap that chooses: experts, or the next token. */
bool tap_is_experts(const char *name); /* router#top_k_index */
bool tap_is_token(const char *name);   /* input_ids@k, which is what decode step k is fed */
bool tap_is_choice(const char *name);

/* fnmatch, and +(..) for one or more of what is in it, so that layers of any number match. */
bool tap_matches(const char *glob, const char *name);
#define LAYER_GLOB "*layers.+([0-9])" /* outputs of layers, in the prefill */
/* Which keys a query of the text may look at; its attention has it as an input. */
bool tap_is_mask(const char *name);
bool tap_holds_flags(const char *name); /* a mask of any kind, of 1 and 0 */

/* Globs, NULL-terminated: outputs of layers, towers and embedders in all of their runs, nothing inside them; and
 * what pictures and sounds are made into */
extern const char *const tap_layer_outputs[];

#endif
