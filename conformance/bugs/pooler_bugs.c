/* pooler_bugs.c - pooling and standardization at the end of the vision tower
 *
 * Right: padding is zeroed; the patches of each k x k bin are averaged, k from the padded length; times sqrt(hidden);
 * then (x - std_bias) * std_scale where the tower has these.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"
#include "gemma4.h"

static const BugId POOL_PADDING_NOT_ZEROED = { "pool-padding-not-zeroed" };
static const BugId POOL_KERNEL_FROM_REAL_COUNT = { "pool-kernel-from-real-count" };
static const BugId POOL_SUM = { "pool-sum" };
static const BugId POOL_SCALE_MISSING = { "pool-scale-missing" };
static const BugId POOL_WIDTH_OF_BATCH = { "pool-width-of-batch" };
static const BugId POOL_IMAGES_OVERLAP = { "pool-images-overlap" };

/* ---------------------------------------------------------------- pooling anew */

typedef struct {
    const Recorded *hidden_states, *padding; /* [images, patches, hidden], [images, patches] */
    int64_t patches, length, hidden;
    int64_t *kernel_idxs; /* of one image */
    int64_t columns;      /* of patches, in the widest image */
} Pooling;

/* sqrt(real patches / soft tokens), in place of sqrt(all patches / soft tokens) */
static int64_t kernel_from_real_count(const Pooling *p, int64_t image)
{
    int64_t real_patches = 0;
    for (int64_t i = 0; i < p->patches; i++) real_patches += recorded_row(p->padding, image)[i] == 0;
    int64_t k = (int64_t)sqrt((double)(real_patches / p->length));
    return k > 1 ? k : 1;
}

/* The sum of what falls into the soft token */
static void bin(const Pooling *p, int64_t image, int64_t token, bool with_padding, double *sum)
{
    memset(sum, 0, (size_t)p->hidden * sizeof *sum);
    for (int64_t i = 0; i < p->patches; i++) {
        if (p->kernel_idxs[i] != token || (!with_padding && recorded_row(p->padding, image)[i] != 0)) continue;
        const double *row = recorded_row(p->hidden_states, image * p->patches + i);
        for (int64_t j = 0; j < p->hidden; j++) sum[j] += row[j];
    }
}

static bool is_image_padded(const Pooling *p, int64_t image)
{
    for (int64_t i = 0; i < p->patches; i++)
        if (recorded_row(p->padding, image)[i] != 0) return true;
    return false;
}

static int64_t columns_of(const Array *positions, int64_t image)
{
    int64_t patches = positions->shape[1], columns = 1;
    for (int64_t i = image * patches; i < (image + 1) * patches; i++)
        if (array_integer(positions, 2 * i) >= columns) columns = array_integer(positions, 2 * i) + 1;
    return columns;
}

/* Whether an image taken to be as wide as the widest has other bins; those of its first row are the same */
static bool has_other_bins(const Pooling *p, const Array *positions, int64_t image, int64_t k)
{
    bool has_second_row = false;
    for (int64_t i = 0; i < p->patches; i++)
        if (array_integer(positions, 2 * (image * p->patches + i) + 1) >= k) has_second_row = true;
    return k > 1 && has_second_row && columns_of(positions, image) / k != p->columns / k;
}

/* As gemma4_vision_pooler_kernel_idxs does, but for an image that is taken to be as wide as the widest */
static void kernel_idxs_of_widest(const Pooling *p, const Array *positions, int64_t image, int64_t k)
{
    for (int64_t i = 0; i < p->patches; i++) {
        int64_t at = 2 * (image * p->patches + i), x = array_integer(positions, at),
                y = array_integer(positions, at + 1);
        p->kernel_idxs[i] = (x > 0 ? x : 0) / k + p->columns / k * ((y > 0 ? y : 0) / k);
    }
}

static void pool_image(BugRun *run, const Tap *tap, const Pooling *p, int64_t image)
{
    int64_t right = gemma4_vision_pooler_kernel(p->patches, p->length), k = right;
    if (bug_is_on(run, &POOL_KERNEL_FROM_REAL_COUNT)) k = kernel_from_real_count(p, image);
    bool with_padding = bug_is_on(run, &POOL_PADDING_NOT_ZEROED) && is_image_padded(p, image);
    bool sum = bug_is_on(run, &POOL_SUM) && k > 1, unscaled = bug_is_on(run, &POOL_SCALE_MISSING);
    const Array *positions = patch_positions(run, tap);
    bool widest = bug_is_on(run, &POOL_WIDTH_OF_BATCH) && has_other_bins(p, positions, image, k);
    if (k == right && !with_padding && !sum && !unscaled && !widest) return;

    int64_t *xy = bug_memory(run, (size_t)(2 * p->patches) * sizeof *xy);
    for (int64_t i = 0; i < 2 * p->patches; i++) xy[i] = array_integer(positions, 2 * image * p->patches + i);
    gemma4_vision_pooler_kernel_idxs(p->kernel_idxs, xy, p->patches, k);
    if (widest) kernel_idxs_of_widest(p, positions, image, k);
    for (int64_t i = 0; right == 1 && i < p->patches; i++) p->kernel_idxs[i] = i; /* nothing is pooled */

    double *row = scratch_row(run, p->hidden), root = unscaled ? 1 : sqrt((double)p->hidden);
    for (int64_t token = 0; token < p->length; token++) {
        bin(p, image, token, with_padding, row);
        for (int64_t j = 0; j < p->hidden; j++) row[j] = root * as_result(run, sum ? row[j] : row[j] / (double)(k * k));
        tap_set_row(tap, image * p->length + token, row);
    }
}

/* The images' patches are one sequence, in which each image begins at (0, 0): their bins are the same, each the mean of
 * what falls into it, and those that are left over are empty. */
