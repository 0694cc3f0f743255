/* test_shards.c - plumb grade --shard and plumb merge: one dump's shards made one are the same bytes as its grade */
#include <stdlib.h>

#include "command.h"

#define BENT TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors"
#define STRAIGHT TEXT "/dumps/honest-bf16-eager.safetensors"

/* The K-th of two, with the report's path in either way of writing it */
static const char *shard(const char *dump, int k, bool joined)
{
    const char *path = arena_format(&scratch, "%s-%d.json", temporary("shard"), k);
    const char *number = arena_format(&scratch, "%d/2", k);
    Result result = joined ? plumb("grade", arena_format(&scratch, "--shard=%s", number), TEXT, dump, "--as", "bf16",
                                   arena_format(&scratch, "--json=%s", path))
                           : plumb("grade", TEXT, dump, "--as", "bf16", "--shard", number, "--json", path);
    ck_assert_msg(result.status < 2, "%s", result.err);
    ck_assert_ptr_nonnull(strstr(result.out, arena_format(&scratch, "shard %d of 2: ", k)));
    return path;
}

static const struct {
    const char *dump;
    int status;
    bool joined;
} dumps[] = {
    { STRAIGHT, 0, false },
    { STRAIGHT, 0, true },
    { BENT, 1, false }, /* there is more to look at than shards have, so that merge grades it */
};

/* Both shards of a diagnosis */
static const char *tried(const char *dump, int k)
{
    const char *path = arena_format(&scratch, "%s-%d.json", temporary("tried"), k);
    Result result = plumb("diagnose", TEXT, dump, "--shard", arena_format(&scratch, "%d/2", k), "--json", path);
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, arena_format(&scratch, "shard %d of 2: ", k)));
    return path;
}

START_TEST(merged_diagnosis_is_whole)
{
    const char *path = temporary("report.json"), *dump = dumps[_i].dump;
    Result at_once = plumb("diagnose", TEXT, dump, "--json", path);
    const char *whole = read_text(path, NULL);
    assert_status(at_once, dumps[_i].status);
    remove(path);
    Result merged = plumb("merge", tried(dump, 2), tried(dump, 1), "--json", path);
    assert_status(merged, dumps[_i].status);
    ck_assert_str_eq(merged.out, at_once.out);
    ck_assert_str_eq(read_text(path, NULL), whole);
}
END_TEST

START_TEST(merged_is_whole)
{
    const char *path = temporary("report.json"), *dump = dumps[_i].dump;
    Result at_once = dumps[_i].joined
                         ? plumb("grade", TEXT, dump, "--as", "bf16", arena_format(&scratch, "--json=%s", path))
                         : plumb("grade", TEXT, dump, "--as", "bf16", "--json", path);
    const char *whole = read_text(path, NULL);
    assert_status(at_once, dumps[_i].status);
    remove(path);
    Result merged = plumb("merge", shard(dump, 2, dumps[_i].joined), shard(dump, 1, dumps[_i].joined), "--json", path);
    assert_status(merged, dumps[_i].status);
    ck_assert_str_eq(merged.out, at_once.out);
    ck_assert_str_eq(read_text(path, NULL), whole);
}
END_TEST

/* ---------------------------------------------------------------- refused */

START_TEST(bad_usage)
{
    const char *path = temporary("report.json");
    Result no_report = plumb("grade", TEXT, STRAIGHT, "--shard", "1/2");
    Result explained = plumb("grade", TEXT, STRAIGHT, "--shard", "1/2", "--explain", "logits", "--json", path);
    Result twice = plumb("grade", TEXT, STRAIGHT, "--shard", "1/3", "--shard", "1/2", "--json", path);
    Result diagnosed = plumb("diagnose", TEXT, STRAIGHT, "--shard", "1/2");
    assert_status(no_report, 2);
    ck_assert_ptr_nonnull(strstr(no_report.err, "--shard: found no --json FILE, expected one"));
    assert_status(explained, 2);
    ck_assert_ptr_nonnull(strstr(explained.err, "--shard: found --json-detail or --explain, expected neither"));
    assert_status(diagnosed, 2);
    ck_assert_ptr_nonnull(strstr(diagnosed.err, "--shard: found no --json FILE, expected one"));
    assert_status(twice, 2);
    ck_assert_ptr_nonnull(strstr(twice.err, "--shard: found 1/3 and 1/2, expected one"));
}
END_TEST

