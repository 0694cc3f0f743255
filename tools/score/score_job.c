/* score_job.c - one case in one class: every bug, and honest runs */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "score_case.h"
#include "dump/tap_name.h"

enum { NEW_TOKENS = 3 };

/* ---------------------------------------------------------------- dumps */

typedef struct {
    SafetensorsWriter *writer;
    uint32_t left_out;
} Writing;

uint32_t score_hash(const char *name, uint32_t seed)
{
    for (; *name; name++) seed = (seed ^ (unsigned char)*name) * 16777619u;
    return seed ^ (seed >> 15);
}

/* Tokens are never left out: a decode step that nobody knows the input of cannot be graded. */
static void write_tap(void *context, const Tap *tap)
{
    const Writing *w = context;
    if (w->left_out && !tap_is_token(tap->name) && score_hash(tap->name, w->left_out) % 3 == 0) return;
    if (tap->first == 0) safetensors_writer_begin(w->writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(w->writer, tap->values, (size_t)tap->count * tap->value_size);
}

Dump *score_dump(ScoredCase *s, const Backend *backend)
{
    Error *error = &s->job->error;
    Writing writing = { safetensors_writer_open(s->scratch, error), backend->left_out };
    if (!writing.writer) return NULL;
    Pass pass = { .results = backend->results,
                  .weights = s->class->weights,
                  .features = s->class->features,
                  .hook = write_tap,
                  .hook_context = &writing,
                  .max_new_tokens = s->inputs.input_ids ? NEW_TOKENS : 0,
                  .ignore_eos = true,
                  .logits_to_keep = backend->logits_to_keep };
    if (backend->buggy)
        buggy_model_forward(backend->buggy, &reference_f32, &s->inputs, &pass);
    else
        reference_f32.forward(s->model, &s->inputs, &pass);
    safetensors_writer_close(writing.writer, error);
    Dump *dump = error_is_set(error) ? NULL : dump_open(s->scratch, error);
    unlink(s->scratch); /* it stays mapped */
    return dump;
}

bool score_is_same(const Dump *a, const Dump *b)
{
    bool same = dump_count(a) == dump_count(b);
    for (int i = 0; same && i < dump_count(a); i++) {
        const Array *left = dump_array(a, i), *right = dump_array(b, i);
        same = strcmp(left->name, right->name) == 0 && array_elements(left) == array_elements(right) &&
               memcmp(left->data, right->data, (size_t)array_elements(left) * sizeof(float)) == 0;
    }
    return same;
}

Trial score_trial(const ScoredCase *s, const Dump *dump)
{
    Trial trial = { .model = s->model,
                    .inputs = &s->inputs,
                    .dump = dump,
                    .class = s->class,
                    .options.ignore_eos = true };
    if (s->job->kind == LAYERS) trial.options.only = tap_layer_outputs;
    return trial;
}

static Diagnosis *judge(ScoredCase *s, const Dump *dump, Grade **grade)
{
    Trial trial = score_trial(s, dump);
    return diagnose(&trial, grade, &s->job->error);
}

/* ---------------------------------------------------------------- bugs */

const Candidate *score_candidate(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return &d->candidates[i];
    return NULL;
}

static bool is_among(const Bug *const *bugs, int count, const Bug *bug)
{
    for (int i = 0; i < count; i++)
        if (bugs[i] == bug) return true;
    return false;
}

/* Named: it and nothing else, or as one of those that the case cannot tell apart. */
static void judge_bug(const Bug *bug, const Diagnosis *d, const Grade *grade, BugResult *result)
{
    const Candidate *candidate = score_candidate(d, bug);
    if (!candidate) return;
    bool bent = grade->first_bent >= 0;
    bool first = is_among(d->named, d->named_count, bug), equal = is_among(d->equals, d->equal_count, bug);
    result->shown = EXPOSED;
    result->named = (first || equal) && d->named_count == 1;
    result->with_rivals = result->named && d->equal_count > 0;
    result->detected = bent || result->named;
    result->located = bent ? candidate->at_first_bent : result->named;
    const char *other = d->named_count == 0 ? "none" : d->named[d->named_count - 1]->id;
    snprintf(result->said, MESSAGE_SIZE, "%s", bent && !result->located ? grade->steps[grade->first_bent].tap : other);
}

/* NULL where the bug does not fit the checkpoint, or changes nothing */
static Dump *buggy_dump(ScoredCase *s, const Bug *bug)
{
    Error unfit = { "" };
    BuggyModel *buggy = buggy_model_open(s->model_folder, &bug, 1, &unfit);
    Dump *dump = buggy ? score_dump(s, &(Backend){ .buggy = buggy, .results = s->class->results }) : NULL;
    buggy_model_close(buggy);
    if (!dump || !score_is_same(dump, s->honest)) return dump;
    dump_close(dump);
    return NULL;
}

static void score_bug(ScoredCase *s, const Bug *bug, BugResult *result)
{
    Dump *dump = buggy_dump(s, bug);
    if (!dump) return;
    Grade *grade = NULL;
    Diagnosis *d = judge(s, dump, &grade);
    result->shown = FAINT;
    if (d) judge_bug(bug, d, grade, result);
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
}

/* ---------------------------------------------------------------- honesty */

/* Whether the class and the case have such a backend */
static bool make_variant(const ScoredCase *s, int variant, Backend *backend)
{
    const Job *job = s->job;
    *backend = (Backend){ .results = s->class->results };
    uint32_t seed = score_hash(job->name, (uint32_t)(1 + variant + VARIANTS * (job->class * KINDS + job->kind)));
    if (variant == SOME_TAPS || variant == OTHER_TAPS) backend->left_out = seed;
    if (variant == WIDE_INSIDE) backend->results = ROUNDING_NONE;
    if (variant == LAST_POSITIONS) backend->logits_to_keep = 1;
    return (variant != LAST_POSITIONS || s->inputs.input_ids) &&
           (variant != WIDE_INSIDE || s->class->results != ROUNDING_NONE);
}

static void score_honest(ScoredCase *s, int variant, HonestResult *result)
{
    Backend backend;
    if (!make_variant(s, variant, &backend)) return;
    reference_set_threads(variant == TWO_THREADS ? 2 : 1);
    Dump *dump = score_dump(s, &backend);
    reference_set_threads(1);
    Grade *grade = NULL;
    Diagnosis *d = dump ? judge(s, dump, &grade) : NULL;
    if (d) {
        result->run = true;
        const End *far = grade_far_end(grade);
        result->alarm = grade->first_bent >= 0 || far || d->named_count > 0;
        if (result->alarm)
            snprintf(result->said, MESSAGE_SIZE, "%s",
                     d->named_count > 0       ? d->named[0]->id
                     : grade->first_bent >= 0 ? grade->steps[grade->first_bent].tap
                                              : far->tap);
    }
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
}

/* ---------------------------------------------------------------- all of it */

void score_job(Job *job, const char *scratch)
{
    Arena arena = { 0 };
    Error *error = &job->error;
    ScoredCase s = { .job = job, .scratch = scratch, .class = class_find(class_of_score[job->class]) };
    s.model_folder = arena_format(&arena, "%s/model", job->folder);
    s.model = model_open(s.model_folder, error);
    if (s.model) s.inputs = inputs_open(arena_format(&arena, "%s/inputs.safetensors", job->folder), error);
    if (!error_is_set(error)) model_check(s.model, &s.inputs, error);
    if (!error_is_set(error)) s.honest = score_dump(&s, &(Backend){ .results = s.class->results });
    if (job->weakened && !error_is_set(error)) score_mixtures(&s);
    for (int i = 0; i < bug_count() && !job->weakened && !error_is_set(error); i++)
        if (score_is_of(bug_at(i))) score_bug(&s, bug_at(i), &job->bugs[i]);
    for (int v = 0; v < VARIANTS && !job->weakened && !error_is_set(error); v++) score_honest(&s, v, &job->honest[v]);
    dump_close(s.honest);
    inputs_close(&s.inputs);
    model_close(s.model);
    arena_free(&arena);
}
