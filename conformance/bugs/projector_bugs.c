/* projector_bugs.c - from the vision tower's width to the text model's */
#include "bugs/hooks/bug_hooks.h"

/* Lets the input of what is called a norm before the projection through. */
static void norm_missing(BugRun *run, const Tap *tap)
{
    if (!tap_ends(tap->name, ".embedding_pre_projection_norm")) return;
    const Recorded *tower = recorded(run, tap, "model.vision_tower"),
                   *embedder = recorded(run, tap, "model.embed_vision.pos_norm"),
                   *audio_tower = recorded(run, tap, "model.audio_tower");
    ArenaMark mark = scratch_mark(run);
    for (int64_t i = 0; i < tap_rows(tap); i++, scratch_release(run, mark)) {
        bool is_audio = tap_begins(tap->name, "model.embed_audio");
        if (is_audio)
            tap_set_row(tap, i, audio_tower ? recorded_row(audio_tower, i) : feature_row(run, tap, i));
        else
            tap_set_row(tap, i, recorded_row(tower ? tower : embedder, i));
    }
}

/* In a model without towers model.embed_vision is more than its projector. */
static bool is_projected(BugRun *run, const Tap *tap)
{
    if (tap_is(tap->name, "model.embed_vision")) return recorded(run, tap, "model.vision_tower") != NULL;
    return tap_is(tap->name, "model.embed_audio") || tap_is_tower(tap, ".multimodal_embedder");
}

static void norm_after_projection(BugRun *run, const Tap *tap)
{
    norm_missing(run, tap);
    if (!is_projected(run, tap)) return;
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        double *row = tap_row(run, tap, i);
        rms_norm_row(row, tap_width(tap), NULL, vision_number(run, "rms_norm_eps", 1e-6));
        tap_set_row(tap, i, row);
    }
}

static const char *const projector_needs[] = { "model.vision_tower", "model.audio_tower", "model.embed_vision.pos_norm",
                                               NULL };

const Bug projector_bugs[] = {
    { .id = "projector-norm-after-projection",
      .stage = "projector",
      .mechanism = "RMSNorm comes after the projection, not before it",
      .source = "https://github.com/vllm-project/vllm/pull/40411",
      .sources = 6,
      .exposed_by = "any image",
      .tap = norm_after_projection,
      .needs_in_layer = projector_needs },
    { .id = "projector-norm-missing",
      .stage = "projector",
      .mechanism = "there is no RMSNorm before the projection",
      .source = "no known report; what goes in is normalised already, but not to a root mean square of 1",
      .exposed_by = "any image or sound",
      .tap = norm_missing,
      .needs_in_layer = projector_needs },
    { 0 },
};
