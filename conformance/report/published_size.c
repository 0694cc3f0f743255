/* published_size.c - the figures of the five published models beside those of a config.json
 *
 * A size that is there in one and 0 in the other is another kind of model, and counts as much as a width of another
 * order of magnitude; else the ratio of the two counts.
 */
#include "report/published_size.h"

#include <math.h>
#include <string.h>

#include "gemma4_unified.h"

enum { E2B, E4B, B12, B26, B31, PUBLISHED_COUNT };
enum { UNKNOWN = -1 }; /* published nowhere that could be read */
static const double ANOTHER_KIND = 10;

static const char *const names[PUBLISHED_COUNT] = { "E2B", "E4B", "12B", "26B-A4B", "31B" };

/* A row a figure; where a model has no such thing it is 0. The order is that of a report. */
static const struct {
    const char *key;
    int published[PUBLISHED_COUNT];
} figures[] = {
    { "num_hidden_layers", { 35, 42, 48, 30, 60 } },
    { "layer_types: full_attention", { 7, 7, 8, 5, 10 } },
    { "hidden_size", { 1536, 2560, 3840, 2816, 5376 } },
    { "intermediate_size", { 6144, 10240, UNKNOWN, 2112, 21504 } },
    { "num_attention_heads", { 8, 8, UNKNOWN, 16, 32 } },
    { "num_key_value_heads", { 1, 2, UNKNOWN, 8, 16 } },
    { "num_global_key_value_heads", { 1, 2, UNKNOWN, 2, 4 } },
    { "head_dim", { 256, 256, 256, 256, 256 } },
    { "global_head_dim", { 512, 512, 512, 512, 512 } },
    { "sliding_window", { 512, 512, 1024, 1024, 1024 } },
    { "attention_k_eq_v", { 0, 0, 1, 1, 1 } },
    { "num_kv_shared_layers", { 20, 18, 0, 0, 0 } },
    { "use_double_wide_mlp", { 1, 0, 0, 0, 0 } },
    { "hidden_size_per_layer_input", { 256, 256, 0, 0, 0 } },
    { "num_experts", { 0, 0, 0, 128, 0 } },
    { "top_k_experts", { 0, 0, 0, 8, 0 } },
    { "moe_intermediate_size", { 0, 0, 0, 704, 0 } },
    { "use_bidirectional_attention: vision", { 0, 0, 1, 1, 1 } },
    { "vision_config.num_hidden_layers", { 16, 16, 0, 27, 27 } },
    { "vision_config.hidden_size", { 768, 768, 0, 1152, 1152 } },
    { "vision_config.intermediate_size", { 3072, 3072, 0, 4304, 4304 } },
    { "vision_config.num_attention_heads", { 12, 12, 0, 16, 16 } },
    { "vision_config.use_clipped_linears", { 1, 1, 0, 0, 0 } },
    { "vision_config.standardize", { 0, 0, 0, 1, 1 } },
    { "vision_config.mm_embed_dim", { 0, 0, 3840, 0, 0 } },
    { "vision_config.mm_posemb_size", { 0, 0, 1120, 0, 0 } },
    { "audio_config.num_hidden_layers", { 12, 12, 0, 0, 0 } },
    { "audio_config.hidden_size", { 1024, 1024, 0, 0, 0 } },
    { "audio_config.audio_embed_dim", { 0, 0, 640, 0, 0 } },
};
enum { FIGURES = sizeof figures / sizeof *figures, TEXT_FIGURES = 18 };
/* Behind those of the text model: six of the tower of pictures, and these */
enum { MM_EMBED_DIM = 6, MM_POSEMB_SIZE, AUDIO_LAYERS, AUDIO_HIDDEN_SIZE, AUDIO_EMBED_DIM };
_Static_assert((int)FIGURES <= (int)MOST_DIFFERENCES, "a difference for each");

