/* score_sum.c - results added up, and what they are held against */
#include <stdio.h>
#include <string.h>

#include "score.h"

/* The page says why: an honest run in float16 has the first, and the others are as small as a narrow class's own
 * rounding on some case, where they are exposed and yet neither bent nor named. No case here has quantised weights. */
static const char *const unscored[] = { "unified-dense-f16-overflow",
                                        "rope-angle-f16",
                                        "embed-scale-bf16-product",
                                        "softcap-twice",
                                        "attn-softcap-50",
                                        "router-bf16-softmax" };

bool score_is_of(const Bug *bug)
{
    for (size_t i = 0; i < sizeof unscored / sizeof *unscored; i++)
        if (strcmp(bug->id, unscored[i]) == 0) return false;
    return bug_is_of_model(bug) && strncmp(bug->id, "quant-", strlen("quant-")) != 0;
}

/* ---------------------------------------------------------------- adding up */

static void add(Score *sum, const Job *job)
{
    for (int i = 0; i < bug_count(); i++) {
        const BugResult *r = &job->bugs[i];
        sum->exposed += r->shown == EXPOSED;
        sum->faint += r->shown == FAINT;
        sum->detected += r->detected;
        sum->located += r->located;
        sum->named += r->named;
        sum->rivals += r->with_rivals;
    }
    for (int v = 0; v < VARIANTS; v++) {
        sum->honest += job->honest[v].run;
        sum->alarms += job->honest[v].alarm;
    }
}

Score score_of(const Job *job)
{
    Score sum = { 0 };
    add(&sum, job);
    return sum;
}

Score score_of_all(const Job *jobs, int count, int class, int kind)
{
    Score sum = { 0 };
    for (int i = 0; i < count; i++)
        if ((class < 0 || jobs[i].class == class) && (kind < 0 || jobs[i].kind == kind)) add(&sum, &jobs[i]);
    return sum;
}

/* ---------------------------------------------------------------- targets */

static bool reaches(const char *class, const char *what, int found, int of, double share)
{
    if (found >= share * of) return true;
    fprintf(stderr, "score: %s: found %d of %d %s, expected %g %%\n", class, found, of, what, 100 * share);
    return false;
}

bool score_reaches_rates(const Job *jobs, int count)
{
    bool good = true;
    for (int class = 0; class < CLASSES; class ++) {
        const char *name = class_of_score[class];
        bool wide = class_find(name)->results == ROUNDING_NONE;
        Score s = score_of_all(jobs, count, class, -1);
        good &= reaches(name, "bugs detected", s.detected, s.exposed, wide ? 1 : 0.99);
        good &= reaches(name, "bugs located", s.located, s.exposed, wide ? 1 : 0.99);
        good &= reaches(name, "bugs named", s.named, s.exposed, wide ? 1 : 0.95);
        good &= reaches(name, "honest runs passed", s.honest - s.alarms, s.honest, 1);
    }
    return good;
}

bool score_reaches_targets(const Job *jobs, int count)
{
    bool good = score_reaches_rates(jobs, count);
    for (int i = 0; i < bug_count(); i++) {
        if (!score_is_of(bug_at(i))) continue;
        bool exposed = false;
        for (int j = 0; j < count; j++) exposed |= jobs[j].bugs[i].shown == EXPOSED;
        if (!exposed) fprintf(stderr, "score: %s: found no case that exposes it\n", bug_at(i)->id);
        good &= exposed;
    }
    return good;
}

void score_row_name(char *name, size_t size, const Job *job)
{
    snprintf(name, size, "| %s | %s | %s ", job->name, class_of_score[job->class], kind_names[job->kind]);
}

/* ---------------------------------------------------------------- the page held against what is measured */

static bool read_cells(const char *cells, Score *s)
{
    int of[3];
    return sscanf(cells, "| %d | %d of %d | %d of %d | %d of %d | %d | %d | %d of %d |", &s->exposed, &s->detected,
                  &of[0], &s->located, &of[1], &s->named, &of[2], &s->rivals, &s->faint, &s->alarms, &s->honest) == 11;
}

/* The page's row of that job */
static bool find_row(FILE *page, const Job *job, Score *claimed)
{
    char name[256], line[1024];
    score_row_name(name, sizeof name, job);
    rewind(page);
    while (fgets(line, sizeof line, page))
        if (strncmp(line, name, strlen(name)) == 0) return read_cells(line + strlen(name), claimed);
    return false;
}

static bool claims_more(const Job *job, const char *what, int claimed, int measurement_at)
{
    if (claimed <= measurement_at) return false;
    fprintf(stderr, "score: %s, %s, %s: found %d %s, expected the page's %d\n", job->name, class_of_score[job->class],
            kind_names[job->kind], measurement_at, what, claimed);
    return true;
}

bool score_holds(const char *path, const Job *jobs, int count, Error *error)
{
    bool good = true;
    FILE *page = fopen(path, "r");
    if (!page) {
        error_set(error, "%s: found no such file, expected the page that make score writes", path);
        return false;
    }
    for (int i = 0; i < count && !error_is_set(error); i++) {
        Score claimed, measurement_at = score_of(&jobs[i]);
        if (!find_row(page, &jobs[i], &claimed)) {
            error_set(error, "%s: found no row of %s, %s, %s, expected one (make score)", path, jobs[i].name,
                      class_of_score[jobs[i].class], kind_names[jobs[i].kind]);
            break;
        }
        good &= !claims_more(&jobs[i], "bugs exposed", claimed.exposed, measurement_at.exposed);
        good &= !claims_more(&jobs[i], "bugs detected", claimed.detected, measurement_at.detected);
        good &= !claims_more(&jobs[i], "bugs located", claimed.located, measurement_at.located);
        good &= !claims_more(&jobs[i], "bugs named", claimed.named, measurement_at.named);
        good &= !claims_more(&jobs[i], "honest runs passed", claimed.honest - claimed.alarms,
                             measurement_at.honest - measurement_at.alarms);
    }
    fclose(page);
    return good;
}
