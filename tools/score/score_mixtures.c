/* score_mixtures.c - bugs in a part of a backend, at half of their strength, and several at once
 *
 * A few of each kind, of bugs that follow from the job's name: those that bend a step count.
 */
#include <stdio.h>
#include <string.h>

#include "diagnose/part_words.h"
#include "score_case.h"

const char *const mixture_names[MIXTURES] = { "half strength", "one layer", "one row",
                                              "one module",    "two bugs",  "three bugs" };

enum { MOST_TRIED = 10, MOST_BUGS = 3 };

/* One backend, and what is true of it */
typedef struct {
    int mixture, count;
    const Bug *bugs[MOST_BUGS];
    BugPart part;       /* of the only bug; strength 0: it is everywhere */
    const char *words;  /* the reach that is right; NULL: everywhere */
    const char *module; /* or the site that it begins with */
    Arena arena;
} Mixture;

static uint32_t draw(const ScoredCase *s, int mixture, int number)
{
    const Job *job = s->job;
    return score_hash(mixture_names[mixture],
                      score_hash(job->name, (uint32_t)(1 + number + 97 * (job->class * KINDS + job->kind))));
}

/* ---------------------------------------------------------------- parts */

static Sites sites_of(ScoredCase *s, const Bug *bug)
{
    Error unfit = { "" };
    Sites sites = { .count = 0 };
    BugPart whole = { .strength = 1 };
    BuggyModel *buggy = buggy_model_in_part(s->model, &bug, 1, &whole, &unfit);
    if (!buggy) return sites;
    buggy_model_note_sites(buggy, &sites);
    buggy_model_forward(buggy, &reference_f64, &s->inputs, &(Pass){ .max_new_tokens = 0 });
    buggy_model_close(buggy);
    return sites;
}

/* The n-th bit of those that are set, counted round */
static int bit_of(uint64_t bits, uint32_t n)
{
    int set[MOST_UNITS], count = 0;
    for (int i = 0; i < MOST_UNITS; i++)
        if (bits >> i & 1) set[count++] = i;
    return count > 1 ? set[n % (uint32_t)count] : -1;
}

static bool in_one_layer(Mixture *m, const Sites *sites, uint32_t number)
{
    uint64_t layers = 0;
    for (int i = 0; i < sites->count; i++) layers |= sites->list[i].layers;
    int layer = bit_of(layers, number);
    if (layer < 0) return false;
    m->part = (BugPart){ .layers = (uint64_t)1 << layer, .strength = 1 };
    m->words = arena_format(&m->arena, "in %s only", numbers_in_words("layer", m->part.layers, &m->arena));
    return true;
}

static bool in_one_row(Mixture *m, const ScoredCase *s, const Sites *sites)
{
    int64_t pictures = 0, batch = s->inputs.input_ids ? s->inputs.input_ids->shape[0] : 0;
    for (int i = 0; i < sites->count; i++)
        if (sites->list[i].units[UNIT_PICTURE] > pictures) pictures = sites->list[i].units[UNIT_PICTURE];
    if (pictures < 2 && batch < 2) return false;
    m->part = (BugPart){ .unit = pictures > 1 ? UNIT_PICTURE : UNIT_SEQUENCE, .units = 2, .strength = 1 };
    m->words = pictures > 1 ? "in picture 1 only" : "in sequence 1 of the batch only";
    return true;
}

static bool in_one_module(Mixture *m, const Sites *sites, uint32_t number)
{
    if (sites->count < 2) return false;
    const char *name = sites->list[number % (uint32_t)sites->count].name;
    m->part = (BugPart){ .sites = arena_format(&m->arena, " %s", name), .strength = 1 };
    m->module = arena_format(&m->arena, "%s", name);
    return true;
}

static bool take_part(Mixture *m, ScoredCase *s, uint32_t number)
{
    if (m->mixture == HALF_STRENGTH) m->part = (BugPart){ .strength = 0.5 };
    if (m->mixture == HALF_STRENGTH) return true;
    Sites sites = sites_of(s, m->bugs[0]);
    if (m->mixture == ONE_LAYER) return in_one_layer(m, &sites, number);
    if (m->mixture == ONE_ROW) return in_one_row(m, s, &sites);
    return in_one_module(m, &sites, number);
}

/* ---------------------------------------------------------------- backends */

static Dump *dump_of(ScoredCase *s, const Mixture *m)
{
    Error unfit = { "" };
    BuggyModel *buggy = m->part.strength > 0 ? buggy_model_in_part(s->model, m->bugs, 1, &m->part, &unfit)
                                             : buggy_model_of(s->model, m->bugs, m->count, &unfit);
    Dump *dump = buggy ? score_dump(s, &(Backend){ .buggy = buggy, .results = s->class->results }) : NULL;
    buggy_model_close(buggy);
    return dump;
}

static bool is_bent(ScoredCase *s, const Mixture *m)
{
    Dump *dump = dump_of(s, m);
    if (!dump) return false;
    Trial trial = score_trial(s, dump);
    Grade *grade = lockstep_grade(&trial, &s->job->error);
    bool bent = grade && grade->first_bent >= 0;
    grade_free(grade);
    dump_close(dump);
    return bent;
}

static const Bug *bug_of(uint32_t number)
{
    const Bug *bug = bug_at((int)(number % (uint32_t)bug_count()));
    return score_is_of(bug) ? bug : NULL;
}

static bool makes_the_same(ScoredCase *s, const Mixture *m, const Dump *dump)
{
    Dump *other = dump_of(s, m);
    bool same = other && score_is_same(dump, other);
    dump_close(other);
    return same;
}

/* A bug may be a part of another one, or show nothing beside it; and half of one may be all of it. So no dump could
 * tell. */