static int *text_figures(int *at, const Gemma4TextConfig *c)
{
    int full = 0;
    const Gemma4TextLayerConfig *last = &c->layers[c->num_hidden_layers - 1], *first = &c->layers[0];
    for (int i = 0; i < c->num_hidden_layers; i++) full += c->layers[i].layer_type == FULL_ATTENTION;
    const int values[TEXT_FIGURES] = {
        c->num_hidden_layers,
        full,
        c->hidden_size,
        c->intermediate_size,
        c->num_attention_heads,
        first->num_key_value_heads,
        last->num_key_value_heads,
        first->head_dim,
        last->head_dim,
        c->sliding_window,
        c->attention_k_eq_v,
        c->num_kv_shared_layers,
        c->use_double_wide_mlp,
        c->hidden_size_per_layer_input,
        c->num_experts,
        c->top_k_experts,
        c->moe_intermediate_size,
        c->use_bidirectional_attention == BIDIRECTIONAL_VISION,
    };
    memcpy(at, values, sizeof values);
    return at + TEXT_FIGURES;
}

static void tower_figures(int *at, const Gemma4Config *c)
{
    const Gemma4VisionConfig *v = &c->vision_config;
    const int vision[] = { v->num_hidden_layers,   v->hidden_size,         v->intermediate_size,
                           v->num_attention_heads, v->use_clipped_linears, v->standardize };
    if (c->has_vision) memcpy(at, vision, sizeof vision);
    if (c->has_audio) at[AUDIO_LAYERS] = c->audio_config.num_hidden_layers;
    if (c->has_audio) at[AUDIO_HIDDEN_SIZE] = c->audio_config.hidden_size;
}

static void embedder_figures(int *at, const Gemma4UnifiedConfig *c)
{
    if (c->has_vision) at[MM_EMBED_DIM] = c->vision_config.mm_embed_dim;
    if (c->has_vision) at[MM_POSEMB_SIZE] = c->vision_config.mm_posemb_size;
    if (c->has_audio) at[AUDIO_EMBED_DIM] = c->audio_config.audio_embed_dim;
}

/* -> how many of the figures are the checkpoint's */
static int read_figures(int found[FIGURES], const json_t *config, Arena *arena)
{
    Error error = { "" }; /* stays empty: the model has been opened */
    ConfigReader at = { .object = config, .file = "config.json", .path = "", .error = &error };
    const char *model_type = config_string(at, "model_type");
    memset(found, 0, FIGURES * sizeof *found);
    if (strcmp(model_type, "gemma4") == 0) {
        Gemma4Config c = { 0 };
        gemma4_config_load(&c, at, arena);
        tower_figures(text_figures(found, &c.text_config), &c);
        return FIGURES;
    }
    if (strcmp(model_type, "gemma4_unified") == 0) {
        Gemma4UnifiedConfig c = { 0 };
        gemma4_unified_config_load(&c, at, arena);
        embedder_figures(text_figures(found, &c.text_config), &c);
        return FIGURES;
    }
    Gemma4TextConfig c;
    bool unified = strcmp(model_type, "gemma4_unified_text") == 0;
    (unified ? gemma4_unified_text_config_load : gemma4_text_config_load)(&c, at, arena);
    text_figures(found, &c);
    return TEXT_FIGURES;
}

static double distance(int found, int published)
{
    if (found == published || published == UNKNOWN) return 0;
    return found == 0 || published == 0 ? ANOTHER_KIND : fabs(log((double)found / published));
}

PublishedSize published_size_of(const json_t *config, bool has_text, Arena *arena)
{
    int found[FIGURES], count = read_figures(found, config, arena), nearest = 0;
    bool towers_only = !has_text && count > TEXT_FIGURES;
    int first = towers_only ? TEXT_FIGURES : 0;
    double least = INFINITY;
    const char *name = "";
    for (int p = 0; p < PUBLISHED_COUNT; p++) {
        double sum = 0;
        for (int i = first; i < count; i++) sum += distance(found[i], figures[i].published[p]);
        if (sum == least) name = arena_format(arena, "%s and %s", name, names[p]); /* they have the same towers */
        if (sum >= least) continue;
        nearest = p;
        name = names[p];
        least = sum;
    }

    PublishedSize size = { .nearest = name, .text_only = count == TEXT_FIGURES, .towers_only = towers_only };
    for (int i = first; i < count; i++) {
        int published = figures[i].published[nearest];
        bool in_text = i < TEXT_FIGURES && !size.text_only;
        const char *key = in_text ? arena_format(arena, "text_config.%s", figures[i].key) : figures[i].key;
        if (found[i] != published && published != UNKNOWN)
            size.differences[size.count++] = (SizeDifference){ key, found[i], published };
    }
    return size;
}
