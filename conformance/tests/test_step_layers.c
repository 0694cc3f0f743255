/* test_step_layers.c - which layers a step comes from, by what the dump holds */
#include "diagnose/step_layers.h"

#include "dumps.h"

#define TEXT "model.language_model.layers."
#define TOWER "model.vision_tower.encoder.layers."

enum { MOST_STEPS = 6, MOST_NAMES = 8 };

/* Five layers, of which the last takes the keys and values of another */
static const char config[] = "{\"text_config\": {\"num_hidden_layers\": 5, \"num_kv_shared_layers\": 1}}";

static const struct {
    const char *steps[MOST_STEPS]; /* the last one is asked about; those before it are held whole */
    const char *names[MOST_NAMES]; /* NULL first: all layers */
} held[] = {
    { { TEXT "0", TEXT "1" }, { TEXT "1" } },
    { { TEXT "0", TEXT "1.mlp.up_proj" }, { TEXT "1" } },
    { { TEXT "0", TEXT "1.mlp.up_proj", TEXT "3" }, { TEXT "1", TEXT "2", TEXT "3" } },
    { { TEXT "2.mlp" }, { TEXT "0", TEXT "1", TEXT "2" } },
    { { TEXT "0", TEXT "1", TEXT "0@1", TEXT "1@1" }, { TEXT "1", TEXT "1@1" } },
    { { TEXT "0", TEXT "1", TEXT "1@1" }, { TEXT "0", TEXT "0@1", TEXT "1", TEXT "1@1" } },
    { { TEXT "3", TEXT "4" }, { NULL } },
    { { TEXT "3", "model.language_model.norm" }, { NULL } },
    { { TOWER "0", TOWER "1", TOWER "2@1" }, { TOWER "0@1", TOWER "1@1", TOWER "2@1" } },
    { { TOWER "3", TOWER "4" }, { TOWER "4" } },
};

START_TEST(layers_go_back_to_one_that_is_held)
{
    Step steps[MOST_STEPS] = { 0 };
    Grade grade = { .steps = steps };
    for (; grade.step_count < MOST_STEPS && held[_i].steps[grade.step_count]; grade.step_count++)
        steps[grade.step_count] = (Step){ .tap = held[_i].steps[grade.step_count], .rows = 7, .tap_rows = 7 };
    json_t *parsed = json_loads(config, 0, NULL);
    TouchedLayers layers = step_layers(&grade, grade.step_count - 1, parsed);
    int count = 0;
    for (; count < MOST_NAMES && held[_i].names[count]; count++) {
        ck_assert_int_gt(layers.count, count);
        ck_assert_str_eq(layers.names[count], held[_i].names[count]);
    }
    ck_assert_int_eq(layers.count, count);
    ck_assert_int_eq(layers.all, count == 0);
    touched_layers_free(&layers);
    json_decref(parsed);
}
END_TEST

/* A dump of the last position alone */
START_TEST(layer_of_which_rows_are_missing_is_not_held)
{
    Step steps[] = { { .tap = TEXT "0", .rows = 1, .tap_rows = 7 }, { .tap = TEXT "1", .rows = 1, .tap_rows = 7 } };
    json_t *parsed = json_loads(config, 0, NULL);
    TouchedLayers layers = step_layers(&(Grade){ .steps = steps, .step_count = 2 }, 1, parsed);
    ck_assert_int_eq(layers.count, 2);
    touched_layers_free(&layers);
    json_decref(parsed);
}
END_TEST

Suite *step_layers_suite(void)
{
    Suite *suite = suite_create("step_layers");
    tcase_add_loop_test(theme(suite, "names"), layers_go_back_to_one_that_is_held, 0, COUNT(held));
    tcase_add_test(theme(suite, "rows"), layer_of_which_rows_are_missing_is_not_held);
    return suite;
}
