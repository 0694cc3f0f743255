/* cache_check.c - the grade once more, by each rule that was not declared */
#include "readings/cache_check.h"

#include "dump/tap_name.h"
#include "readings/subjects.h"

/* e4m3 is off by 2.6 % of a value on average: 2.7 % to 3.7 % behind attention and up to 2.6 % in a layer of the
 * fixture. What is much farther off rounds no cache, and costs no grade. */
static const double MOST_OF_A_CACHE = 0.1, MOST_OF_A_LAYER = 0.04;

/* How far off a step may be that reads the cache; others may not be at all */
static double most_of(const char *tap)
{
    char layer[256];
    if (tap_is_media(tap) || !tap_layer_name(tap, layer, sizeof layer)) return 0;
    if (tap_is(tap, layer)) return MOST_OF_A_LAYER;
    bool reads = tap_ends(tap, ".self_attn") || tap_ends(tap, ".self_attn.o_proj") || tap_ends(tap, "#attn_weights") ||
                 tap_ends(tap, "#attn_output");
    return reads ? MOST_OF_A_CACHE : 0;
}

static const Step *first_bent(const Grade *grade)
{
    return grade->first_bent < 0 ? NULL : &grade->steps[grade->first_bent];
}

static bool may_be_the_cache(const Step *bent) { return bent && bent->introduced < most_of(bent->tap); }

/* However far off attention is: a bug may be in such a cache. */
static bool has_unused_scales(const Trial *trial, const Step *bent)
{
    const Checkpoint *checkpoint = model_checkpoint(trial->model);
    bool has_scales = false;
    for (int i = 0; bent && most_of(bent->tap) > 0 && i < checkpoint->tensor_count; i++)
        has_scales |= tap_ends(checkpoint->tensors[i].array->name, ".k_scale");
    return has_scales && trial->cache == INPUTS_PLAIN;
}

static bool is_straight(const Trial *trial, int samples, Error *error)
{
    Trial with = *trial;
    with.options.samples = samples;
    Lockstep *l = lockstep_begin(&with, subject_of(&with), error);
    Grade *grade = l ? lockstep_end(l) : NULL;
    bool straight = grade && grade->first_bent < 0;
    grade_free(grade);
    return straight;
}

/* A first look takes the nearest replay alone, because most dumps follow no other rule. */
CacheCheck cache_check(const Trial *trial, const Grade *grade, Error *error)
{
    CacheCheck check = { .declared = trial->cache, .fits = trial->cache };
    Trial other = *trial;
    other.options.with_total = false;
    check.has_unused_scales = !declared_cache.given && has_unused_scales(trial, first_bent(grade));
    if (!may_be_the_cache(first_bent(grade))) return check;
    for (int i = 0; i < CACHE_CODES_COUNT && check.fits == check.declared && !error_is_set(error); i++) {
        other.cache = cache_codes_at(i);
        if (other.cache == trial->cache) continue;
        if (is_straight(&other, 1, error) && is_straight(&other, trial->options.samples, error))
            check.fits = other.cache;
    }
    return check;
}

/* Nobody declares it, and it is not what every model has */
static bool is_of_checkpoint(const CacheCheck *check)
{
    return !declared_cache.given && check->declared != INPUTS_PLAIN;
}

void cache_check_text(FILE *out, const CacheCheck *check)
{
    if (check->declared != INPUTS_PLAIN)
        fprintf(out, "keys and values are cached as: %s, as %s\n", cache_codes_name(check->declared),
                is_of_checkpoint(check) ? "the checkpoint says" : "declared");
    if (check->fits == check->declared && check->has_unused_scales)
        fprintf(out, "      the checkpoint has k_scale, and the cache is not declared: --kv-cache fp8 takes it so\n");
    if (check->fits == check->declared) return;
    fprintf(out, "      %s %s; every step is straight with --kv-cache %s\n",
            is_of_checkpoint(check) ? "the checkpoint's cache is" : "declared --kv-cache",
            cache_codes_name(check->declared), cache_codes_name(check->fits));
}

json_t *cache_check_json(const CacheCheck *check)
{
    return json_pack("{s:s, s:s}", "declared", cache_codes_name(check->declared), "fits",
                     cache_codes_name(check->fits));
}