static void pool_overlapping(BugRun *run, const Tap *tap, const Pooling *p)
{
    const Array *positions = patch_positions(run, tap);
    int64_t k = gemma4_vision_pooler_kernel(p->patches, p->length);
    if (k < 2 || tap->shape[0] < 2) return;
    double *sum = scratch_row(run, p->hidden), root = sqrt((double)p->hidden);
    for (int64_t token = 0; token < tap_rows(tap); token++) {
        int64_t count = 0;
        memset(sum, 0, (size_t)p->hidden * sizeof *sum);
        for (int64_t image = 0; image < tap->shape[0]; image++) {
            kernel_idxs_of_widest(p, positions, image, k);
            for (int64_t i = 0; i < p->patches; i++) {
                if (p->kernel_idxs[i] != token || recorded_row(p->padding, image)[i] != 0) continue;
                const double *row = recorded_row(p->hidden_states, image * p->patches + i);
                for (int64_t j = 0; j < p->hidden; j++) sum[j] += row[j];
                count++;
            }
        }
        for (int64_t j = 0; count > 0 && j < p->hidden; j++) sum[j] = root * as_result(run, sum[j] / (double)count);
        tap_set_row(tap, token, sum);
    }
}

static void pool_again(BugRun *run, const Tap *tap)
{
    if (!tap_is_tower(tap, ".pooler")) return;
    Pooling p = { .hidden_states = recorded(run, tap, "model.vision_tower.encoder"),
                  .padding = recorded(run, tap, "model.vision_tower#padding_positions"),
                  .length = tap->shape[1],
                  .hidden = tap->shape[2] };
    p.patches = p.padding->shape[1];
    p.kernel_idxs = bug_memory(run, (size_t)p.patches * sizeof *p.kernel_idxs);
    for (int64_t image = 0; image < tap->shape[0]; image++) {
        int64_t columns = columns_of(patch_positions(run, tap), image);
        if (columns > p.columns) p.columns = columns;
    }
    for (int64_t image = 0; image < tap->shape[0]; image++) pool_image(run, tap, &p, image);
    if (bug_is_on(run, &POOL_IMAGES_OVERLAP)) pool_overlapping(run, tap, &p);
}

static const char *const pooling_needs[] = { "model.vision_tower.encoder", "model.vision_tower#padding_positions",
                                             NULL };

/* ---------------------------------------------------------------- after pooling */

static void scale_f16_overflow(BugRun *run, const Tap *tap)
{
    (void)run;
    if (!tap_is_tower(tap, ".pooler")) return;
    for (int64_t i = 0; i < tap->count; i++)
        if (fabs(tap_value(tap, i)) > 65504) tap_set(tap, i, copysign(INFINITY, tap_value(tap, i)));
}

static void std_not_loaded(Checkpoint *checkpoint)
{
    fill_weights(checkpoint, "*vision_tower.std_bias", 0);
    fill_weights(checkpoint, "*vision_tower.std_scale", 1);
}

/* ---------------------------------------------------------------- the list */

const Bug pooler_bugs[] = {
    { .id = POOL_PADDING_NOT_ZEROED.text,
      .stage = "pooler",
      .mechanism = "padding patches, whose positions clamp to (0, 0), are averaged into the first soft token",
      .source = "https://github.com/Blaizzy/mlx-vlm/pull/906",
      .sources = 1,
      .exposed_by = "a padded image",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = POOL_KERNEL_FROM_REAL_COUNT.text,
      .stage = "pooler",
      .mechanism = "the kernel is taken from the number of real patches, not from the padded length",
      .source = "https://github.com/ml-explore/mlx-swift-lm/pull/290",
      .sources = 1,
      .exposed_by = "a padded image, of less than k * k patches per soft token",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = POOL_SUM.text,
      .stage = "pooler",
      .mechanism = "patches are summed, not averaged",
      .source = "no known report; the projector's norm hides it where nothing is standardized",
      .exposed_by = "any image",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = POOL_SCALE_MISSING.text,
      .stage = "pooler",
      .mechanism = "soft tokens are not multiplied by sqrt(hidden_size)",
      .source = "no known report; the projector's norm hides it where nothing is standardized",
      .exposed_by = "any image",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = POOL_WIDTH_OF_BATCH.text,
      .stage = "pooler",
      .mechanism = "bins are counted as if every image were as wide as the widest of the batch",
      .source = "https://pypi.org/project/keras-hub/0.32.0/",
      .sources = 1,
      .exposed_by = "two images of different width, the narrower one of several rows of soft tokens",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = POOL_IMAGES_OVERLAP.text,
      .stage = "pooler",
      .mechanism =
          "images are pooled as one sequence: patches at the same place share a bin, and later images have none",
      .source = "https://github.com/llmmanorg/llmman/pull/143",
      .sources = 1,
      .exposed_by = "two images",
      .tap = pool_again,
      .needs_in_layer = pooling_needs },
    { .id = "pool-scale-f16-overflow",
      .stage = "pooler",
      .mechanism = "soft tokens are multiplied by sqrt(hidden_size) in float16, and become infinite beyond 65504",
      .source = "https://github.com/huggingface/transformers/pull/46277",
      .sources = 4,
      .exposed_by = "soft tokens beyond 65504, as in 26B-A4B and 31B",
      .tap = scale_f16_overflow },
    { .id = "std-not-loaded",
      .stage = "standardize",
      .mechanism = "std_bias and std_scale stay 0 and 1",
      .source = "https://github.com/baidu/vLLM-Kunlun/pull/379",
      .sources = 1,
      .exposed_by = "standardize",
      .weights = std_not_loaded },
    { 0 },
};