static const char *changed(const char *path, const char *key, json_t *value)
{
    json_t *report = read_json(path);
    json_object_set_new(report, key, value);
    json_dump_file(report, temporary("changed.json"), 0);
    json_decref(report);
    return temporary("changed.json");
}

START_TEST(what_is_no_whole_is_refused)
{
    const char *first = shard(STRAIGHT, 1, false), *second = shard(STRAIGHT, 2, false);
    const char *path = temporary("merged.json");
    assert_one_line(plumb("merge", first, second), (const char *const[]){ "found no --json", "expected", NULL });
    assert_one_line(plumb("merge", first, "--json", path), (const char *const[]){ "found no shard with", NULL });
    assert_one_line(plumb("merge", first, second, first, "--json", path),
                    (const char *const[]){ "shard-1.json: found", "has too, expected each step once", NULL });
    assert_one_line(plumb("merge", first, changed(second, "program", json_object()), "--json", path),
                    (const char *const[]){ "changed.json: found a shard of another plumb", "expected this one", NULL });
    assert_one_line(plumb("merge", first, changed(second, "files", json_array()), "--json", path),
                    (const char *const[]){ "changed.json: found other files than in the first shard", NULL });
    assert_one_line(plumb("merge", first, changed(second, "kind", json_string("grade")), "--json", path),
                    (const char *const[]){ "found grade, expected a report of plumb grade --shard", NULL });
    ck_assert(!is_there(path));
}
END_TEST

/* A member of what each bug does to the last step that it changes */
static const char *with_sums(const char *path, const char *key, json_t *value)
{
    size_t i;
    json_t *bug, *report = read_json(path);
    json_array_foreach(json_object_get(json_object_get(report, "shard"), "bugs"), i, bug)
    {
        json_t *matches = json_object_get(bug, "matches"),
               *match = json_array_get(matches, json_array_size(matches) - 1);
        if (match) json_object_set(match, key, value);
    }
    json_dump_file(report, temporary("changed.json"), 0);
    json_decref(report);
    json_decref(value);
    return temporary("changed.json");
}

static const struct {
    const char *key, *value; /* NULL: 0 */
} no_sums[] = {
    { "power", "nan" },   { "power", "0x0p+0" },        { "power", "0x1p+4000" },
    { "product", "nan" }, { "power_power", "-0x1p+0" }, { "step", NULL }, /* a step that is there before */
};

START_TEST(bugs_that_nobody_tried_are_refused)
{
    const char *first = tried(BENT, 1), *second = tried(BENT, 2), *path = temporary("merged.json");
    static const char refused[] = "found a shard whose bugs are not as plumb diagnose --shard writes them";
    assert_one_line(plumb("merge", first, "--json", path),
                    (const char *const[]){ "found no shard with", "expected each bug once", NULL });
    assert_one_line(plumb("merge", first, second, first, "--json", path),
                    (const char *const[]){ "tried-1.json: found", "which another shard has too", NULL });
    assert_one_line(plumb("merge", first, shard(BENT, 2, false), "--json", path),
                    (const char *const[]){ "found grade shard, expected a report of plumb diagnose --shard", NULL });
    json_t *value = no_sums[_i].value ? json_string(no_sums[_i].value) : json_integer(0);
    assert_one_line(plumb("merge", first, with_sums(second, no_sums[_i].key, value), "--json", path),
                    (const char *const[]){ refused, NULL });
    ck_assert(!is_there(path));
}
END_TEST

