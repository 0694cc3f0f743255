/* test_name_map.c - maps applied to dumps of few elements */
#include "names/name_map.h"

#include "checkpoint/file_limits.h"
#include "maps.h"

#define TEXT "fixtures/e2b-text"

/* A dump, a map, and arrays that come of them: names, shapes and values as Python prints them */
static const struct {
    const char *dump, *map, *expected;
} mapped[] = {
    { "{\"blk.2\": [[1, 2]]}", "{\"blk.{}\": \"layers.{}\"}", "layers.2 [1, 2] 1 2" },
    { "{\"a\": [1]}", "{\"*\": \"model.*\"}", "model.a [1] 1" },
    { "{\"a\": [1], \"b\": [2]}", "{\"a\": \"c\"}", "b [1] 2; c [1] 1" },
    { "{\"a\": [1], \"b\": [2]}", "{\"a\": \"b\", \"b\": \"c\"}", "b [1] 1; c [1] 2" }, /* once */
    { "{\"a\": [1], \"b\": [2]}", "{\"b\": \"x\", \"*\": \"model.*\"}", "model.a [1] 1; x [1] 2" },
    { "{\"a\": [1], \"b\": [2]}", "{\"a\": {\"drop\": true}}", "b [1] 2" },
    { "{\"a\": [1]}", "{\"$schema\": \"names.schema.json\", \"a\": {\"tap\": \"b\", \"comment\": \"as is\"}}",
      "b [1] 1" },
    { "{\"q.3\": [[1, 2, 3], [4, 5, 6]]}", "{\"q.{}\": {\"tap\": \"l.{}\", \"permute\": [1, 0]}}",
      "l.3 [3, 2] 1 4 2 5 3 6" },
    { "{\"qkv\": [[1, 2, 3, 4], [5, 6, 7, 8]]}",
      "{\"qkv\": {\"taps\": [\"q\", \"k\", \"v\"], \"split\": {\"axis\": -1, \"shares\": [2, 1, 1]}}}",
      "k [2, 1] 3 7; q [2, 2] 1 2 5 6; v [2, 1] 4 8" },
    { "{\"qkv\": [[1, 2, 3, 4]]}",
      "{\"qkv\": {\"taps\": [\"q\", null], \"split\": {\"axis\": -1, \"shares\": [1, 1]}}}", "q [1, 2] 1 2" },
    { "{\"h\": [[1, 2, 3, 4]]}", "{\"h\": {\"tap\": \"h.{i}\", \"split\": {\"axis\": 1, \"shares\": [1, 1]}}}",
      "h.0 [1, 2] 1 2; h.1 [1, 2] 3 4" },
    { "{\"kv\": [[1, 2], [3, 4]]}", "{\"kv\": {\"taps\": [\"k\", \"v\"], \"unstack\": 0}}", "k [2] 1 2; v [2] 3 4" },
    { "{\"kv\": [[[1], [2]], [[3], [4]]]}",
      "{\"kv\": {\"taps\": [\"{i}.k\", \"{i}.v\"], \"steps\": "
      "[{\"unstack\": {\"axis\": 1, \"first\": 5}}, {\"unstack\": 0}]}}",
      "5.k [1] 1; 5.v [1] 3; 6.k [1] 2; 6.v [1] 4" },
    { "{\"all\": [[1, 2], [3, 4]]}", "{\"all\": {\"tap\": \"l.{i}.o\", \"unstack\": 0}}",
      "l.0.o [2] 1 2; l.1.o [2] 3 4" },
    { "{\"all\": [[1, 2], [3, 4]]}",
      "{\"all\": {\"tap\": \"l.{i}\", \"unstack\": {\"axis\": 0, \"first\": 5, \"step\": 6}}}",
      "l.11 [2] 3 4; l.5 [2] 1 2" },
    { "{\"g@1\": [3], \"g\": [1], \"g@10\": [7]}", "{\"g@{}\": {\"tap\": \"g\", \"stack\": 0}}", "g [3, 1] 1 3 7" },
    { "{\"g.0\": [1, 2], \"g.1\": [3]}", "{\"g.{}\": {\"tap\": \"g\", \"concat\": 0}}", "g [3] 1 2 3" },
    { "{\"up\": [[1], [2]], \"gate\": [[3], [4]]}", "{\"gate\": {\"with\": [\"up\"], \"tap\": \"g\", \"concat\": -1}}",
      "g [2, 2] 3 1 4 2" },
    { "{\"a.0.x\": [1], \"a.1.x\": [2], \"a.0.y\": [3], \"a.1.y\": [4]}",
      "{\"a.{}.*\": {\"tap\": \"*\", \"stack\": 1}}", "x [1, 2] 1 2; y [1, 2] 3 4" },
    { "{\"a\": [1, 2, 3, 4, 5, 6]}",
      "{\"a\": {\"tap\": \"b\", \"steps\": [{\"reshape\": [2, -1]}, {\"permute\": [1, 0]}]}}", "b [3, 2] 1 4 2 5 3 6" },
    { "{\"a\": [[[1, 2], [3, 4]]]}", "{\"a\": {\"tap\": \"b\", \"merge\": [1, 2]}}", "b [1, 4] 1 2 3 4" },
    { "{\"a\": [[[1, 2], [3, 4]]]}", "{\"a\": {\"tap\": \"b\", \"reshape\": [0, -1]}}", "b [1, 4] 1 2 3 4" },
    { "{\"a\": [[1, 2], [3, 4]]}", "{\"a\": {\"tap\": \"b\", \"select\": {\"axis\": 0, \"index\": -1}}}", "b [2] 3 4" },
    { "{\"a\": [[1, 2, 3]]}", "{\"a\": {\"tap\": \"b\", \"select\": {\"axis\": 1, \"first\": 1, \"count\": 2}}}",
      "b [1, 2] 2 3" },
    { "{\"a\": [[1, 2]]}", "{\"a\": {\"tap\": \"b\", \"squeeze\": 0}}", "b [2] 1 2" },
    { "{\"a\": [1.5, 2.5]}", "{\"a\": {\"tap\": \"b\", \"scale\": 2}}", "b [2] 3 5" },
    { "{\"a\": [1.00390625, 2.5]}", "{\"a\": {\"tap\": \"b\", \"cast\": \"bf16\"}}", "b [2] 1 2.5" },
};

