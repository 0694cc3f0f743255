/* statement.c - submission.json, held to its format: no key is unknown, none is empty */
#include "submission/statement.h"

#include <stdlib.h>
#include <string.h>

#include "grade/arithmetic_class.h"
#include "run/arena.h"
#include "submission/package.h"

typedef struct {
    const char *key;
    bool needed, is_path;
} Field;

static const Field port_fields[] = { { "name", true, false }, { "version", true, false }, { "source", true, false } };
static const Field trial_fields[] = {
    { "case", true, true }, { "class", true, false }, { "dump", true, true }, { "names", false, true }
};
static const Field waiver_fields[] = { { "case", true, true },
                                       { "class", true, false },
                                       { "tap", false, false },
                                       { "reason", true, false },
                                       { "link", false, false } };
#define COUNT_OF(list) ((int)(sizeof(list) / sizeof *(list)))

typedef struct {
    const char *path; /* of the file */
    Error *error;
} Reader;

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* An object of texts, none of which is empty; where says which object it is. */
static void check_object(Reader *r, const json_t *object, const char *where, const Field *fields, int count)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) error_set(r->error, "%s: %s: found none, expected an object", r->path, where);
    json_object_foreach((json_t *)object, key, value)
    {
        int i = 0;
        while (i < count && strcmp(fields[i].key, key) != 0) i++;
        if (i == count) error_set(r->error, "%s: %s: found %s, expected no such key", r->path, where, key);
    }
    for (int i = 0; i < count; i++) {
        json_t *field = json_object_get(object, fields[i].key);
        const char *text = json_string_value(field);
        if (!field && !fields[i].needed) continue;
        if (!text || !*text)
            error_set(r->error, "%s: %s: %s: found none, expected a text", r->path, where, fields[i].key);
        else if (fields[i].is_path && !package_name_is_plain(text))
            error_set(r->error, "%s: %s: %s: found %s, expected a relative path of letters, digits and . _ + -",
                      r->path, where, fields[i].key, text);
    }
}

static void check_class(Reader *r, const json_t *object, const char *where)
{
    const char *name = text_of(object, "class");
    if (name && !class_find(name))
        error_set(r->error, "%s: %s: class: found %s, expected one of %s", r->path, where, name, class_names);
}

/* Names of groups, or what the port was run on: neither may be empty. */
static void check_texts(Reader *r, const json_t *container, const char *where, json_type type)
{
    const char *key;
    json_t *value;
    size_t i, size = type == JSON_ARRAY ? json_array_size(container) : json_object_size(container);
    if (!container || json_typeof(container) != type || size == 0)
        error_set(r->error, "%s: %s: found none, expected %s", r->path, where,
                  type == JSON_ARRAY ? "a list of names" : "an object of texts");
    json_array_foreach((json_t *)container, i, value) if (!json_is_string(value))
        error_set(r->error, "%s: %s: found no text, expected one", r->path, where);
    json_object_foreach((json_t *)container, key, value) if (!json_is_string(value))
        error_set(r->error, "%s: %s: %s: found no text, expected one", r->path, where, key);
}

static void read_trials(Reader *r, Statement *s)
{
    const json_t *list = json_object_get(s->json, "trials");
    size_t i;
    json_t *entry;
    if (json_array_size(list) == 0) error_set(r->error, "%s: trials: found none, expected a list of dumps", r->path);
    s->trials = allocate_zeroed(json_array_size(list) + 1, sizeof *s->trials);
    json_array_foreach((json_t *)list, i, entry)
    {
        check_object(r, entry, "trials", trial_fields, COUNT_OF(trial_fields));
        check_class(r, entry, "trials");
        if (error_is_set(r->error)) return;
        SubmittedTrial trial = { text_of(entry, "case"), text_of(entry, "class"), text_of(entry, "dump"),
                                 text_of(entry, "names") };
        for (int n = 0; n < s->trial_count; n++)
            if (strcmp(s->trials[n].case_name, trial.case_name) == 0 && strcmp(s->trials[n].class, trial.class) == 0)
                error_set(r->error, "%s: trials: found %s in %s twice, expected it once", r->path, trial.case_name,
                          trial.class);
        s->trials[s->trial_count++] = trial;
    }
}

static void read_waivers(Reader *r, Statement *s)
{
    json_t *list = json_object_get(s->json, "waivers"), *entry;
    size_t i;
    if (list && !json_is_array(list)) error_set(r->error, "%s: waivers: found no list, expected one", r->path);
    s->waivers = allocate_zeroed(json_array_size(list) + 1, sizeof *s->waivers);
    json_array_foreach(list, i, entry)
    {
        check_object(r, entry, "waivers", waiver_fields, COUNT_OF(waiver_fields));
        check_class(r, entry, "waivers");
        if (error_is_set(r->error)) return;
        s->waivers[s->waiver_count++] = (Waiver){ text_of(entry, "case"), text_of(entry, "class"),
                                                  text_of(entry, "reason"), text_of(entry, "tap") };
    }
}

Statement statement_of(json_t *json, const char *path, Error *error)
{
    static const char *const known[] = { "port", "environment", "groups", "trials", "waivers" };
    Statement s = { .json = json };
    Reader r = { path, error };
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        bool is_known = false;
        for (int i = 0; i < COUNT_OF(known); i++) is_known |= strcmp(key, known[i]) == 0;
        if (!is_known) error_set(error, "%s: found %s, expected no such key", path, key);
    }
    check_object(&r, json_object_get(json, "port"), "port", port_fields, COUNT_OF(port_fields));
    check_texts(&r, json_object_get(json, "environment"), "environment", JSON_OBJECT);
    s.groups = json_object_get(json, "groups");
    check_texts(&r, s.groups, "groups", JSON_ARRAY);
    if (!error_is_set(error)) read_trials(&r, &s);
    if (!error_is_set(error)) read_waivers(&r, &s);
    return s;
}

void statement_free(Statement *statement)
{
    free(statement->trials);
    free(statement->waivers);
    json_decref(statement->json);
    *statement = (Statement){ 0 };
}
