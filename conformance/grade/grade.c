/* grade.c - what a grade is asked for */
#include "grade/grade.h"

#include <stdlib.h>

Measurement step_measurement(const Step *step)
{
    return (Measurement){ .samples = step->samples,
                          .rows = step->graded_rows,
                          .non_finite = step->non_finite,
                          .ratio = step->ratio,
                          .row = step->worst_row_ratio,
                          .channel = step->worst_channel_ratio,
                          .element = step->worst_element_ratio,
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

void grade_add_tie(Grade *grade, Tie tie)
{
    grade->ties = reallocate(grade->ties, (size_t)(grade->tie_count + 1), sizeof tie);
    tie.tap = arena_format(&grade->arena, "%s", tie.tap);
    grade->ties[grade->tie_count++] = tie;
}

void grade_free(Grade *grade)
{
    if (!grade) return;
    free(grade->steps);
    free(grade->not_graded);
    free(grade->unknown);
    free(grade->ties);
    arena_free(&grade->arena);
    free(grade);
}
