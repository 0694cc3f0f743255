/* test_incomplete.c - dumps of which too little is understood: each is told what it lacks, and none passes */
#include "command.h"

#include "dump/array_layout.h"
#include "dump/dump.h"
#include "dump/npy.h"

#define Q "model.vision_tower.encoder.layers.0.self_attn.q_proj"

typedef Array Change(const Array *array, int index);

static Array renamed(const Array *array, int index)
{
    Array other = *array;
    other.name = arena_format(&scratch, "their.%d.array", index);
    return other;
}

static Array every_second_renamed(const Array *array, int index) { return index % 2 ? *array : renamed(array, index); }
static Array every_third_renamed(const Array *array, int index) { return index % 3 ? *array : renamed(array, index); }

static Array most_renamed(const Array *array, int index) { return index % 4 ? renamed(array, index) : *array; }

static Array one_renamed(const Array *array, int index)
{
    return strcmp(array->name, Q) == 0 ? renamed(array, 0 * index) : *array;
}

static Array transposed(const Array *array, int index)
{
    (void)index;
    if (array->rank < 2 || array->shape[array->rank - 1] == array->shape[array->rank - 2]) return renamed(array, index);
    int order[ARRAY_MAX_RANK];
    for (int i = 0; i < array->rank; i++) order[i] = i;
    order[array->rank - 1] = array->rank - 2;
    order[array->rank - 2] = array->rank - 1;
    return array_permuted(array, order, &scratch);
}

static Array one_transposed(const Array *array, int index)
{
    return strcmp(array->name, Q) == 0 ? transposed(array, index) : *array;
}

/* The first image alone, without its batch */
static Array without_batch(const Array *array, int index)
{
    (void)index;
    return array->rank > 2 && array->shape[0] == 2 ? array_at(array, 0) : *array;
}

#define WEIGHTS "model.vision_tower.encoder.layers.0.self_attn#attn_weights"

/* Queries and keys exchanged, which the shape does not show */
static Array weights_turned(const Array *array, int index)
{
    (void)index;
    return strcmp(array->name, WEIGHTS) == 0 ? array_permuted(array, (int[]){ 0, 1, 3, 2 }, &scratch) : *array;
}

/* Column by column, in the shape that it has row by row */
static Array by_columns(const Array *array, int index)
{
    (void)index;
    if (strcmp(array->name, Q) != 0) return *array;
    Array columns = array_permuted(array, (int[]){ 2, 1, 0 }, &scratch);
    return array_reshaped(&columns, array->rank, array->shape);
}

static const char *changed_dump(Change *change)
{
    Error error = { "" };
    const char *path = temporary("dump.safetensors");
    Dump *dump = dump_open(HONEST, &error);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < dump_count(dump); i++) {
        Array array = change(dump_array(dump, i), i);
        safetensors_writer_begin(writer, array.name, array.dtype, array.rank, array.shape);
        safetensors_writer_append(writer, array.data, (size_t)array_elements(&array) * dtype_size(array.dtype));
    }
    safetensors_writer_close(writer, &error);
    dump_close(dump);
    assert_clean(&error);
    return path;
}

static const struct {
    Change *change;
    int status;
    const char *says, *also; /* of stdout */
} dumps[] = {
    { renamed, 3, "their.0.array ", "?  nearest by value: model." },
    { most_renamed, 3, "INCOMPLETE  all 17 steps are straight as bf16, but 17 of the dump's 68 arrays are understood, ",
      "?  nearest by value: model." },
    { every_second_renamed, 3, "INCOMPLETE  all 34 steps are straight as bf16, but 3", "?  nearest by value: model." },
    { every_third_renamed, 3, "INCOMPLETE  all 45 steps are straight as bf16, but 2", "?  nearest by value: model." },
    { one_renamed, 0, "PASS  all 67 steps are straight as bf16",
      "arrays of other names that have the values of taps that the dump lacks: 1 (plumb names lists them)\n" },
    { transposed, 2, "not graded: " Q ": found [2, 128, 18], expected [2, 18, 128]; \"permute\": [0, 2, 1] would fit\n",
      "not graded: model.embed_vision: found [96, 3], expected [3, 96]; \"permute\": [1, 0] would fit\n" },
    { one_transposed, 3,
      "not graded: " Q ": found [2, 128, 18], expected [2, 18, 128]; \"permute\": [0, 2, 1] would fit\n",
      "INCOMPLETE  all 67 steps are straight as bf16, but 1 array has another shape and was not graded (--partial" },
    { without_batch, 3,
      "not graded: " Q ": found [18, 128], expected [2, 18, 128]; it is 1 of the 2 places of axis 0: ",
      "INCOMPLETE  all " },
};

static const struct {
    Change *change;
    const char *says;
} turned[] = {
    { weights_turned,
      "another order of axes: " WEIGHTS " has its tap's values with \"permute\": [0, 1, 3, 2] in a map" },
    { by_columns, "another order of axes: " Q " has its tap's values with \"steps\": [{\"reshape\": [128, 18, 2]}, "
                  "{\"permute\": [2, 1, 0]}] in a map" },
};

