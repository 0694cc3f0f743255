/* far_end.c - a straight dump that is too far off in all, although it has no fault */
#include "readings/reading.h"

#include "lockstep/ends.h"
#include "readings/profile.h"
#include "readings/subjects.h"

static bool is_far(const Lockstep *l)
{
    const Grade *grade = lockstep_grade_so_far(l);
    return grade->first_bent < 0 && grade_far_end(grade);
}

/* NULL: with these features it is bent, or as far off */
static Lockstep *begin_near(const Trial *trial)
{
    Error apart = { "" };
    Lockstep *l = lockstep_begin(trial, subject_of(trial), &apart);
    if (l) ends_measure(l);
    if (l && lockstep_grade_so_far(l)->first_bent < 0 && !is_far(l)) return l;
    if (l) grade_free(lockstep_end(l));
    return NULL;
}

Lockstep *readings_measure_ends(Lockstep *plain, Followed *followed)
{
    const Trial *trial = &followed->trial;
    const Shard *shard = lockstep_shard(plain);
    if (!shard || shard_has_ends(shard)) ends_measure(plain);
    if (shard) return plain;
    if (!is_far(plain)) return plain;
    Profile profile = profile_of(plain, trial, trial->class->ends.ratio);
    if (!profile.features) return plain;

    Trial with = *trial;
    with.declared = trial->declared ? trial->declared : trial->class;
    with.class = class_with(trial->class, profile.features);
    with.options.straightened = profile.steps;
    Lockstep *near = begin_near(&with);
    if (!near) return plain;
    grade_free(lockstep_end(plain));
    followed->trial = with;
    return near;
}
