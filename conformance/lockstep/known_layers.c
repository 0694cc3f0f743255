/* known_layers.c - values of a pass beside those of the one that is remembered */
#include "lockstep/known_layers.h"

#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "dump/tap_value.h"

enum { VISION, AUDIO, TEXT, STREAMS };
enum { SLIDING, FULL, TYPES };
enum { NAME_ROOM = 256 };

/* A tap of the pass that is remembered */
typedef struct {
    char *name;
    uint64_t digest;
    bool unusual;  /* of a layer's output: something in the layer is not finite */
    int64_t *rows; /* of a layer's output: those that are not the dump's */
    double *values;
    int row_count;
} Remembered;

struct KnownLayers {
    const json_t *layer_types; /* NULL: nobody says */
    int shared_from;           /* text layers that take keys and values of an earlier one */
    Remembered *list;
    int count, at; /* the tap that this pass has come to */
    bool remember;
    uint64_t digest;    /* of the tap that is seen */
    bool layer_unusual; /* something in the layer that runs is not finite */
    /* Whether it differs from the pass that is remembered: */
    bool hidden[STREAMS]; /* what the next module is given */
    bool beside[STREAMS]; /* masks and rotations of towers */
    bool of_type[TYPES];  /* masks and rotations of text layers */
    bool per_layer_inputs;
    bool states; /* keys or values of a text layer, in this run or one before */
    int run;     /* of the text model */
};

KnownLayers *known_layers_new(const json_t *config)
{
    KnownLayers *k = allocate_zeroed(1, sizeof *k);
    const json_t *text = json_object_get(config, "text_config");
    if (!text) text = config;
    k->layer_types = json_object_get(text, "layer_types");
    k->shared_from = (int)(json_integer_value(json_object_get(text, "num_hidden_layers")) -
                           json_integer_value(json_object_get(text, "num_kv_shared_layers")));
    return k;
}

void known_layers_free(KnownLayers *k)
{
    for (int i = 0; k && i < k->count; i++) {
        free(k->list[i].name);
        free(k->list[i].rows);
        free(k->list[i].values);
    }
    if (k) free(k->list);
    free(k);
}

KnownLayers *known_layers_beside(const KnownLayers *k)
{
    return k ? memcpy(allocate_zeroed(1, sizeof *k), k, sizeof *k) : NULL;
}

void known_layers_free_beside(KnownLayers *k) { free(k); }

void known_layers_begin(KnownLayers *k, bool remember)
{
    k->remember = remember;
    k->at = k->run = 0;
    k->layer_unusual = k->per_layer_inputs = k->states = false;
    memset(k->hidden, 0, sizeof k->hidden);
    memset(k->beside, 0, sizeof k->beside);
    memset(k->of_type, 0, sizeof k->of_type);
}

/* ---------------------------------------------------------------- names */

static int stream_of(const char *name) { return tap_is_vision(name) ? VISION : tap_is_audio(name) ? AUDIO : TEXT; }
static bool is_states(const char *name) { return tap_ends(name, "#key_states") || tap_ends(name, "#value_states"); }

typedef enum { OF_NO_LAYER, INSIDE_LAYER, LAYER_OUTPUT } Place;

static Place place_of(const char *name)
{
    char layer[NAME_ROOM];
    if (!tap_layer_name(name, layer, sizeof layer)) return OF_NO_LAYER;
    return strcmp(layer, name) == 0 ? LAYER_OUTPUT : INSIDE_LAYER;
}

/* Goes into every layer, beside what the layer before it hands on */
static bool is_beside(const char *name)
{
    return strstr(name, "rotary_emb") || strstr(name, "rel_pos_enc") || strstr(name, "mask") ||
           tap_ends(name, "#padding_positions");
}

static bool is_of_head(const char *name) { return tap_is(name, "lm_head") || tap_is(name, "logits"); }

/* Values that nothing outside of their layer sees are not compared. */
static bool flows_on(const char *name, Place place)
{
    return place == INSIDE_LAYER ? is_states(name) && !tap_is_media(name) : !is_of_head(name);
}

/* ---------------------------------------------------------------- what differs */

static void note_text(KnownLayers *k, const char *name, Place place, bool differs)
{
    if (tap_step(name) > k->run) {
        k->run = tap_step(name);
        memset(k->of_type, 0, sizeof k->of_type);
    }
    if (place == INSIDE_LAYER)
        k->states |= differs;
    else if (is_beside(name)) {
        if (!strstr(name, "full_attention")) k->of_type[SLIDING] |= differs;
        if (!strstr(name, "sliding_attention")) k->of_type[FULL] |= differs;
    } else if (!strstr(name, "per_layer"))
        k->hidden[TEXT] = differs;
    else if (tap_ends(name, "#per_layer_inputs")) /* what they are made of goes nowhere else */
        k->per_layer_inputs = differs;
}

static void note(KnownLayers *k, const char *name, Place place, bool differs)
{
    int stream = stream_of(name);
    if (stream == TEXT)
        note_text(k, name, place, differs);
    else if (is_beside(name))
        k->beside[stream] |= differs;
    else
        k->hidden[stream] = differs;
}

static bool is_same_for_type(const KnownLayers *k, int layer)
{
    const char *type = json_string_value(json_array_get(k->layer_types, (size_t)layer));
    if (!type) return !k->of_type[SLIDING] && !k->of_type[FULL];
    return !k->of_type[strcmp(type, "sliding_attention") == 0 ? SLIDING : FULL];
}

