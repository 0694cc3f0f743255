/* shard_fields.c - tables of members, and what writes and reads them */
#include "report/shard_fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "diagnose/matched_filter.h"
#include "grade/grade.h"

#define STEP(kind, member)                    \
    {                                         \
#member, offsetof(Step, member), kind \
    }
#define END(kind, member)                    \
    {                                        \
#member, offsetof(End, member), kind \
    }
#define TIE(kind, member)                    \
    {                                        \
#member, offsetof(Tie, member), kind \
    }
#define MATCH(member)                                \
    {                                                \
#member, offsetof(Match, member), FIELD_REAL \
    }

const ShardField shard_step_listed[] = {
    STEP(FIELD_INT, rank), STEP(FIELD_INT, absent), STEP(FIELD_INT64, rows), STEP(FIELD_INT64, tap_rows), { 0 },
};

const ShardField shard_step_graded[] = {
    STEP(FIELD_INT, samples),
    STEP(FIELD_INT64, graded_rows),
    STEP(FIELD_REAL, introduced),
    STEP(FIELD_REAL, honest),
    STEP(FIELD_REAL, ratio),
    STEP(FIELD_REAL, inherited),
    STEP(FIELD_REAL, total),
    STEP(FIELD_INT64, worst_row),
    STEP(FIELD_INT64, worst_channel),
    STEP(FIELD_INT64, worst_element),
    STEP(FIELD_REAL, worst_row_ratio),
    STEP(FIELD_REAL, worst_channel_ratio),
    STEP(FIELD_REAL, worst_element_ratio),
    STEP(FIELD_REAL, row_excess),
    STEP(FIELD_REAL, channel_excess),
    STEP(FIELD_REAL, worst_expected),
    STEP(FIELD_REAL, worst_found),
    STEP(FIELD_REAL, bias),
    STEP(FIELD_REAL, honest_bias),
    STEP(FIELD_INT64, non_finite),
    STEP(FIELD_VERDICT, verdict),
    { 0 },
};

const ShardField shard_end[] = {
    END(FIELD_INT, replays),          END(FIELD_INT64, rows),      END(FIELD_REAL, total),
    END(FIELD_REAL, honest),          END(FIELD_REAL, ratio),      END(FIELD_REAL, ratio_limit),
    END(FIELD_REAL, worst_row_ratio), END(FIELD_REAL, row_limit),  END(FIELD_INT64, worst_row),
    END(FIELD_BOOL, logits),          END(FIELD_REAL, divergence), END(FIELD_REAL, honest_divergence),
    END(FIELD_REAL, root_ratio),      END(FIELD_REAL, root_limit), END(FIELD_INT, flipped),
    END(FIELD_REAL, honest_flipped),  END(FIELD_VERDICT, verdict), { 0 },
};

const ShardField shard_tie[] = {
    TIE(FIELD_INT64, row), TIE(FIELD_INT64, found), TIE(FIELD_INT64, expected),
    TIE(FIELD_REAL, gap),  TIE(FIELD_REAL, noise),  { 0 },
};

const ShardField shard_match[] = {
    MATCH(product),       MATCH(power),       MATCH(honest), MATCH(product_product),
    MATCH(product_power), MATCH(power_power), { 0 },
};

static json_t *real_json(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%a", value);
    return json_string(text);
}

static json_t *field_json(FieldKind kind, const void *at)
{
    switch (kind) {
    case FIELD_REAL: return real_json(*(const double *)at);
    case FIELD_INT: return json_integer(*(const int *)at);
    case FIELD_INT64: return json_integer(*(const int64_t *)at);
    case FIELD_BOOL: return json_boolean(*(const bool *)at);
    case FIELD_VERDICT: return json_integer(*(const Verdict *)at);
    }
    return NULL;
}

void shard_fields_write(json_t *object, const ShardField *fields, const void *from)
{
    for (; fields->name; fields++)
        json_object_set_new(object, fields->name, field_json(fields->kind, (const char *)from + fields->offset));
}

static bool read_real(const json_t *value, double *to)
{
    char *end = NULL;
    const char *text = json_string_value(value);
    if (text) *to = strtod(text, &end);
    return text && end != text && *end == '\0';
}

static bool read_integer(const json_t *value, FieldKind kind, void *to)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || (kind == FIELD_INT && number != (int)number)) return false;
    if (kind == FIELD_INT64)
        *(int64_t *)to = number;
    else if (kind == FIELD_INT)
        *(int *)to = (int)number;
    else
        *(Verdict *)to = number == VERDICT_PASS ? VERDICT_PASS : VERDICT_FAIL;
    return true;
}

static bool read_field(const json_t *value, FieldKind kind, void *to)
{
    if (kind == FIELD_REAL) return read_real(value, to);
    if (kind != FIELD_BOOL) return read_integer(value, kind, to);
    *(bool *)to = json_is_true(value);
    return json_is_boolean(value);
}

bool shard_fields_read(const json_t *object, const ShardField *fields, void *to)
{
    for (; fields->name; fields++)
        if (!read_field(json_object_get(object, fields->name), fields->kind, (char *)to + fields->offset)) return false;
    return true;
}
