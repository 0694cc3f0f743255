/* test_name_map.c - a backend's own names and layouts */
#include "dump/name_map.h"

#include "dumps.h"

static const struct {
    const char *map, *name, *expected;
} renamed[] = {
    { "{\"blk.{}.attn\": \"model.layers.{}.self_attn\"}", "blk.12.attn", "model.layers.12.self_attn" },
    { "{\"blk.{}.attn\": \"model.layers.{}.self_attn\"}", "blk.0.attn", "model.layers.0.self_attn" },
    { "{\"blk.{}\": \"model.layers.{}\"}", "blk.7", "model.layers.7" },
    { "{\"blk.{}\": \"model.layers.{}\"}", "blk.7.attn", "blk.7.attn" },
    { "{\"blk.{}\": \"model.layers.{}\"}", "blk.", "blk." },
    { "{\"blk.{}\": \"model.layers.{}\"}", "blk.x", "blk.x" },
    { "{\"blk.{}\": \"model.layers.{}\"}", "my.blk.7", "my.blk.7" },
    { "{\"out\": \"model.embed_vision\"}", "out", "model.embed_vision" },
    { "{\"out\": \"model.embed_vision\"}", "outer", "outer" },
    { "{\"out\": {\"tap\": \"model.embed_vision\"}}", "out", "model.embed_vision" },
    { "{\"a\": \"b\", \"b\": \"c\"}", "a", "b" }, /* once */
    { "{}", "a", "a" },
};

static Array array_named(const char *name)
{
    static const float values[] = { 1, 2, 3, 4, 5, 6 };
    return (Array){ .file = "dump",
                    .name = name,
                    .dtype = DTYPE_F32,
                    .rank = 2,
                    .shape = { 2, 3 },
                    .data = (const unsigned char *)values };
}

static void apply(const char *map, Array *array, Error *error)
{
    write_text(temporary("map.json"), map);
    name_map_apply(temporary("map.json"), array, 1, &scratch, error);
}

START_TEST(name)
{
    Error error = { "" };
    Array array = array_named(renamed[_i].name);
    apply(renamed[_i].map, &array, &error);
    assert_clean(&error);
    ck_assert_str_eq(array.name, renamed[_i].expected);
    ck_assert(array_has_shape(&array, SHAPE(2, 3)));
}
END_TEST

START_TEST(layout)
{
    Error error = { "" };
    Array array = array_named("blk.3.q");
    apply("{\"blk.{}.q\": {\"tap\": \"layers.{}.q\", \"permute\": [1, 0]}}", &array, &error);
    assert_clean(&error);
    ck_assert_str_eq(array.name, "layers.3.q");
    ck_assert(array_has_shape(&array, SHAPE(3, 2)));
    float found[6];
    array_read_f32(&array, 0, 6, found);
    ck_assert_mem_eq(found, ((float[]){ 1, 4, 2, 5, 3, 6 }), sizeof found);
}
END_TEST

static const struct {
    const char *map, *says;
} bad[] = {
    { "{\"a\": {\"tap\": \"b\", \"permute\": [0]}}",
      ": a: permute: found another order, expected each of the 2 dimensions once" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [0, 0]}}", ": a: permute: found another order" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [0, 2]}}", ": a: permute: found another order" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [-1, 0]}}", ": a: permute: found another order" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [1, 0, 2]}}", ": a: permute: found another order" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": \"10\"}}", ": a: permute: found another order" },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [1, 4294967296]}}", ": a: permute: found another order" },
    { "{\"a\": 7}", ": a: found no tap, expected a name" },
    { "{\"a\": {\"permute\": [1, 0]}}", ": a: found no tap, expected a name" },
    { "[]", ": found JSON that is not an object, expected a map of names" },
    { "{\"a\": \"b\", \"a\": \"c\"}", ": found invalid JSON (line 1: duplicate object key" },
    { "{", ": found invalid JSON (line 1" },
};

START_TEST(bad_map)
{
    Error error = { "" };
    Array array = array_named("a");
    apply(bad[_i].map, &array, &error);
    assert_refused(&error, temporary("map.json"), bad[_i].says);
}
END_TEST

START_TEST(no_map)
{
    Error error = { "" };
    Array array = array_named("a");
    name_map_apply(temporary("absent.json"), &array, 1, &scratch, &error);
    assert_refused(&error, temporary("absent.json"), ": found no readable file (No such file");
}
END_TEST

Suite *name_map_suite(void)
{
    Suite *suite = suite_create("name_map");
    TCase *tcase = theme(suite, "map");
    tcase_add_loop_test(tcase, name, 0, COUNT(renamed));
    tcase_add_test(tcase, layout);
    tcase_add_loop_test(tcase, bad_map, 0, COUNT(bad));
    tcase_add_test(tcase, no_map);
    return suite;
}