START_TEST(turned_arrays_are_told)
{
    const char *dump = changed_dump(turned[_i].change), *path = temporary("report.json");
    Result result = plumb("grade", E2B, dump, "--samples", "1", "--json", path);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, turned[_i].says) != NULL, "no \"%s\" in:\n%s", turned[_i].says, result.out);
    json_t *report = read_json(path), *hints = json_object_get(report, "hints");
    const char *last = json_string_value(json_array_get(hints, json_array_size(hints) - 1));
    ck_assert_msg(strstr(last, turned[_i].says) != NULL, "%s", last);
    json_decref(report);
    result = plumb("diagnose", E2B, dump);
    ck_assert_msg(strstr(result.out, turned[_i].says) != NULL, "%s", result.out);
}
END_TEST

START_TEST(a_bug_is_no_order_of_axes)
{
    Result result = plumb("grade", E2B, E2B "/dumps/buggy-projector-norm-after-projection-bf16.safetensors",
                          "--samples", "1");
    assert_status(result, 1);
    ck_assert_ptr_null(strstr(result.out, "another order"));
}
END_TEST

START_TEST(nothing_passes_by_accident)
{
    Result result = plumb("grade", E2B, changed_dump(dumps[_i].change), "--samples", "1");
    assert_status(result, dumps[_i].status);
    ck_assert_msg(strstr(result.out, dumps[_i].says) != NULL, "no \"%s\" in:\n%s", dumps[_i].says, result.out);
    ck_assert_msg(strstr(result.out, dumps[_i].also) != NULL, "no \"%s\" in:\n%s", dumps[_i].also, result.out);
}
END_TEST

static const struct {
    Change *change;
    const char *arguments[6];
    int status;
    const char *says;
} asked[] = {
    { most_renamed, { "--partial" }, 0, "PASS  all 17 steps" },
    { one_renamed, { "--partial" }, 0, "PASS  all 67 steps" },
    { one_renamed, { "--only", "model.*" }, 0, "PASS  all 67 steps" },
    { one_renamed, { "--exclude", "their.*" }, 0, "PASS  all 67 steps" },
    { most_renamed, { "--exclude", "their.*" }, 0, "PASS  all 17 steps" },
    { most_renamed, { "--exclude", "their.*", "--strict" }, 1, "FAIL  --strict: 56 taps missing, 0 names unknown" },
    { one_transposed, { "--partial" }, 0, "PASS  all 67 steps" },
    { one_transposed, { "--exclude", Q }, 0, "PASS  all 67 steps" },
    { one_transposed, { "--layers" }, 0, "PASS  all 6 steps" },
    { one_transposed, { "--layers", "--strict" }, 0, "PASS  all 6 steps" },
    { every_second_renamed, { "--strict", "--only", "*" }, 1, " 34 names unknown" },
    { every_second_renamed, { "--strict", "--layers" }, 1, "FAIL  --strict: " },
    { one_transposed, { "--only", "model.embed_vision", "--only", "logits" }, 3, "but none is of --only logits (" },
    { one_transposed, { "--only", "model.embed_vision", "--only", "logits", "--partial" }, 0, "PASS  all 1 steps" },
    { one_transposed, { "--only", "logits" }, 2, "" },
};

START_TEST(as_asked_for)
{
    const char *all[12] = { "grade", E2B, changed_dump(asked[_i].change), "--samples", "1" };
    for (int i = 0; asked[_i].arguments[i]; i++) all[5 + i] = asked[_i].arguments[i];
    Result result = run_plumb(all);
    assert_status(result, asked[_i].status);
    ck_assert_msg(strstr(result.out, asked[_i].says) != NULL, "no \"%s\" in:\n%s", asked[_i].says, result.out);
}
END_TEST

/* The report says the same as the text, and holds to the schema (test_report_file.c). */
START_TEST(reported)
{
    const char *path = temporary("report.json");
    assert_status(plumb("grade", E2B, changed_dump(one_transposed), "--samples", "1", "--strict", "--json", path), 1);
    json_t *report = read_json(path);
    const json_t *misfit = json_array_get(json_object_get(report, "misfits"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(misfit, "tap")), Q);
    ck_assert_str_eq(json_string_value(json_object_get(misfit, "advice")), "\"permute\": [0, 2, 1] would fit");
    ck_assert_ptr_nonnull(
        strstr(json_string_value(json_object_get(report, "incomplete")), "1 array has another shape"));
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(report, "strict_failure")), "6 taps missing"));
    json_decref(report);
}
END_TEST

START_TEST(unused_entries_are_told)
{
    const char *map = temporary("map.json");
    write_text(
        map,
        "{\"their.{}.array\": \"x.{}\", \"model.*\": \"model.*\", \"maybe\": {\"tap\": \"y\", \"optional\": true}}");
    Result result = plumb("grade", E2B, HONEST, "--names", map, "--samples", "1", "--layers");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "map.json that fit no array of the dump: 1 (") != NULL, "%s", result.out);
    result = plumb("grade", E2B, HONEST, "--names", map, "--samples", "1", "--layers", "--strict");
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, ", 1 entries of --names unused") != NULL, "%s", result.out);
}
END_TEST

Suite *incomplete_suite(void)
{
    Suite *suite = suite_create("incomplete");
    TCase *tcase = theme(suite, "incomplete");
    tcase_add_loop_test(tcase, nothing_passes_by_accident, 0, COUNT(dumps));
    tcase_add_loop_test(tcase, turned_arrays_are_told, 0, COUNT(turned));
    tcase_add_test(tcase, a_bug_is_no_order_of_axes);
    tcase_add_loop_test(tcase, as_asked_for, 0, COUNT(asked));
    tcase_add_test(tcase, reported);
    tcase_add_test(tcase, unused_entries_are_told);
    return suite;
}
