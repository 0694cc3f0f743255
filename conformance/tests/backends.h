/* backends.h - backends made at test time: the reference in a class, on a checkpoint of a few hundred weights, changed
 * on its way */
#ifndef PLUMB_BACKENDS_H
#define PLUMB_BACKENDS_H

#include "dumps.h"
#include "tiny.h"

/* A text-only model in the test's folder, and its inputs. */
typedef struct {
    const char *model, *inputs;
} Text;

/* changes: as tiny_write's. inputs: as write_arrays' */
Text text_of(const char *changes, const char *inputs);
/* Makes row `to` of a tensor of the checkpoint row `from` times factor. */
void copy_weight_row(Text text, const char *tensor, int64_t from, int64_t to, double factor);

extern const char two_rows[]; /* inputs: two prompts of seven tokens, three of the second one padding */
#define MOE "\"enable_moe_block\": true, \"num_experts\": 8, \"top_k_experts\": 3, \"moe_intermediate_size\": 4"
#define SHARED "\"num_kv_shared_layers\": 2, \"use_double_wide_mlp\": true, \"hidden_size_per_layer_input\": 4"

typedef struct {
    const char *class;
    bool exact; /* weights are rounded as the class says, and no result */
    int max_new_tokens, logits_to_keep;
    Edit *edit; /* of each tap as it is computed: the backend goes on with it. dropped: not written. NULL: none */
    const void *context;
} Backend;

/* A dump of every tap, of the last positions only where logits_to_keep says so. Choices are written as integers. */
const char *backend_dump(Text text, const Backend *backend);

Grade *grade_text(Text text, const char *dump, const char *class, const GradeOptions *options, Error *error);
Grade *graded_text(Text text, const char *dump, const char *class, const char *const *only); /* without error */
const Tie *tie_of(const Grade *grade, const char *tap, int64_t row);                         /* NULL if there is none */

#endif
