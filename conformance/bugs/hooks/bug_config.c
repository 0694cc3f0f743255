/* bug_config.c - configuration and inputs, as hooks of bugs ask for them */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bugs/hooks/bug_run.h"

#include "checkpoint/token_ids.h"
/* ---------------------------------------------------------------- configuration */

void config_set(json_t *object, const char *key, json_t *value)
{
    if (object)
        json_object_set_new(object, key, value ? value : json_null());
    else
        json_decref(value);
}

json_t *text_config(json_t *config)
{
    json_t *text = json_object_get(config, "text_config");
    return text ? text : config;
}

json_t *vision_config(json_t *config)
{
    json_t *vision = json_object_get(config, "vision_config");
    return json_is_object(vision) ? vision : NULL;
}

static double number(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : json_is_boolean(value) ? json_is_true(value) : otherwise;
}

json_t *bug_config(const BugRun *run) { return (json_t *)model_config(run->model); }

double outer_number(const BugRun *run, const char *key, double otherwise)
{
    return number(bug_config(run), key, otherwise);
}

double text_number(const BugRun *run, const char *key, double otherwise)
{
    return number(text_config(bug_config(run)), key, otherwise);
}

double vision_number(const BugRun *run, const char *key, double otherwise)
{
    return number(vision_config(bug_config(run)), key, otherwise);
}

bool layer_is_sliding(const BugRun *run, int layer)
{
    int layers = (int)text_number(run, "num_hidden_layers", 0);
    const json_t *types = json_object_get(text_config(bug_config(run)), "layer_types");
    const char *type = json_string_value(json_array_get(types, (size_t)layer));
    if (layer == layers - 1) return false;
    return type ? strcmp(type, "sliding_attention") == 0 : (layer + 1) % 6 != 0;
}

bool layer_is_shared(const BugRun *run, int layer)
{
    return layer >= text_number(run, "num_hidden_layers", 0) - text_number(run, "num_kv_shared_layers", 0);
}

void text_inv_freq(const BugRun *run, bool sliding, int64_t head_dim, float *inv_freq)
{
    const json_t *all = json_object_get(text_config(bug_config(run)), "rope_parameters");
    const json_t *rope = json_object_get(all, sliding ? "sliding_attention" : "full_attention");
    const char *type = json_string_value(json_object_get(rope, "rope_type"));
    bool proportional = type ? strcmp(type, "proportional") == 0 : !sliding;
    double theta = number(rope, "rope_theta", sliding ? 10000 : 1000000);
    double share = number(rope, "partial_rotary_factor", rope ? 1 : 0.25);
    int64_t angles = proportional ? (int64_t)floor(share * (double)head_dim / 2) : head_dim / 2;
    for (int64_t i = 0; i < head_dim / 2; i++) {
        inv_freq[i] = i < angles ? inverse_frequency(theta, (int)(2 * i), (int)head_dim) : 0;
        if (proportional) inv_freq[i] /= (float)number(rope, "factor", 1);
    }
}

bool bug_is_on(const BugRun *run, const BugId *id)
{
    for (int i = 0; i < run->bug_count; i++)
        if (run->bugs[i]->id == id->text) return true;
    return false;
}

bool bug_is_in_expert(const BugRun *run, const BugId *id, int64_t expert)
{
    bool in_some = run->part && run->part->unit == UNIT_EXPERT && run->bugs[run->bug_count - 1]->id == id->text;
    if (!in_some) return bug_is_on(run, id);
    return expert < MOST_UNITS && (run->part->units >> expert & 1);
}

/* ---------------------------------------------------------------- inputs */

const Inputs *bug_inputs(const BugRun *run) { return run->inputs; }
const Pass *bug_pass(const BugRun *run) { return run->pass; }

