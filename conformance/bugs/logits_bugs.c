/* logits_bugs.c - after the last norm
 *
 * Right: logits are final_logit_softcapping * tanh(logits / final_logit_softcapping).
 */
#include <math.h>

#include "bugs/hooks/bug_hooks.h"

static void softcap_missing(json_t *config) { config_set(text_config(config), "final_logit_softcapping", NULL); }

static double softcap(const BugRun *run) { return text_number(run, "final_logit_softcapping", 0); }

static void softcap_twice(BugRun *run, const Tap *tap)
{
    double cap = softcap(run);
    for (int64_t i = 0; tap_is(tap->name, "logits") && cap > 0 && i < tap->count; i++)
        tap_set(tap, i, as_result(run, tanh(as_result(run, tap_value(tap, i) / cap))) * cap);
}

/* Logits that are not capped yet come from the last norm's output. */
static void softcap_times_logit(BugRun *run, const Tap *tap)
{
    double cap = softcap(run);
    if (!tap_is(tap->name, "logits") || cap <= 0) return;
    const Array *head = array_named(run, "lm_head.weight");
    if (!head) head = array_named(run, "model.language_model.embed_tokens.weight");
    if (!head) head = array_named(run, "model.embed_tokens.weight");
    const Recorded *norm = recorded(run, tap, "model.language_model.norm");
    if (!norm) norm = recorded(run, tap, "model.norm");
    int64_t vocab = tap_width(tap), kept = tap->shape[1], seq = norm->shape[1];
    double *logits = scratch_row(run, vocab);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t row = tap->first / vocab + i;
        linear_rows(run, logits, recorded_row(norm, row / kept * seq + seq - kept + row % kept), 1, head, NULL);
        for (int64_t j = 0; j < vocab; j++) logits[j] *= as_result(run, tanh(as_result(run, logits[j] / cap)));
        tap_set_row(tap, i, logits);
    }
}

const Bug logits_bugs[] = {
    { .id = "softcap-missing",
      .stage = "logits",
      .mechanism = "logits are not soft-capped: 30 * tanh(x / 30) is left out",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4645",
      .sources = 2,
      .exposed_by = "final_logit_softcapping, and logits that are not small beside it",
      .config = softcap_missing },
    { .id = "softcap-times-logit",
      .stage = "logits",
      .mechanism = "soft-capped logits are x * tanh(x / 30), not 30 * tanh(x / 30)",
      .source = "https://github.com/unslothai/unsloth-zoo/pull/593",
      .sources = 1,
      .exposed_by = "final_logit_softcapping",
      .tap = softcap_times_logit,
      .needs_in_layer = (const char *const[]){ "model.language_model.norm", "model.norm", NULL } },
    { .id = "softcap-twice",
      .stage = "logits",
      .mechanism = "logits are soft-capped twice, in the model and after it",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4645",
      .sources = 1,
      .exposed_by = "final_logit_softcapping, and logits that are not small beside it",
      .tap = softcap_twice },
    { 0 },
};
