/* score_page.c - docs/score.md */
#include <stdio.h>
#include <string.h>

#include "score.h"

/* ---------------------------------------------------------------- tables */

static void print_cells(FILE *out, Score s)
{
    fprintf(out, "| %d | %d of %d | %d of %d | %d of %d | %d | %d | %d of %d |\n", s.exposed, s.detected, s.exposed,
            s.located, s.exposed, s.named, s.exposed, s.rivals, s.faint, s.alarms, s.honest);
}

static void print_head(FILE *out, const char *first)
{
    fprintf(out, "|%s class | dump | exposed | detected | located | named | with rivals | too faint | false alarms |\n",
            first);
    fprintf(out, "|%s---|---|---|---|---|---|---|---|---|\n", *first ? "---|" : "");
}

void score_print_classes(FILE *out, const Job *jobs, int count)
{
    print_head(out, "");
    for (int class = 0; class < CLASSES; class ++)
        for (int kind = FULL; kind >= LAYERS; kind--) {
            Score s = score_of_all(jobs, count, class, kind);
            if (s.honest == 0) continue;
            fprintf(out, "| %s | %s ", class_of_score[class], kind_names[kind]);
            print_cells(out, s);
        }
}

static void print_by_case(FILE *out, const Job *jobs, int count)
{
    char name[256];
    print_head(out, " case |");
    for (int i = 0; i < count; i++) {
        score_row_name(name, sizeof name, &jobs[i]);
        fputs(name, out);
        print_cells(out, score_of(&jobs[i]));
    }
}

/* ---------------------------------------------------------------- by name */

static void print_miss(FILE *out, const Job *job, const char *what, const char *how, const char *said)
{
    fprintf(out, "- %s, %s, %s: %s %s; said %s\n", job->name, class_of_score[job->class], kind_names[job->kind], what,
            how, said);
}

void score_print_misses(FILE *out, const Job *jobs, int count)
{
    int misses = 0;
    for (int j = 0; j < count; j++) {
        for (int i = 0; i < bug_count(); i++) {
            const BugResult *r = &jobs[j].bugs[i];
            if (r->shown != EXPOSED || (r->detected && r->located && r->named)) continue;
            const char *how = !r->detected ? "not detected" : !r->located ? "not located" : "not named";
            print_miss(out, &jobs[j], bug_at(i)->id, how, r->said);
            misses++;
        }
        for (int v = 0; v < VARIANTS; v++) {
            if (!jobs[j].honest[v].alarm) continue;
            print_miss(out, &jobs[j], variant_names[v], "a false alarm", jobs[j].honest[v].said);
            misses++;
        }
    }
    if (misses == 0) fprintf(out, "- none\n");
}

static bool exposes(const Job *jobs, int count, const char *name, int bug, int class)
{
    for (int j = 0; j < count; j++)
        if (jobs[j].class == class && strcmp(jobs[j].name, name) == 0 && jobs[j].bugs[bug].shown == EXPOSED)
            return true;
    return false;
}

/* The cases that expose each bug; after a case, the classes if it is not all of them. */
static void print_exposure(FILE *out, const Job *jobs, int count)
{
    fprintf(out, "| bug | exposed by |\n|---|---|\n");
    for (int i = 0; i < bug_count(); i++) {
        const char *separator = "";
        if (!score_is_of(bug_at(i))) continue;
        fprintf(out, "| `%s` | ", bug_at(i)->id);
        for (int j = 0; j < count; j += COMBINATIONS) {
            bool in[CLASSES], any = false, all = true;
            for (int class = 0; class < CLASSES; class ++) {
                in[class] = exposes(jobs, count, jobs[j].name, i, class);
                any |= in[class];
                all &= in[class];
            }
            if (!any) continue;
            fprintf(out, "%s%s", separator, jobs[j].name);
            for (int class = 0; class < CLASSES && !all; class ++)
                if (in[class]) fprintf(out, " %s", class_of_score[class]);
            separator = ", ";
        }
        fprintf(out, "%s |\n", *separator ? "" : "none");
    }
}

