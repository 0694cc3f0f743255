/* test_submission.c - plumb submit and plumb verify: what must pass, what is waived, and packages of strangers */
#include <stdlib.h>
#include <sys/stat.h>
#include <zip.h>

#include "command.h"
#include "report/file_digest.h"
#include "submission/mustpass.h"
#include "submission/package.h"

#define SHARED "fixtures/e2b-shared"
#define HONEST_DUMP "/dumps/honest-bf16-eager.safetensors"
#define BENT_DUMP "/dumps/buggy-window-off-by-one-bf16.safetensors"
#define BENT_TAP "model.layers.2.self_attn#attn_weights"

static const char statement[] =
    "{\"port\": {\"name\": \"a-port\", \"version\": \"1.2\", \"source\": \"https://example.org\"},"
    " \"environment\": {\"machine\": \"a machine\"}, \"groups\": [\"text\"],"
    " \"trials\": [{\"case\": \"e2b-text\", \"class\": \"bf16\", \"dump\": \"text.safetensors\"},"
    "              {\"case\": \"e2b-shared\", \"class\": \"bf16\", \"dump\": \"shared.safetensors\"}]%s}";

static const char *written(const char *more)
{
    mkdir(temporary("port"), 0700);
    write_text(temporary("port/submission.json"), arena_format(&scratch, statement, more));
    return temporary("port");
}

/* A port's folder: a statement with `more` at its end, and two dumps, the first of which may be bent */
static const char *port(const char *text_dump, const char *more)
{
    const char *folder = written(more);
    copy_file(arena_format(&scratch, "%s%s", TEXT, text_dump), temporary("port/text.safetensors"));
    copy_file(SHARED HONEST_DUMP, temporary("port/shared.safetensors"));
    return folder;
}

static const char *packed(void)
{
    const char *path = temporary("port.zip");
    assert_status(plumb("submit", port(HONEST_DUMP, ""), "--out", path), 0);
    return path;
}

/* ---------------------------------------------------------------- what is submitted */

START_TEST(what_passes_is_packed_and_verified)
{
    const char *folder = port(HONEST_DUMP, ""), *path = temporary("a.zip");
    Result result = plumb("submit", folder, "--out", path);
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, "PASS  a-port 1.2: 2 trials, 0 failed, 0 waived"));
    assert_status(plumb("verify", path), 0);
    result = plumb("verify", path, "--dumps", folder);
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, "2 of 2 trials graded again, 0 different"));
}
END_TEST

START_TEST(the_same_dumps_are_the_same_package)
{
    size_t size, other_size;
    const char *folder = port(HONEST_DUMP, "");
    assert_status(plumb("submit", folder, "--out", temporary("a.zip")), 0);
    setenv("TZ", "Asia/Kathmandu", 1);
    assert_status(plumb("submit", folder, "--out", temporary("b.zip")), 0);
    unsetenv("TZ");
    const char *bytes = read_text(temporary("a.zip"), &size), *other = read_text(temporary("b.zip"), &other_size);
    ck_assert(size == other_size && memcmp(bytes, other, size) == 0);
}
END_TEST

#define WAIVER(tap, reason) \
    ", \"waivers\": [{\"case\": \"e2b-text\", \"class\": \"bf16\"" tap ", \"reason\": \"" reason "\"}]"

static const struct {
    const char *dump, *more;
    int status;
    const char *says;
} submissions[] = {
    { BENT_DUMP, "", 1, "e2b-text           bf16     FAIL  " BENT_TAP ": bent" },
    { BENT_DUMP, WAIVER(", \"tap\": \"" BENT_TAP "\"", "known"), 0, "e2b-text           bf16     waived" },
    { BENT_DUMP, WAIVER(", \"tap\": \"*attn_weights\"", "known"), 0, "2 trials, 0 failed, 1 waived" },
    { BENT_DUMP, WAIVER("", "not in this version"), 0, "2 trials, 0 failed, 1 waived" },
    { BENT_DUMP, WAIVER(", \"tap\": \"logits\"", "known"), 2, "one for e2b-text in bf16 that waives nothing" },
    { HONEST_DUMP, WAIVER("", "known"), 2, "one for e2b-text in bf16 that waives nothing" },
    { BENT_DUMP, WAIVER("", ""), 2, "waivers: reason: found none, expected a text" },
};

