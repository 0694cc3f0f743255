/* test_name_map_case.c - maps that need a case: its inputs, its taps and its configuration */
#include "maps.h"

#define TEXT "fixtures/e2b-text"

#define VISION "fixtures/e2b-vision"

/* A token is by attention_mask, a patch by image_position_ids. */
static bool is_real(const Inputs *inputs, int64_t row)
{
    if (!inputs->input_ids) return array_integer(inputs->image_position_ids, 2 * row) >= 0;
    return array_integer(inputs->attention_mask, row) != 0;
}

/* [2, rows, width] without its padding rows: [real rows, width] */
static void make_ragged(Value *value, const void *context)
{
    const Inputs *inputs = context;
    const Array *of = inputs->input_ids ? inputs->input_ids : inputs->image_position_ids;
    if (value->rank != 3 || value->shape[0] != of->shape[0] || value->shape[1] != of->shape[1]) {
        value->dropped = true;
        return;
    }
    int64_t width = value->shape[2], kept = 0;
    for (int64_t row = 0; row < value->shape[0] * value->shape[1]; row++)
        if (is_real(inputs, row))
            memmove(value->values + width * kept++, value->values + width * row, (size_t)width * sizeof(float));
    value->rank = 2;
    value->shape[0] = kept;
    value->shape[1] = width;
}

typedef struct {
    Model *model;
    Inputs inputs;
    NamesCase names_case;
} OpenCase;

static void open_case_of(OpenCase *c, const char *folder)
{
    Error error = { "" };
    c->model = model_open(arena_format(&scratch, "%s/model", folder), &error);
    c->inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    c->names_case = (NamesCase){ .model = c->model, .inputs = &c->inputs };
    assert_clean(&error);
}

static void open_case(OpenCase *c) { open_case_of(c, TEXT); }

static void close_case(OpenCase *c)
{
    names_case_free(&c->names_case);
    inputs_close(&c->inputs);
    model_close(c->model);
}

static const struct {
    const char *folder, *map;
} ragged[] = {
    { TEXT, "{\"*\": {\"tap\": \"*\", \"rows\": \"tokens\"}}" },
    { VISION, "{\"*\": {\"tap\": \"*\", \"rows\": \"images\"}}" },
};

START_TEST(ragged_rows)
{
    OpenCase c;
    Error error = { "" };
    open_case_of(&c, ragged[_i].folder);
    const char *honest = arena_format(&scratch, "%s/expected.safetensors", ragged[_i].folder);
    Dump *dump = dump_open(edited_dump(honest, make_ragged, &c.inputs), &error), *expected = dump_open(honest, &error);
    int padding = 0;
    assert_clean(&error);
    ck_assert_str_eq(apply_map(ragged[_i].map, dump, &c.names_case), "");
    ck_assert_int_gt(dump_count(dump), 20);
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *found = dump_array(dump, i), *whole = dump_find(expected, found->name);
        ck_assert_ptr_nonnull(whole);
        ck_assert_msg(array_has_shape(found, whole->rank, whole->shape), "%s", found->name);
        int64_t width = whole->shape[2];
        for (int64_t n = 0; n < array_elements(whole); n++) {
            double x, y;
            array_read_f64(found, n, 1, &x);
            array_read_f64(whole, n, 1, &y);
            padding += !is_real(&c.inputs, n / width);
            ck_assert(x == (is_real(&c.inputs, n / width) ? y : 0));
        }
    }
    ck_assert_int_gt(padding, 0);
    dump_close(dump);
    dump_close(expected);
    close_case(&c);
}
END_TEST

/* Query states as [tokens, heads * head_dim], which only the tap's own shape says how to take apart; and a fused
 * projection whose parts are as wide as their taps */
START_TEST(laid_out_as_taps)
{
    OpenCase c;
    open_case(&c);
    const ListedTap *states = names_case_tap(&c.names_case, "model.layers.0.self_attn#query_states"),
                    *q = names_case_tap(&c.names_case, "model.layers.0.self_attn.q_proj"),
                    *k = names_case_tap(&c.names_case, "model.layers.0.self_attn.k_proj"),
                    *v = names_case_tap(&c.names_case, "model.layers.0.self_attn.v_proj");
    ck_assert(states && q && k && v);
    int64_t width = states->shape[1] * states->shape[3], fused = q->shape[2] + k->shape[2] + v->shape[2];
    Dump *dump = dump_of_arrays(arena_format(&scratch, "{\"q.0\": \"%d %d\", \"qkv.0\": \"%d %d\"}",
                                             (int)(states->shape[0] * states->shape[2]), (int)width,
                                             (int)(q->shape[0] * q->shape[1]), (int)fused));
    ck_assert_str_eq(
        apply_map("{\"q.{}\": {\"tap\": \"model.layers.{}.self_attn#query_states\", \"permute\": [0, 2, 1, 3]},"
                  "\"qkv.{}\": {\"split\": -1, \"taps\": [\"model.layers.{}.self_attn.q_proj\","
                  "\"model.layers.{}.self_attn.k_proj\", \"model.layers.{}.self_attn.v_proj\"]}}",
                  dump, &c.names_case),
        "");
    ck_assert_int_eq(dump_count(dump), 4);
    const Array *found = dump_find(dump, states->name), *keys = dump_find(dump, k->name);
    ck_assert(found && array_has_shape(found, states->rank, states->shape));
    ck_assert(keys && keys->shape[1] == k->shape[2]);
    dump_close(dump);
    close_case(&c);
}
END_TEST

