/* model.c - opens a checkpoint folder, and runs it */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint/expert_stack.h"
#include "checkpoint/quantization_config.h"
#include "gemma4_unified.h"

typedef enum { FAMILY_GEMMA4, FAMILY_UNIFIED, FAMILY_TEXT } Family;

struct Model {
    Checkpoint *checkpoint;
    json_t *config;
    Family family;
    Gemma4ForConditionalGeneration gemma4;         /* FAMILY_GEMMA4 */
    Gemma4UnifiedForConditionalGeneration unified; /* FAMILY_UNIFIED */
    Gemma4ForCausalLM text;                        /* FAMILY_TEXT: of either */
    const Gemma4TextConfig *text_config;
    GenerationConfig generation_config;
    Arena activations; /* of a pass; kept for the next, because touching memory first is a twentieth of a pass */
};

static void load(Model *model, ConfigReader at)
{
    Loader root = { model->checkpoint, "", at.error };
    stack_experts(model->checkpoint, at.error);
    const char *model_type = config_string(at, "model_type");
    if (strcmp(model_type, "gemma4") == 0) {
        model->family = FAMILY_GEMMA4;
        gemma4_for_conditional_generation_load(&model->gemma4, root, at);
        model->text_config = &model->gemma4.model.config.text_config;
    } else if (strcmp(model_type, "gemma4_unified") == 0) {
        model->family = FAMILY_UNIFIED;
        gemma4_unified_for_conditional_generation_load(&model->unified, root, at);
        model->text_config = &model->unified.model.config.text_config;
    } else if (strcmp(model_type, "gemma4_text") == 0) {
        model->family = FAMILY_TEXT;
        gemma4_for_causal_lm_load(&model->text, root, at);
        model->text_config = &model->text.config;
    } else if (strcmp(model_type, "gemma4_unified_text") == 0) {
        model->family = FAMILY_TEXT;
        gemma4_unified_for_causal_lm_load(&model->text, root, at);
        model->text_config = &model->text.config;
    } else {
        config_refuse(at, "model_type", model_type, "gemma4, gemma4_text, gemma4_unified or gemma4_unified_text");
    }
    if (!error_is_set(at.error))
        generation_config_load(&model->generation_config, model->checkpoint->folder, at, model->text_config,
                               &model->checkpoint->arena);
}

/* Codes and scales become weights, and tensors of GGUF files get their names. */
static void read_weights(Checkpoint *checkpoint, ConfigReader at)
{
    bool is_text = !config_has(at, "text_config");
    checkpoint_name_ggufs(checkpoint, is_text ? "model." : "model.language_model.", at.error);
    if (checkpoint->gguf_count == 0) read_quantization_config(checkpoint, at);
    if (!error_is_set(at.error)) checkpoint_declare_inputs(checkpoint);
    if (declared_cache.given) checkpoint->cache = declared_cache.codes;
}

Model *model_open(const char *folder, Error *error) { return model_open_edited(folder, &(ModelEdits){ 0 }, error); }

Model *model_open_edited(const char *folder, const ModelEdits *edits, Error *error)
{
    Model *model = allocate_zeroed(1, sizeof *model);
    model->checkpoint = checkpoint_open(folder, error);
    if (error_is_set(error)) {
        model_close(model);
        return NULL;
    }
    ConfigReader at = { .file = arena_format(&model->checkpoint->arena, "%s/config.json", folder),
                        .path = "",
                        .error = error };
    at.object = model->config = config_open(at.file, error);
    if (!error_is_set(error)) read_weights(model->checkpoint, at);
    if (!error_is_set(error) && edits->weights) edits->weights(model->checkpoint, edits->context);
    if (!error_is_set(error) && edits->config) edits->config(model->config, edits->context);
    if (!error_is_set(error)) load(model, at);

    if (error_is_set(error)) {
        model_close(model);
        return NULL;
    }
    return model;
}

/* Whether the edits left the other's configuration and tensors as they were */
static bool is_like(const Model *edited, const Model *model)
{
    const Checkpoint *a = edited->checkpoint, *b = model->checkpoint;
    if (!json_equal(edited->config, model->config) || a->tensor_count != b->tensor_count) return false;
    for (int i = 0; i < a->tensor_count; i++)
        if (a->tensors[i].array != b->tensors[i].array) return false;
    return true;
}

Model *model_open_like(const Model *model, const ModelEdits *edits, Error *error)
{
    Model *edited = allocate_zeroed(1, sizeof *edited);
    edited->checkpoint = checkpoint_borrow(model->checkpoint);
    edited->config = json_deep_copy(model->config);
    if (edits && edits->weights) edits->weights(edited->checkpoint, edits->context);
    if (edits && edits->config) edits->config(edited->config, edits->context);
    bool changed = !edits || !is_like(edited, model);
    if (changed)
        load(edited, (ConfigReader){
                         .object = edited->config,
                         .file = arena_format(&edited->checkpoint->arena, "%s/config.json", edited->checkpoint->folder),
                         .path = "",
                         .error = error });
    if (changed && !error_is_set(error)) return edited;
    model_close(edited);
    return NULL;
}