START_TEST(a_waiver_waives_what_it_names)
{
    const char *path = temporary("port.zip");
    Result result = plumb("submit", port(submissions[_i].dump, submissions[_i].more), "--out", path);
    assert_status(result, submissions[_i].status);
    ck_assert_msg(strstr(submissions[_i].status == 2 ? result.err : result.out, submissions[_i].says) != NULL,
                  "found %s%s", result.out, result.err);
    ck_assert(is_there(path) == (submissions[_i].status == 0));
    if (submissions[_i].status == 0) assert_status(plumb("verify", path, "--dumps", temporary("port")), 0);
}
END_TEST

/* The statement's text with one place of it replaced */
static const struct {
    const char *from, *to;
    int status;
    const char *says;
} statements[] = {
    { "\"text\"]", "\"vision\"]", 1, "e2b-vision         bf16     FAIL  there is no trial" },
    { "\"text\"]", "\"video\"]", 2, "groups: found video, expected a group of gemma4-1" },
    { "\"text\"]", "]", 2, "groups: found none, expected a list of names" },
    { "\"e2b-text\"", "\"e3b-text\"", 2, "trials: found case e3b-text, expected one of gemma4-1" },
    { "\"e2b-text\"", "\"../e2b-text\"", 2, "trials: case: found ../e2b-text, expected a relative path" },
    { "\"e2b-text\"", "\"e2b-shared\"", 2, "trials: found e2b-shared in bf16 twice" },
    { "\"bf16\"", "\"bf17\"", 2, "trials: class: found bf17, expected one of" },
    { "\"text.safetensors\"", "\"/etc/passwd\"", 2, "trials: dump: found /etc/passwd, expected a relative path" },
    { "\"text.safetensors\"", "\"none.safetensors\"", 2, "none.safetensors: found no " },
    { "\"text.safetensors\"", "\"text.safetensors\", \"names\": \"none.json\"", 2, "none.json: found no " },
    { "\"text.safetensors\"", "\"text.safetensors\", \"only\": \"logits\"", 2, "trials: found only, expected no such" },
    { "\"environment\"", "\"surroundings\"", 2, "found surroundings, expected no such key" },
    { "{\"machine\": \"a machine\"}", "{}", 2, "environment: found none, expected an object of texts" },
    { "\"version\": \"1.2\", ", "", 2, "port: version: found none, expected a text" },
    { "{\"port\"", "[{\"port\"", 2, "found invalid JSON" },
};

START_TEST(a_statement_is_held_to_its_format)
{
    port(HONEST_DUMP, "");
    const char *path = temporary("port/submission.json"), *text = read_text(path, NULL);
    const char *place = strstr(text, statements[_i].from);
    ck_assert_ptr_nonnull(place);
    write_text(path, arena_format(&scratch, "%.*s%s%s", (int)(place - text), text, statements[_i].to,
                                  place + strlen(statements[_i].from)));
    Result result = plumb("submit", temporary("port"), "--out", temporary("port.zip"));
    assert_status(result, statements[_i].status);
    ck_assert_msg(strstr(statements[_i].status == 2 ? result.err : result.out, statements[_i].says) != NULL,
                  "found %s%s", result.out, result.err);
    ck_assert(!is_there(temporary("port.zip")));
}
END_TEST

START_TEST(a_case_of_other_bytes_does_not_pass)
{
    mkdir(temporary("cases"), 0700);
    copy_file("fixtures/mustpass.json", temporary("cases/mustpass.json"));
    ck_assert_int_eq(system(arena_format(&scratch, "cp -r " TEXT " " SHARED " %s", temporary("cases"))), 0);
    float first = 0.5f;
    set_bytes(temporary("cases/e2b-text/model/model.safetensors"), "model.norm.weight", &first, 2);
    Result result = plumb("submit", port(HONEST_DUMP, WAIVER("", "another model")), "--cases", temporary("cases"));
    assert_status(result, 1);
    ck_assert_ptr_nonnull(strstr(result.out, "e2b-text/model/model.safetensors is not the list's"));
}
END_TEST

START_TEST(no_output_is_an_input)
{
    const char *folder = port(HONEST_DUMP, "");
    assert_one_line(plumb("submit", folder, "--out", temporary("port/text.safetensors")),
                    (const char *const[]){ "port/text.safetensors", "--out", NULL });
}
END_TEST

