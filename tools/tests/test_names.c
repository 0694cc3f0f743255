/* test_names.c - plumb names: what becomes of arrays, what they may be, and a map that is written for them */
#include "command.h"

#include "dump/array_layout.h"
#include "dump/dump.h"

#define Q "model.vision_tower.encoder.layers.0.self_attn.q_proj"
#define Q1 "model.vision_tower.encoder.layers.1.self_attn.q_proj"

static const char *renamed_dump(void)
{
    const char *dump = temporary("dump.safetensors");
    copy_file(HONEST, dump);
    set_field(dump, Q, NULL, "blk.0.zzz");
    set_field(dump, Q1, NULL, "blk.1.zzz");
    set_field(dump, "model.embed_vision", NULL, "nothing");
    return dump;
}

START_TEST(all_is_understood)
{
    Result result = plumb("names", HONEST, E2B);
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "68 of 68 arrays are understood, 0 dropped, 0 left; ") != NULL, "%s", result.out);
    assert_status(plumb("names", E2B, HONEST), 0); /* in the order of plumb grade */
}
END_TEST

static const char *const shown[] = {
    "blk.0.zzz ",
    "?  nearest by value: " Q " (",
    "65 of 68 arrays are understood, 0 dropped, 3 left; ",
};

START_TEST(others_are_found_by_value)
{
    Result result = plumb("names", renamed_dump(), E2B);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, shown[_i]) != NULL, "no \"%s\" in:\n%s", shown[_i], result.out);
}
END_TEST

#define ATTENTION "model.vision_tower.encoder.layers.0.self_attn."

static void write_array(SafetensorsWriter *writer, const Array *array, const char *name)
{
    safetensors_writer_begin(writer, name, array->dtype, array->rank, array->shape);
    safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
}

/* As a port has it that computes queries, keys and values by one product */
static const char *fused_dump(void)
{
    static const char *const parts[] = { ATTENTION "q_proj", ATTENTION "k_proj", ATTENTION "v_proj" };
    Error error = { "" };
    const char *path = temporary("dump.safetensors");
    Dump *dump = dump_open(HONEST, &error);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    Array joined[COUNT(parts)];
    for (int i = 0; i < COUNT(parts); i++) joined[i] = *dump_find(dump, parts[i]);
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = dump_array(dump, i)->name;
        if (strcmp(name, parts[0]) && strcmp(name, parts[1]) && strcmp(name, parts[2]))
            write_array(writer, dump_array(dump, i), name);
    }
    Array fused = array_joined(joined, COUNT(parts), 2, &scratch);
    write_array(writer, &fused, "blk.0.qkv");
    safetensors_writer_close(writer, &error);
    dump_close(dump);
    assert_clean(&error);
    return path;
}

START_TEST(fused_array_is_taken_apart)
{
    const char *dump = fused_dump(), *map = temporary("map.json");
    Result result = plumb("grade", E2B, dump, "--samples", "1");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "values of taps that the dump lacks: 1 (plumb names lists them)") != NULL, "%s",
                  result.out);
    result = plumb("names", dump, E2B, "--write", map);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "?  side by side, by value: " ATTENTION "q_proj, " ATTENTION "k_proj, " ATTENTION
                                     "v_proj; \"split\": -1 would take them apart") != NULL,
                  "%s", result.out);
    result = plumb("grade", E2B, dump, "--names", map, "--samples", "1");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "PASS  all 68 steps") != NULL, "%s", result.out);
}
END_TEST

/* Every name behind a prefix, decode steps too: one pattern for each layer's part, and the map passes. */
START_TEST(prefix_is_seen_through)
{
    Error error = { "" };
    const char *path = temporary("dump.safetensors"), *map = temporary("map.json");
    Dump *dump = dump_open("fixtures/e2b-audio/dumps/honest-bf16-eager.safetensors", &error);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        write_array(writer, array, arena_format(&scratch, "theirs.%s", array->name));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    Result result = plumb("names", path, "fixtures/e2b-audio", "--write", map);
    assert_status(result, 1);
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = dump_array(dump, i)->name;
        const char *line = strstr(result.out, arena_format(&scratch, "theirs.%s ", name));
        ck_assert_ptr_nonnull(line);
        const char *nearest = arena_format(&scratch, "%.*s", (int)strcspn(line, "\n"), line);
        bool token = strcmp(name, "input_ids@1") == 0; /* followed, and no tap */
        ck_assert_msg(token || strstr(nearest, arena_format(&scratch, ": %s (", name)), "%s", nearest);
    }
    dump_close(dump);
    result = plumb("grade", "fixtures/e2b-audio", path, "--names", map, "--samples", "1");
    ck_assert_msg(strstr(result.out, "PASS  all 7") != NULL, "%s", result.out);
}
END_TEST

/* The map that is written grades the dump as if nobody had renamed it. */
START_TEST(first_map_grades)
{
    const char *dump = renamed_dump(), *map = temporary("map.json");
    Result result = plumb("names", dump, E2B, "--write", map);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "map.json: 2 entries, new ones for 3 arrays") != NULL, "%s", result.out);
    result = plumb("grade", E2B, dump, "--names", map, "--samples", "1");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "PASS  all 68 steps") != NULL, "%s", result.out);
    assert_status(plumb("names", dump, E2B, "--names", map), 0);
}
END_TEST

START_TEST(map_is_shown)
{
    const char *map = temporary("map.json");
    write_text(map,
               "{\"blk.{}.zzz\": {\"drop\": true}, \"nothing\": {\"tap\": \"model.embed_vision\", \"permute\": [1, 0]},"
               "\"absent\": \"x\", \"unasked\": {\"tap\": \"y\", \"optional\": true}}");
    Result result = plumb("names", renamed_dump(), E2B, "--names", map);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "dropped\n") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "model.embed_vision: found [") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "\"permute\": [1, 0] would fit") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "map.json: absent: fits no array of the dump") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "unasked") == NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "65 of 68 arrays are understood, 2 dropped, 1 left; ") != NULL, "%s", result.out);
}
END_TEST

START_TEST(bad_map_is_said_line_by_line)
{
    const char *map = temporary("map.json");
    write_text(map, "{\"a\": 7, \"b\": {\"tap\": \"x\", \"nope\": 1}}");
    for (int i = 0; i < 2; i++) {
        Result result = i ? plumb("names", HONEST, E2B, "--names", map) : plumb("grade", E2B, HONEST, "--names", map);
        assert_status(result, 2);
        ck_assert_msg(strstr(result.err, "map.json: a: found no tap, expected a name or an object\nplumb: ") != NULL,
                      "%s", result.err);
        ck_assert_msg(strstr(result.err, "map.json: b: found the key nope, expected tap, ") != NULL, "%s", result.err);
    }
}
END_TEST

Suite *names_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = theme(suite, "names");
    tcase_add_test(tcase, all_is_understood);
    tcase_add_loop_test(tcase, others_are_found_by_value, 0, COUNT(shown));
    tcase_add_test(tcase, fused_array_is_taken_apart);
    tcase_add_test(tcase, prefix_is_seen_through);
    tcase_add_test(tcase, first_map_grades);
    tcase_add_test(tcase, map_is_shown);
    tcase_add_test(tcase, bad_map_is_said_line_by_line);
    return suite;
}
