/* for_causal_lm.c - Gemma4ForCausalLM, the text model alone; and the language modeling head of both models
 *
 *   last_hidden_state [batch, seq, hidden]
 *     lm_head            -> [batch, logits_to_keep, vocab_size]
 *     soft-capping       cap * tanh(logits / cap)
 */
#include "gemma4.h"

void lm_head_load(Linear *m, Loader at, const Gemma4TextConfig *config, const Gemma4TextScaledWordEmbedding *embeddings)
{
    bool tied = config->tie_word_embeddings && !has_tensor(at, "weight"); /* HF unties a head that the file holds */
    m->path = at.path;
    m->weight = tied ? embeddings->weight : load_table(at, "weight", config->vocab_size, config->hidden_size);
}

Tensor compute_logits(const Linear *lm_head, Tensor hidden_states, const Gemma4TextConfig *config,
                      const ForwardArguments *arguments, Run *run)
{
    int64_t seq = hidden_states.shape[1], keep = arguments->logits_to_keep;
    if (keep > 0 && keep < seq) hidden_states = narrow(hidden_states, 1, seq - keep, keep, run);
    if (is_known(run, "logits"))
        return tap_output(run, "logits",
                          new_tensor(run, hidden_states.shape[0], hidden_states.shape[1], config->vocab_size));
    Tensor logits = linear_forward(lm_head, hidden_states, run);
    if (config->final_logit_softcapping > 0) {
        logits = divide_(logits, config->final_logit_softcapping, run);
        logits = tanh_(logits, run);
        logits = scale_(logits, config->final_logit_softcapping, run);
    }
    return tap_output(run, "logits", logits);
}

void gemma4_for_causal_lm_load(Gemma4ForCausalLM *m, Loader at, ConfigReader config)
{
    gemma4_text_config_load(&m->config, config, &at.checkpoint->arena);
    for_causal_lm_load(m, at);
}

void for_causal_lm_load(Gemma4ForCausalLM *m, Loader at)
{
    if (error_is_set(at.error)) return;
    gemma4_text_model_load(&m->model, child(at, "model"), &m->config);
    lm_head_load(&m->lm_head, child(at, "lm_head"), &m->config, &m->model.embed_tokens);
}

Tensor gemma4_for_causal_lm_forward(const void *model, const ForwardArguments *arguments, Run *run)
{
    const Gemma4ForCausalLM *m = model;
    Tensor none = { 0 };
    Tensor hidden_states = gemma4_text_model_forward(&m->model, arguments, none, none, NULL, run);
    return compute_logits(&m->lm_head, hidden_states, &m->config, arguments, run);
}
