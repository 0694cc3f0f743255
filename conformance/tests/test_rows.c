/* test_rows.c - which rows of a tap are graded: two images of three patches, the last patch of image 1 is padding */
#include "rows.h"

#include "dumps.h"

static void observe(Rows *rows, const char *name, int64_t columns, const double *mask)
{
    Tap tap = { .name = name,
                .rank = 2,
                .shape = { 2, columns },
                .count = 2 * columns,
                .values = (void *)mask,
                .value_size = sizeof *mask };
    rows_observe(rows, &tap);
}

/* Of each tap: its shape, and the rows that are not graded. */
static const struct {
    const char *name;
    int rank;
    int64_t shape[4];
    const char *left_out;
} taps[] = {
    { "model.vision_tower.patch_embedder.input_proj", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.patch_embedder#position_embeddings", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder.rotary_emb#cos", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder.layers.0.self_attn.q_norm", 4, { 2, 3, 2, 4 }, "10 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#query_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#key_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#value_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#attn_weights", 4, { 2, 2, 3, 3 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#attn_output", 3, { 2, 3, 8 }, "5" },
    { "model.vision_tower.pooler", 3, { 2, 2, 4 }, "3" },
    { "model.vision_tower.pooler#mask", 2, { 2, 2 }, "" },
    { "model.vision_tower#padding_positions", 2, { 2, 3 }, "" },
    { "model.vision_tower", 2, { 3, 4 }, "" },
    { "model.embed_vision", 2, { 3, 4 }, "" },
};

START_TEST(graded_rows)
{
    Rows rows = { 0 };
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 0, 0, 0, 0, 0, 1 });
    observe(&rows, "model.vision_tower.pooler#mask", 2, (const double[]){ 1, 1, 1, 0 });
    Tap tap = { .name = taps[_i].name, .rank = taps[_i].rank };
    memcpy(tap.shape, taps[_i].shape, sizeof tap.shape);
    int64_t count = 1;
    for (int i = 0; i < tap.rank - 1; i++) count *= tap.shape[i];

    char left_out[64] = "";
    for (int64_t row = 0; row < count; row++)
        if (!rows_graded(&rows, &tap, row))
            snprintf(left_out + strlen(left_out), 8, *left_out ? " %lld" : "%lld", (long long)row);
    ck_assert_str_eq(left_out, taps[_i].left_out);
    rows_free(&rows);
}
END_TEST

/* Without pooling there is no mask, and masks of another pass replace those of the one before. */
START_TEST(masks_change)
{
    Rows rows = { 0 };
    Tap pooler = { .name = "model.vision_tower.pooler", .rank = 3, .shape = { 1, 3, 4 } };
    Tap encoder = { .name = "model.vision_tower.encoder", .rank = 3, .shape = { 2, 3, 4 } };
    ck_assert(rows_graded(&rows, &pooler, 2));
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 0, 0, 0, 0, 0, 1 });
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 1, 0, 0, 0, 0, 0 });
    ck_assert(!rows_graded(&rows, &encoder, 0) && rows_graded(&rows, &encoder, 5));
    rows_free(&rows);
}
END_TEST

Suite *rows_suite(void)
{
    Suite *suite = suite_create("rows");
    TCase *tcase = theme(suite, "padding");
    tcase_add_loop_test(tcase, graded_rows, 0, COUNT(taps));
    tcase_add_test(tcase, masks_change);
    return suite;
}