static const char *values_text(const Dump *dump)
{
    const char *text = "";
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        text = arena_format(&scratch, "%s%s%s %s", text, i ? "; " : "", array->name,
                            SHAPE_TEXT(array->rank, array->shape));
        for (int64_t n = 0; n < array_elements(array); n++) {
            double value;
            array_read_f64(array, n, 1, &value);
            text = arena_format(&scratch, "%s %.9g", text, value);
        }
    }
    return text;
}

START_TEST(arrays)
{
    Dump *dump = dump_of_arrays(mapped[_i].dump);
    ck_assert_str_eq(apply_map(mapped[_i].map, dump, NULL), "");
    ck_assert_str_eq(values_text(dump), mapped[_i].expected);
    dump_close(dump);
}
END_TEST

/* Each of a map, of a dump with a, b [2] and c [2, 3], and of what is said: a phrase, and how many lines */
static const struct {
    const char *map, *says;
    int lines;
} bad[] = {
    { "[]", ": found JSON that is not an object, expected a map of names", 1 },
    { "{", ": found invalid JSON (line 1", 1 },
    { "{\"a\": \"b\", \"a\": \"c\"}", "duplicate object key", 1 },
    { "{\"a\": 7}", ": a: found no tap, expected a name or an object", 1 },
    { "{\"a\": {}}", ": a: found no tap", 1 },
    { "{\"a\": {\"permute\": [1, 0]}}", ": a: found no tap", 1 },
    { "{\"a\": {\"tap\": 7}}", ": a: tap: found no name", 1 },
    { "{\"a\": {\"tap\": \"x\", \"permut\": [0]}}", ": a: found the key permut, expected tap, taps, ", 1 },
    { "{\"a\": {\"tap\": \"x\", \"nope\": 0}, \"b\": 7, \"c\": \"c.{}\"}", "\n", 3 },
    { "{\"a\": {\"tap\": \"x\", \"taps\": [\"y\", \"z\"]}}", ": a: found tap and taps", 1 },
    { "{\"a\": {\"taps\": [\"y\", \"z\"]}}", ": a: taps: found neither split nor unstack", 1 },
    { "{\"a\": {\"taps\": \"y\"}}", ": a: taps: found no list", 1 },
    { "{\"a\": {\"tap\": \"y\", \"split\": 0}}", ": a: found one tap for several parts", 1 },
    { "{\"a\": {\"tap\": \"{i}\", \"steps\": [{\"unstack\": 0}, {\"unstack\": 0}]}}", ": a: found several of concat",
      1 },
    { "{\"a\": {\"taps\": [\"{i}.y\", \"z\"], \"steps\": [{\"unstack\": 0}, {\"unstack\": 0}]}}",
      ": a: found a tap without {i}", 1 },
    { "{\"a\": {\"tap\": \"y.{i}\"}}", ": a: found {i} in a tap", 1 },
    { "{\"a\": {\"tap\": \"y\", \"with\": [\"b\"]}}", ": a: with: found neither concat nor stack", 1 },
    { "{\"a\": {\"tap\": \"y\", \"drop\": true}}", ": a: drop: found more beside it", 1 },
    { "{\"a\": {\"drop\": 1}}", ": a: drop: expected true or false", 1 },
    { "{\"a\": {\"tap\": \"y\", \"merge\": [0, 1], \"cast\": \"bf16\"}}", ": a: found 2 operations, expected one, or",
      1 },
    { "{\"a\": {\"tap\": \"y\", \"steps\": [{\"nope\": 1}]}}", ": a: steps: found no operation at place 0", 1 },
    { "{\"a\": {\"tap\": \"y\", \"steps\": 1}}", ": a: steps: expected a list", 1 },
    { "{\"a\": {\"taps\": [\"y\", \"z\"], \"steps\": [{\"unstack\": 0}, {\"stack\": 0}]}}",
      ": a: found stack after a split", 1 },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [0, 0]}}", ": a: permute: found another order", 1 },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [0, 2]}}", ": a: permute: found another order", 1 },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [-1, 0]}}", ": a: permute: found another order", 1 },
    { "{\"a\": {\"tap\": \"b\", \"permute\": [1, 4294967296]}}", ": a: permute: found another order", 1 },
    { "{\"a\": {\"tap\": \"b\", \"permute\": \"10\"}}", ": a: permute: found another order", 1 },
    { "{\"a\": {\"tap\": \"x\", \"reshape\": [-1, -1]}}", ": a: reshape: found several -1", 1 },
    { "{\"a\": {\"tap\": \"x\", \"merge\": 1}}", ": a: merge: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"select\": {\"axis\": 0}}}", ": a: select: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"select\": {\"axis\": 0, \"index\": 0, \"count\": 1}}}", ": a: select: found", 1 },
    { "{\"a\": {\"tap\": \"x\", \"select\": {\"axis\": 0, \"first\": 9223372036854775807, \"count\": 1}}}",
      ": a: select: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"select\": {\"axis\": 0, \"index\": -9223372036854775807}}}",
      ": a: select: found something else", 1 },
    { "{\"a\": {\"taps\": [\"x\", \"y\"], \"split\": {\"axis\": 0, \"shares\": [4611686018427387904, 1]}}}",
      ": a: split: found something else", 1 },
    { "{\"a\": {\"tap\": \"x{}\", \"unstack\": {\"axis\": 0, \"first\": 1, \"step\": 9223372036854775807}}}",
      ": a: unstack: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"rows\": \"words\"}}", ": a: rows: found something else, expected \"tokens\"", 1 },
    { "{\"a\": {\"tap\": \"x\", \"scale\": 0}}", ": a: scale: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"scale\": \"hidden_size\"}}", ": a: scale: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"scale\": \"^2\"}}", ": a: scale: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"cast\": \"int4\"}}", ": a: cast: found something else", 1 },
    { "{\"a\": {\"tap\": \"x\", \"squeeze\": 9}}", ": a: squeeze: found no axis", 1 },
    { "{\"*\": \"model.*\", \"a\": \"x\"}", ": a: found * before it, which fits all its names", 1 },
    { "{\"l.{}\": \"m.{}\", \"l.{}@{}\": \"n.{}@{}\"}", ": l.{}@{}: found l.{} before it", 1 },
    /* of the map and the dump together */
    { "{\"zz\": \"x\"}", "found no entry that fits an array of the dump, expected some (its first is a)", 1 },
    { "{\"a\": \"c\"}", ": c: found two sources, a and c, expected one", 1 },
    { "{\"a\": \"x\", \"b\": \"x\", \"c\": \"x\"}", ": x: found two sources, ", 2 },
    { "{\"a\": {\"tap\": \"x\", \"permute\": [1, 0]}}", ": a: permute: a: found shape [2], expected 2 dimensions", 1 },
    { "{\"a\": {\"tap\": \"x\", \"merge\": [0, 1]}}", ": a: merge: a: found shape [2], expected axes 0 to 1", 1 },
    { "{\"a\": {\"tap\": \"x\", \"reshape\": [3]}}", ": a: reshape: a: found shape [2], expected one with", 1 },
    { "{\"a\": {\"tap\": \"x\", \"reshape\": [1073741824, 1073741824, 1073741824]}}",
      ": a: reshape: a: found shape [2], expected one with the elements of fewer places", 1 },
    { "{\"a\": {\"tap\": \"x\", \"reshape\": [3, -1]}}", ": a: reshape: a: found shape [2], expected one with", 1 },
    { "{\"a\": {\"tap\": \"x\", \"select\": {\"axis\": 0, \"index\": 2}}}",
      "found 2 along axis 0, expected more than 2", 1 },
    { "{\"a\": {\"tap\": \"x\", \"squeeze\": 0}}", ": a: squeeze: a: found 2 along axis 0, expected 1", 1 },
    { "{\"a\": {\"tap\": \"x\", \"rows\": \"tokens\"}}", ": a: rows: a: found no case", 1 },
    { "{\"a\": {\"tap\": \"x\", \"scale\": 2}}", ": a: scale: a: found I64, expected numbers that are not whole", 1 },
    { "{\"c\": {\"tap\": \"x\", \"cast\": \"int64\"}}", ": c: cast: c: found F32, expected a dtype that I64", 1 },
    { "{\"c\": {\"taps\": [\"x\", \"y\"], \"split\": -1}}", ": c: split: c: found no shares and no case", 1 },
    { "{\"c\": {\"taps\": [\"x\", \"y\"], \"split\": 0}}", ": c: split: c: found axis 0 of [2, 3] and no shares", 1 },
    { "{\"c\": {\"taps\": [\"x\", \"y\"], \"split\": {\"axis\": 1, \"shares\": [1, 1]}}}",
      "found 3 along axis 1, expected a multiple of 2, of 2 parts", 1 },
    { "{\"c\": {\"taps\": [\"x\", \"y\", \"z\"], \"unstack\": 0}}", "found 2 along axis 0, expected 3", 1 },
    { "{\"a\": {\"with\": [\"c\"], \"tap\": \"x\", \"concat\": 0}}",
      "found I64 [2] and F32 [2, 3] (c), expected one shape", 1 },
    { "{\"a\": {\"tap\": \"x\", \"stack\": 2}}", ": a: stack: a: found shape [2], expected one with axis 2", 1 },
};

