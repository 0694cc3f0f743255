/* score.c - how often the judge is right
 *
 *     score CASE.. >docs/score.md
 *
 * Every bug of the catalogue is switched on in the reference, in every class, on every case that shows it; what that
 * backend would dump, all of it or layer outputs only, is graded and diagnosed. So are honest runs of every class, and
 * legal variants of them: another number of threads, computed wider than declared, with any of the taps left out.
 * Prints what was detected, located, named, and the false alarms, each as k of n, with the misses by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diagnose.h"
#include "generation.h"
#include "report.h"
#include "tap_name.h"
#include "values.h"

enum { LAYERS, FULL, KINDS };
static const char *const kind_names[KINDS] = { "layer outputs", "full dump" };
static const char *const classes[] = { "fp32", "bf16", "fp16" };
enum { CLASSES = sizeof classes / sizeof *classes, VARIANTS = 4, NEW_TOKENS = 3 };

typedef struct {
    int exposed, detected, located, named, honest, alarms;
} Score;

typedef struct {
    const char *name, *folder;
    Model *model;
    Inputs inputs;
} ScoreCase;

typedef struct {
    Arena arena;
    Error error;
    Score score[CLASSES][KINDS];
    bool *shown; /* of each bug: by some case, in some class */
    const char **misses;
    int miss_count;
    char dump[64];
} Scoring;

/* ---------------------------------------------------------------- dumps */

typedef struct {
    SafetensorsWriter *writer;
    int kind;
    uint32_t left_out; /* seed of the taps that are not written; 0: all are */
} Writing;

static uint32_t hash_of(const char *name, uint32_t seed)
{
    for (; *name; name++) seed = (seed ^ (unsigned char)*name) * 16777619u;
    return seed ^ (seed >> 15);
}

static bool is_layer_output(const char *tap)
{
    static const char *const endings[] = { "_embedder", ".pooler", ".vision_tower", ".embed_vision",          ".norm",
                                           "lm_head",   "logits",  ".embed_tokens", ".embed_tokens_per_layer" };
    char plain[256];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(tap, "@"), tap);
    const char *layers = strstr(plain, "layers.");
    if (layers) return strspn(layers + strlen("layers."), "0123456789") == strlen(layers) - strlen("layers.");
    if (strchr(plain, '#')) return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(plain), ending = strlen(endings[i]);
        if (length >= ending && strcmp(plain + length - ending, endings[i]) == 0) return true;
    }
    return strcmp(plain, "input_ids") == 0;
}

static void write_tap(void *context, const Tap *tap)
{
    const Writing *w = context;
    if (w->kind == LAYERS && !is_layer_output(tap->name)) return;
    if (w->left_out && !tap_is_choice(tap->name) && hash_of(tap->name, w->left_out) % 3 == 0) return;
    if (tap->first == 0) safetensors_writer_begin(w->writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(w->writer, tap->values, (size_t)tap->count * tap->value_size);
}

/* What a backend of that class dumps: with the bug, or honest where buggy is NULL */
static Dump *run(Scoring *s, const ScoreCase *c, BuggyModel *buggy, const Class *class, Writing writing)
{
    writing.writer = safetensors_writer_open(s->dump, &s->error);
    if (!writing.writer) return NULL;
    Pass pass = { .results = class->results,
                  .weights = class->weights,
                  .hook = write_tap,
                  .hook_context = &writing,
                  .max_new_tokens = c->inputs.input_ids ? NEW_TOKENS : 0,
                  .ignore_eos = true };
    if (buggy)
        buggy_model_forward(buggy, &reference_f32, &c->inputs, &pass);
    else
        reference_f32.forward(c->model, &c->inputs, &pass);
    safetensors_writer_close(writing.writer, &s->error);
    return error_is_set(&s->error) ? NULL : dump_open(s->dump, NULL, &s->error);
}

static Diagnosis *judge(Scoring *s, const ScoreCase *c, const Dump *dump, const Class *class, Grade **grade)
{
    DiagnoseOptions options = { .folder = c->folder, .grade.ignore_eos = true };
    return diagnose(c->model, &c->inputs, dump, class, &options, grade, &s->error);
}

/* ---------------------------------------------------------------- bugs */

static const Candidate *find_candidate(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return &d->candidates[i];
    return NULL;
}

static int bug_index(const Bug *bug)
{
    int index = 0;
    while (bug_at(index) != bug) index++;
    return index;
}

static bool is_named(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->named_count; i++)
        if (d->named[i] == bug) return true;
    for (int i = 0; i < d->equal_count; i++)
        if (d->equals[i] == bug) return true;
    return false;
}

static void note_miss(Scoring *s, const ScoreCase *c, const char *class, int kind, const char *what,
                      const char *instead)
{
    s->misses = realloc(s->misses, (size_t)(s->miss_count + 1) * sizeof *s->misses);
    if (!s->misses) abort();
    s->misses[s->miss_count++] = arena_format(&s->arena, "%s, %s, %s: %s%s%s", c->name, class, kind_names[kind], what,
                                              instead ? "; said " : "", instead ? instead : "");
}

