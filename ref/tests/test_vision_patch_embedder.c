/* test_vision_patch_embedder.c - pixels, positions, and padding */
#include "gemma4.h"

#include "helpers.h"

enum { PATCHES = 5, WIDTH = 12, HIDDEN = 4, POSITIONS = 6 };

static const int64_t xy[2 * PATCHES] = { 0, 0, 5, 1, -1, 3, 2, -1, -1, -1 };
static const bool padding[PATCHES] = { false, false, false, false, true }; /* only (-1, -1) is */

static Tensor positions_seen;

static void watch(void *context, const Tap *tap)
{
    (void)context;
    if (strcmp(tap->name, "patch_embedder#position_embeddings") == 0)
        memcpy(positions_seen.data, tap->values, (size_t)tap->count * sizeof(real));
}

START_TEST(embedded)
{
    Tensor weight = random_values(HIDDEN, WIDTH), table = random_values(2, POSITIONS, HIDDEN);
    Tensor pixels = random_values(1, PATCHES, WIDTH);
    Array weight_array = array_of(weight), table_array = array_of(table);
    Gemma4VisionPatchEmbedder m = {
        "patch_embedder", HIDDEN, POSITIONS, { "input_proj", &weight_array, NULL }, &table_array
    };
    positions_seen = new_tensor(run_as(ROUNDING_NONE), PATCHES, HIDDEN);
    Run *run = run_as(ROUNDING_NONE);
    run->hook = watch;
    Tensor y = gemma4_vision_patch_embedder_forward(&m, pixels, (PositionIds){ xy, 1, PATCHES }, padding, run);

    ck_assert_mem_eq(y.shape, ((int64_t[]){ 1, PATCHES, HIDDEN }), 3 * sizeof *y.shape);
    for (int64_t i = 0; i < PATCHES; i++)
        for (int64_t j = 0; j < HIDDEN; j++) {
            int64_t x_id = xy[2 * i] < 0 ? 0 : xy[2 * i], y_id = xy[2 * i + 1] < 0 ? 0 : xy[2 * i + 1];
            double position = padding[i]
                                  ? 0
                                  : (double)table.data[x_id * HIDDEN + j] + table.data[(POSITIONS + y_id) * HIDDEN + j];
            double projected = 0;
            for (int64_t k = 0; k < WIDTH; k++)
                projected += 2 * (pixels.data[i * WIDTH + k] - 0.5) * weight.data[j * WIDTH + k];
            assert_near(positions_seen.data[i * HIDDEN + j], position, CLOSE, "position", i);
            assert_near(y.data[i * HIDDEN + j], projected + position, 8 * CLOSE, "patch", i);
        }
}
END_TEST

Suite *vision_patch_embedder_suite(void)
{
    Suite *suite = suite_create("vision_patch_embedder");
    tcase_add_test(theme(suite, "forward"), embedded);
    return suite;
}
