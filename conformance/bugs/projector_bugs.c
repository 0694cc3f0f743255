/* projector_bugs.c - from the vision tower's width to the text model's */
#include "bugs/bug_hooks.h"

/* What is called a norm before the projection lets its input through; the projector's output is normalised. */
static void norm_after_projection(BugRun *run, const Tap *tap)
{
    if (tap_is_tower(tap, ".embedding_pre_projection_norm")) {
        const Kept *input = kept(run, tap, "model.vision_tower");
        for (int64_t i = 0; i < tap->count; i++) tap_put(tap, i, input->values[tap->first + i]);
    }
    if (!tap_is(tap->name, "model.embed_vision")) return;
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        double *row = tap_row(run, tap, i);
        rms_norm_row(row, tap_width(tap), NULL, vision_number(run, "rms_norm_eps", 1e-6));
        tap_put_row(tap, i, row);
    }
}

const Bug projector_bugs[] = {
    { .id = "projector-norm-after-projection",
      .stage = "projector",
      .mechanism = "RMSNorm comes after the projection, not before it",
      .source = "https://github.com/vllm-project/vllm/pull/40411",
      .exposed_by = "any image",
      .tap = norm_after_projection,
      .keeps = (const char *const[]){ "model.vision_tower", NULL } },
    { 0 },
};