/* Squares of a power may be more than a double holds. */
START_TEST(infinite_squares_are_taken)
{
    const char *second = with_sums(tried(BENT, 2), "power_power", json_string("inf"));
    assert_status(plumb("merge", tried(BENT, 1), second, "--json", temporary("merged.json")), 1);
}
END_TEST

/* Steps of another dump, which the case's own grade does not have */
START_TEST(other_steps_are_refused)
{
    const char *copies[2];
    for (int k = 1; k <= 2; k++) {
        json_t *report = read_json(tried(STRAIGHT, k));
        json_array_set_new(json_object_get(json_object_get(report, "shard"), "listed"), 0, json_string("elsewhere"));
        copies[k - 1] = arena_format(&scratch, "%s-%d", temporary("other"), k);
        json_dump_file(report, copies[k - 1], 0);
        json_decref(report);
    }
    assert_one_line(plumb("merge", copies[0], copies[1], "--json", temporary("merged.json")),
                    (const char *const[]){ "found shards that tried bugs on other steps", NULL });
}
END_TEST

/* Both shards of a straight dump, as somebody else may have written them */
static Result merged_with(void edit(json_t *report, const void *context), const void *context)
{
    const char *copies[2];
    for (int k = 1; k <= 2; k++) {
        json_t *report = read_json(shard(STRAIGHT, k, false));
        edit(report, context);
        copies[k - 1] = arena_format(&scratch, "%s-%d", temporary("copy"), k);
        json_dump_file(report, copies[k - 1], 0);
        json_decref(report);
    }
    return plumb("merge", copies[0], copies[1], "--json", temporary("merged.json"));
}

static json_t *part(const json_t *report, const char *key)
{
    return json_object_get(json_object_get(report, "shard"), key);
}

static json_t *listed_shape(const json_t *report)
{
    json_t *steps = json_object_get(part(report, "listed"), "steps");
    return json_object_get(json_array_get(steps, 4), "shape");
}

/* Where the worst element lies would be divided by it. */
static void empty_a_step(json_t *report, const void *context)
{
    (void)context;
    json_array_set_new(listed_shape(report), 1, json_integer(0));
}

static void make_a_step_endless(json_t *report, const void *context)
{
    (void)context;
    json_array_set_new(listed_shape(report), 1, json_integer(INT64_MAX));
}

/* It would print a line of its own. */
static void forge_a_line(json_t *report, const void *context)
{
    (void)context;
    json_t *steps = json_object_get(part(report, "listed"), "steps");
    json_object_set_new(json_array_get(steps, 4), "tap", json_string("logits\nPASS  forged"));
}

static void point_beyond_a_step(json_t *report, const void *context)
{
    (void)context;
    json_t *graded = json_array_get(part(report, "steps"), 0);
    if (graded) json_object_set_new(graded, "worst_element", json_integer(INT64_MAX));
}

static void point_beyond_an_end(json_t *report, const void *context)
{
    (void)context;
    json_t *end = json_array_get(part(report, "ends"), 0);
    if (end) json_object_set_new(end, "worst_row", json_integer(-2));
}

static void count_beyond_int(json_t *report, const void *context)
{
    (void)context;
    json_t *graded = json_array_get(part(report, "steps"), 0);
    if (graded) json_object_set_new(graded, "samples", json_integer((json_int_t)1 << 32));
}

static void assert_steps_refused(void spoil(json_t *report, const void *context))
{
    assert_one_line(merged_with(spoil, NULL),
                    (const char *const[]){ "found a shard whose steps are not as plumb grade --shard writes", NULL });
}

START_TEST(steps_that_nobody_graded_are_refused)
{
    assert_steps_refused(empty_a_step);
    assert_steps_refused(make_a_step_endless);
    assert_steps_refused(forge_a_line);
    assert_steps_refused(point_beyond_a_step);
    assert_steps_refused(point_beyond_an_end);
    assert_steps_refused(count_beyond_int);
}
END_TEST

static void add_words(json_t *report, const void *context)
{
    for (const char *const *word = context; *word; word++)
        json_array_append_new(json_object_get(report, "words"), json_string(*word));
}