/* ---------------------------------------------------------------- what is verified */

START_TEST(dumps_are_graded_again)
{
    const char *path = packed();
    copy_file(TEXT BENT_DUMP, temporary("port/text.safetensors"));
    Result result = plumb("verify", path, "--dumps", temporary("port"));
    assert_status(result, 1);
    ck_assert_ptr_nonnull(strstr(result.out, "DIFFERENT  the dump has other bytes"));
    remove(temporary("port/text.safetensors"));
    result = plumb("verify", path, "--dumps", temporary("port"));
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, "not graded again, because there is no text.safetensors"));
    remove(temporary("port/shared.safetensors"));
    assert_status(plumb("verify", path, "--dumps", temporary("port")), 3);
}
END_TEST

/* A map goes along in the package, and is not needed beside the dumps. */
START_TEST(a_name_map_goes_along)
{
    const char *path = temporary("port.zip"), *folder = port(HONEST_DUMP, "");
    const char *text = read_text(temporary("port/submission.json"), NULL),
               *place = strstr(text, "\"text.safetensors\"");
    write_text(temporary("port/submission.json"),
               arena_format(&scratch, "%.*s\"names\": \"maps/names.json\", \"dump\": %s",
                            (int)(strstr(text, "\"dump\"") - text), text, place));
    mkdir(temporary("port/maps"), 0700);
    write_text(temporary("port/maps/names.json"), "{\"mine.{}\": \"model.layers.{}\"}");
    for (int layer = 0; layer < 4; layer++)
        set_field(temporary("port/text.safetensors"), arena_format(&scratch, "model.layers.%d", layer), NULL,
                  arena_format(&scratch, "mine.%d", layer));
    assert_status(plumb("submit", folder, "--out", path), 0);
    remove(temporary("port/maps/names.json"));
    assert_status(plumb("verify", path, "--dumps", folder), 0);
}
END_TEST

START_TEST(a_list_is_the_verifiers_own)
{
    const char *path = packed(), *list = temporary("list.json");
    write_edited_json("fixtures/mustpass.json", list, "name", "\"other\"");
    assert_one_line(plumb("verify", path, "--mustpass", list),
                    (const char *const[]){ "the mustpass list gemma4-1", "expected other", NULL });
    write_text(list, "{\"name\": \"other\"}");
    assert_one_line(plumb("verify", path, "--mustpass", list), (const char *const[]){ "groups and cases", NULL });
}
END_TEST

/* ---------------------------------------------------------------- packages of strangers */

static void add_text(zip_t *zip, const char *name, const char *text)
{
    char *kept = arena_format(&scratch, "%s", text);
    ck_assert_int_ge(zip_file_add(zip, name, zip_source_buffer(zip, kept, strlen(kept), 0), 0), 0);
}

static void add_member(zip_t *zip, const char *name) { add_text(zip, name, "{}"); }
static void climb(zip_t *zip) { add_member(zip, "../outside.json"); }
static void climb_inside(zip_t *zip) { add_member(zip, "reports/../../x"); }
static void name_a_root(zip_t *zip) { add_member(zip, "/etc/cron.d/x"); }
static void name_a_drive(zip_t *zip) { add_member(zip, "C:\\x"); }
static void name_with_escape(zip_t *zip) { add_member(zip, "reports/\033[2Jx"); }
static void add_a_folder(zip_t *zip) { ck_assert_int_ge(zip_dir_add(zip, "empty", 0), 0); }
static void add_one_more(zip_t *zip) { add_member(zip, "reports/e2b-audio-bf16.json"); }
static void lose_the_manifest(zip_t *zip) { zip_delete(zip, (zip_uint64_t)zip_name_locate(zip, "manifest.json", 0)); }

static void link_outside(zip_t *zip)
{
    add_text(zip, "reports/link.json", "/etc/passwd");
    zip_uint64_t index = (zip_uint64_t)zip_name_locate(zip, "reports/link.json", 0);
    zip_file_set_external_attributes(zip, index, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)(S_IFLNK | 0777) << 16);
}

static void add_zeros(zip_t *zip)
{
    zip_source_t *source = zip_source_buffer(zip, calloc(PACKAGE_BYTES, 1), PACKAGE_BYTES, 1);
    ck_assert_int_ge(zip_file_add(zip, "names/zeros.json", source, 0), 0);
}

