/* fuzz_shard.c - what plumb merge reads: two reports of shards of a grade or of a suite, with a 0 between them
 *
 * Each gets the program of this build, without which it would be refused before it is read. What is joined has all of
 * its steps, and is printed as plumb merge prints it.
 */
#include <stdlib.h>
#include <string.h>

#include "command/shard_report.h"
#include "command/suite_report.h"
#include "fuzz/fuzz.h"
#include "report/report_grade.h"
#include "report/shard_fields.h"

enum { SHARDS = 2 };

static void put_report(const char *name, FuzzPart part)
{
    json_t *report = json_loadb(part.text, part.size, 0, NULL);
    if (json_is_object(json_object_get(report, "program")))
        json_object_set_new(report, "program", report_program_json());
    char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
    fuzz_put(name, text ? text : part.text, text ? strlen(text) : part.size);
    free(text);
    json_decref(report);
}

/* A step that was read is written as it was. */
static void write_again(const Step *step)
{
    Step copy = { .tap = step->tap };
    json_t *written = json_object(), *again = json_object();
    shard_fields_write(written, shard_step_graded, step);
    if (!shard_fields_read(written, shard_step_graded, &copy)) abort();
    shard_fields_write(again, shard_step_graded, &copy);
    if (!json_equal(written, again)) abort();
    json_decref(written);
    json_decref(again);
}

static void report_merged(Grade *grade)
{
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    grade->class = grade->declared = class_find("bf16");
    for (int n = 0; n < grade->step_count; n++) write_again(&grade->steps[n]);
    if (!grade_is_within_limits(grade)) return;
    report_text(nowhere, grade, (ReportTitle){ "case", "dump", 0 });
    json_decref(report_grade_json(grade, (ReportTitle){ "case", "dump", 0 }));
}

static void merge_grades(const char *const *paths)
{
    Error error = { "" };
    MergedShards merged = shard_reports_merge(paths, SHARDS, "merged.json", &error);
    if (merged.grade && error_is_set(&error)) abort();
    if (merged.grade) report_merged(merged.grade);
    if (merged.grade) grade_free(merged.grade);
    merged_shards_free(&merged);
}

static void merge_suites(const char *const *paths)
{
    Error error = { "" };
    json_t *suite = suite_reports_merge(paths, SHARDS, &error);
    if (!suite != error_is_set(&error)) abort();
    if (suite) suite_report_print(suite, 0);
    if (suite) suite_report_conclude(suite, true);
    json_decref(suite);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[SHARDS] = { "1.json", "2.json" };
    const char *paths[SHARDS] = { fuzz_path(names[0]), fuzz_path(names[1]) };
    FuzzPart parts[SHARDS];
    fuzz_be_quiet();
    fuzz_parts(data, size, parts, SHARDS);
    for (int k = 0; k < SHARDS; k++) put_report(names[k], parts[k]);
    if (shard_report_is(paths[0]))
        merge_grades(paths);
    else
        merge_suites(paths);
    fuzz_free_parts(parts, SHARDS);
    return 0;
}

/* One of the two is mutated: the first, up to its 0, or the second, which the 0 comes before */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint8_t *end = size ? memchr(data, 0, size) : NULL;
    if (!end || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
    size_t before = (size_t)(end - data) + 1;
    if (seed & 8) return before + fuzz_mutate_json(end + 1, size - before, max_size - before, seed / 16);
    return fuzz_mutate_parts(data, size, max_size, seed / 16 * 2 * 8 + 2);
}
