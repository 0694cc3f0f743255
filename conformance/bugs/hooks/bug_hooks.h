/* bug_hooks.h - what bugs are written with
 *
 *     static void scaled(BugRun *run, const Tap *tap)
 *     {
 *         if (!tap_is_text(tap, ".self_attn.q_norm")) return;
 *         for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, 0.9 * tap_value(tap, i));
 *     }
 *
 * A hook that changes nothing in a case must put nothing, not even the value that stands there: what it computes anew
 * is not the same to the last bit.
 */
#ifndef PLUMB_BUG_HOOKS_H
#define PLUMB_BUG_HOOKS_H

#include <float.h>

#include "bugs/bug.h"
#include "dump/tap_name.h"
#include "dump/tap_value.h"
#include "nn/nn.h"

/* ---- configuration (bug_run.c) */

json_t *text_config(json_t *config);                             /* text_config, or all of a text-only one */
json_t *vision_config(json_t *config);                           /* NULL if there is none */
void config_set(json_t *object, const char *key, json_t *value); /* value NULL: null. Nothing if object is NULL */

/* ---- weights (bug_weights.c). What is left is what is loaded */

void fill_weights(Checkpoint *checkpoint, const char *glob, float value);
void swap_weights(Checkpoint *checkpoint, const char *ending, const char *other); /* of all modules that have both */
/* Each tensor that matches the glob takes its place's ending from another: "x.a" from "x.b" */
void copy_weights(Checkpoint *checkpoint, const char *glob, const char *ending, const char *from);

/* ---- taps (bug_run.c); more about their names is in tap_name.h */

bool tap_is_local(const Tap *tap, const char *local);  /* "...layers.N.<local>", in whichever run */
bool tap_is_text(const Tap *tap, const char *ending);  /* of the text model, with that ending */
bool tap_is_tower(const Tap *tap, const char *ending); /* of the vision tower or its projector */
int tap_layer(const Tap *tap);                         /* N; -1 */

/* tap_value and tap_set are in dump/tap_value.h. Elements and rows are counted from the first that the tap holds. A row
 * is everything along the last dimension. */
int64_t tap_width(const Tap *tap);
int64_t tap_rows(const Tap *tap);
double *tap_row(BugRun *run, const Tap *tap, int64_t i); /* a copy, as long as scratch_row's */
void tap_set_row(const Tap *tap, int64_t i, const double *row);

/* ---- what was recorded, as doubles, after the backend's took its place (bug_run.c) */

typedef struct {
    const char *tap;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    double *values;
    int64_t room; /* elements that values has memory for */
    bool for_next_run;
} Recorded;

/* In the tap's run; NULL if it never came by. */
const Recorded *recorded(BugRun *run, const Tap *tap, const char *name);         /* by its whole name, without "@k" */
const Recorded *recorded_beside(BugRun *run, const Tap *tap, const char *local); /* of the same layer */
const Recorded *recorded_in_layer(BugRun *run, const Tap *tap, int layer, const char *local);
const Recorded *recorded_above(BugRun *run, const Tap *tap,
                               const char *local);            /* of what has the layers: PATH + local */
const Recorded *recorded_before(BugRun *run, const Tap *tap); /* the tap itself, in the run before */
double *recorded_row(const Recorded *recorded, int64_t row);
/* The input of the text layer that the tap is of; a bug that asks needs LAYER_INPUTS. */
const Recorded *layer_input(BugRun *run, const Tap *tap);
#define LAYER_INPUTS LAYER_GLOB, "model#inputs_embeds", "model.embed_tokens"

/* ---- the case (bug_run.c, bug_case.c) */

/* The id of a bug that hooks ask about, because bugs that meet in one step of a model know each other. It is a variable
 * that the bug's entry names too: an id that no bug has does not compile. */
typedef struct {
    char text[32];
} BugId;
bool bug_is_on(const BugRun *run, const BugId *id);
bool bug_is_in_expert(const BugRun *run, const BugId *id, int64_t expert); /* the same, where experts differ */

