/* shard.c - layers and logits counted, joined to parts that can be left out, and shared out */
#include "lockstep/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"

enum { NAME_ROOM = 256 };

/* A layer, or the head, in one of its runs */
typedef struct {
    char *name;     /* of its output */
    int layer;      /* among the layers */
    uint32_t drawn; /* bits, up to its end */
} LayerRun;

/* A layer in all of its runs */
typedef struct {
    size_t stack, base; /* lengths of its name: up to "layers.", and without the run */
    const char *name;   /* of its first run */
    int number, part;   /* number: -1 is the head's */
    double cost;
    bool held; /* the dump has the whole output of each run */
} Layer;

/* Layers one behind the other, the last of which the dump holds. Without such a last one it must be computed by all.
 * Parts are in the order of the pass. */
typedef struct {
    double cost;
    bool held, computed;
    int owner;
} Part;

struct Shard {
    ShardNumber of;
    int samples;
    const json_t *config;
    LayerRun *runs;
    Layer *layers;
    Part *parts;
    int run_count, layer_count, part_count;
    uint32_t drawn; /* at the end of the last tap that is in no layer */
    int64_t width;  /* of the last layer's output */
    ShardChoices choices;
    int *owners; /* of each step */
};

Shard *shard_new(ShardNumber of, int samples, const json_t *config)
{
    Shard *shard = allocate_zeroed(1, sizeof *shard);
    *shard = (Shard){ .of = of, .samples = samples, .config = config };
    return shard;
}

static void forget(Shard *shard)
{
    for (int i = 0; i < shard->run_count; i++) free(shard->runs[i].name);
    free(shard->runs);
    free(shard->layers);
    free(shard->parts);
    free(shard->owners);
    *shard = (Shard){ .of = shard->of, .samples = shard->samples, .config = shard->config };
}

void shard_free(Shard *shard)
{
    if (shard) forget(shard);
    free(shard);
}

void shard_begin(Shard *shard) { forget(shard); }

/* ---------------------------------------------------------------- the pass that lists */

static bool is_divisible(const Shard *shard) { return shard->choices != SHARD_CHOICES_OPEN; }

static size_t stack_length(const char *name)
{
    const char *at = strstr(name, "layers.");
    return at ? (size_t)(at - name) : 0;
}

static int number_of(const char *name)
{
    const char *layers = strstr(name, "layers.");
    return layers ? atoi(layers + strlen("layers.")) : -1;
}

static int find_layer(const Shard *shard, const char *name)
{
    size_t base = tap_base_length(name);
    for (int i = 0; i < shard->layer_count; i++)
        if (shard->layers[i].base == base && strncmp(shard->layers[i].name, name, base) == 0) return i;
    return -1;
}

static int add_layer(Shard *shard, const char *name)
{
    int found = find_layer(shard, name);
    if (found >= 0) return found;
    shard->layers = reallocate(shard->layers, (size_t)shard->layer_count + 1, sizeof *shard->layers);
    shard->layers[shard->layer_count] = (Layer){ .stack = stack_length(name),
                                                 .base = tap_base_length(name),
                                                 .name = name,
                                                 .number = number_of(name),
                                                 .held = true };
    return shard->layer_count++;
}

/* Each element of a result cost as many products as rows are wide, more or less: in a layer it is one of two or three
 * that follow from each other, and so are logits. */
void shard_note(Shard *shard, const Tap *tap)
{
    char layer[NAME_ROOM];
    bool inside = tap_unit_name(tap->name, layer, sizeof layer);
    if (inside && strcmp(layer, tap->name) != 0) return;
    double elements = (double)(*tap->drawn - shard->drawn);
    shard->drawn = *tap->drawn;
    if (!inside) return;
    char *name = strcpy(allocate_zeroed(strlen(tap->name) + 1, 1), tap->name);
    int n = add_layer(shard, name);
    bool logits = shard->layers[n].number < 0;
    if (!logits) shard->width = tap->shape[tap->rank - 1];
    shard->layers[n].cost += (logits ? 2 * (double)tap->count : elements) * (double)shard->width;
    shard->runs = reallocate(shard->runs, (size_t)shard->run_count + 1, sizeof *shard->runs);
    shard->runs[shard->run_count++] = (LayerRun){ name, n, *tap->drawn };
}

