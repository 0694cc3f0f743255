/* score_weakened.c - docs/weakened.md */
#include "score.h"

static void print_row(FILE *out, const Job *jobs, int count, int class, int mixture)
{
    int bent = 0, located = 0, named = 0, reached = 0;
    for (int j = 0; j < count; j++)
        for (int i = 0; jobs[j].class == class && i < EACH_MIXTURE; i++) {
            const MixtureResult *r = &jobs[j].mixtures[mixture][i];
            bent += r->bent;
            located += r->located;
            named += r->named;
            reached += r->reached;
        }
    fprintf(out, "| %s | %s | %d | %d of %d | %d of %d | %d of %d |\n", class_of_score[class], mixture_names[mixture],
            bent, located, bent, named, bent, reached, bent);
}

static void print_misses(FILE *out, const Job *jobs, int count)
{
    for (int j = 0; j < count; j++)
        for (int i = 0; i < MIXTURES * EACH_MIXTURE; i++) {
            const MixtureResult *r = &jobs[j].mixtures[i / EACH_MIXTURE][i % EACH_MIXTURE];
            if (!r->bent || r->reached) continue;
            fprintf(out, "- %s, %s, %s: %s, %s; said %s\n", jobs[j].name, class_of_score[jobs[j].class],
                    kind_names[jobs[j].kind], mixture_names[i / EACH_MIXTURE], r->what, *r->said ? r->said : "none");
        }
}

static const char head[] =
    "# Weakened and combined bugs\n"
    "\n"
    "How often `plumb diagnose` is right about ports that have a bug of the catalogue in a part, or several. Written\n"
    "by `make score-weakened`.\n"
    "\n"
    "A backend is the reference's own run, rounded as its class rounds, with a bug at half of its strength; in one\n"
    "layer, one sequence of the batch or picture, or one module alone; or with two or three bugs of different stages,\n"
    "each of which bends a step by itself. Up to three of each kind for each case, class and kind of dump, of bugs\n"
    "that follow from the case's name. Only dumps in which a step fails count. No case here has quantised weights,\n"
    "nor their bugs.\n"
    "\n"
    "- *located*: the first step that fails is one that the bug, or one of them, touches.\n"
    "- *named*: all of them and nothing else, or as a rival of the one named.\n"
    "- *right reach*: and the report says where it is, or how much of it there is, where the dump can tell.\n"
    "\n"
    "In a model whose last layers share keys a bug in one layer may well be in two: what its keys do to a layer that\n"
    "shares them is not seen in the layer that made them. Such an answer counts as a miss here.\n";

static void print_cases(FILE *out, const Job *jobs, int count)
{
    fprintf(out, "\nMeasured on");
    for (int j = 0; j < count; j += COMBINATIONS) fprintf(out, "%s %s", j ? "," : "", jobs[j].name);
    fprintf(out, ".\n");
}

void score_write_weakened(FILE *out, const Job *jobs, int count)
{
    fputs(head, out);
    print_cases(out, jobs, count);
    fprintf(out, "\n| class | what | bent | located | named | right reach |\n|---|---|---|---|---|---|\n");
    for (int class = 0; class < CLASSES; class++)
        for (int mixture = 0; mixture < MIXTURES; mixture++) print_row(out, jobs, count, class, mixture);
    fprintf(out, "\n## Misses\n\n");
    print_misses(out, jobs, count);
}
