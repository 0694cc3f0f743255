/* sentences.c - a report in few words */
#include <math.h>
#include <string.h>

#include "report/formats.h"

const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const char *text_at(const json_t *array, size_t i)
{
    const char *text = json_string_value(json_array_get(array, i));
    return text ? text : "";
}

double number_of(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    return json_is_number(number) ? json_number_value(number) : NAN;
}

bool is_failure(const json_t *report)
{
    const char *outcome = text_of(report, "outcome");
    return strcmp(outcome, "fail") == 0 || strcmp(outcome, "error") == 0;
}

const json_t *step_named(const json_t *report, const char *tap)
{
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(report, "steps"), i,
                       step) if (strcmp(text_of(step, "tap"), tap) == 0) return step;
    return NULL;
}

Sentence report_title(const json_t *report)
{
    Sentence s;
    const json_t *command = json_object_get(report, "command");
    const char *name = text_of(report, "case"), *of = "";
    if (!*name)
        for (size_t i = 2; i < json_array_size(command) && !*of; i++)
            if (text_at(command, i)[0] != '-') of = text_at(command, i);
    snprintf(s.text, sizeof s.text, "%s%s%s", *name ? name : of, *name ? " " : "",
             *name ? text_of(report, "dump") : "");
    return s;
}

Sentence step_sentence(const json_t *step)
{
    static const char *const keys[][2] = { { "not finite", "non_finite" },       { "ratio", "ratio" },
                                           { "row", "worst_row_ratio" },         { "channel", "worst_channel_ratio" },
                                           { "element", "worst_element_ratio" }, { "bias", "bias" } };
    Sentence s = { "" };
    size_t length = 0;
    const json_t *over = json_object_get(step, "over");
    for (size_t i = 0; i < json_array_size(over); i++) {
        const char *name = text_at(over, i), *key = name;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (strcmp(keys[k][0], name) == 0) key = keys[k][1];
        int written = snprintf(s.text + length, sizeof s.text - length, "%s%s %.3g (%.3g)", i ? ", " : "", name,
                               number_of(step, key), number_of(json_object_get(step, "limits"), name));
        length += (size_t)written;
        if (length >= sizeof s.text) return s;
    }
    if (length == 0) snprintf(s.text, sizeof s.text, "%s", text_of(step, "note"));
    return s;
}

Sentence report_sentence(const json_t *report)
{
    Sentence s;
    const char *outcome = text_of(report, "outcome"), *bent = text_of(report, "first_bent"),
               *far = text_of(report, "first_far");
    int steps = (int)json_array_size(json_object_get(report, "steps"));
    if (strcmp(outcome, "error") == 0)
        snprintf(s.text, sizeof s.text, "%s", text_of(report, "error"));
    else if (strcmp(outcome, "nothing") == 0)
        snprintf(s.text, sizeof s.text, "nothing could be graded");
    else if (*bent && *text_of(report, "named"))
        snprintf(s.text, sizeof s.text, "first bent step: %s; matches known bug %s", bent, text_of(report, "named"));
    else if (*bent)
        snprintf(s.text, sizeof s.text, "first bent step: %s", bent);
    else if (*far)
        snprintf(s.text, sizeof s.text, "every step is straight, and %s is farther off than honest passes are", far);
    else if (*text_of(report, "strict_failure"))
        snprintf(s.text, sizeof s.text, "--strict: %s", text_of(report, "strict_failure"));
    else
        snprintf(s.text, sizeof s.text, "all %d steps are straight as %s%s%s", steps, text_of(report, "class"),
                 *text_of(report, "named") ? "; below the noise: " : "", text_of(report, "named"));
    return s;
}

Sentence module_of(const char *tap)
{
    Sentence s;
    size_t length = strcspn(tap, "#@");
    const char *layer = strstr(tap, "layers.");
    if (layer) {
        layer += strlen("layers.");
        length = (size_t)(layer - tap) + strcspn(layer, ".#@");
    } else {
        size_t dot = length;
        while (dot > 0 && tap[dot] != '.') dot--;
        if (dot > 0) length = dot;
    }
    snprintf(s.text, sizeof s.text, "%.*s", (int)length, tap);
    return s;
}