/* A projection that holds the keys twice, once as the values that the case has no tap of */
START_TEST(what_split_leaves_is_left_out)
{
    OpenCase c;
    open_case(&c);
    const ListedTap *q = names_case_tap(&c.names_case, "model.layers.0.self_attn.q_proj"),
                    *k = names_case_tap(&c.names_case, "model.layers.0.self_attn.k_proj");
    int tokens = (int)(q->shape[0] * q->shape[1]), used = (int)(q->shape[2] + k->shape[2]);
    const char *map = "{\"qk.{}\": {\"split\": -1, \"taps\": [\"model.layers.{}.self_attn.q_proj\","
                      "\"model.layers.{}.self_attn.k_proj\", \"model.layers.{}.self_attn.none\", null]}}";
    for (int left = -1; left <= 3; left++) {
        Dump *dump = dump_of_arrays(arena_format(&scratch, "{\"qk.0\": \"%d %d\"}", tokens, used + left));
        const char *said = apply_map(map, dump, &c.names_case);
        if (left < 0) {
            ck_assert_msg(strstr(said, "expected 512 or more, of 4 parts"), "%s", said);
        } else {
            ck_assert_str_eq(said, "");
            ck_assert_int_eq(dump_count(dump), 2);
            ck_assert_int_eq(dump_find(dump, q->name)->shape[1], q->shape[2]);
            ck_assert_int_eq(dump_find(dump, k->name)->shape[1], k->shape[2]);
        }
        dump_close(dump);
    }
    Dump *dump = dump_of_arrays(arena_format(&scratch, "{\"qk.0@1\": \"%d %d\"}", (int)q->shape[0], used + 1));
    ck_assert_str_eq(apply_map("{\"qk.{}\": {\"steps\": [{\"split\": -1}, {\"rows\": \"tokens\"}], \"taps\": ["
                               "\"model.layers.{}.self_attn.q_proj\", \"model.layers.{}.self_attn.k_proj\", null]}}",
                               dump, &c.names_case),
                     "");
    dump_close(dump);
    dump = dump_of_arrays(arena_format(&scratch, "{\"qk.0\": \"%d %d\"}", tokens, used));
    const char *said = apply_map("{\"qk.{}\": {\"split\": -1, \"taps\": [null, null]}}", dump, &c.names_case);
    ck_assert_msg(strstr(said, "found several parts that are left out, and no shares"), "%s", said);
    dump_close(dump);
    close_case(&c);
}
END_TEST

START_TEST(scaled_by_configuration)
{
    OpenCase c;
    open_case(&c);
    double width = json_number_value(json_object_get(model_config(c.model), "hidden_size"));
    Dump *dump = dump_of_arrays("{\"a\": [1.5]}");
    ck_assert_str_eq(apply_map("{\"a\": {\"tap\": \"b\", \"scale\": \"hidden_size^0.5\"}}", dump, &c.names_case), "");
    double found;
    array_read_f64(dump_array(dump, 0), 0, 1, &found);
    ck_assert_double_eq(found, 1.5 * sqrt(width));
    const char *said = apply_map("{\"b\": {\"tap\": \"c\", \"scale\": \"hiden_size^0.5\"}}", dump, &c.names_case);
    ck_assert_msg(strstr(said, "found no number hiden_size in the model's configuration") != NULL, "%s", said);
    dump_close(dump);
    close_case(&c);
}
END_TEST

START_TEST(text_alone)
{
    OpenCase c;
    open_case(&c);
    Dump *dump = dump_of_arrays("{\"a.3\": [1], \"b\": [2], \"c\": [3]}");
    ck_assert_str_eq(apply_map("{\"a.{}\": \"model.language_model.layers.{}\", \"b\": \"model.language_model#b\","
                               "\"c\": \"model.language_models\"}",
                               dump, &c.names_case),
                     "");
    ck_assert_str_eq(dump_array(dump, 0)->name, "model#b");
    ck_assert_str_eq(dump_array(dump, 1)->name, "model.language_models");
    ck_assert_str_eq(dump_array(dump, 2)->name, "model.layers.3");
    dump_close(dump);
    close_case(&c);
}
END_TEST

START_TEST(fates)
{
    const Fate *fates;
    Complaints complaints = { .lines = NULL };
    Dump *dump = dump_of_arrays("{\"a\": [1], \"b\": [2], \"c\": [[3], [4]]}");
    write_text(temporary("map.json"), "{\"a\": {\"drop\": true}, \"c\": {\"taps\": [\"x\", \"y\"], \"unstack\": 0},"
                                      "\"no\": \"z\", \"nor\": {\"tap\": \"z\", \"optional\": true}}");
    NameMap *map = name_map_open(temporary("map.json"), &complaints);
    name_map_apply(map, dump, NULL, &complaints);
    ck_assert_str_eq(complaints_text(&complaints), "");
    ck_assert_int_eq(name_map_fates(map, &fates), 4);
    ck_assert(!fates[0].tap && strcmp(fates[0].pattern, "a") == 0);
    ck_assert(!fates[1].pattern && strcmp(fates[1].tap, "b") == 0);
    ck_assert_str_eq(fates[2].tap, "x");
    ck_assert_str_eq(fates[3].tap, "y");
    ck_assert_str_eq(name_map_unused(map)[0], "no");
    ck_assert_ptr_null(name_map_unused(map)[1]);
    name_map_close(map);
    dump_close(dump);
}
END_TEST

Suite *name_map_case_suite(void)
{
    Suite *suite = suite_create("name_map_case");
    TCase *tcase = theme(suite, "maps");
    tcase_add_loop_test(tcase, ragged_rows, 0, COUNT(ragged));
    tcase_add_test(tcase, laid_out_as_taps);
    tcase_add_test(tcase, what_split_leaves_is_left_out);
    tcase_add_test(tcase, scaled_by_configuration);
    tcase_add_test(tcase, text_alone);
    tcase_add_test(tcase, fates);
    return suite;
}