static bool is_hidden(ScoredCase *s, const Mixture *m, const Dump *dump)
{
    Mixture whole = { .mixture = m->mixture, .count = 1, .bugs = { m->bugs[0] } };
    if (m->mixture == HALF_STRENGTH) return makes_the_same(s, &whole, dump);
    for (int left_out = 0; m->count > 1 && left_out < m->count; left_out++) {
        Mixture others = { .mixture = m->mixture };
        for (int i = 0; i < m->count; i++)
            if (i != left_out) others.bugs[others.count++] = m->bugs[i];
        if (makes_the_same(s, &others, dump)) return true;
    }
    return false;
}

/* Several bugs are of different stages, so that none hides another, and each of them bends a step by itself. */
static bool take_bugs(Mixture *m, ScoredCase *s, int number)
{
    int wanted = m->mixture == THREE_BUGS ? 3 : m->mixture == TWO_BUGS ? 2 : 1;
    for (int tried = 0; m->count < wanted && tried < 40; tried++) {
        const Bug *bug = bug_of(draw(s, m->mixture, 100 * number + tried));
        bool is_new = bug != NULL;
        for (int i = 0; is_new && i < m->count; i++) is_new = strcmp(m->bugs[i]->stage, bug->stage) != 0;
        if (is_new && is_bent(s, &(Mixture){ .count = 1, .bugs = { bug } })) m->bugs[m->count++] = bug;
    }
    return m->count == wanted;
}

/* ---------------------------------------------------------------- what is said of them */

static bool is_among(const Bug *const *bugs, int count, const Bug *bug)
{
    for (int i = 0; i < count; i++)
        if (bugs[i] == bug) return true;
    return false;
}

/* Each bug is named, and nothing else is; one of them may be told as a rival of the first that is named. */
static bool are_named(const Mixture *m, const Diagnosis *d)
{
    bool all = d->named_count == m->count;
    for (int i = 0; i < m->count; i++)
        all &= is_among(d->named, d->named_count, m->bugs[i]) || is_among(d->equals, d->equal_count, m->bugs[i]);
    return all;
}

static bool begins_with(const char *reach, const char *module)
{
    const char *layer = strstr(module, ".*."), *local = layer ? layer + 3 : module;
    return strncmp(reach, module, strlen(module)) == 0 || strncmp(reach, local, strlen(local)) == 0;
}

/* Or is among those that would look the same */
static bool names_module(const char *reach, const char *module)
{
    static const char like[] = "look the same in ";
    const char *alike = strstr(reach, like);
    if (strncmp(reach, "in ", 3) == 0 && begins_with(reach + 3, module)) return true;
    for (alike = alike ? alike + strlen(like) : ""; *alike; alike += strspn(alike, ", ")) {
        if (begins_with(alike, module)) return true;
        alike += strcspn(alike, " ");
    }
    return false;
}

/* Everywhere is right, too, where no other step would show the bug. */
static bool is_reached(const Mixture *m, const Diagnosis *d)
{
    if (m->count > 1) return true;
    double strength = m->mixture == HALF_STRENGTH ? 0.5 : 1;
    const char *reach = d->reaches[0];
    const Candidate *c = score_candidate(d, d->named[0]);
    if (d->strengths[0] < 0.9 * strength || d->strengths[0] > 1.1 * strength) return false;
    if (!reach) return m->mixture == HALF_STRENGTH || (c && c->absent == 0);
    if (m->module) return names_module(reach, m->module);
    return m->words && strcmp(reach, m->words) == 0;
}

static void judge(const Mixture *m, const Diagnosis *d, const Grade *grade, MixtureResult *result)
{
    result->bent = grade->first_bent >= 0;
    for (int i = 0; result->bent && i < m->count; i++) {
        const Candidate *c = score_candidate(d, m->bugs[i]);
        result->located |= c && c->at_first_bent;
    }
    result->named = result->bent && are_named(m, d);
    result->reached = result->named && is_reached(m, d);
    int length = snprintf(result->what, MESSAGE_SIZE, "%s", m->bugs[0]->id);
    for (int i = 1; i < m->count; i++)
        length += snprintf(result->what + length, (size_t)(MESSAGE_SIZE - length), " and %s", m->bugs[i]->id);
    if (m->words || m->module)
        snprintf(result->what + length, (size_t)(MESSAGE_SIZE - length), " in %s",
                 m->module ? m->module : m->words + 3);
    length = 0;
    result->said[0] = 0;
    for (int i = 0; i < d->named_count && length < MESSAGE_SIZE; i++)
        length += snprintf(result->said + length, (size_t)(MESSAGE_SIZE - length), "%s%s%s%s", i ? " and " : "",
                           d->named[i]->id, d->reaches[i] ? " " : "", d->reaches[i] ? d->reaches[i] : "");
}

static bool score_mixture(ScoredCase *s, int mixture, int number, MixtureResult *result)
{
    Mixture m = { .mixture = mixture };
    Dump *dump = NULL;
    if (take_bugs(&m, s, number) && (m.count > 1 || take_part(&m, s, draw(s, mixture, number)))) dump = dump_of(s, &m);
    Trial trial = score_trial(s, dump);
    Grade *grade = NULL;
    Diagnosis *d = dump && !is_hidden(s, &m, dump) ? diagnose(&trial, &grade, &s->job->error) : NULL;
    if (d) judge(&m, d, grade, result);
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
    arena_free(&m.arena);
    return result->bent;
}

void score_mixtures(ScoredCase *s)
{
    for (int mixture = 0; mixture < MIXTURES; mixture++)
        for (int number = 0, counted = 0; number < MOST_TRIED && counted < EACH_MIXTURE; number++)
            counted += !error_is_set(&s->job->error) &&
                       score_mixture(s, mixture, number, &s->job->mixtures[mixture][counted]);
}
