/* manifest.c - a package's own account of itself */
#include "submission/manifest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "report/json_file.h"
#include "report/version.h"

static const char format[] = "plumbline-submission";

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_t *members_json(const Package *package)
{
    json_t *members = json_array();
    char sha256[DIGEST_TEXT];
    for (int i = 0; i < package->count; i++) {
        const PackageMember *member = &package->members[i];
        bytes_digest(member->bytes, member->size, sha256);
        json_array_append_new(members, json_pack("{s:s, s:I, s:s}", "name", member->name, "bytes",
                                                 (json_int_t)member->size, "sha256", sha256));
    }
    return members;
}

/* The machine that graded, which need not be the port's: that one is in the statement's environment. */
static json_t *graded_on_json(const char *kernel)
{
    struct utsname here;
    Arena arena = { 0 };
    const char *system = uname(&here) == 0 ? arena_format(&arena, "%s %s", here.sysname, here.machine) : "unknown";
    json_t *json = json_pack("{s:o, s:o}", "system", text_json(system), "kernel",
                             kernel ? text_json(kernel) : json_null());
    arena_free(&arena);
    return json;
}

void manifest_add(Package *package, const Mustpass *list, const json_t *results, const char *kernel)
{
    json_t *manifest = json_pack("{s:s, s:i, s:{s:s, s:s, s:s}, s:o, s:{s:s, s:s}, s:s, s:O, s:o}", "format", format,
                                 "format_version", SUBMISSION_FORMAT, "program", "name", "plumb", "version",
                                 plumb_version, "commit", plumb_commit, "graded_on", graded_on_json(kernel), "mustpass",
                                 "name", mustpass_name(list), "sha256", list->sha256, "verdict",
                                 results_verdict(results), "results", results, "members", members_json(package));
    char *text = json_file_text(manifest);
    package_add(package, "manifest.json", text, strlen(text));
    free(text);
    json_decref(manifest);
}

static const json_t *entry_of(const json_t *members, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)members, i, entry) if (strcmp(text_of(entry, "name"), name) == 0) return entry;
    return NULL;
}

void manifest_check(const json_t *manifest, const Package *package, const char *path, Error *error)
{
    const json_t *members = json_object_get(manifest, "members");
    json_int_t version = json_integer_value(json_object_get(manifest, "format_version"));
    char sha256[DIGEST_TEXT];
    if (strcmp(text_of(manifest, "format"), format) != 0)
        error_set(error, "%s: manifest.json: found no format %s, expected it", path, format);
    if (version != SUBMISSION_FORMAT)
        error_set(error, "%s: manifest.json: found format_version %lld, expected %d", path, (long long)version,
                  SUBMISSION_FORMAT);
    for (int i = 0; i < package->count; i++) {
        const PackageMember *member = &package->members[i];
        if (strcmp(member->name, "manifest.json") == 0) continue;
        const json_t *entry = entry_of(members, member->name);
        bytes_digest(member->bytes, member->size, sha256);
        if (!entry)
            error_set(error, "%s: %s: found a member that the manifest does not know, expected none", path,
                      member->name);
        else if (strcmp(text_of(entry, "sha256"), sha256) != 0)
            error_set(error, "%s: %s: found SHA-256 %s, expected the manifest's %s", path, member->name, sha256,
                      text_of(entry, "sha256"));
    }
    if (!error_is_set(error) && json_array_size(members) + 1 != (size_t)package->count)
        error_set(error, "%s: found %d members, expected the manifest's %zu and itself", path, package->count,
                  json_array_size(members));
}

void manifest_check_list(const json_t *manifest, const Mustpass *list, const char *path, Error *error)
{
    const json_t *named = json_object_get(manifest, "mustpass");
    if (strcmp(text_of(named, "sha256"), list->sha256) != 0)
        error_set(error, "%s: found the mustpass list %s (%.12s..), expected %s (%.12s..); --mustpass names another",
                  path, text_of(named, "name"), text_of(named, "sha256"), mustpass_name(list), list->sha256);
}

/* ---------------------------------------------------------------- two reports on one dump */

static json_t *dumps_of(const json_t *report)
{
    json_t *sums = json_array(), *file;
    size_t i;
    json_array_foreach(json_object_get(report, "files"), i, file) if (strcmp(text_of(file, "role"), "dump") == 0)
        json_array_append(sums, json_object_get(file, "sha256"));
    return sums;
}

static bool are_near(const json_t *first, const json_t *second)
{
    const double tenth = 0.1, nothing = 1e-3;
    if (!json_is_number(first) || !json_is_number(second)) return json_equal(first, second);
    double a = json_number_value(first), b = json_number_value(second);
    return fabs(a - b) <= tenth * fmax(fabs(a), fabs(b)) + nothing;
}

const char *reports_differ(const json_t *first, const json_t *second, Arena *arena)
{
    const json_t *steps = json_object_get(first, "steps"), *others = json_object_get(second, "steps");
    json_t *dumps = dumps_of(first), *other_dumps = dumps_of(second), *step;
    bool same = json_equal(dumps, other_dumps);
    size_t i;
    json_decref(dumps);
    json_decref(other_dumps);
    if (!same) return "the dump has other bytes";
    if (strcmp(text_of(first, "outcome"), text_of(second, "outcome")) != 0)
        return arena_format(arena, "found outcome %s, expected %s", text_of(first, "outcome"),
                            text_of(second, "outcome"));
    if (json_array_size(steps) != json_array_size(others))
        return arena_format(arena, "found %zu steps, expected %zu", json_array_size(steps), json_array_size(others));
    json_array_foreach((json_t *)steps, i, step)
    {
        const json_t *other = json_array_get(others, i);
        if (strcmp(text_of(step, "tap"), text_of(other, "tap")) != 0 ||
            strcmp(text_of(step, "verdict"), text_of(other, "verdict")) != 0 ||
            !are_near(json_object_get(step, "ratio"), json_object_get(other, "ratio")))
            return arena_format(arena, "%s: found another step than %s, or another verdict or ratio",
                                text_of(step, "tap"), text_of(other, "tap"));
    }
    return NULL;
}