static void add_many(zip_t *zip)
{
    for (int i = 0; i < PACKAGE_MEMBERS; i++) add_member(zip, arena_format(&scratch, "names/%d.json", i));
}

/* name's text with a place of it replaced */
static void replace(zip_t *zip, const char *name, const char *from, const char *to)
{
    zip_stat_t status;
    zip_uint64_t index = (zip_uint64_t)zip_name_locate(zip, name, 0);
    ck_assert_int_eq(zip_stat_index(zip, index, 0, &status), 0);
    char *text = arena_allocate(&scratch, (size_t)status.size + 1);
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    ck_assert_int_eq(zip_fread(file, text, status.size), (zip_int64_t)status.size);
    zip_fclose(file);
    text[status.size] = 0;
    char *place = strstr(text, from);
    ck_assert_ptr_nonnull(place);
    char *whole = arena_format(&scratch, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
    zip_file_replace(zip, index, zip_source_buffer(zip, whole, strlen(whole), 0), 0);
}

static void change_a_report(zip_t *zip) { replace(zip, "reports/e2b-text-bf16.json", "\"pass\"", "\"fail\""); }
static void change_the_results(zip_t *zip) { replace(zip, "manifest.json", "\"waived\"", "\"pass\""); }
static void change_the_format(zip_t *zip)
{
    replace(zip, "manifest.json", "\"format_version\": 1", "\"format_version\": 2");
}
static void break_the_manifest(zip_t *zip) { replace(zip, "manifest.json", "{", "[{"); }

static const struct {
    void (*bend)(zip_t *zip);
    const char *says;
} packages[] = {
    { climb, "../outside.json: found a name with other signs" },
    { climb_inside, "reports/../../x: found a name" },
    { name_a_root, "/etc/cron.d/x: found a name" },
    { name_a_drive, "C:\\x: found a name" },
    { name_with_escape, "[2Jx: found a name with other signs" },
    { add_a_folder, "empty/: found a name" },
    { link_outside, "reports/link.json: found a name with other signs than letters, digits, . _ + -, or a link" },
    { add_zeros, "names/zeros.json: found 268435456 bytes that it unpacks to, expected at most " },
    { add_many, "members, expected at most 4096" },
    { add_one_more, "reports/e2b-audio-bf16.json: found a member that the manifest does not know" },
    { lose_the_manifest, "found no manifest.json, expected a package" },
    { change_a_report, "reports/e2b-text-bf16.json: found SHA-256 " },
    { change_the_results, "found reports that do not come to the manifest's results" },
    { change_the_format, "found format_version 2, expected 1" },
    { break_the_manifest, "manifest.json: found invalid JSON" },
};

START_TEST(a_bent_package_is_refused)
{
    const char *path = temporary("port.zip");
    assert_status(plumb("submit", port(BENT_DUMP, WAIVER("", "known")), "--out", path), 0);
    zip_t *zip = zip_open(path, 0, NULL);
    ck_assert_ptr_nonnull(zip);
    packages[_i].bend(zip);
    ck_assert_int_eq(zip_close(zip), 0);
    assert_one_line(plumb("verify", path), (const char *const[]){ path, packages[_i].says, NULL });
}
END_TEST

START_TEST(a_cut_package_is_refused)
{
    size_t size;
    const char *path = packed(), *bytes = read_text(path, &size);
    for (size_t left = 0; left < size; left += size / 16 + 1) {
        write_bytes(path, bytes, left);
        assert_one_line(plumb("verify", path), (const char *const[]){ path, NULL });
    }
}
END_TEST

START_TEST(a_package_with_a_changed_byte_is_refused)
{
    size_t size;
    const char *path = packed(), *bytes = read_text(path, &size);
    char *changed = arena_allocate(&scratch, size);
    for (size_t at = 40; at < size; at += size / 24) {
        memcpy(changed, bytes, size);
        changed[at] ^= 0x20;
        write_bytes(path, changed, size);
        int status = plumb("verify", path).status;
        ck_assert_msg(status == 2 || status == 0, "found exit status %d at byte %zu", status, at);
    }
}
END_TEST

START_TEST(the_list_is_of_the_fixtures)
{
    json_t *list = read_json("fixtures/mustpass.json"), *entry, *sum;
    const char *name, *file;
    json_object_foreach(json_object_get(list, "cases"), name, entry)
    {
        json_object_foreach(json_object_get(entry, "files"), file, sum)
        {
            size_t size;
            char found[DIGEST_TEXT];
            const char *path = arena_format(&scratch, "fixtures/%s/%s", name, file), *bytes = read_text(path, &size);
            bytes_digest(bytes, size, found);
            ck_assert_msg(strcmp(found, json_string_value(sum)) == 0, "%s: make mustpass writes the list anew", path);
        }
    }
    json_decref(list);
}
END_TEST

/* A report whose step has a verdict, and what comes of it */
static const struct {
    const char *verdict, *outcome, *result, *because;
} verdicts[] = {
    { "pass", "pass", "pass", NULL },
    { "fail", "fail", "fail", "logits: bent" },
    { "none", "pass", "fail", "logits: not graded" },
    { "perfect", "pass", "fail", "logits: bent" },
    { "pass", "fail", "fail", "its outcome is fail" },
    { "pass", "nothing", "fail", "its outcome is nothing" },
};

START_TEST(a_step_is_what_its_verdict_says)
{
    Error error = { "" };
    write_text(temporary("list.json"), "{\"name\": \"list\", \"groups\": {\"text\": [\"e2b-text\"]}, \"cases\": {"
                                       "\"e2b-text\": {\"files\": {\"inputs\": \"00\"}, \"taps\": [\"logits\"]}}}");
    Mustpass list = mustpass_read(temporary("list.json"), &error);
    Statement s = statement_of(json_pack("{s:{s:s, s:s, s:s}, s:{s:s}, s:[s], s:[{s:s, s:s, s:s}]}", "port", "name",
                                         "a", "version", "1", "source", "s", "environment", "machine", "m", "groups",
                                         "text", "trials", "case", "e2b-text", "class", "bf16", "dump", "d"),
                               "submission.json", &error);
    assert_clean(&error);
    json_t *report = json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s, s], s:[{s:s, s:s, s:s}], s:[{s:s, s:s}]}", "kind",
                               "grade", "case", "e2b-text", "outcome", verdicts[_i].outcome, "command", "plumb",
                               "grade", "c", "d", "--as", "bf16", "files", "role", "inputs", "path", "c/inputs",
                               "sha256", "00", "steps", "tap", "logits", "verdict", verdicts[_i].verdict);
    json_t *results = mustpass_judge(&list, &s, &report, &error);
    assert_clean(&error);
    const json_t *result = json_array_get(results, 0);
    const char *because = json_string_value(json_object_get(result, "because"));
    ck_assert_str_eq(json_string_value(json_object_get(result, "verdict")), verdicts[_i].result);
    ck_assert_pstr_eq(because, verdicts[_i].because);
    json_decref(results);
    json_decref(report);
    statement_free(&s);
    mustpass_free(&list);
}
END_TEST

