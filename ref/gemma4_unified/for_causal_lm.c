/* for_causal_lm.c - Gemma4UnifiedForCausalLM: Gemma4ForCausalLM with another configuration */
#include "gemma4_unified.h"

void gemma4_unified_for_causal_lm_load(Gemma4ForCausalLM *m, Loader at, ConfigReader config)
{
    gemma4_unified_text_config_load(&m->config, config, &at.checkpoint->arena);
    for_causal_lm_load(m, at);
}
