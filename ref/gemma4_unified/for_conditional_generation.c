/* for_conditional_generation.c - Gemma4UnifiedForConditionalGeneration: Gemma4UnifiedModel with a language modeling
 * head, and logits as Gemma4's */
#include "gemma4_unified.h"

void gemma4_unified_for_conditional_generation_load(Gemma4UnifiedForConditionalGeneration *m, Loader at,
                                                    ConfigReader config)
{
    gemma4_unified_model_load(&m->model, child(at, "model"), config);
    if (error_is_set(at.error) || !m->model.has_language_model) return;
    lm_head_load(&m->lm_head, child(at, "lm_head"), &m->model.config.text_config,
                 &m->model.language_model.embed_tokens);
}

Tensor gemma4_unified_for_conditional_generation_forward(const void *model, const ForwardArguments *arguments, Run *run)
{
    const Gemma4UnifiedForConditionalGeneration *m = model;
    Tensor hidden_states = gemma4_unified_model_forward(&m->model, arguments, run);
    if (!arguments->input_ids) return hidden_states;
    return compute_logits(&m->lm_head, hidden_states, &m->model.config.text_config, arguments, run);
}
