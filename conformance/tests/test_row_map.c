/* test_row_map.c - how an array of the dump lies on its tap: two rows of three tokens in the batch */
#include "noise/row_map.h"

#include "dumps.h"

#define ATTENTION "model.layers.0.self_attn"

static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    int array_rank;
    int64_t array_shape[TENSOR_MAX_RANK], held; /* 0: of another shape */
} shapes[] = {
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 3, 4 }, 3 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 1, 4 }, 1 },
    { "model.layers.0", 3, { 2, 3, 4 }, 2, { 2, 4 }, 1 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 2, 4 }, 2 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 4, 4 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 1, 3, 4 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 3, 2 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 0, 4 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 3, { 2, 4, 3 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 2, { 3, 4 }, 0 },
    { "model.layers.0@1", 3, { 2, 1, 4 }, 2, { 2, 4 }, 1 },
    { ATTENTION ".q_norm", 4, { 2, 3, 5, 4 }, 4, { 2, 1, 5, 4 }, 1 },
    { ATTENTION "#query_states", 4, { 2, 5, 3, 4 }, 4, { 2, 5, 1, 4 }, 1 },
    { ATTENTION "#query_states", 4, { 2, 5, 3, 4 }, 4, { 2, 1, 3, 4 }, 0 },
    { ATTENTION "#key_states@1", 4, { 2, 1, 4, 4 }, 4, { 2, 1, 2, 4 }, 2 },
    { ATTENTION "#attn_weights", 4, { 2, 5, 3, 3 }, 4, { 2, 5, 1, 3 }, 1 },
    { ATTENTION "#attn_weights", 4, { 2, 5, 3, 3 }, 4, { 2, 5, 3, 1 }, 0 },
    { "model#causal_mask_mapping.full_attention", 4, { 2, 1, 3, 3 }, 3, { 2, 1, 3 }, 1 },
    { "model.layers.0.router", 2, { 6, 8 }, 2, { 6, 8 }, 3 },
    { "model.layers.0.router", 2, { 6, 8 }, 2, { 2, 8 }, 1 },
    { "model.layers.0.router", 2, { 6, 8 }, 2, { 4, 8 }, 2 },
    { "model.layers.0.router", 2, { 6, 8 }, 2, { 3, 8 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 2, { 6, 4 }, 3 },
    { "model.layers.0", 3, { 2, 3, 4 }, 1, { 24 }, 3 },
    { "model.layers.0", 3, { 2, 3, 4 }, 4, { 2, 3, 2, 2 }, 3 },
    { "model.layers.0", 3, { 2, 3, 4 }, 2, { 4, 6 }, 0 },
    { "model.layers.0", 3, { 2, 3, 4 }, 2, { 3, 8 }, 0 },
    { "logits", 3, { 2, 3, 9 }, 3, { 2, 1, 9 }, 1 },
    { "model.vision_tower.encoder", 3, { 2, 3, 4 }, 3, { 2, 1, 4 }, 0 },
    { "model.vision_tower.encoder", 3, { 2, 3, 4 }, 3, { 2, 3, 4 }, 3 },
    { "model.embed_vision", 2, { 6, 4 }, 2, { 2, 4 }, 0 },
};

static bool lies(int i, RowMap *row_map)
{
    PaddingRows rows = { .batch = 2, .tokens = 3 };
    Tap tap = { .name = shapes[i].name, .rank = shapes[i].rank };
    Array array = { .rank = shapes[i].array_rank };
    memcpy(tap.shape, shapes[i].shape, sizeof tap.shape);
    memcpy(array.shape, shapes[i].array_shape, sizeof shapes[i].array_shape);
    return row_map_of(&rows, &array, &tap, row_map);
}

START_TEST(positions_held)
{
    RowMap row_map;
    bool fits = lies(_i, &row_map);
    ck_assert_int_eq(fits, shapes[_i].held > 0);
    if (!fits) return;
    ck_assert_int_eq(row_map.held, shapes[_i].held);
    ck_assert_int_eq(row_map.width, shapes[_i].shape[shapes[_i].rank - 1]);

    int64_t rows = 1, held = 0;
    for (int i = 0; i < shapes[_i].rank - 1; i++) rows *= shapes[_i].shape[i];
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row_map_dump_row(&row_map, row);
        if (at < 0) continue;
        ck_assert_int_eq(at, held++); /* in the same order */
        ck_assert_int_eq(row_map_tap_row(&row_map, at), row);
    }
    ck_assert_int_eq(held, row_map_rows(&row_map));
}
END_TEST

static const struct {
    int shape;
    const char *rows;
} lists[] = {
    { 1, "2 5" }, { 3, "1 2 4 5" }, { 11, "10 11 12 13 14 25 26 27 28 29" }, { 14, "2 3 6 7" }, { 19, "2 5" },
};

START_TEST(rows_of_the_last_positions)
{
    RowMap row_map;
    ck_assert(lies(lists[_i].shape, &row_map));
    const char *text = "";
    for (int64_t row = 0; row < row_map_rows(&row_map); row++)
        text = arena_format(&scratch, "%s%s%lld", text, row ? " " : "", (long long)row_map_tap_row(&row_map, row));
    ck_assert_str_eq(text, lists[_i].rows);
}
END_TEST

Suite *row_map_suite(void)
{
    Suite *suite = suite_create("row_map");
    TCase *tcase = theme(suite, "shapes");
    tcase_add_loop_test(tcase, positions_held, 0, COUNT(shapes));
    tcase_add_loop_test(tcase, rows_of_the_last_positions, 0, COUNT(lists));
    return suite;
}