/* ---------------------------------------------------------------- the plan */

static bool is_finite(const StepSums *sums)
{
    int64_t width = sums->row_map.width;
    double sum = 0, *row = allocate_zeroed((size_t)width, sizeof *row);
    for (int64_t n = 0; n < row_map_rows(&sums->row_map); n++) {
        step_sums_read_found(sums, n, row);
        for (int64_t j = 0; j < width; j++) sum += 0 * row[j]; /* what is not finite makes this no number */
    }
    free(row);
    return sum == 0;
}

static bool is_held(const Grade *grade, const StepSums *sums, const char *output)
{
    for (int n = 0; n < grade->step_count; n++)
        if (strcmp(grade->steps[n].tap, output) == 0) return !step_is_partial(&grade->steps[n]) && is_finite(&sums[n]);
    return false;
}

static void join_layers(Shard *shard)
{
    shard->parts = allocate_zeroed((size_t)shard->layer_count + 1, sizeof *shard->parts);
    for (int i = 0; i < shard->layer_count; i++) {
        Layer *layer = &shard->layers[i];
        const Layer *before = i > 0 ? layer - 1 : NULL;
        bool goes_on = before && !before->held && before->stack == layer->stack &&
                       strncmp(before->name, layer->name, layer->stack) == 0;
        if (!goes_on) shard->part_count++;
        layer->part = shard->part_count - 1;
        shard->parts[layer->part].cost += layer->cost;
        shard->parts[layer->part].held = layer->held;
    }
}

/* One shard has the parts from `first` to `end` - 1 to do, and the last one all ends, and what no layer has. The
 * oracle's pass costs two of a replay. So does the free one, up to the last part that the shard owns; the ends ask for
 * one such pass, which is the shard's own where nothing is chosen. */
static double load_of(const Shard *shard, int first, int end, bool has_ends)
{
    double load = 0, up_to = 0, all = 0;
    for (int i = 0; i < shard->part_count; i++) {
        const Part *part = &shard->parts[i];
        all += part->cost;
        if (i < end) up_to += part->cost;
        if (i >= first && i < end && part->held) load += part->cost * (1 + shard->samples);
    }
    if (has_ends) return load + (2 + FREE_REPLAYS + (shard->choices == SHARD_NO_CHOICES ? 0 : 2)) * all;
    return end > first ? load + 2 * up_to : 0;
}

/* Parts from the first on, as many to each shard as its load allows; whether the last one can have the rest */
static bool share_out_by(Shard *shard, double most)
{
    int at = 0, last = shard->of.count - 1;
    for (int k = 0; k < last; k++)
        for (int first = at; at < shard->part_count && load_of(shard, first, at + 1, false) <= most; at++)
            shard->parts[at].owner = k;
    for (int i = at; i < shard->part_count; i++) shard->parts[i].owner = last;
    return load_of(shard, at, shard->part_count, true) <= most;
}

/* The least load that the dearest shard can have, by halves: each machine finds the same. */
static void share_out(Shard *shard)
{
    enum { HALVES = 40 };
    double less = 0, enough = load_of(shard, 0, shard->part_count, true);
    for (int i = 0; i < HALVES; i++) {
        double middle = (less + enough) / 2;
        if (share_out_by(shard, middle))
            enough = middle;
        else
            less = middle;
    }
    share_out_by(shard, enough);
}

static bool is_text(const Layer *layer) { return !tap_is_media(layer->name); }

static bool is_mine(const Shard *shard, const Layer *layer)
{
    return shard->parts[layer->part].owner == shard->of.number;
}