Suite *submission_suite(void)
{
    Suite *suite = suite_create("submission");
    TCase *submitted = theme(suite, "submitted"), *verified = theme(suite, "verified"),
          *strange = theme(suite, "strange");
    tcase_add_test(submitted, what_passes_is_packed_and_verified);
    tcase_add_test(submitted, the_same_dumps_are_the_same_package);
    tcase_add_loop_test(submitted, a_waiver_waives_what_it_names, 0, COUNT(submissions));
    tcase_add_loop_test(submitted, a_statement_is_held_to_its_format, 0, COUNT(statements));
    tcase_add_test(submitted, a_case_of_other_bytes_does_not_pass);
    tcase_add_test(submitted, no_output_is_an_input);
    tcase_add_test(submitted, the_list_is_of_the_fixtures);
    tcase_add_loop_test(submitted, a_step_is_what_its_verdict_says, 0, COUNT(verdicts));
    tcase_add_test(verified, dumps_are_graded_again);
    tcase_add_test(verified, a_name_map_goes_along);
    tcase_add_test(verified, a_list_is_the_verifiers_own);
    tcase_add_loop_test(strange, a_bent_package_is_refused, 0, COUNT(packages));
    tcase_add_test(strange, a_cut_package_is_refused);
    tcase_add_test(strange, a_package_with_a_changed_byte_is_refused);
    return suite;
}
