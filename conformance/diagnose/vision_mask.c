/* vision_mask.c - a dump graded by either reading */
#include "diagnose/vision_mask.h"

#include <string.h>

#include "diagnose/subjects.h"

const char vision_mask_names[] = "hf or google";

bool vision_mask_from_name(const char *name, VisionMask *mask)
{
    *mask = strcmp(name, "google") == 0 ? VISION_MASK_GOOGLE : VISION_MASK_HF;
    return *mask == VISION_MASK_GOOGLE || strcmp(name, "hf") == 0;
}

static const char *string_of(const json_t *object, const char *key, const char *otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : value ? "null" : otherwise;
}

static const char *model_type(const Model *model) { return string_of(model_config(model), "model_type", "none"); }

static bool is_unified(const Model *model) { return strcmp(model_type(model), "gemma4_unified") == 0; }

static const char *bidirectional(const Model *model)
{
    return string_of(json_object_get(model_config(model), "text_config"), "use_bidirectional_attention", "vision");
}

void vision_mask_check(const Model *model, VisionMask mask, Error *error)
{
    if (mask != VISION_MASK_GOOGLE) return;
    if (!is_unified(model))
        error_set(error,
                  "--vision-mask google: found model_type %s, expected gemma4_unified, the only one with two "
                  "readings",
                  model_type(model));
    else if (strcmp(bidirectional(model), "vision") != 0)
        error_set(error,
                  "--vision-mask google: found use_bidirectional_attention %s, expected vision: without, the "
                  "readings are one",
                  bidirectional(model));
}

bool vision_mask_matters(const Model *model, const Inputs *inputs)
{
    const Array *types = inputs->mm_token_type_ids;
    if (!is_unified(model) || strcmp(bidirectional(model), "vision") != 0 || !types) return false;
    for (int64_t i = 0; i < array_elements(types); i++) {
        int64_t type = array_integer(types, i);
        if (type == 1 || type == 2) return true;
    }
    return false;
}

/* Whether steps that are bent by Hugging Face's reading are straight by Google's, and none is the other way round: a bug
 * may look a little more like one reading than like the other, but it bends either. */
static bool fits_better(const Grade *google, const Grade *hf)
{
    int straightened = 0;
    for (int n = 0; n < hf->step_count && n < google->step_count; n++) {
        bool bent = hf->steps[n].verdict != VERDICT_PASS, bent_by_google = google->steps[n].verdict != VERDICT_PASS;
        if (bent_by_google && !bent) return false;
        straightened += bent && !bent_by_google;
    }
    return straightened > 0;
}

/* NULL without error: it does not fit better than hf. */
static Lockstep *begin_better(const Trial *by_google, const Grade *hf, Error *error)
{
    Lockstep *google = lockstep_begin(by_google, subject_of(by_google), error);
    if (!google || fits_better(lockstep_grade_so_far(google), hf)) return google;
    grade_free(lockstep_end(google));
    return NULL;
}

/* A first look at Google's reading takes the nearest replay alone, because most dumps that fail do not follow it. */
Lockstep *vision_mask_begin(const Trial *trial, Error *error)
{
    Trial by_google = *trial;
    by_google.options.google_vision_mask = true;
    if (trial->vision_mask == VISION_MASK_GOOGLE) return lockstep_begin(&by_google, subject_of(&by_google), error);

    Lockstep *l = lockstep_begin(trial, subject_of(trial), error);
    if (!l || trial->vision_mask == VISION_MASK_HF || !vision_mask_matters(trial->model, trial->inputs)) return l;
    const Grade *hf = lockstep_grade_so_far(l);
    if (hf->first_bent < 0) return l;

    Trial look = by_google;
    look.options.samples = 1;
    look.options.with_total = false;
    Lockstep *google = begin_better(&look, hf, error);
    if (google) {
        grade_free(lockstep_end(google));
        google = begin_better(&by_google, hf, error);
    }
    if (!google && !error_is_set(error)) return l;
    grade_free(lockstep_end(l));
    return google;
}

Grade *vision_mask_grade(const Trial *trial, Error *error)
{
    Lockstep *l = vision_mask_begin(trial, error);
    return l ? lockstep_end(l) : NULL;
}