static void score_bug(Scoring *s, const ScoreCase *c, const Bug *bug, int class, int kind)
{
    Error unfit = { "" };
    BuggyModel *buggy = buggy_model_open(c->folder, &bug, 1, &unfit);
    const Class *of = class_find(classes[class]);
    Dump *dump = buggy ? run(s, c, buggy, of, (Writing){ .kind = kind }) : NULL;
    Grade *grade = NULL;
    Diagnosis *d = dump ? judge(s, c, dump, of, &grade) : NULL;
    const Candidate *candidate = d ? find_candidate(d, bug) : NULL;
    if (candidate) {
        Score *score = &s->score[class][kind];
        bool bent = grade->first_bent >= 0, named = is_named(d, bug);
        const char *first = bent ? grade->steps[grade->first_bent].tap : NULL;
        bool located = bent ? candidate->at_first_bent : named;
        s->shown[bug_index(bug)] = true;
        score->exposed++;
        score->detected += bent || named;
        score->located += located;
        score->named += named;
        if (!bent && !named)
            note_miss(s, c, classes[class], kind, arena_format(&s->arena, "%s not detected", bug->id), NULL);
        else if (!located)
            note_miss(s, c, classes[class], kind, arena_format(&s->arena, "%s not located", bug->id), first);
        if (!named && (bent || named))
            note_miss(s, c, classes[class], kind, arena_format(&s->arena, "%s not named", bug->id),
                      d->named_count ? d->named[0]->id : "none");
    }
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
    buggy_model_close(buggy);
}

/* ---------------------------------------------------------------- honesty */

static void score_honest(Scoring *s, const ScoreCase *c, int class, int kind, int variant)
{
    const Class *of = class_find(classes[class]), *computed = of;
    Writing writing = { .kind = kind };
    if (variant == 1) writing.left_out = hash_of(c->name, (uint32_t)(class + 1));
    if (variant == 2) reference_set_threads(2);
    static Class wide; /* weights of the class, everything else in float */
    if (variant == 3) {
        wide = *of;
        wide.results = ROUNDING_NONE;
        computed = &wide;
    }
    Dump *dump = run(s, c, NULL, computed, writing);
    reference_set_threads(1);
    Grade *grade = NULL;
    Diagnosis *d = dump ? judge(s, c, dump, of, &grade) : NULL;
    if (d) {
        bool alarm = grade->first_bent >= 0 || d->named_count > 0;
        s->score[class][kind].honest++;
        s->score[class][kind].alarms += alarm;
        if (alarm)
            note_miss(s, c, classes[class], kind, "false alarm on an honest run",
                      d->named_count ? d->named[0]->id : grade->steps[grade->first_bent].tap);
    }
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
}

/* ---------------------------------------------------------------- all of it */

static void score_case(Scoring *s, const ScoreCase *c)
{
    for (int class = 0; class < CLASSES; class ++)
        for (int kind = 0; kind < KINDS; kind++) {
            for (int i = 0; i < bug_count(); i++) score_bug(s, c, bug_at(i), class, kind);
            for (int variant = 0; variant < VARIANTS; variant++) score_honest(s, c, class, kind, variant);
            fprintf(stderr, "%s, %s, %s: done\n", c->name, classes[class], kind_names[kind]);
        }
}

static void print_scores(FILE *out, const Scoring *s)
{
    fprintf(out, "| class | dump | bugs exposed | detected | located | named | honest runs | false alarms |\n");
    fprintf(out, "|---|---|---|---|---|---|---|---|\n");
    for (int class = 0; class < CLASSES; class ++)
        for (int kind = 0; kind < KINDS; kind++) {
            const Score *score = &s->score[class][kind];
            fprintf(out, "| %s | %s | %d | %d | %d | %d | %d | %d |\n", classes[class], kind_names[kind],
                    score->exposed, score->detected, score->located, score->named, score->honest, score->alarms);
        }
    fprintf(out, "\nMisses:\n\n");
    for (int i = 0; i < s->miss_count; i++) fprintf(out, "- %s\n", s->misses[i]);
    if (s->miss_count == 0) fprintf(out, "- none\n");
    fprintf(out, "\nExposed by no case:\n\n");
    int hidden = 0;
    for (int i = 0; i < bug_count(); i++)
        if (!s->shown[i]) hidden++, fprintf(out, "- %s: it takes %s\n", bug_at(i)->id, bug_at(i)->exposed_by);
    if (hidden == 0) fprintf(out, "- none\n");
}

int main(int argc, char **argv)
{
    Scoring s = { .shown = allocate_zeroed((size_t)bug_count() + 1, sizeof *s.shown) };
    snprintf(s.dump, sizeof s.dump, "/tmp/plumb-score.%d.safetensors", (int)getpid());
    reference_set_threads(1);
    for (int i = 1; i < argc && !error_is_set(&s.error); i++) {
        ScoreCase c = { .name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i] };
        c.folder = arena_format(&s.arena, "%s/model", argv[i]);
        c.model = model_open(c.folder, &s.error);
        if (c.model) c.inputs = inputs_open(arena_format(&s.arena, "%s/inputs.safetensors", argv[i]), &s.error);
        if (!error_is_set(&s.error)) model_check(c.model, &c.inputs, &s.error);
        if (!error_is_set(&s.error)) score_case(&s, &c);
        inputs_close(&c.inputs);
        model_close(c.model);
    }
    unlink(s.dump);
    if (error_is_set(&s.error))
        fprintf(stderr, "score: %s\n", s.error.message);
    else
        print_scores(stdout, &s);
    arena_free(&s.arena);
    free(s.misses);
    free(s.shown);
    return error_is_set(&s.error) ? 2 : s.miss_count > 0;
}
