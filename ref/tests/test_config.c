/* test_config.c - typed keys of config.json */
#include "checkpoint/config.h"

#include <sys/stat.h>

#include "helpers.h"

static const char *const text =
    "{\"count\": 768, \"most\": 16777216, \"number\": 1e-6, \"yes\": true, \"no\": false, \"name\": \"gelu\","
    " \"null\": null,"
    " \"zero\": 0, \"negative\": -3, \"huge\": 16777217, \"fraction\": 2.5, \"list\": [1, 2],"
    " \"vision_config\": {\"count\": 2}}";

/* A reader of the text at path; end with json_decref. */
static json_t *parse(ConfigReader *at, const char *path, Error *error)
{
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(json);
    *at = (ConfigReader){ "config.json", path, json, error };
    return json;
}

START_TEST(values_of_their_type)
{
    Error error = { "" };
    ConfigReader at;
    json_t *json = parse(&at, "", &error);
    ck_assert_int_eq(config_count(at, "count"), 768);
    ck_assert_int_eq(config_count(at, "most"), 1 << 24);
    ck_assert_int_eq(config_count_at_most(at, "count", 768), 768);
    ck_assert_int_eq(config_whole_or(at, "zero", 7), 0);
    ck_assert_int_eq(config_whole_or(at, "most", 7), 1 << 24);
    ck_assert_double_eq(config_number(at, "number"), 1e-6);
    ck_assert_double_eq(config_number(at, "negative"), -3);
    ck_assert(config_bool(at, "yes") && !config_bool(at, "no"));
    ck_assert_str_eq(config_string(at, "name"), "gelu");
    ConfigReader vision = config_child(at, "vision_config");
    ck_assert_str_eq(vision.path, "vision_config");
    ck_assert_int_eq(config_count(vision, "count"), 2);
    ck_assert(config_has(at, "zero") && !config_has(at, "null") && !config_has(at, "absent"));
    assert_clean(&error);
    json_decref(json);
}
END_TEST

static const char *const without_value[] = { "null", "absent" };

START_TEST(default_where_there_is_no_value)
{
    Error error = { "" };
    ConfigReader at;
    json_t *json = parse(&at, "", &error);
    const char *key = without_value[_i];
    ck_assert_int_eq(config_count_or(at, key, 7), 7);
    ck_assert_int_eq(config_whole_or(at, key, -1), -1);
    ck_assert_double_eq(config_number_or(at, key, 0.5), 0.5);
    ck_assert(config_bool_or(at, key, true) && !config_bool_or(at, key, false));
    ck_assert_str_eq(config_string_or(at, key, "axial"), "axial");
    ck_assert_int_eq(config_count_or(at, "count", 7), 768);
    ck_assert_double_eq(config_number_or(at, "number", 0.5), 1e-6);
    ck_assert(!config_bool_or(at, "no", true));
    ck_assert_str_eq(config_string_or(at, "name", "axial"), "gelu");
    assert_clean(&error);
    json_decref(json);
}
END_TEST

typedef enum { AS_COUNT, AS_COUNT_OR, AS_COUNT_AT_MOST, AS_WHOLE_OR, AS_NUMBER, AS_BOOL, AS_STRING, AS_OBJECT } Kind;

