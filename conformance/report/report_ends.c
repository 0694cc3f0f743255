/* report_ends.c - a line for each end, and the one that is too far off */
#include "report/report_ends.h"

#include <math.h>
#include <string.h>

#include "report/json_file.h"
#include "report/place.h"

enum { WIDTH_OF_NUMBERS = 42, WIDTH_OF_LOGITS = 42 };

static int widest_name(const Ends *ends)
{
    size_t width = strlen("end of a part");
    for (int i = 0; i < ends->count; i++)
        if (strlen(ends->list[i].tap) > width) width = strlen(ends->list[i].tap);
    return (int)width;
}

static bool has_logits(const Ends *ends)
{
    for (int i = 0; i < ends->count; i++)
        if (ends->list[i].logits) return true;
    return false;
}

static void logits_text(FILE *out, const End *end)
{
    char flipped[48];
    snprintf(flipped, sizeof flipped, "%d (%.1f) of %lld", end->flipped, end->honest_flipped, (long long)end->rows);
    if (end->logits)
        fprintf(out, " %8.1e %8.1e %6.2f  %-15s", end->divergence, end->honest_divergence, end->root_ratio, flipped);
    else
        fprintf(out, " %8s %8s %6s  %-15s", "-", "-", "-", "-");
}

void report_ends(FILE *out, const Grade *grade, int columns)
{
    const Ends *ends = &grade->ends;
    int width = widest_name(ends);
    bool room = columns == 0 || columns >= width + WIDTH_OF_NUMBERS + WIDTH_OF_LOGITS; /* else the JSON has them */
    bool logits = has_logits(ends) && room;
    if (ends->count == 0) return;
    fprintf(out, "%-*s %9s %8s %6s %6s%s  verdict\n", width, "end of a part", "total", "honest", "ratio", "row",
            logits ? "       KL   honest   root  flipped        " : "");
    for (int i = 0; i < ends->count; i++) {
        const End *end = &ends->list[i];
        fprintf(out, "%-*s %9.1e %8.1e %6.2f %6.2f", width, end->tap, end->total, end->honest, end->ratio,
                end->worst_row_ratio);
        if (logits) logits_text(out, end);
        fprintf(out, "  %s\n", verdict_name(end->verdict));
    }
}

void report_far_end(FILE *out, const Grade *grade)
{
    const End *end = grade_far_end(grade);
    const Step *step = end_step(grade, end);
    char place[64];
    fprintf(out,
            "FAIL  all %d steps are straight, but their errors add up at %s\n      over its limit:", grade->step_count,
            end->tap);
    const char *between = " ";
    if (!(end->ratio <= end->ratio_limit)) {
        fprintf(out, "%sratio %.3g (%.3g)", between, end->ratio, end->ratio_limit);
        between = ", ";
    }
    if (!(end->worst_row_ratio <= end->row_limit)) {
        fprintf(out, "%srow %s %.3g (%.3g)", between,
                place_text(place, sizeof place, step, step->rank - 1, end->worst_row), end->worst_row_ratio,
                end->row_limit);
        between = ", ";
    }
    if (end->logits && !(end->root_ratio <= end->root_limit))
        fprintf(out, "%sroot of KL %.3g (%.3g)", between, end->root_ratio, end->root_limit);
    fputc('\n', out);
}

static json_t *end_json(const Grade *grade, const End *end)
{
    const Step *step = end_step(grade, end);
    json_t *json = json_pack(
        "{s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "tap", end->tap, "replays", end->replays, "rows",
        (json_int_t)end->rows, "total", number_json(end->total), "honest", number_json(end->honest), "ratio",
        number_json(end->ratio), "ratio_limit", number_json(end->ratio_limit), "worst_row",
        place_json(step, step->rank - 1, end->worst_row), "worst_row_ratio", number_json(end->worst_row_ratio),
        "worst_row_limit", number_json(end->row_limit), "verdict", end->verdict == VERDICT_PASS ? "pass" : "fail");
    json_t *logits = json_pack("{s:o, s:o, s:o, s:o, s:i, s:o}", "kl", number_json(end->divergence), "honest_kl",
                               number_json(end->honest_divergence), "root_kl_ratio", number_json(end->root_ratio),
                               "root_kl_limit", number_json(end->root_limit), "flipped", end->flipped, "honest_flipped",
                               number_json(end->honest_flipped));
    if (end->logits) json_object_update(json, logits);
    json_decref(logits);
    return json;
}

static json_t *limits_json(const ArithmeticClass *class)
{
    const EndLimits *limits = &class->ends;
    return json_pack("{s:f, s:f, s:f, s:s}", "ratio", limits->ratio, "worst_row_ratio", limits->row, "root_kl_ratio",
                     limits->root, "reason", limits->reason);
}

json_t *ends_json(const Grade *grade)
{
    json_t *list = json_array();
    const End *far = grade_far_end(grade);
    for (int i = 0; i < grade->ends.count; i++) json_array_append_new(list, end_json(grade, &grade->ends.list[i]));
    return json_pack("{s:o, s:o, s:s?}", "ends", list, "end_limits", limits_json(grade->class), "first_far",
                     far ? far->tap : NULL);
}
