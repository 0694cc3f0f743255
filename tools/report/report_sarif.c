/* report_sarif.c - SARIF 2.1.0: a run a report, its rules the bugs that it speaks of, its result why it failed */
#include <string.h>

#include "report/formats.h"
#include "report/json_file.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static json_t *rule_json(const char *id, const char *title, const char *help)
{
    return json_pack("{s:s, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "id", id, "shortDescription", "text", title,
                     "fullDescription", "text", title, "help", "text", help, "defaultConfiguration", "level", "error");
}

/* Rules of every report, and then the bugs that this one names */
static json_t *rules_json(const json_t *report)
{
    json_t *rules = json_array();
    json_array_append_new(rules, rule_json("bent-step", "A step errs more than an honest backend does",
                                           "Steps after the first bent one that pass are right given its output. "
                                           "Look at what lies between the taps before it and its own."));
    json_array_append_new(rules, rule_json("far-end", "A part's output is farther off than honest passes are",
                                           "Every step is straight given its inputs, and the errors add up to more "
                                           "than they do in honest passes: look for many steps that err one way."));
    json_array_append_new(rules, rule_json("strict", "The dump is straight, and not whole",
                                           "--strict wants each tap of the case, no other names, and the declared "
                                           "arithmetic."));
    json_array_append_new(rules, rule_json("not-graded", "The dump could not be graded",
                                           "The message says which file, what was found there and what was "
                                           "expected."));
    const json_t *named = json_object_get(report, "all_named");
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *bug = json_object_get(json_object_get(report, "bugs"), text_at(named, i));
        char help[2200];
        snprintf(help, sizeof help, "Stage: %s. Mechanism: %s. Source: %s. Exposed by: %s.", text_of(bug, "stage"),
                 text_of(bug, "mechanism"), text_of(bug, "source"), text_of(bug, "exposed_by"));
        json_array_append_new(rules, rule_json(text_at(named, i), text_of(bug, "mechanism"), help));
    }
    return rules;
}

/* A path as a reference that is valid whatever stands in it */
static json_t *uri_json(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    char uri[4096];
    size_t length = 0;
    for (; *path && length < sizeof uri - 4; path++)
        length += (size_t)sprintf(uri + length, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
    uri[length] = '\0';
    return json_string(uri);
}

static json_t *artifacts_json(const json_t *report)
{
    json_t *artifacts = json_array();
    size_t i;
    const json_t *file;
    json_array_foreach(json_object_get(report, "files"), i, file) json_array_append_new(
        artifacts, json_pack("{s:{s:o}, s:I, s:{s:s}, s:{s:s}}", "location", "uri", uri_json(text_of(file, "path")),
                             "length", json_integer_value(json_object_get(file, "bytes")), "hashes", "sha-256",
                             text_of(file, "sha256"), "description", "text", text_of(file, "role")));
    return artifacts;
}

/* In the dump, at a tap; a report without either has neither */
static json_t *location_json(const json_t *report, const char *tap)
{
    const json_t *dump = json_array_get(json_object_get(report, "files"), 0);
    json_t *location = json_object();
    if (strcmp(text_of(dump, "role"), "dump") == 0)
        json_object_set_new(location, "physicalLocation",
                            json_pack("{s:{s:o}}", "artifactLocation", "uri", uri_json(text_of(dump, "path"))));
    if (*tap)
        json_object_set_new(location, "logicalLocations",
                            json_pack("[{s:s, s:s}]", "fullyQualifiedName", tap, "kind", "module"));
    return json_pack("[o]", location);
}

static json_t *result_json(const json_t *report, const char *rule, const char *message, const char *tap)
{
    return json_pack("{s:s, s:s, s:{s:s}, s:o}", "ruleId", rule, "level", "error", "message", "text", message,
                     "locations", location_json(report, tap));
}

static json_t *results_json(const json_t *report)
{
    json_t *results = json_array();
    const char *bent = text_of(report, "first_bent"), *far = text_of(report, "first_far"),
               *strict = text_of(report, "strict_failure"), *error = text_of(report, "error");
    const json_t *named = json_object_get(report, "all_named");
    if (*error) json_array_append_new(results, result_json(report, "not-graded", error, ""));
    if (*strict) json_array_append_new(results, result_json(report, "strict", strict, ""));
    if (!*bent && *far)
        json_array_append_new(results, result_json(report, "far-end", report_sentence(report).text, far));
    if (!*bent) return results;

    char message[2200];
    snprintf(message, sizeof message, "%s: %s", report_sentence(report).text,
             step_sentence(step_named(report, bent)).text);
    if (json_array_size(named) == 0) json_array_append_new(results, result_json(report, "bent-step", message, bent));
    for (size_t i = 0; i < json_array_size(named); i++)
        json_array_append_new(results, result_json(report, text_at(named, i), message, bent));
    return results;
}

static json_t *invocation_json(const json_t *report)
{
    char line[8192];
    size_t length = 0;
    json_t *command = json_object_get(report, "command"), *arguments = json_copy(command);
    line[0] = '\0';
    for (size_t i = 0; i < json_array_size(command) && length < sizeof line; i++)
        length += (size_t)snprintf(line + length, sizeof line - length, "%s%s", i ? " " : "", text_at(command, i));
    json_array_remove(arguments, 0);
    return json_pack("[{s:o, s:o, s:O, s:b}]", "commandLine", text_json(line), "arguments", arguments, "exitCode",
                     json_object_get(report, "exit_status"), "executionSuccessful",
                     strcmp(text_of(report, "outcome"), "error") != 0);
}

static json_t *run_json(const json_t *report)
{
    const json_t *program = json_object_get(report, "program");
    return json_pack("{s:{s:{s:s, s:s, s:o}}, s:{s:s}, s:o, s:o, s:o}", "tool", "driver", "name", "plumb",
                     "semanticVersion", text_of(program, "version"), "rules", rules_json(report), "automationDetails",
                     "id", report_title(report).text, "invocations", invocation_json(report), "artifacts",
                     artifacts_json(report), "results", results_json(report));
}

void report_sarif(FILE *out, const json_t *reports)
{
    json_t *runs = json_array();
    size_t i;
    const json_t *report;
    json_array_foreach(reports, i, report) json_array_append_new(runs, run_json(report));
    json_t *log = json_pack("{s:s, s:s, s:o}", "$schema", SCHEMA, "version", "2.1.0", "runs", runs);
    json_dumpf(log, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    putc('\n', out);
    json_decref(log);
}