const Inputs *bug_inputs(const BugRun *run);
const Pass *bug_pass(const BugRun *run);
json_t *bug_config(const BugRun *run); /* config.json, edited */
double outer_number(const BugRun *run, const char *key, double otherwise);
double text_number(const BugRun *run, const char *key, double otherwise); /* of text_config */
double vision_number(const BugRun *run, const char *key, double otherwise);
bool layer_is_sliding(const BugRun *run, int layer);
bool layer_is_shared(const BugRun *run, int layer);
bool is_placeholder(const BugRun *run, int64_t b, int64_t t);    /* token t of the prompt's row b */
bool is_feature(const BugRun *run, int64_t b, int64_t t);        /* a placeholder whose place a feature takes */
const Array *patch_positions(const BugRun *run, const Tap *tap); /* that the tower has in the tap's run */
/* Row i of what a model without towers is given: pixel values, or frames of sound if the tap is of model.embed_audio */
double *feature_row(BugRun *run, const Tap *tap, int64_t i);
int64_t *own_integers(BugRun *run, const Array **array); /* makes *array one whose values may be written to */
/* A place in a tap of the text model: query q, from 0, of the `queries` that row b of the batch has in the tap's run */
typedef struct {
    const Tap *tap;
    int64_t b, q, queries;
} Query;
/* HF's position_ids of the query; a bug that asks needs POSITION_INPUTS */
int64_t position_of(BugRun *run, const Query *query);
#define POSITION_INPUTS "*#causal_mask_mapping.full_attention"
/* The row of recorded [batch or 1, seq, ..] at which the last `queries` positions of the batch's row b begin */
int64_t last_positions(const Recorded *recorded, int64_t b, int64_t queries);
/* cos or sin of the query in its text layer; a bug that asks needs ROTARY_TABLES */
const double *rotary_row(BugRun *run, const Query *query, const char *which);
#define ROTARY_TABLES "*.rotary_emb#*"
/* inv_freq [head_dim / 2] of a layer type */
void text_inv_freq(const BugRun *run, bool sliding, int64_t head_dim, float *inv_freq);

double *scratch_row(BugRun *run, int64_t count); /* until the hook returns, or releases it */
ArenaMark scratch_mark(BugRun *run);
void scratch_release(BugRun *run, ArenaMark mark);
void *bug_state(BugRun *run, size_t bytes);  /* zero at first, the same until the pass ends */
void *bug_memory(BugRun *run, size_t bytes); /* until the pass ends */

/* ---- weights that hooks read (bug_weights.c), by their whole name, or of the tap's layer; NULL if absent */

const double *weight_named(BugRun *run, const char *name); /* whole, so it should be small */
const double *weight_beside(BugRun *run, const Tap *tap, const char *local);
const double *weight_of(BugRun *run, const Tap *tap); /* of the module that the tap is the output of */
const double *bias_of(BugRun *run, const Tap *tap);   /* likewise */
const Array *array_named(BugRun *run, const char *name);
const Array *array_beside(BugRun *run, const Tap *tap, const char *local);
const Array *array_in_layer(BugRun *run, const Tap *tap, int layer, const char *local); /* beside that layer's taps */
void read_row(const BugRun *run, const Array *weight, int64_t row, double *out);
/* out [rows, out_features] = x [rows, in_features] weight^T, and bias unless NULL; x as the weight's rule rounds it */
void linear_rows(BugRun *run, double *out, const double *x, int64_t rows, const Array *weight, const Array *bias);

/* ---- arithmetic in double (arithmetic.c), every result rounded as the pass rounds */

double as_result(const BugRun *run, double value);
double as_weight(const BugRun *run, double value); /* and as tables are held, which the double pass has narrow too */
double dot(const BugRun *run, const double *a, const double *b, int64_t count);
float narrowed(Rounding rounding, float value); /* to that dtype, whatever the pass rounds to */
void rms_norm_row(double *row, int64_t width, const double *weight, double eps); /* weight NULL: none */
double activate(Activation activation, double x);
/* Turns pairs (i, i + distance), i < pairs, by the angles whose cos[i] and sin[i] are given */
void turn_row(const BugRun *run, double *row, int64_t pairs, int64_t distance, const double *cos, const double *sin);

/* Writes the rows of attn_weights that the tap holds anew: softmax(capped(scale * q k^T) + mask). mask_row fills what
 * is added to the query's logits, from 0 on; MASKED where the query may not look. A bug that asks needs
 * ATTENTION_INPUTS. */
typedef void MaskRow(BugRun *run, const Query *query, double *mask, int64_t keys);
typedef struct {
    double scale, softcap; /* softcap 0: none */
    MaskRow *mask_row;
} Attention;
void attend_again(BugRun *run, const Tap *tap, const Attention *attention);
/* One head of one query, and the states of all tokens that it may see, [tokens, head_dim]; out [head_dim] */
typedef struct {
    const double *query, *keys, *values;
    const bool *may_look;
    int64_t tokens, head_dim;
} AttentionHead;
void attend_head(BugRun *run, const AttentionHead *head, double *out);
#define MASKED (-DBL_MAX)
#define ATTENTION_INPUTS "*#query_states", "*#key_states"

#endif
