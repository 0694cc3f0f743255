/* readings.c - a dump graded by the reading that it follows */
#include "readings/reading.h"

#include <math.h>

#include "readings/profile.h"
#include "readings/subjects.h"

const Reading *const readings[] = { &whole_caches, &vision_mask_google, &counted_positions,
                                    &cast_pixels,  &audio_mask,         NULL };

static void follow(const Reading *reading, Trial *trial, Arena *arena)
{
    Inputs *inputs = arena_allocate(arena, sizeof *inputs);
    *inputs = *trial->inputs;
    if (reading->follow) reading->follow(trial, inputs, arena);
    trial->inputs = inputs;
    trial->options.readings |= reading->flag;
}

/* Whether steps that are bent are straight by the other reading, and none is the other way round: a bug may look a
 * little more like one reading than like the other, but it bends either. */
static bool fits_better(const Grade *other, const Grade *plain)
{
    int straightened = 0;
    if (other->misfit_count != plain->misfit_count) return other->misfit_count < plain->misfit_count;
    for (int n = 0; n < plain->step_count && n < other->step_count; n++) {
        bool bent = plain->steps[n].verdict != VERDICT_PASS, bent_by_other = other->steps[n].verdict != VERDICT_PASS;
        if (bent_by_other && !bent) return false;
        straightened += bent && !bent_by_other;
    }
    return straightened > 0;
}

/* NULL: it fits no better than what has been graded. plain NULL: nothing has, because the dump has other shapes. */
static Lockstep *begin_better(const Trial *trial, const Lockstep *plain)
{
    Error apart = { "" };
    Lockstep *l = lockstep_begin(trial, subject_of(trial), &apart);
    if (!l || !plain || fits_better(lockstep_grade_so_far(l), lockstep_grade_so_far(plain))) return l;
    grade_free(lockstep_end(l));
    return NULL;
}

/* A first look takes the nearest replay alone, because most dumps that fail follow no other reading. */
static Lockstep *try_reading(const Reading *reading, const Lockstep *plain, Followed *followed)
{
    Trial by_reading = followed->trial;
    follow(reading, &by_reading, &followed->arena);
    Trial look = by_reading;
    look.options.samples = 1;
    look.options.with_total = false;
    Lockstep *first = begin_better(&look, plain);
    if (!first) return NULL;
    grade_free(lockstep_end(first));
    Lockstep *better = begin_better(&by_reading, plain);
    if (better) followed->trial = by_reading;
    return better;
}

static bool is_open(const Reading *reading, const Trial *trial)
{
    bool decided = reading == &vision_mask_google && trial->vision_mask != VISION_MASK_EITHER;
    return !decided && !(trial->options.readings & reading->flag) && reading->matters(trial);
}

/* The lockstep in the class with the features that the dump shows, where that makes steps straight and bends none. */
static Lockstep *with_profile(Lockstep *plain, Followed *followed)
{
    Profile profile = profile_of(plain, &followed->trial, INFINITY);
    if (!profile.features) return plain;
    Trial with = followed->trial;
    with.declared = followed->trial.class;
    with.class = class_with(followed->trial.class, profile.features);
    with.options.straightened = profile.steps;
    Lockstep *better = begin_better(&with, plain);
    if (!better) return plain;
    grade_free(lockstep_end(plain));
    followed->trial = with;
    return better;
}

Lockstep *readings_begin(const Trial *trial, Followed *followed, Error *error)
{
    Error plain_error = { "" };
    *followed = (Followed){ .trial = *trial };
    if (trial->vision_mask == VISION_MASK_GOOGLE) follow(&vision_mask_google, &followed->trial, &followed->arena);
    Lockstep *l = lockstep_begin(&followed->trial, subject_of(&followed->trial), &plain_error);
    followed->trial.options.graded = NULL; /* what comes now is another look at the same steps */
    for (const Reading *const *reading = readings; *reading; reading++) {
        if (trial->options.shard.count > 0) break; /* who merges shards looks further */
        if (l && lockstep_grade_so_far(l)->first_bent < 0 && lockstep_grade_so_far(l)->misfit_count == 0) break;
        if (!is_open(*reading, &followed->trial)) continue;
        Lockstep *better = try_reading(*reading, l, followed);
        if (better && l) grade_free(lockstep_end(l));
        if (better) l = better;
    }
    if (!l) *error = plain_error;
    if (!l) return NULL;
    if (trial->as_declared || trial->options.shard.count > 0) return l;
    followed->check = class_check(&followed->trial, lockstep_grade_so_far(l), error);
    bool is_said = followed->check.fits || followed->check.cache.fits != trial->cache;
    return is_said ? l : with_profile(l, followed);
}

void followed_free(Followed *followed) { arena_free(&followed->arena); }

Grade *readings_grade(const Trial *trial, Error *error)
{
    Followed followed;
    Lockstep *l = readings_begin(trial, &followed, error);
    Grade *grade = l ? lockstep_end(readings_measure_ends(l, &followed)) : NULL;
    followed_free(&followed);
    return grade;
}
