/* shard_report.c - what shards of one grade or diagnosis say, checked and joined */
#include "command/shard_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "report/json_file.h"
#include "report/report_shard.h"
#include "report/report_tried.h"
#include "run/shown_text.h"

static const char *const kinds[] = { "grade shard", "diagnose shard" }; /* the second: diagnosed */

/* ---------------------------------------------------------------- of one shard */

/* Whether the word is the argument, or ends in it behind "--option=" */
static bool holds(const char *word, const char *argument)
{
    size_t length = strlen(argument), all = strlen(word);
    return all >= length && word + all - length == argument;
}

/* The words without --shard. The report's path is the merged one's to say; report_at is where. */
static json_t *words_json(const GradeCommand *command, int *report_at)
{
    json_t *words = json_array();
    for (char **word = command->report.arguments; *word; word++) {
        bool is_option = word[1] && word[1] == command->shard_argument;
        if (is_option || holds(*word, command->shard_argument)) continue;
        bool is_report = holds(*word, command->report.path);
        if (is_report) *report_at = (int)json_array_size(words);
        size_t kept = strlen(*word) - (is_report ? strlen(command->report.path) : 0);
        json_array_append_new(words, json_stringn(*word, kept));
    }
    return words;
}

json_t *shard_report_json(const GradeCommand *command, json_t *shard)
{
    int report_at = -1;
    json_t *words = words_json(command, &report_at);
    return json_pack("{s:s, s:o, s:i, s:s, s:o}", "kind", kinds[!command->explains], "words", words, "report_at",
                     report_at, "class", command_class(command)->name, "shard", shard);
}

void shard_report_text(const GradeCommand *command, const Grade *grade, const json_t *shard)
{
    const char *bent = grade->first_bent >= 0 ? grade->steps[grade->first_bent].tap : NULL;
    printf("shard %d of %d: %zu of %d steps%s%s\n", command->shard.number + 1, command->shard.count,
           json_array_size(json_object_get(shard, "steps")), grade->step_count, bent ? ", bent from " : "",
           bent ? bent : "");
}

void tried_report_text(const GradeCommand *command, const Tried *tried)
{
    int count = 0;
    for (int i = 0; i < bug_count(); i++) count += tried->bugs[i].is_tried;
    printf("shard %d of %d: %d of %d bugs\n", command->shard.number + 1, command->shard.count, count, bug_count());
}

/* ---------------------------------------------------------------- of all */

static bool is_kind(const json_t *report, bool diagnosed)
{
    const char *found = json_string_value(json_object_get(report, "kind"));
    return found && strcmp(found, kinds[diagnosed]) == 0;
}

static bool is_of_shard(const json_t *report) { return is_kind(report, false) || is_kind(report, true); }

bool shard_report_is(const char *path)
{
    Error unread = { "" };
    json_t *report = json_load_object(path, "a report", &unread);
    bool is = is_of_shard(report);
    json_decref(report);
    return is;
}

static bool is_of_diagnosis(const char *path)
{
    Error unread = { "" };
    json_t *report = json_load_object(path, "a report", &unread);
    bool is = is_kind(report, true);
    json_decref(report);
    return is;
}

static json_t *open_report(const char *path, bool diagnosed, Error *error)
{
    json_t *report = json_load_object(path, "a report of plumb grade --shard", error);
    const char *found = json_string_value(json_object_get(report, "kind"));
    if (report && !is_kind(report, diagnosed))
        error_set(error, "%s: found %s, expected a report of plumb %s --shard", path, found ? found : "no kind",
                  diagnosed ? "diagnose" : "grade");
    return report;
}

static void check_same(const json_t *report, const json_t *first, const char *path, Error *error)
{
    static const char *const keys[] = { "words", "report_at", "class", "files" };
    json_t *program = report_program_json();
    if (!json_equal(json_object_get(report, "program"), program))
        error_set(error, "%s: found a shard of another plumb or another processor, expected this one", path);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!json_equal(json_object_get(report, keys[i]), json_object_get(first, keys[i])))
            error_set(error, "%s: found other %s than in the first shard, expected the same", path, keys[i]);
    json_decref(program);
}

static char *joined(const char *start, const char *end)
{
    char *text = allocate_zeroed(strlen(start) + strlen(end) + 1, 1);
    return strcat(strcpy(text, start), end);
}

static void take_words(MergedShards *merged, const json_t *report, const char *path, const char *json, Error *error)
{
    const json_t *words = json_object_get(report, "words");
    json_int_t report_at = json_integer_value(json_object_get(report, "report_at"));
    merged->words = allocate_zeroed(json_array_size(words) + 2, sizeof *merged->words);
    merged->words[merged->count++] = joined("plumb ", merged->diagnosed ? "diagnose" : "grade");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!word) error_set(error, "%s: words: found no text at %zu, expected the command of the shards", path, i);
        if (word && SHOWN_TEXT(word) != word) /* argp would say bad usage with the word as it is */
            error_set(error, "%s: words: found control characters in %s, expected none", path, word);
        merged->words[merged->count++] = joined(word ? word : "", (json_int_t)i == report_at ? json : "");
    }
}

static bool is_straight(const Grade *grade, const json_t *shard)
{
    json_int_t misfits = json_integer_value(json_object_get(json_object_get(shard, "listed"), "misfits"));
    return grade->first_bent < 0 && misfits == 0 && !ends_far(&grade->ends);
}

static void join(MergedShards *merged, json_t **reports, const char *const *paths, int count, Error *error)
{
    const json_t **shards = allocate_zeroed((size_t)count + 1, sizeof *shards);
    for (int i = 0; i < count; i++) shards[i] = json_object_get(reports[i], "shard");
    const ShardReports all = { shards, paths, count };
    if (merged->diagnosed) merged->tried = report_tried_join(&all, error);
    Grade *grade = merged->diagnosed ? NULL : report_shards_grade(&all, error);
    if (grade && is_straight(grade, shards[0]))
        merged->grade = grade;
    else
        grade_free(grade);
    free(shards);
}

MergedShards shard_reports_merge(const char *const *paths, int count, const char *json, Error *error)
{
    MergedShards merged = { .diagnosed = is_of_diagnosis(paths[0]) };
    json_t **reports = allocate_zeroed((size_t)count + 1, sizeof *reports);
    for (int i = 0; i < count && !error_is_set(error); i++) {
        reports[i] = open_report(paths[i], merged.diagnosed, error);
        if (!error_is_set(error)) check_same(reports[i], reports[0], paths[i], error);
    }
    if (!error_is_set(error)) take_words(&merged, reports[0], paths[0], json, error);
    if (!error_is_set(error)) join(&merged, reports, paths, count, error);
    if (!error_is_set(error)) merged.files = json_incref(json_object_get(reports[0], "files"));
    if (!error_is_set(error)) merged.class = json_incref(json_object_get(reports[0], "class"));
    for (int i = 0; i < count; i++) json_decref(reports[i]);
    free(reports);
    return merged;
}

void merged_shards_free(MergedShards *merged)
{
    for (int i = 0; i < merged->count; i++) free(merged->words[i]);
    free(merged->words);
    json_decref(merged->files);
    json_decref(merged->class);
    tried_free(merged->tried);
}