/* A report that somebody else wrote does not say what is written, and ends nothing as if all were well. */
START_TEST(words_of_strangers)
{
    const char *other = temporary("other.json");
    const char *const elsewhere[] = { "--json", other, NULL }, *const shared[] = { "--shard", "1/2", NULL };
    const char *const wrong[] = { "--json", other, "--bogus", NULL }, *const help[] = { "--help", NULL };
    assert_one_line(merged_with(add_words, elsewhere),
                    (const char *const[]){ "the shards' command: found --json", "other.json, expected", NULL });
    assert_one_line(merged_with(add_words, shared),
                    (const char *const[]){ "the shards' command: found --shard 1/2, expected none", NULL });
    assert_status(merged_with(add_words, wrong), 2);
    assert_status(merged_with(add_words, help), 2);
    ck_assert(!is_there(other));
}
END_TEST

/* Whoever asks for the merge says how far the files are trusted: limits that the words raise are not raised, and
 * test_sandbox_option.c shows that the words alone turn no sandbox off. */
START_TEST(trust_of_strangers)
{
    const char *const colours[] = { "--as\033[2J", NULL };
    assert_one_line(merged_with(add_words, colours),
                    (const char *const[]){ "words: found control characters in --as?[2J, expected none", NULL });
    const char *const unsafe[] = { "--sandbox", "never", "--max-json", "2000000000", "--max-json-depth", "2048", NULL };
    assert_status(merged_with(add_words, unsafe), 0);
    const char *const deep[] = { "--names", temporary("deep.json"), "--max-json-depth", "2048", NULL };
    char *brackets = memset(arena_format(&scratch, "%0200d", 0), '[', 200);
    write_text(deep[1], brackets);
    assert_one_line(merged_with(add_words, deep),
                    (const char *const[]){ "deep.json: found", "--max-json-depth", NULL });
}
END_TEST

static void set_ratios(json_t *report, const void *context)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(json_object_get(report, "shard"), "steps"), i, step)
        json_object_set_new(step, "ratio", json_string(context));
}

/* Numbers beyond their limits, called straight, are no grade: the dump is graded itself. */
START_TEST(verdicts_are_not_believed)
{
    Result result = merged_with(set_ratios, _i ? "0x1p+9" : "nan");
    assert_status(result, 0);
    ck_assert_ptr_null(strstr(result.out, "nan"));
    ck_assert_ptr_null(strstr(result.out, "512"));
    ck_assert_ptr_nonnull(strstr(result.out, "PASS  all 25 steps are straight as bf16\n"));
}
END_TEST

/* ---------------------------------------------------------------- what can be known without a pass */

/* Words that say of the same numbers what they are not */
static const struct {
    const char *words[4], *says;
} other_words[] = {
    { { "--as", "fp32" }, "the shards' command: found class fp32, expected bf16, by which they were graded" },
    { { "--samples", "4" }, "found 8 samples, expected 4 as in the shards' command" },
    { { "--only", "logits" }, "found among the shards' steps, expected steps that their command grades" },
    { { "--exclude", "*" }, ": found among the shards' steps, expected steps that their command grades" },
    { { "--exclude", "logits" }, "logits: found among the shards' steps, expected steps that their command grades" },
};

START_TEST(words_of_other_grades)
{
    assert_one_line(merged_with(add_words, other_words[_i].words), (const char *const[]){ other_words[_i].says, NULL });
}
END_TEST

/* The last step, which is an end, too */
static void leave_a_step_out(json_t *report, const void *context)
{
    (void)context;
    json_t *steps = part(report, "steps"), *ends = part(report, "ends"),
           *listed = json_object_get(part(report, "listed"), "steps");
    size_t last = json_array_size(listed) - 1, count = json_array_size(steps);
    json_array_remove(listed, last);
    json_t *of = json_object_get(json_array_get(steps, count - 1), "step");
    if (json_integer_value(of) == (json_int_t)last) json_array_remove(steps, count - 1);
    if (json_array_size(ends) > 0) json_array_remove(ends, json_array_size(ends) - 1);
}