START_TEST(complained_of)
{
    Dump *dump = dump_of_arrays("{\"a\": [1, 2], \"b\": [1, 2], \"c\": [[0.5, 1, 1], [1, 1, 1]]}");
    const char *said = apply_map(bad[_i].map, dump, NULL);
    int lines = 0;
    for (const char *at = said; *at; at++) lines += *at == '\n';
    ck_assert_msg(strstr(said, bad[_i].says) != NULL, "no \"%s\" in: %s", bad[_i].says, said);
    ck_assert_msg(strncmp(said, temporary("map.json"), strlen(temporary("map.json"))) == 0, "%s", said);
    ck_assert_msg(lines == bad[_i].lines, "found %d lines, expected %d: %s", lines, bad[_i].lines, said);
    dump_close(dump);
}
END_TEST

START_TEST(places_are_as_few_as_arrays)
{
    Dump *dump = dump_of_arrays("{\"c\": [[0.5, 1, 1], [1, 1, 1]]}");
    FileLimits usual = file_limits;
    file_limits.arrays = 2;
    const char *said = apply_map("{\"c\": {\"tap\": \"x.{i}\", \"unstack\": 1}}", dump, NULL);
    file_limits = usual;
    ck_assert_msg(strstr(said, ": c: unstack: c: found 3 places along axis 1, expected at most 2") != NULL, "%s", said);
    dump_close(dump);
}
END_TEST

START_TEST(no_map)
{
    Complaints complaints = { .lines = NULL };
    ck_assert_ptr_null(name_map_open(temporary("absent.json"), &complaints));
    const char *said = complaints_text(&complaints);
    ck_assert_msg(strstr(said, "absent.json: found no readable file") != NULL, "%s", said);
}
END_TEST

Suite *name_map_suite(void)
{
    Suite *suite = suite_create("name_map");
    TCase *tcase = theme(suite, "map");
    tcase_add_loop_test(tcase, arrays, 0, COUNT(mapped));
    tcase_add_loop_test(tcase, complained_of, 0, COUNT(bad));
    tcase_add_test(tcase, places_are_as_few_as_arrays);
    tcase_add_test(tcase, no_map);
    return suite;
}