/* ---------------------------------------------------------------- the page */

static const char head[] =
    "# The judge's score\n"
    "\n"
    "How often `plumb diagnose` is right. Written by `make score`, which fails when a figure falls below what "
    "is asked;\n"
    "`make check-score` measures a part of it again and fails when this page claims more.\n"
    "\n"
    "Each bug of the catalogue (`plumb bugs`) is switched on in the reference's own run, rounded as the class "
    "rounds. Its\n"
    "dump, whole or of layer outputs alone (`--layers`), is diagnosed. Every case of `fixtures/` that has text "
    "runs three\n"
    "tokens further than its prompt.\n"
    "\n"
    "- *exposed*: the bug changes what this dump shows by 12 standard deviations of an honest backend's noise "
    "or more,\n"
    "  all steps together. Only these count.\n"
    "- *detected*: a step fails, or the bug is named although all pass.\n"
    "- *located*: the first step that fails is one that the bug touches.\n"
    "- *named*: it is named, and nothing else is; or it is listed as a rival of the one named, which this dump cannot\n"
    "  tell from it (*with rivals*).\n"
    "- *too faint*: it changes something, but less than that. A bug that changes nothing is not counted at all.\n"
    "- *false alarms*: of honest runs: as it is; a third of the taps left out, twice; two threads; float "
    "inside, where\n"
    "  the class is narrow; the last position alone, where there is text. A step that fails or a bug that is named\n"
    "  is one.\n"
    "\n"
    "Asked for: in fp32 all of them; in bf16 and fp16 99 % detected and located, 95 % named; no false alarm; each bug\n"
    "exposed by some case. Honest dumps of Hugging Face itself, which are no runs of the reference, are counted by\n"
    "`make check-hf`.\n"
    "\n"
    "A dump whose every step passes may be off by more than honest ones in all, if its errors point one way. How far\n"
    "is *the judge's slack*: at most 3 honest errors at the logits ([tolerances.md](tolerances.md#the-end) has what\n"
    "`tools/score/slack.py` finds).\n"
    "\n"
    "Not here: bugs that end before the model begins (`resize-bilinear` and its like), which "
    "`tools/check_hf/check_pixels.py` makes\n"
    "with the libraries that ports use; the eighteen of quantised weights and caches (`quant-zero-twice` and its\n"
    "like), as no case here has any: each is named on a dump of [its own](quantised.md#bugs-of-kernels);\n"
    "`unified-dense-f16-overflow`, which an honest run in float16 has too, and\n"
    "`tools/check_hf/check_overflow.py` shows in Hugging Face itself; and `rope-angle-f16`,\n"
    "`embed-scale-bf16-product`, `softcap-twice`, `attn-softcap-50` and `router-bf16-softmax`: in a narrow class\n"
    "they are exposed by some case, but so near its rounding that no step is bent and none is named.\n"
    "`decode-batch-kv-tail`, `lora-expert-dropped` and `kv-fp8-bad-scale` are reported bugs that are not in the\n"
    "catalogue, because nothing that a dump holds says which keys a rejected draft left, what the adapter was,\n"
    "or which scale it should have been.\n"
    "\n"
    "How often the judge is right about backends of other arithmetic, engines' presets and features, is in\n"
    "[tolerances.md](tolerances.md#no-feature-hides-a-bug) (`build/score --as CLASS`).\n";

void score_write(FILE *out, const Job *jobs, int count)
{
    fprintf(out, "%s\n## By class\n\n", head);
    score_print_classes(out, jobs, count);
    fprintf(out, "\n## Misses\n\n");
    score_print_misses(out, jobs, count);
    fprintf(out, "\n## By case\n\n");
    print_by_case(out, jobs, count);
    fprintf(out, "\n## Where each bug shows\n\nWith the classes where it is not all three.\n\n");
    print_exposure(out, jobs, count);
}