static void find_no_number(json_t *report, const void *context)
{
    (void)context;
    json_t *graded = json_array_get(part(report, "steps"), 0);
    if (graded) json_object_set_new(graded, "non_finite", json_integer(1));
}

static void have_another_row(json_t *report, const void *context)
{
    (void)context;
    json_t *listed = json_array_get(json_object_get(part(report, "listed"), "steps"), 0);
    json_object_set_new(listed, "rows", json_integer(json_integer_value(json_object_get(listed, "rows")) + 1));
}

static void leave_an_end_out(json_t *report, const void *context)
{
    (void)context;
    json_t *ends = part(report, "ends");
    if (json_array_size(ends) > 0) json_array_remove(ends, 0);
}

static void have_no_logits(json_t *report, const void *context)
{
    (void)context;
    size_t i;
    json_t *end;
    json_array_foreach(part(report, "ends"), i, end) json_object_set_new(end, "logits", json_false());
}

static const struct {
    void (*edit)(json_t *report, const void *context);
    const char *says;
} other_steps[] = {
    { leave_a_step_out, ": found no step of the shards, expected one" },
    { find_no_number, ": found other rows than the shards did, or other values that are no numbers" },
    { have_another_row, ": found other rows than the shards did, or other values that are no numbers" },
    { leave_an_end_out, ": found no end of the shards, expected one of 4 replays" },
    { have_no_logits, "logits: found no end of the shards, expected one of 4 replays" },
};

START_TEST(steps_of_other_dumps)
{
    assert_one_line(merged_with(other_steps[_i].edit, NULL), (const char *const[]){ other_steps[_i].says, NULL });
}
END_TEST

static void widen_limits(json_t *report, const void *context)
{
    static const char *const far[] = { "ratio", "ratio_limit", "root_ratio", "root_limit" };
    (void)context;
    size_t i;
    json_t *end;
    json_array_foreach(part(report, "ends"), i, end) for (int k = 0; k < COUNT(far); k++)
        json_object_set_new(end, far[k], json_string("0x1p+9"));
}

/* Limits of ends are the class's: a far end with a limit of its own is no straight one, and the dump is graded. */
START_TEST(limits_are_not_believed)
{
    Result result = merged_with(widen_limits, NULL);
    assert_status(result, 0);
    json_t *report = read_json(temporary("merged.json"));
    size_t i;
    const json_t *end;
    json_array_foreach(json_object_get(report, "ends"), i, end)
        ck_assert(json_number_value(json_object_get(end, "ratio")) < 4);
    ck_assert_int_gt(i, 0);
    json_decref(report);
}
END_TEST

Suite *shards_suite(void)
{
    Suite *suite = suite_create("shards");
    TCase *tcase = theme(suite, "merged");
    tcase_add_loop_test(tcase, merged_is_whole, 0, COUNT(dumps));
    tcase_add_loop_test(tcase, merged_diagnosis_is_whole, 1, COUNT(dumps));
    tcase_add_test(tcase, infinite_squares_are_taken);
    tcase = theme(suite, "refused");
    tcase_add_test(tcase, bad_usage);
    tcase_add_test(tcase, what_is_no_whole_is_refused);
    tcase_add_loop_test(tcase, bugs_that_nobody_tried_are_refused, 0, COUNT(no_sums));
    tcase_add_test(tcase, other_steps_are_refused);
    tcase_add_test(tcase, steps_that_nobody_graded_are_refused);
    tcase_add_test(tcase, words_of_strangers);
    tcase_add_test(tcase, trust_of_strangers);
    tcase_add_loop_test(tcase, verdicts_are_not_believed, 0, 2);
    tcase_add_loop_test(tcase, words_of_other_grades, 0, COUNT(other_words));
    tcase_add_loop_test(tcase, steps_of_other_dumps, 0, COUNT(other_steps));
    tcase_add_test(tcase, limits_are_not_believed);
    return suite;
}
