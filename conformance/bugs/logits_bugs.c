/* logits_bugs.c - after the last norm */
#include "bugs/hooks/bug_hooks.h"

static void softcap_missing(json_t *config) { config_set(text_config(config), "final_logit_softcapping", NULL); }

const Bug logits_bugs[] = {
    { .id = "softcap-missing",
      .stage = "logits",
      .mechanism = "logits are not soft-capped: 30 * tanh(x / 30) is left out",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4645",
      .sources = 1,
      .exposed_by = "final_logit_softcapping, and logits that are not small beside it",
      .config = softcap_missing },
    { 0 },
};
