/* fuzz_submission.c - plumb verify, on a package that is nearly one of plumb submit
 *
 * An input that begins as a zip archive does is the package. Any other is a statement, a report and a map, with a 0
 * behind each: what is packed of them has the manifest that belongs to it, or what comes behind the "-" of a map.
 */
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "command/plumb.h"
#include "fuzz/fuzz.h"
#include "submission/manifest.h"

enum { STATEMENT, REPORT, MAP, PARTS };

static void add_part(Package *package, const char *name, FuzzPart part)
{
    if (!package_find(package, name)) package_add(package, name, part.text, part.size);
}

static void add_trials(Package *package, const Statement *statement, const FuzzPart *parts)
{
    for (int i = 0; i < statement->trial_count; i++) {
        const SubmittedTrial *trial = &statement->trials[i];
        add_part(package, report_member(trial, &package->arena), parts[REPORT]);
        if (trial->names) add_part(package, arena_format(&package->arena, "names/%s", trial->names), parts[MAP]);
    }
}

/* The verdicts that plumb submit finds in these reports */
static json_t *judged(const Package *package, const Mustpass *list, const Statement *statement, Error *error)
{
    json_t **reports = allocate_zeroed((size_t)statement->trial_count + 1, sizeof *reports);
    Arena arena = { 0 };
    mustpass_check(list, statement, "submission.json", error);
    for (int i = 0; i < statement->trial_count && !error_is_set(error); i++)
        reports[i] = package_json(package, "a.zip", report_member(&statement->trials[i], &arena), error);
    json_t *results = error_is_set(error) ? NULL : mustpass_judge(list, statement, reports, error);
    if (statement->trial_count > 1 && reports[0] && reports[1]) (void)reports_differ(reports[0], reports[1], &arena);
    for (int i = 0; i < statement->trial_count; i++) json_decref(reports[i]);
    free(reports);
    arena_free(&arena);
    return results;
}

static const char *pack(const FuzzPart *parts)
{
    const char *path = fuzz_path("a.zip");
    Error error = { "" }, unjudged = { "" };
    Package package = { 0 };
    Mustpass list = mustpass_read(fuzz_seed("mustpass.json"), &error);
    package_add(&package, "submission.json", parts[STATEMENT].text, parts[STATEMENT].size);
    json_t *json = json_parse_object(parts[STATEMENT].text, parts[STATEMENT].size, "submission.json", "a statement",
                                     &error);
    Statement statement = { 0 };
    if (json) statement = statement_of(json, "submission.json", &error);
    if (!error_is_set(&error)) add_trials(&package, &statement, parts);
    json_t *results = error_is_set(&error) ? NULL : judged(&package, &list, &statement, &unjudged);
    json_t *none = json_array();
    if (parts[MAP].size > 0 && parts[MAP].text[0] == '-')
        package_add(&package, "manifest.json", parts[MAP].text + 1, strlen(parts[MAP].text + 1));
    else
        manifest_add(&package, &list, results ? results : none, NULL);
    if (parts[MAP].size > 0 && parts[MAP].text[0] == '+') add_part(&package, "unknown", parts[MAP]);
    Error written = { "" };
    package_write(&package, path, &written);
    json_decref(none);
    json_decref(results);
    statement_free(&statement);
    mustpass_free(&list);
    package_free(&package);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzPart parts[PARTS];
    fuzz_be_quiet();
    bool is_archive = size > 1 && data[0] == 'P' && data[1] == 'K';
    if (!is_archive) fuzz_parts(data, size, parts, PARTS);
    const char *path = is_archive ? fuzz_put("a.zip", data, size) : pack(parts);
    char *words[] = { "plumb verify", (char *)path, "--mustpass", (char *)fuzz_seed("mustpass.json"),
                      "--sandbox", /* nobody gets out of it for the next input */
                      "never",        NULL };
    plumb_verify(6, words);
    if (!is_archive) fuzz_free_parts(parts, PARTS);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size > 1 && data[0] == 'P' && data[1] == 'K') return LLVMFuzzerMutate(data, size, max_size);
    return fuzz_mutate_parts(data, size, max_size, seed);
}
