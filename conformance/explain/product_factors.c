/* product_factors.c - products found by their names, as the modules of the model are called */
#include "explain/product_factors.h"

#include <math.h>
#include <string.h>

#include "dump/tap_name.h"

/* How a step's name ends, and what stands there instead in the names of its factors: the first that the dump has. */
static const struct {
    Product kind;
    const char *ending, *x[4], *other;
} products[] = {
    { PRODUCT_LINEAR, ".self_attn.q_proj", { ".input_layernorm" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.k_proj", { ".input_layernorm" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.v_proj", { ".input_layernorm" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.o_proj", { ".self_attn#attn_output" }, NULL },
    { PRODUCT_LINEAR, ".mlp.gate_proj", { ".pre_feedforward_layernorm" }, NULL },
    { PRODUCT_LINEAR, ".mlp.up_proj", { ".pre_feedforward_layernorm" }, NULL },
    { PRODUCT_GATED, ".mlp.down_proj", { ".mlp.act_fn" }, ".mlp.up_proj" },
    { PRODUCT_LINEAR, ".embedding_projection", { ".embedding_pre_projection_norm" }, NULL },
    { PRODUCT_LINEAR, "model.language_model.per_layer_model_projection", { "model#inputs_embeds" }, NULL },
    { PRODUCT_LINEAR, "model.per_layer_model_projection", { "model.embed_tokens" }, NULL },
    /* The last norm's output is the output of the models around it. */
    { PRODUCT_LINEAR, "lm_head", { "model", "model.language_model", "model.language_model.norm", "model.norm" }, NULL },
    { PRODUCT_SOFTMAX, "#attn_weights", { "#query_states" }, "#key_states" },
    { PRODUCT_HEADS, "#attn_output", { "#attn_weights" }, "#value_states" },
    /* The audio tower, from here on: attention there is no product of whole heads. */
    { PRODUCT_LINEAR, ".self_attn.q_proj", { ".norm_pre_attn" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.k_proj", { ".norm_pre_attn" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.v_proj", { ".norm_pre_attn" }, NULL },
    { PRODUCT_LINEAR, ".self_attn.post", { ".self_attn#attn_output" }, NULL },
    { PRODUCT_LINEAR, ".ffw_layer_1", { ".pre_layer_norm" }, NULL },
    { PRODUCT_LINEAR, ".ffw_layer_2", { ".act_fn" }, NULL },
    { PRODUCT_LINEAR, ".linear_start", { ".pre_layer_norm" }, NULL },
    { PRODUCT_LINEAR, ".linear_end", { ".act_fn" }, NULL },
};
enum { PRODUCT_COUNT = sizeof products / sizeof *products, OF_CONFORMER = PRODUCT_COUNT - 8 };

/* The step's name with its ending exchanged; "@k" stays. */
static const char *beside(const char *tap, const char *ending, const char *other, Arena *arena)
{
    size_t base = tap_base_length(tap);
    return arena_format(arena, "%.*s%s%s", (int)(base - strlen(ending)), tap, other, tap + base);
}

static const Array *weight_named(const Model *model, const char *name)
{
    return checkpoint_array(model_checkpoint(model), name);
}

static const Array *weight_of(const Model *model, const char *module, const char *name, Arena *arena)
{
    return weight_named(model, arena_format(arena, "%s.%s", module, name));
}

static double scalar_of(const Model *model, const char *module, const char *name, double otherwise, Arena *arena)
{
    const Array *array = weight_of(model, module, name, arena);
    if (array) array_read_f64(array, 0, 1, &otherwise);
    return otherwise;
}

/* The module that a tap is the output of: its name without "@k" */
static const char *module_of(const char *tap, Arena *arena)
{
    return arena_format(arena, "%.*s", (int)tap_base_length(tap), tap);
}

static void find_weights(ProductFactors *f, const Model *model, const char *tap, Arena *arena)
{
    const char *module = module_of(tap, arena);
    f->weight = weight_of(model, module, "weight", arena);
    f->bias = weight_of(model, module, "bias", arena);
    if (!f->weight && strcmp(module, "lm_head") == 0) { /* tied to the embeddings */
        f->weight = weight_named(model, "model.language_model.embed_tokens.weight");
        if (!f->weight) f->weight = weight_named(model, "model.embed_tokens.weight");
    }
    f->input_min = -INFINITY;
    f->input_max = INFINITY;
    if (!tap_ends(tap, ".linear")) return;
    const char *clippable = arena_format(arena, "%.*s", (int)(strlen(module) - strlen(".linear")), module);
    f->input_min = scalar_of(model, clippable, "input_min", -INFINITY, arena);
    f->input_max = scalar_of(model, clippable, "input_max", INFINITY, arena);
}

/* Which of the products the step is; -1. Behind a linear that is clamped, the module's own output is no product. */
static int product_of(const Model *model, const char *tap, const char **ending, Arena *arena)
{
    bool inner = tap_ends(tap, ".linear");
    if (!inner && weight_of(model, module_of(tap, arena), "linear.weight", arena)) return -1;
    bool conformer = tap_begins(tap, "model.audio_tower");
    for (int i = conformer ? OF_CONFORMER : 0; i < (conformer ? PRODUCT_COUNT : OF_CONFORMER); i++) {
        *ending = inner ? arena_format(arena, "%s.linear", products[i].ending) : products[i].ending;
        if (tap_ends(tap, *ending)) return i;
    }
    return -1;
}

/* The sums of the dump's tap of that name, before step n; NULL */
static const StepSums *factor(const Lockstep *lockstep, int n, const char *name)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    for (int i = 0; i < n; i++)
        if (strcmp(grade->steps[i].tap, name) == 0) return lockstep_sums(lockstep, i);
    return NULL;
}

ProductFactors product_factors_of(const Lockstep *lockstep, const Model *model, int step, Arena *arena)
{
    const char *tap = lockstep_grade_so_far(lockstep)->steps[step].tap, *ending;
    ProductFactors f = { .kind = PRODUCT_NONE };
    int i = product_of(model, tap, &ending, arena);
    if (i < 0) return f;

    for (int j = 0; j < 4 && products[i].x[j] && !f.x; j++) {
        f.x_tap = beside(tap, ending, products[i].x[j], arena);
        f.x = factor(lockstep, step, f.x_tap);
    }
    if (products[i].other) {
        f.other_tap = beside(tap, ending, products[i].other, arena);
        f.other = factor(lockstep, step, f.other_tap);
    }
    bool complete = f.x && (f.other || !products[i].other);
    if (!complete) f.missing = f.x ? f.other_tap : f.x_tap;
    if (products[i].kind == PRODUCT_LINEAR || products[i].kind == PRODUCT_GATED) find_weights(&f, model, tap, arena);
    if (complete) f.kind = products[i].kind;
    return f;
}