void model_close(Model *model)
{
    if (!model) return;
    arena_free(&model->activations);
    json_decref(model->config);
    checkpoint_close(model->checkpoint);
    free(model);
}

void model_check(const Model *model, const Inputs *inputs, Error *error)
{
    switch (model->family) {
    case FAMILY_GEMMA4: gemma4_model_check(&model->gemma4.model, inputs, error); break;
    case FAMILY_UNIFIED: gemma4_unified_model_check(&model->unified.model, inputs, error); break;
    case FAMILY_TEXT: gemma4_for_causal_lm_check(&model->text, inputs, error); break;
    }
}

void model_check_generation(const Model *model, const Inputs *inputs, int max_new_tokens, Error *error)
{
    gemma4_generation_check(model->text_config, inputs, max_new_tokens, error);
}

const json_t *model_config(const Model *model) { return model->config; }
const Checkpoint *model_checkpoint(const Model *model) { return model->checkpoint; }
bool model_ends_at(const Model *model, int64_t token) { return is_eos_token(&model->generation_config, token); }

int model_suppress_tokens(const Model *model, const int64_t **tokens)
{
    *tokens = model->generation_config.suppress_tokens;
    return model->generation_config.suppress_count;
}

int64_t model_vocab_size(const Model *model) { return gemma4_input_vocab_size(model->text_config); }
int64_t model_num_experts(const Model *model) { return model->text_config->num_experts; }

int model_layers(const Model *model, const Inputs *inputs, int max_new_tokens)
{
    int pictures = (inputs->pixel_values != NULL) + (inputs->pixel_values_videos != NULL);
    int layers = pictures * model->gemma4.model.vision_tower.encoder.num_layers;
    if (inputs->input_features && model->family == FAMILY_GEMMA4)
        layers += model->gemma4.model.config.audio_config.num_hidden_layers;
    if (inputs->input_ids) layers += model->text_config->num_hidden_layers * (max_new_tokens > 1 ? max_new_tokens : 1);
    return layers;
}

static const int64_t *read_integers(const Array *array, Arena *arena)
{
    if (!array) return NULL;
    int64_t count = array_elements(array);
    int64_t *integers = arena_allocate(arena, (size_t)count * sizeof *integers);
    for (int64_t i = 0; i < count; i++) integers[i] = array_integer(array, i);
    return integers;
}

static GenerationMixin mixin(const Model *model)
{
    GenerationMixin m = { .config = model->text_config, .generation_config = &model->generation_config };
    switch (model->family) {
    case FAMILY_GEMMA4:
        m.model = &model->gemma4;
        m.forward = gemma4_for_conditional_generation_forward;
        break;
    case FAMILY_UNIFIED:
        m.model = &model->unified;
        m.forward = gemma4_unified_for_conditional_generation_forward;
        break;
    case FAMILY_TEXT:
        m.model = &model->text;
        m.forward = gemma4_for_causal_lm_forward;
        break;
    }
    return m;
}

void model_forward(Model *model, const Inputs *inputs, const Pass *pass)
{
    ArenaMark empty = { 0 };
    Arena *arena = &model->activations;
    Random random = random_of(pass->seed);
    random.idle = pass->seed == 0;
    random.near_ties = pass->near_ties;
    Run run = { .arena = arena,
                .random = &random,
                .rounding = pass->results,
                .weights = pass->weights,
                .exact_codes = pass->exact_codes,
                .cache = pass->cache,
                .features = pass->features,
                .hook = pass->hook,
                .known = pass->known,
                .hook_context = pass->hook_context };
    ForwardArguments arguments = { .inputs = inputs, .logits_to_keep = pass->logits_to_keep };
    if (inputs->input_ids) {
        arguments.input_ids = read_integers(inputs->input_ids, arena);
        arguments.position_ids = read_integers(inputs->position_ids, arena);
        arguments.attention_mask = read_integers(inputs->attention_mask, arena);
        arguments.mm_token_type_ids = read_integers(inputs->mm_token_type_ids, arena);
        arguments.batch = inputs->input_ids->shape[0];
        arguments.seq = inputs->input_ids->shape[1];
    }
    GenerationMixin m = mixin(model);
    if (pass->max_new_tokens > 0)
        generate(&m, &arguments, pass->max_new_tokens, pass->ignore_eos, &run);
    else
        m.forward(m.model, &arguments, &run);
    arena_release(arena, empty);
}