/* Which kind of placeholder the token is, as the key of config.json that has its id; NULL: it is none */
static const char *placeholder_key(const BugRun *run, int64_t b, int64_t t)
{
    static const struct {
        const char *key;
        int64_t otherwise;
    } kinds[] = { { "image_token_id", IMAGE_TOKEN_ID },
                  { "video_token_id", VIDEO_TOKEN_ID },
                  { "audio_token_id", AUDIO_TOKEN_ID } };
    const Array *ids = run->inputs->input_ids;
    if (!ids || !json_object_get(bug_config(run), "text_config")) return NULL;
    int64_t id = array_integer(ids, b * ids->shape[1] + t);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (id == (int64_t)outer_number(run, kinds[i].key, (double)kinds[i].otherwise)) return kinds[i].key;
    return NULL;
}

bool is_placeholder(const BugRun *run, int64_t b, int64_t t) { return placeholder_key(run, b, t) != NULL; }

bool is_feature(const BugRun *run, int64_t b, int64_t t)
{
    const char *key = placeholder_key(run, b, t);
    if (!key) return false;
    if (strcmp(key, "image_token_id") == 0) return run->inputs->pixel_values != NULL;
    if (strcmp(key, "audio_token_id") == 0) return run->inputs->input_features != NULL;
    return run->inputs->pixel_values_videos != NULL;
}

const Array *patch_positions(const BugRun *run, const Tap *tap)
{
    bool videos = tap_run(tap->name) > 0 || !run->inputs->pixel_values;
    return videos ? run->inputs->video_position_ids : run->inputs->image_position_ids;
}

double *feature_row(BugRun *run, const Tap *tap, int64_t i)
{
    bool videos = tap_run(tap->name) > 0 || !run->inputs->pixel_values;
    const Array *features = videos ? run->inputs->pixel_values_videos : run->inputs->pixel_values;
    if (tap_begins(tap->name, "model.embed_audio")) features = run->inputs->input_features;
    int64_t width = features->shape[2];
    double *row = scratch_row(run, width);
    array_read_f64(features, i * width, width, row);
    for (int64_t j = 0; j < width; j++) row[j] = as_result(run, row[j]);
    return row;
}

int64_t *own_integers(BugRun *run, const Array **array)
{
    int64_t count = array_elements(*array), *values = bug_memory(run, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = array_integer(*array, i);
    Array *own = bug_memory(run, sizeof *own);
    *own = **array;
    own->dtype = DTYPE_I64;
    own->data = (const unsigned char *)values;
    *array = own;
    return values;
}

int64_t last_positions(const Recorded *recorded, int64_t b, int64_t queries)
{
    int64_t seq = recorded->shape[1];
    return (recorded->shape[0] == 1 ? 1 : b + 1) * seq - queries;
}

const double *rotary_row(BugRun *run, const Query *query, const char *which)
{
    char local[64];
    snprintf(local, sizeof local, ".rotary_emb#%s_attention_%s",
             layer_is_sliding(run, tap_layer(query->tap)) ? "sliding" : "full", which);
    const Recorded *table = recorded_above(run, query->tap, local);
    return recorded_row(table, last_positions(table, query->b, query->queries) + query->q);
}

int64_t position_of(BugRun *run, const Query *query)
{
    const Array *given = run->inputs->position_ids, *ids = run->inputs->input_ids;
    int64_t seq = ids->shape[1], step = tap_step(query->tap->name), place = seq - query->queries + query->q;
    if (given) return array_integer(given, query->b * seq + (step ? seq - 1 : place)) + step;
    if (run->pass->max_new_tokens == 0) return place;

    /* generate counts tokens that are no padding. The mask of full layers shows them, also where it was inferred. */
    const Recorded *mask = recorded(run, query->tap,
                                    json_object_get(bug_config(run), "text_config")
                                        ? "model.language_model#causal_mask_mapping.full_attention"
                                        : "model#causal_mask_mapping.full_attention");
    if (!mask) return place + step;
    int64_t keys = mask->shape[3], rows = mask->shape[2], seen = 0;
    const double *row = recorded_row(mask, (query->b + 1) * rows - query->queries + query->q);
    for (int64_t j = 0; j <= keys - query->queries + query->q; j++) seen += row[j] != 0;
    return seen > 0 ? seen - 1 : 0;
}
