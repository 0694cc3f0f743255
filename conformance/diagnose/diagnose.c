/* diagnose.c - the catalogue tried on a dump, in the reading and the arithmetic that it follows */
#include "diagnose/diagnose.h"

#include "diagnose/error_pattern.h"
#include "diagnose/naming.h"
#include "diagnose/step_naming.h"
#include "readings/vision_mask.h"

static Diagnosis *diagnose_by(const Trial *trial, Grade **grade, Error *error)
{
    Diagnosis *d = diagnosis_new();
    Search search = { .trial = *trial, .shown = &trial->options, .error = error };
    Suspects suspects;
    d->check.cache = (CacheCheck){ .declared = trial->cache, .fits = trial->cache };
    if (suspects_begin(&suspects, &search, NULL)) {
        name_bugs(d, &suspects);
        int n = first_unexplained(&suspects);
        if (n >= 0) {
            d->unexplained = arena_format(&d->arena, "%s", suspects_graded(&suspects)->steps[n].tap);
            d->pattern = pattern_of(suspects.base, n, trial->inputs, model_config(trial->model), &d->arena);
        }
    }
    *grade = suspects_end(&suspects);
    followed_free(&search.followed);
    if (!error_is_set(error)) return d;
    grade_free(*grade);
    *grade = NULL;
    diagnosis_free(d);
    return NULL;
}

/* The simpler diagnosis explains all where the other does not, or names fewer bugs. */
static bool is_simpler(const Diagnosis *a, const Diagnosis *b)
{
    return a->complete != b->complete ? a->complete : a->named_count < b->named_count;
}

/* A dump that is bent by Hugging Face's reading of the masks may follow Google's: the simpler story counts. */
static Diagnosis *diagnose_by_either(const Trial *trial, Grade **grade, Error *error)
{
    bool either = trial->vision_mask == VISION_MASK_EITHER;
    Trial by_hf = *trial, by_google = *trial;
    by_hf.vision_mask = VISION_MASK_HF;
    by_google.vision_mask = VISION_MASK_GOOGLE;
    by_google.tried = NULL;
    Diagnosis *d = diagnose_by(either ? &by_hf : trial, grade, error);
    if (!d || !either || (*grade)->first_bent < 0 || !vision_mask_matters(trial)) return d;

    Grade *google_grade;
    Diagnosis *google = diagnose_by(&by_google, &google_grade, error);
    bool is_google = !google || google_grade->first_bent < 0 || is_simpler(google, d); /* not google: error is set */
    diagnosis_free(is_google ? d : google);
    grade_free(is_google ? *grade : google_grade);
    if (!is_google) return d;
    *grade = google_grade;
    return google;
}

/* The arithmetic is looked at where bugs alone do not explain the dump, because that costs passes and most buggy dumps
 * are explained: then either another class fits the dump, or it is diagnosed again in a class with the features that it
 * shows. */
Diagnosis *diagnose(const Trial *trial, Grade **grade, Error *error)
{
    Trial as_declared = *trial;
    as_declared.as_declared = true;
    Diagnosis *d = diagnose_by_either(&as_declared, grade, error);
    if (!d || d->complete) return d;

    Followed followed;
    Lockstep *l = readings_begin(trial, &followed, error);
    d->check = followed.check;
    if (l) grade_free(lockstep_end(l));
    if (l && followed.trial.declared) {
        as_declared.class = followed.trial.class;
        as_declared.declared = followed.trial.declared;
        as_declared.tried = NULL;
        as_declared.options.straightened = followed.trial.options.straightened;
        diagnosis_free(d);
        grade_free(*grade);
        d = diagnose_by_either(&as_declared, grade, error);
    }
    followed_free(&followed);
    return d;
}

/* As diagnose_by_either begins */
Tried *diagnose_share(const Trial *trial, ShardNumber of, Error *error)
{
    Search search = { .trial = *trial, .shown = &trial->options, .error = error };
    Suspects suspects;
    Tried *tried = NULL;
    search.trial.as_declared = true;
    if (search.trial.vision_mask == VISION_MASK_EITHER) search.trial.vision_mask = VISION_MASK_HF;
    if (suspects_begin(&suspects, &search, NULL)) tried = suspects_try_share(&suspects, of);
    grade_free(suspects_drop(&suspects));
    followed_free(&search.followed);
    if (!error_is_set(error)) return tried;
    tried_free(tried);
    return NULL;
}
