/* test_patches_merge.c - squares of patches to larger patches, in Hugging Face's order */
#include "image/image_processor.h"

#include "pictures.h"

enum { COLUMNS = 6, ROWS = 4, K = 2, SIDE = 3, PATCHES = COLUMNS * ROWS, SQUARES = PATCHES / (K * K) };
enum { WIDTH = 3 * SIDE * SIDE, MERGED = K * K * WIDTH, PADDING = 4 };

static void grid(int64_t *positions)
{
    gemma4_image_position_ids(&(ImageFeatures){ .columns = COLUMNS, .rows = ROWS, .length = PATCHES }, positions);
}

/* A merged patch holds the pixels of its square, row by row: what a patch of K * SIDE pixels would. */
START_TEST(pixels_of_a_square)
{
    float patches[PATCHES * WIDTH], merged[SQUARES * MERGED];
    int64_t positions[2 * PATCHES], merged_positions[2 * SQUARES];
    grid(positions);
    for (int i = 0; i < PATCHES; i++) /* (row, column, channel) of the whole picture */
        for (int j = 0; j < WIDTH; j++) {
            int64_t y = positions[2 * i + 1] * SIDE + j / 3 / SIDE, x = positions[2 * i] * SIDE + j / 3 % SIDE;
            patches[i * WIDTH + j] = (float)((y * COLUMNS * SIDE + x) * 3 + j % 3);
        }
    patches_merge((PatchesMerge){ PATCHES, SIDE, K }, patches, positions, merged, merged_positions, &scratch);
    for (int i = 0; i < SQUARES; i++) {
        int column = i % (COLUMNS / K), row = i / (COLUMNS / K);
        ck_assert_int_eq(merged_positions[2 * i], column);
        ck_assert_int_eq(merged_positions[2 * i + 1], row);
        for (int j = 0; j < MERGED; j++) {
            int y = row * K * SIDE + j / 3 / (K * SIDE), x = column * K * SIDE + j / 3 % (K * SIDE);
            assert_near(merged[i * MERGED + j], (y * COLUMNS * SIDE + x) * 3 + j % 3, 0, "pixel", j);
        }
    }
}
END_TEST

/* The order of the input does not matter, but that of the positions. */
START_TEST(any_order)
{
    float patches[PATCHES * WIDTH], turned[PATCHES * WIDTH], merged[SQUARES * MERGED], again[SQUARES * MERGED];
    int64_t positions[2 * PATCHES], turned_positions[2 * PATCHES], merged_positions[2 * SQUARES];
    grid(positions);
    for (int i = 0; i < PATCHES * WIDTH; i++) patches[i] = (float)i;
    for (int i = 0; i < PATCHES; i++) {
        memcpy(turned + i * WIDTH, patches + (PATCHES - 1 - i) * WIDTH, WIDTH * sizeof(float));
        memcpy(turned_positions + 2 * i, positions + 2 * (PATCHES - 1 - i), 2 * sizeof(int64_t));
    }
    PatchesMerge m = { PATCHES, SIDE, K };
    patches_merge(m, patches, positions, merged, merged_positions, &scratch);
    patches_merge(m, turned, turned_positions, again, merged_positions, &scratch);
    ck_assert_mem_eq(merged, again, sizeof merged);
}
END_TEST

/* Hugging Face's patches_merge puts padding first, and makes a mixture of the positions. */
START_TEST(padding_comes_first)
{
    float patches[(PATCHES + PADDING) * WIDTH] = { 0 }, merged[(SQUARES + 1) * MERGED];
    int64_t positions[2 * (PATCHES + PADDING)], merged_positions[2 * (SQUARES + 1)];
    static const int64_t expected[2 * (SQUARES + 1)] = { -1, -1, 0, 0, 1, 0, 2, 0, 0, 1, 1, 1, -1, -1 };
    grid(positions);
    for (int i = 0; i < 2 * PADDING; i++) positions[2 * PATCHES + i] = -1;
    for (int i = 0; i < PATCHES * WIDTH; i++) patches[i] = (float)(1 + i);
    patches_merge((PatchesMerge){ PATCHES + PADDING, SIDE, K }, patches, positions, merged, merged_positions, &scratch);
    for (int i = 0; i < MERGED; i++) assert_near(merged[i], 0, 0, "padding", i);
    assert_near(merged[MERGED], patches[0], 0, "first pixel", 0);
    for (int i = 0; i < 2 * (SQUARES + 1); i++) ck_assert_int_eq(merged_positions[i], expected[i]);
}
END_TEST

Suite *patches_merge_suite(void)
{
    Suite *suite = suite_create("patches_merge");
    TCase *tcase = theme(suite, "order");
    tcase_add_test(tcase, pixels_of_a_square);
    tcase_add_test(tcase, any_order);
    tcase_add_test(tcase, padding_comes_first);
    return suite;
}
