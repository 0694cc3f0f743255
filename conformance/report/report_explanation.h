/* report_explanation.h - a step's numbers as text and as JSON */
#ifndef PLUMB_REPORT_EXPLANATION_H
#define PLUMB_REPORT_EXPLANATION_H

#include <jansson.h>
#include <stdio.h>

#include "explain/explain.h"

void report_explanation_text(FILE *out, const Explanation *explanation);
json_t *report_explanation_json(const Explanation *explanation); /* an array, a step each */

#endif
