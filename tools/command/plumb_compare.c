/* plumb_compare.c - plumb compare: two dumps, no model */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "report/json_file.h"
#include "command/plumb.h"
#include "run/shown_text.h"

enum { KEY_LIMIT = 'l', KEY_JSON = 'j' };

typedef struct {
    const char *arguments[2];
    const char *json;
    double limit;
} CompareCommand;

typedef struct {
    double relative;     /* L2 of the difference over L2 of the expected */
    double worst;        /* largest absolute difference */
    int64_t worst_index; /* flat; -1 in an empty array */
    int64_t non_finite;  /* in the actual array */
    bool array_matches_shape;
} Comparison;

static const struct argp_option options[] = {
    { "limit", KEY_LIMIT, "X", 0,
      "Fail where the relative L2 exceeds X (default: fail only on NaN, infinity, another "
      "shape or a missing array)",
      0 },
    { "json", KEY_JSON, "FILE", 0, "Also write the comparison as JSON; - is stdout", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    CompareCommand *command = state->input;
    char *end;
    switch (key) {
    case KEY_JSON: command->json = argument; return 0;
    case KEY_LIMIT:
        command->limit = strtod(argument, &end);
        if (*end || end == argument || !(command->limit >= 0))
            argp_error(state, "--limit: found %s, expected a number", argument);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_usage(state);
        command->arguments[state->arg_num] = argument;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2) argp_usage(state);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static Comparison compare_arrays(const Array *expected, const Array *actual)
{
    Comparison c = { .worst_index = -1,
                     .array_matches_shape = array_has_shape(actual, expected->rank, expected->shape) };
    if (!c.array_matches_shape) return c;
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < array_elements(expected); i++) {
        double e, a;
        array_read_f64(expected, i, 1, &e);
        array_read_f64(actual, i, 1, &a);
        c.non_finite += !isfinite(a);
        difference += (a - e) * (a - e);
        norm += e * e;
        if (c.worst_index < 0 || fabs(a - e) > c.worst) {
            c.worst = fabs(a - e);
            c.worst_index = i;
        }
    }
    c.relative = difference == 0 ? 0 : sqrt(difference / norm);
    return c;
}

static bool passes(Comparison c, double limit)
{
    return c.array_matches_shape && c.non_finite == 0 && c.relative <= limit;
}

static void print_row(const Array *expected, const Array *actual, Comparison c, double limit, int width)
{
    const char *verdict = passes(c, limit) ? "pass" : "FAIL";
    if (c.array_matches_shape)
        printf("%-*s  %11.3e  %11.3e  %10lld  %10lld  %s\n", width, SHOWN_TEXT(expected->name), c.relative, c.worst,
               (long long)c.worst_index, (long long)c.non_finite, verdict);
    else
        printf("%-*s  shape %s, expected %s  %s\n", width, SHOWN_TEXT(expected->name),
               SHAPE_TEXT(actual->rank, actual->shape), SHAPE_TEXT(expected->rank, expected->shape), verdict);
}

static Status compare(const CompareCommand *command, const Dump *expected, const Dump *actual, Error *error)
{
    int width = (int)strlen("array"), compared = 0, failed = 0, missing = 0;
    for (int i = 0; i < dump_count(expected); i++)
        if ((int)strlen(dump_array(expected, i)->name) > width) width = (int)strlen(dump_array(expected, i)->name);
    bool text = !command->json || strcmp(command->json, "-") != 0;
    json_t *rows = json_array();

    if (text)
        printf("%-*s  %11s  %11s  %10s  %10s  verdict\n", width, "array", "relative L2", "max abs", "at", "not finite");
    for (int i = 0; i < dump_count(expected); i++) {
        const Array *e = dump_array(expected, i), *a = dump_find(actual, e->name);
        if (!a) {
            missing++;
            if (text) printf("%-*s  missing\n", width, SHOWN_TEXT(e->name));
            continue;
        }
        Comparison c = compare_arrays(e, a);
        compared++;
        failed += !passes(c, command->limit);
        if (text) print_row(e, a, c, command->limit, width);
        json_array_append_new(rows, json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:b}", "name", e->name, "relative",
                                              isfinite(c.relative) ? json_real(c.relative) : json_null(), "max_abs",
                                              isfinite(c.worst) ? json_real(c.worst) : json_null(), "at",
                                              (json_int_t)c.worst_index, "non_finite", (json_int_t)c.non_finite,
                                              "same_shape", c.array_matches_shape, "pass", passes(c, command->limit)));
    }
    if (text) printf("%d compared, %d failed, %d missing\n", compared, failed, missing);
    if (command->json)
        json_file_write(command->json,
                        json_pack("{s:O, s:i, s:i, s:i}", "arrays", rows, "compared", compared, "failed", failed,
                                  "missing", missing),
                        error);
    json_decref(rows);
    if (compared == 0) return STATUS_NOTHING;
    return failed + missing > 0 ? STATUS_FAIL : STATUS_PASS;
}

int plumb_compare(int argc, char **argv)
{
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "EXPECTED ACTUAL",
        .doc = "Compares the arrays of two dumps by name. Errors that a low-precision backend inherits from "
               "its own earlier "
               "layers are in these numbers: to know whether a backend is right, use plumb grade.",
    };
    CompareCommand command = { .limit = INFINITY };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    Status status = STATUS_BAD_INPUT;
    for (int i = 0; i < 2; i++) output_refuse((OutputOption){ "--json", command.json }, command.arguments[i], &error);
    Dump *expected = error_is_set(&error) ? NULL : dump_open(command.arguments[0], &error);
    Dump *actual = expected ? dump_open(command.arguments[1], &error) : NULL;
    if (actual) status = compare(&command, expected, actual, &error);
    dump_close(expected);
    dump_close(actual);
    return finish(&error, status);
}
