/* report_steps.c - as many of the numbers as there is room for */
#include "report/report_steps.h"

#include <math.h>
#include <string.h>

#include "report/report_rows.h"

typedef struct {
    const char *head;
    int width;
    int from; /* columns of the same number come and go together, those of the highest first */
} Column;

enum { LEAST_NAME = 30, NUMBERS = 7, VERDICT = 9, MOST_LEFT_OUT = 3 };
static const Column columns_of_numbers[NUMBERS] = {
    { "introduced", 11, 2 }, { "honest", 8, 2 },  { "ratio", 7, 0 }, { "row", 6, 1 },
    { "channel", 7, 1 },     { "element", 7, 1 }, { "bias", 6, 1 },
};

/* How the table fits: the width of names, and which columns are shown */
typedef struct {
    int name, from;
} Fit;

bool step_is_graded(const Step *step) { return step->graded_rows > 0 || step->non_finite > 0 || step->shape_differs; }

static int widest_name(const Grade *grade)
{
    size_t width = strlen("step");
    for (int n = 0; n < grade->step_count; n++)
        if (strlen(grade->steps[n].tap) > width) width = strlen(grade->steps[n].tap);
    return (int)width;
}

static int width_of_numbers(int from)
{
    int width = VERDICT;
    for (int i = 0; i < NUMBERS; i++)
        if (columns_of_numbers[i].from <= from) width += columns_of_numbers[i].width + 1;
    return width;
}

static Fit fit_of(const Grade *grade, int columns)
{
    Fit fit = { widest_name(grade), MOST_LEFT_OUT - 1 };
    if (columns == 0) return fit;
    while (fit.from > 0 && columns - width_of_numbers(fit.from) < (fit.name < LEAST_NAME ? fit.name : LEAST_NAME))
        fit.from--;
    int room = columns - width_of_numbers(fit.from);
    if (room < 8) room = 8;
    if (fit.name > room) fit.name = room;
    return fit;
}

static void name_text(FILE *out, const char *name, int width)
{
    int length = (int)strlen(name);
    if (length <= width)
        fprintf(out, "%-*s", width, name);
    else
        fprintf(out, "..%s", name + length - width + 2);
}

static void error_text(FILE *out, int width, double error)
{
    if (isnan(error))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, " %*.1e", width, error);
}

static void ratio_text(FILE *out, int width, double ratio)
{
    double size = fabs(ratio);
    if (isnan(ratio))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, size < 100 ? " %*.2f" : size < 1e5 ? " %*.0f" : " %*.0e", width, ratio);
}

void report_steps_heads(FILE *out, const Grade *grade, int columns)
{
    Fit fit = fit_of(grade, columns);
    name_text(out, "step", fit.name);
    for (int i = 0; i < NUMBERS; i++)
        if (columns_of_numbers[i].from <= fit.from)
            fprintf(out, " %*s", columns_of_numbers[i].width, columns_of_numbers[i].head);
    fprintf(out, "  verdict\n");
}

void report_step(FILE *out, const Grade *grade, int n, int columns)
{
    const Step *step = &grade->steps[n];
    const double numbers[NUMBERS] = { step->introduced,
                                      step->honest,
                                      step->ratio,
                                      step->worst_row_ratio,
                                      step->worst_channel_ratio,
                                      step->worst_element_ratio,
                                      step->bias };
    Fit fit = fit_of(grade, columns);
    name_text(out, step->tap, fit.name);
    for (int i = 0; i < NUMBERS; i++)
        if (columns_of_numbers[i].from <= fit.from)
            (i < 2 ? error_text : ratio_text)(out, columns_of_numbers[i].width, numbers[i]);
    fprintf(out, "  %s", step_is_graded(step) ? verdict_name(step->verdict) : "not graded");
    if (step->non_finite) fprintf(out, "  %lld not finite", (long long)step->non_finite);
    if (step->note) fprintf(out, "  %s", step->note);
    report_rows_of_step(out, step);
    fputc('\n', out);
}
