/* grade.c - what a grade is asked for */
#include "grade/grade.h"

#include <stdlib.h>
#include <string.h>

Measurement step_measurement(const Step *step)
{
    return (Measurement){ .samples = step->samples,
                          .rows = step->graded_rows,
                          .non_finite = step->non_finite,
                          .ratio = step->ratio,
                          .row = step->worst_row_ratio,
                          .channel = step->worst_channel_ratio,
                          .element = step->worst_element_ratio,
                          .row_excess = step->row_excess,
                          .channel_excess = step->channel_excess,
                          .bias = step->bias,
                          .honest_bias = step->honest_bias };
}

bool step_is_partial(const Step *step) { return step->rows < step->tap_rows; }

int grade_partial_steps(const Grade *grade)
{
    int partial = 0;
    for (int n = 0; n < grade->step_count; n++) partial += step_is_partial(&grade->steps[n]);
    return partial;
}

const End *ends_far(const Ends *ends)
{
    for (int i = 0; i < ends->count; i++)
        if (ends->list[i].verdict != VERDICT_PASS) return &ends->list[i];
    return NULL;
}

const End *grade_far_end(const Grade *grade) { return ends_far(&grade->ends); }

const Step *end_step(const Grade *grade, const End *end)
{
    int n = 0;
    while (strcmp(grade->steps[n].tap, end->tap) != 0) n++;
    return &grade->steps[n];
}

/* PASS is earned: a NaN fails every comparison here. */
Verdict end_verdict(const End *end)
{
    bool near = end->ratio <= end->ratio_limit && end->worst_row_ratio <= end->row_limit;
    bool alike = !end->logits || end->root_ratio <= end->root_limit;
    return near && alike ? VERDICT_PASS : VERDICT_FAIL;
}

bool grade_is_within_limits(const Grade *grade)
{
    for (int n = 0; n < grade->step_count; n++)
        if (verdict_of(grade->class, step_measurement(&grade->steps[n])) != VERDICT_PASS) return false;
    for (int i = 0; i < grade->ends.count; i++)
        if (end_verdict(&grade->ends.list[i]) != VERDICT_PASS) return false;
    return true;
}

void grade_add_tie(Grade *grade, Tie tie)
{
    grade->ties = grown(grade->ties, grade->tie_count, sizeof tie);
    tie.tap = arena_format(&grade->arena, "%s", tie.tap);
    grade->ties[grade->tie_count++] = tie;
}

void grade_free(Grade *grade)
{
    if (!grade) return;
    free(grade->steps);
    free(grade->not_graded);
    free(grade->unknown);
    free(grade->misfits);
    free(grade->ties);
    free(grade->ends.list);
    arena_free(&grade->arena);
    free(grade);
}