/* Text layers from `shared` on take keys and values of the last layer of their type before it. */
static void compute_shared_states(Shard *shard)
{
    const json_t *text = json_object_get(shard->config, "text_config");
    if (!text) text = shard->config;
    const json_t *types = json_object_get(text, "layer_types");
    json_int_t shared = json_integer_value(json_object_get(text, "num_hidden_layers")) -
                        json_integer_value(json_object_get(text, "num_kv_shared_layers"));
    bool takes = false;
    const char *seen[2] = { "", "" };
    for (int i = 0; i < shard->layer_count; i++)
        takes |= is_text(&shard->layers[i]) && shard->layers[i].number >= shared && is_mine(shard, &shard->layers[i]);
    for (int i = shard->layer_count - 1; i >= 0 && takes; i--) {
        const Layer *layer = &shard->layers[i];
        const char *type = json_string_value(json_array_get(types, (size_t)layer->number));
        if (!is_text(layer) || layer->number < 0 || layer->number >= shared || (type && strcmp(type, seen[0]) == 0) ||
            (type && strcmp(type, seen[1]) == 0))
            continue;
        shard->parts[layer->part].computed = true;
        if (type) seen[*seen[0] != '\0'] = type;
    }
}

void shard_plan(Shard *shard, const Grade *grade, const StepSums *sums, ShardChoices choices)
{
    char layer[NAME_ROOM];
    shard->choices = choices;
    for (int i = 0; i < shard->run_count; i++) {
        Layer *of = &shard->layers[shard->runs[i].layer];
        of->held = of->held && is_held(grade, sums, shard->runs[i].name);
    }
    join_layers(shard);
    if (is_divisible(shard)) share_out(shard);
    for (int i = 0; i < shard->part_count; i++)
        shard->parts[i].computed = !shard->parts[i].held || shard->parts[i].owner == shard->of.number;
    compute_shared_states(shard);
    shard->owners = allocate_zeroed((size_t)grade->step_count + 1, sizeof *shard->owners);
    for (int n = 0; n < grade->step_count; n++) {
        int of = tap_unit_name(grade->steps[n].tap, layer, sizeof layer) ? find_layer(shard, layer) : -1;
        bool is_shared = of >= 0 && is_divisible(shard);
        shard->owners[n] = is_shared ? shard->parts[shard->layers[of].part].owner : shard->of.count - 1;
    }
}

/* ---------------------------------------------------------------- the passes behind it */

bool shard_has_step(const Shard *shard, int step) { return shard->owners[step] == shard->of.number; }
bool shard_has_ends(const Shard *shard) { return shard->of.number == shard->of.count - 1; }

bool shard_has_steps(const Shard *shard, int steps)
{
    bool any = false;
    for (int n = 0; n < steps; n++) any |= shard_has_step(shard, n);
    return any;
}

static const LayerRun *find_run(const Shard *shard, const char *name)
{
    for (int i = 0; i < shard->run_count; i++)
        if (strcmp(shard->runs[i].name, name) == 0) return &shard->runs[i];
    return NULL;
}

const char *shard_leaves_out(const Shard *shard, const char *layer)
{
    const LayerRun *run = is_divisible(shard) ? find_run(shard, layer) : NULL;
    return run && !shard->parts[shard->layers[run->layer].part].computed ? run->name : NULL;
}

/* Nothing is replaced in a free pass, so that it computes all layers before the last one that is the shard's. */
const char *shard_needs_no_more(const Shard *shard, const char *layer)
{
    const LayerRun *run = is_divisible(shard) && !shard_has_ends(shard) ? find_run(shard, layer) : NULL;
    if (!run) return NULL;
    int part = shard->layers[run->layer].part;
    bool needs = !shard->parts[part].held;
    for (int i = part; i < shard->part_count; i++) needs |= shard->parts[i].owner == shard->of.number;
    return needs ? NULL : run->name;
}

void shard_pass_over(const Shard *shard, const Tap *output)
{
    const LayerRun *run = find_run(shard, output->name);
    if (run) *output->drawn = run->drawn;
}
