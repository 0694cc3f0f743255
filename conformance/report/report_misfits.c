/* report_misfits.c - what was not graded, and why that is too little */
#include "report/report_misfits.h"

void report_misfits(FILE *out, const Grade *grade)
{
    for (int i = 0; i < grade->misfit_count; i++)
        fprintf(out, "not graded: %s: found %s, expected %s; %s\n", grade->misfits[i].tap, grade->misfits[i].found,
                grade->misfits[i].expected, grade->misfits[i].advice);
}

json_t *misfits_json(const Grade *grade)
{
    json_t *misfits = json_array();
    for (int i = 0; i < grade->misfit_count; i++)
        json_array_append_new(misfits, json_pack("{s:s, s:s, s:s, s:s}", "tap", grade->misfits[i].tap, "found",
                                                 grade->misfits[i].found, "expected", grade->misfits[i].expected,
                                                 "advice", grade->misfits[i].advice));
    return json_pack("{s:o, s:s?}", "misfits", misfits, "incomplete", grade->incomplete_because);
}

void report_incomplete(FILE *out, const Grade *grade)
{
    fprintf(out, "INCOMPLETE  all %d steps are straight as %s, but %s (--partial lets such a dump pass)\n",
            grade->step_count, grade->declared->name, grade->incomplete_because);
}