static bool is_given_the_same(const KnownLayers *k, const char *layer)
{
    int stream = stream_of(layer);
    if (tap_is(layer, "logits")) return !k->hidden[TEXT];
    if (k->hidden[stream] || k->beside[stream]) return false;
    if (stream != TEXT) return true;
    int number = atoi(strstr(layer, "layers.") + strlen("layers."));
    bool takes_states = number >= k->shared_from || k->run > 0; /* of another layer, or of the runs before */
    return !k->per_layer_inputs && is_same_for_type(k, number) && !(takes_states && k->states);
}

/* ---------------------------------------------------------------- taps */

/* From where the pass is, because taps come in one order; NULL: it is not there */
static Remembered *look_ahead(const KnownLayers *k, const char *name)
{
    for (int i = k->at; i < k->count; i++)
        if (strcmp(k->list[i].name, name) == 0) return &k->list[i];
    return NULL;
}

static Remembered *find(KnownLayers *k, const char *name)
{
    Remembered *found = look_ahead(k, name);
    if (found) k->at = (int)(found - k->list);
    return found;
}

static uint64_t mixed(uint64_t digest, uint64_t bits)
{
    digest = (digest ^ bits) * 0x9e3779b97f4a7c15u;
    return digest ^ digest >> 32;
}

/* Four at once, because each multiplication waits for the one before it */
static uint64_t digest_of(const Tap *tap, uint64_t digest)
{
    uint64_t lanes[4] = { digest, 1, 2, 3 }, bits;
    for (int64_t i = 0; i < tap->count; i++) {
        double value = tap_value(tap, i);
        memcpy(&bits, &value, sizeof bits);
        lanes[i % 4] = mixed(lanes[i % 4], bits);
    }
    return mixed(mixed(lanes[0], lanes[1]), mixed(lanes[2], lanes[3]));
}

static bool is_finite(const Tap *tap)
{
    double sum = 0; /* what is not finite makes this no number */
    for (int64_t i = 0; i < tap->count; i++) sum += 0 * tap_value(tap, i);
    return sum == 0;
}

/* Whether the row goes on as the dump has it */
static bool is_the_dumps(const Tap *tap, int64_t row, const StepSums *sums, double *found)
{
    int64_t dump_row = sums ? row_map_dump_row(&sums->row_map, row) : -1, width = tap->shape[tap->rank - 1];
    if (dump_row < 0) return false;
    step_sums_read_found(sums, dump_row, found);
    for (int64_t j = 0; j < width; j++)
        if (!(tap_value(tap, row * width + j) == found[j])) return false;
    return true;
}

static void keep_rows(Remembered *to, const Tap *tap, const StepSums *sums)
{
    int64_t width = tap->shape[tap->rank - 1], rows = tap->count / width;
    double *found = allocate_zeroed((size_t)width, sizeof *found);
    for (int64_t row = 0; row < rows; row++) {
        if (is_the_dumps(tap, row, sums, found)) continue;
        to->rows = grown(to->rows, to->row_count, sizeof *to->rows);
        to->values = grown(to->values, to->row_count, (size_t)width * sizeof *to->values);
        size_t kept = (size_t)to->row_count++;
        to->rows[kept] = row;
        for (int64_t j = 0; j < width; j++) to->values[(int64_t)kept * width + j] = tap_value(tap, row * width + j);
    }
    free(found);
}

/* They go nowhere but to the choice of a token, and are too many to be kept beside the dump. */
static bool are_all_the_dumps(const Tap *tap, const StepSums *sums)
{
    int64_t width = tap->shape[tap->rank - 1], rows = tap->count / width, row = 0;
    double *found = allocate_zeroed((size_t)width, sizeof *found);
    while (row < rows && is_the_dumps(tap, row, sums, found)) row++;
    free(found);
    return row == rows;
}

static void remember(KnownLayers *k, const Tap *tap, Place place, const StepSums *sums)
{
    k->list = grown(k->list, k->count, sizeof *k->list);
    Remembered *to = &k->list[k->count++];
    *to = (Remembered){ .name = strcpy(allocate_zeroed(strlen(tap->name) + 1, 1), tap->name), .digest = k->digest };
    bool logits = tap_is(tap->name, "logits");
    if (place != LAYER_OUTPUT && !logits) return;
    to->unusual = k->layer_unusual || (logits && !are_all_the_dumps(tap, sums));
    k->layer_unusual = false;
    if (!logits) keep_rows(to, tap, sums);
}

void known_layers_observe(KnownLayers *k, const Tap *tap, const StepSums *sums)
{
    int64_t total = 1;
    Place place = place_of(tap->name);
    if (k->remember && !k->layer_unusual) k->layer_unusual = !is_finite(tap);
    if (k->remember && tap_is(tap->name, "logits")) remember(k, tap, place, sums);
    if (!flows_on(tap->name, place)) return;
    for (int i = 0; i < tap->rank; i++) total *= tap->shape[i];
    k->digest = digest_of(tap, tap->first == 0 ? (uint64_t)total : k->digest);
    if (tap->first + tap->count < total) return;
    if (k->remember) {
        remember(k, tap, place, sums);
        return;
    }
    const Remembered *honest = find(k, tap->name);
    note(k, tap->name, place, !honest || honest->digest != k->digest);
}

const char *known_layers_have(KnownLayers *k, const char *layer)
{
    const Remembered *output = look_ahead(k, layer);
    return output && !output->unusual && is_given_the_same(k, layer) ? output->name : NULL;
}

void known_layers_fill(KnownLayers *k, const Tap *tap)
{
    const Remembered *output = find(k, tap->name);
    int64_t width = tap->shape[tap->rank - 1];
    for (int i = 0; output && i < output->row_count; i++)
        for (int64_t j = 0; j < width; j++) tap_set(tap, output->rows[i] * width + j, output->values[i * width + j]);
}
