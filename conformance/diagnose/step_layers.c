/* step_layers.c - names of layers, back from a step */
#include "diagnose/step_layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/part_words.h"
#include "dump/tap_name.h"

enum { NAME_ROOM = 256 };

/* Layers of one stack: the text's, or a tower's */
typedef struct {
    const char *tap; /* of one of them */
    int before;      /* characters before the number */
} Stack;

static void name_layer(char name[NAME_ROOM], Stack stack, int layer, int run)
{
    int length = snprintf(name, NAME_ROOM, "%.*s%d", stack.before, stack.tap, layer);
    if (run > 0 && length > 0 && length < NAME_ROOM) snprintf(name + length, (size_t)(NAME_ROOM - length), "@%d", run);
}

static bool is_held(const Grade *grade, const char *layer)
{
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        if (strcmp(step->tap, layer) == 0) return step->rows >= step->tap_rows;
    }
    return false;
}

/* The first layer that the step comes from, in any run up to its own */
static int first_layer(const Grade *grade, Stack stack, int layer, int first_run, int run)
{
    char name[NAME_ROOM];
    int first = layer;
    for (int r = first_run; r <= run; r++) {
        int from = layer;
        for (name_layer(name, stack, from - 1, r); from > 0 && !is_held(grade, name); from--)
            name_layer(name, stack, from - 2, r);
        if (from < first) first = from;
    }
    return first;
}

static bool takes_states_of_another(const json_t *config, int layer)
{
    const json_t *text = json_object_get(config, "text_config");
    if (!text) text = config;
    json_int_t own = json_integer_value(json_object_get(text, "num_hidden_layers")) -
                     json_integer_value(json_object_get(text, "num_kv_shared_layers"));
    return layer >= own;
}

static void add(TouchedLayers *layers, const char *name)
{
    layers->names = reallocate(layers->names, (size_t)layers->count + 1, sizeof *layers->names);
    layers->names[layers->count++] = strcpy(allocate_zeroed(strlen(name) + 1, 1), name);
}

TouchedLayers step_layers(const Grade *grade, int step, const json_t *config)
{
    char name[NAME_ROOM];
    TouchedLayers layers = { .all = true };
    const char *tap = grade->steps[step].tap, *number = strstr(tap, "layers.");
    int layer = layer_of_step(tap), run = tap_run(tap), first_run = tap_is_media(tap) ? run : 0;
    if (layer < 0) return layers;
    layers.all = !tap_is_media(tap) && takes_states_of_another(config, layer);
    Stack stack = { tap, (int)(number - tap) + (int)strlen("layers.") };
    for (int n = first_layer(grade, stack, layer, first_run, run); n <= layer && !layers.all; n++)
        for (int r = first_run; r <= run; r++) {
            name_layer(name, stack, n, r);
            add(&layers, name);
        }
    return layers;
}