static const struct {
    Kind kind;
    const char *key, *says;
} bad[] = {
    { AS_COUNT, "absent", "absent: found no such key, expected a whole number from 1" },
    { AS_COUNT, "null", "null: found null, expected a whole number from 1" },
    { AS_COUNT, "zero", "zero: found 0, expected" },
    { AS_COUNT, "negative", "negative: found -3, expected" },
    { AS_COUNT, "huge", "huge: found 16777217, expected" },
    { AS_COUNT, "fraction", "fraction: found 2.5, expected" },
    { AS_COUNT, "name", "name: found \"gelu\", expected" },
    { AS_COUNT_OR, "zero", "zero: found 0, expected" },
    { AS_COUNT_AT_MOST, "count", "count: found 768, expected a whole number from 1 to 767" },
    { AS_COUNT_AT_MOST, "zero", "zero: found 0, expected a whole number from 1" },
    { AS_COUNT_AT_MOST, "absent", "absent: found no such key, expected a whole number from 1" },
    { AS_WHOLE_OR, "negative", "negative: found -3, expected a whole number from 0" },
    { AS_WHOLE_OR, "huge", "huge: found 16777217, expected a whole number from 0" },
    { AS_WHOLE_OR, "fraction", "fraction: found 2.5, expected a whole number from 0" },
    { AS_NUMBER, "name", "name: found \"gelu\", expected a number" },
    { AS_NUMBER, "null", "null: found null, expected a number" },
    { AS_BOOL, "count", "count: found 768, expected true or false" },
    { AS_BOOL, "absent", "absent: found no such key, expected true or false" },
    { AS_STRING, "list", "list: found [1,2], expected a string" },
    { AS_OBJECT, "list", "list: found [1,2], expected an object" },
    { AS_OBJECT, "absent", "absent: found no such key, expected an object" },
};

static void get(ConfigReader at, Kind kind, const char *key)
{
    switch (kind) {
    case AS_COUNT: ck_assert_int_eq(config_count(at, key), 1); break;
    case AS_COUNT_OR: config_count_or(at, key, 5); break;
    case AS_COUNT_AT_MOST: config_count_at_most(at, key, 767); break;
    case AS_WHOLE_OR: config_whole_or(at, key, 5); break;
    case AS_NUMBER: config_number(at, key); break;
    case AS_BOOL: ck_assert(!config_bool(at, key)); break;
    case AS_STRING: ck_assert_str_eq(config_string(at, key), ""); break;
    case AS_OBJECT: ck_assert_ptr_null(config_child(at, key).object); break;
    }
}

static const char *const paths[] = { "", "vision_config" };

START_TEST(bad_value)
{
    for (int i = 0; i < COUNT(paths); i++) {
        Error error = { "" };
        ConfigReader at;
        json_t *json = parse(&at, paths[i], &error);
        get(at, bad[_i].kind, bad[_i].key);
        const char *place = arena_format(&scratch, "config.json: %s%s%s", paths[i], *paths[i] ? "." : "", bad[_i].says);
        assert_refused(&error, NULL, place);
        get(at, AS_COUNT, "count"); /* no value any more after an error */
        assert_refused(&error, NULL, place);
        json_decref(json);
    }
}
END_TEST

static const struct {
    const char *content, *says;
} bad_files[] = {
    { NULL, ": found no readable file (No such file or directory), expected a Hugging Face configuration" },
    { "{\"a\": 1,\n\"a\": 2}", ": found invalid JSON (line 2: duplicate object key" },
    { "{\"a\": ", ": found invalid JSON (line 1: " },
    { "", ": found invalid JSON" },
};

START_TEST(bad_file)
{
    Error error = { "" };
    const char *path = temporary("config.json");
    if (bad_files[_i].content) write_text(path, bad_files[_i].content);
    ck_assert_ptr_null(config_open(path, &error));
    assert_refused(&error, path, bad_files[_i].says);
}
END_TEST

START_TEST(pipe_is_refused)
{
    Error error = { "" };
    const char *path = temporary("config.json");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(config_open(path, &error));
    assert_refused(&error, path, ": found something that is not a file, expected a Hugging Face configuration");
}
END_TEST

START_TEST(good_file)
{
    Error error = { "" };
    const char *path = temporary("config.json");
    write_text(path, text);
    json_t *json = config_open(path, &error);
    assert_clean(&error);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "count")), 768);
    json_decref(json);
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = theme(suite, "values");
    tcase_add_test(tcase, values_of_their_type);
    tcase_add_loop_test(tcase, default_where_there_is_no_value, 0, COUNT(without_value));
    tcase_add_loop_test(tcase, bad_value, 0, COUNT(bad));
    tcase = theme(suite, "file");
    tcase_add_loop_test(tcase, bad_file, 0, COUNT(bad_files));
    tcase_add_test(tcase, pipe_is_refused);
    tcase_add_test(tcase, good_file);
    return suite;
}
