/* code_steps.c - values sorted, and two neighbours found */
#include "quantiser/code_steps.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

CodeSteps code_steps_of(const Encoding *encoding)
{
    CodeSteps steps = { .count = 0 };
    int count = 0;
    for (int i = 0; i < 1 << encoding->bits; i++)
        if (isfinite(encoding->values[i])) steps.values[count++] = encoding->values[i];
    qsort(steps.values, (size_t)count, sizeof *steps.values, by_value);
    for (int i = 0; i < count; i++)
        if (i == 0 || steps.values[i] > steps.values[i - 1]) steps.values[steps.count++] = steps.values[i];
    return steps;
}

double code_steps_gap(const CodeSteps *steps, double value)
{
    int low = 0, high = steps->count - 1; /* the values around it, once they are neighbours */
    if (high < 1) return 0;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (value < steps->values[middle])
            high = middle;
        else
            low = middle;
    }
    return steps->values[high] - steps->values[low];
}
