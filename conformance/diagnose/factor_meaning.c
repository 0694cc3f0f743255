/* factor_meaning.c - roots and shares of a few numbers of config.json */
#include "diagnose/factor_meaning.h"

#include <math.h>

#include "dump/tap_name.h"

static const double NEAR = 0.005;

static bool is_near(double factor, double value) { return fabs(factor - value) <= NEAR * fabs(value); }

/* The configuration of the tower, or of the text model, which may be all there is */
static const json_t *part_of(const json_t *config, const char *tap)
{
    const char *key = tap_is_vision(tap) ? "vision_config" : tap_is_audio(tap) ? "audio_config" : "text_config";
    const json_t *part = json_object_get(config, key);
    return part ? part : config;
}

/* A root is told before a plain number: it is what ports forget. */
static const char *meaning_of(double factor, double number, const char *name, Arena *arena)
{
    const struct {
        double value;
        const char *format;
    } forms[] = { { 1 / sqrt(number), "1/sqrt(%s)" }, { sqrt(number), "sqrt(%s)" },
                  { 1 / number, "1/%s" },             { number, "%s" } };
    for (size_t i = 0; number > 1 && i < sizeof forms / sizeof *forms; i++)
        if (is_near(factor, forms[i].value)) return arena_format(arena, forms[i].format, name);
    return NULL;
}

const char *factor_meaning(double factor, const char *tap, const json_t *config, Arena *arena)
{
    static const char *const keys[] = { "hidden_size", "head_dim", "global_head_dim", "hidden_size_per_layer_input",
                                        "pooling_kernel_size" };
    const json_t *part = part_of(config, tap);
    const char *meaning = meaning_of(factor, 2, "2", arena);
    if (!meaning && is_near(factor, -1)) meaning = "the sign";
    if (!meaning) meaning = meaning_of(factor, 255, "255", arena);
    for (size_t i = 0; !meaning && i < sizeof keys / sizeof *keys; i++) {
        double number = json_number_value(json_object_get(part, keys[i]));
        bool is_side = i + 1 == sizeof keys / sizeof *keys; /* a patch is as many times the pixels */
        meaning = meaning_of(factor, is_side ? number * number : number,
                             is_side ? arena_format(arena, "%s^2", keys[i]) : keys[i], arena);
    }
    return meaning;
}
