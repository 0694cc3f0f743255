/* test_masks.c - who may look at whom, drawn: a row for each query, x where it may look at the key */
#include "gemma4.h"
#include "recording.h"

#define F FULL_ATTENTION
#define S SLIDING_ATTENTION

/* Rows of the batch are divided by spaces, queries by slashes. padding is attention_mask, a digit a token; types is
 * mm_token_type_ids, with + before it where blocks are on every layer; past is how many tokens the cache has seen. */
static const struct {
    const char *what;
    LayerType type;
    int window, past;
    BidirectionalAttention bidirectional;
    const char *padding, *types, *grid;
} masks[] = {
    { "causal", F, 2, 0, 0, "1111", "", "x.../xx../xxx./xxxx" },
    { "a window of two", S, 2, 0, 0, "1111", "", "x.../xx../.xx./..xx" },
    { "a window of three", S, 3, 0, 0, "1111", "", "x.../xx../xxx./.xxx" },
    { "a window of one", S, 1, 0, 0, "111", "", "x../.x./..x" },
    { "a window longer than the prompt", S, 9, 0, 0, "111", "", "x../xx./xxx" },
    { "left padding", F, 2, 0, 0, "0011", "", "..../..../..x./..xx" },
    { "left padding, window", S, 2, 0, 0, "0111", "", "..../.x../.xx./..xx" },
    { "right padding", F, 2, 0, 0, "1100", "", "x.../xx../xx../xx.." },
    { "two rows", F, 2, 0, 0, "111 011", "", "x../xx./xxx .../.x./.xx" },
    /* images: sliding layers look ahead within the block, and no further back than the window; full layers do not */
    { "image, full", F, 2, 0, BIDIRECTIONAL_VISION, "11111", "01100", "x..../xx.../xxx../xxxx./xxxxx" },
    { "image, window wide", S, 9, 0, BIDIRECTIONAL_VISION, "11111", "01110", "x..../xxxx./xxxx./xxxx./xxxxx" },
    { "image longer than the window", S, 2, 0, BIDIRECTIONAL_VISION, "111111", "011110",
      "x...../xxxxx./.xxxx./..xxx./...xx./....xx" },
    { "image at the start", S, 2, 0, BIDIRECTIONAL_VISION, "1111", "1110", "xxx./xxx./.xx./..xx" },
    { "image at the end", S, 2, 0, BIDIRECTIONAL_VISION, "1111", "0011", "x.../xx../.xxx/..xx" },
    { "two images with text between", S, 9, 0, BIDIRECTIONAL_VISION, "11111", "11011",
      "xx.../xx.../xxx../xxxxx/xxxxx" },
    { "two images in a row are one block", S, 9, 0, BIDIRECTIONAL_VISION, "1111", "1122", "xxxx/xxxx/xxxx/xxxx" },
    { "a video", S, 9, 0, BIDIRECTIONAL_VISION, "111", "220", "xx./xx./xxx" },
    { "sound is no block", S, 9, 0, BIDIRECTIONAL_VISION, "111", "330", "x../xx./xxx" },
    { "blocks end with the row", S, 9, 0, BIDIRECTIONAL_VISION, "111 111", "001 110", "x../xx./xxx xx./xx./xxx" },
    { "image and left padding", S, 2, 0, BIDIRECTIONAL_VISION, "00111", "00110", "...../...../..xx./..xx./...xx" },
    { "image behind padding of its own type", S, 9, 0, BIDIRECTIONAL_VISION, "0111", "1100", ".x../.x../.xx./.xxx" },
    { "another block for another row", S, 9, 0, BIDIRECTIONAL_VISION, "1111 1111", "0110 1001",
      "x.../xxx./xxx./xxxx x.../xx../xxx./xxxx" },
    /* "all": everywhere, or within the window on both sides, itself included */
    { "all, full", F, 2, 0, BIDIRECTIONAL_ALL, "111", "", "xxx/xxx/xxx" },
    { "all, window", S, 1, 0, BIDIRECTIONAL_ALL, "1111", "", "xx../xxx./.xxx/..xx" },
    { "all, window of two", S, 2, 0, BIDIRECTIONAL_ALL, "11111", "", "xxx../xxxx./xxxxx/.xxxx/..xxx" },
    { "all, padding", S, 1, 0, BIDIRECTIONAL_ALL, "0111", "", ".x../.xx./.xxx/..xx" },
    { "all takes no notice of images", S, 1, 0, BIDIRECTIONAL_ALL, "1111", "1111", "xx../xxx./.xxx/..xx" },
    /* gemma4_unified: blocks on full layers as well, and beyond the window */
    { "block, full", F, 2, 0, BIDIRECTIONAL_VISION, "11111", "+01100", "x..../xxx../xxx../xxxx./xxxxx" },
    { "block longer than the window", S, 2, 0, BIDIRECTIONAL_VISION, "111111", "+011110",
      "x...../xxxxx./.xxxx./.xxxx./.xxxx./....xx" },
    { "block and text before it", S, 3, 0, BIDIRECTIONAL_VISION, "11111", "+00110", "x..../xx.../xxxx./.xxx./..xxx" },
    { "block, left padding", S, 2, 0, BIDIRECTIONAL_VISION, "01111", "+01110", "...../.xxx./.xxx./.xxx./...xx" },
    { "block, two rows", F, 2, 0, BIDIRECTIONAL_VISION, "111 111", "+011 220", "x../xxx/xxx xx./xx./xxx" },
    { "all takes no notice of blocks", F, 1, 0, BIDIRECTIONAL_ALL, "111", "+011", "xxx/xxx/xxx" },
    /* decode: full layers hold every token before, sliding ones the last window - 1 */
    { "decode, full", F, 3, 5, 0, "111111", "", "xxxxxx" },
    { "decode, window full", S, 3, 5, 0, "111111", "", "xxx" },
    { "decode, window filling", S, 9, 2, 0, "111", "", "xxx" },
    { "decode, window just full", S, 4, 3, 0, "1111", "", "xxxx" },
    { "decode, window of one", S, 1, 4, 0, "11111", "", "x" },
    { "decode, left padding", F, 3, 4, 0, "00111", "", "..xxx" },
    { "decode, left padding in the window", S, 4, 4, 0, "00111", "", ".xxx" },
    { "decode, padding behind the window", S, 3, 4, 0, "00111", "", "xxx" },
    { "decode, two rows", S, 3, 3, 0, "1111 0011", "", "xxx .xx" },
    { "two new tokens behind a cache", S, 3, 4, 0, "111111", "", "xxx./.xxx" },
    { "two new tokens, full", F, 3, 2, 0, "1111", "", "xxx./xxxx" },
};

/* Digits of rows that are divided by spaces; NULL for "" */
static const int64_t *digits(const char *text, int64_t *rows, int64_t *columns)
{
    int64_t *list = arena_allocate(&scratch, (strlen(text) + 1) * sizeof *list), count = 0;
    *rows = 1;
    for (; *text; text++)
        if (*text == ' ')
            ++*rows;
        else
            list[count++] = *text - '0';
    *columns = count / *rows;
    return count ? list : NULL;
}

static Gemma4TextConfig config_of(int i)
{
    return (Gemma4TextConfig){ .sliding_window = masks[i].window,
                               .use_bidirectional_attention = masks[i].bidirectional,
                               .rope_parameters = { { .exists = true }, { .exists = true } } };
}

/* As the models choose between the two */
static CausalMaskMapping create(int i, Run *run)
{
    Gemma4TextConfig config = config_of(i);
    DynamicCache cache = { .seq_length = masks[i].past, .sliding_window = masks[i].window };
    int64_t total, type_rows, type_columns;
    ForwardArguments a = { .past_key_values = masks[i].past ? &cache : NULL };
    a.attention_mask = digits(masks[i].padding, &a.batch, &total);
    bool on_every_layer = *masks[i].types == '+';
    a.mm_token_type_ids = digits(masks[i].types + on_every_layer, &type_rows, &type_columns);
    a.seq = total - masks[i].past;
    const int64_t *blocks = a.mm_token_type_ids ? get_block_sequence_ids_for_mask(&a, run) : NULL;
    if (blocks && !on_every_layer) return create_masks_for_vision_model("model", &config, &a, blocks, run);
    return create_masks_for_generate("model", &config, &a, blocks, run);
}

static const char *drawn(Tensor mask, real may)
{
    char *text = arena_allocate(&scratch, (size_t)(elements(mask) + rows(mask) + 1)), *to = text;
    int64_t queries = mask.shape[2];
    for (int64_t row = 0; row < rows(mask); row++) {
        if (row > 0) *to++ = row % queries ? '/' : ' ';
        for (int64_t j = 0; j < last(mask); j++) *to++ = mask.data[row * last(mask) + j] == may ? 'x' : '.';
    }
    *to = '\0';
    return text;
}

START_TEST(grid)
{
    Recording taps = { 0 };
    CausalMaskMapping mapping = create(_i, recording_run(&taps, ROUNDING_NONE));
    Tensor mask = mapping.of[masks[_i].type];
    ck_assert_int_eq(mask.rank, 4);
    ck_assert_int_eq(mask.shape[1], 1);
    ck_assert_msg(strcmp(drawn(mask, 0), masks[_i].grid) == 0, "%s: found %s, expected %s", masks[_i].what,
                  drawn(mask, 0), masks[_i].grid);
    for (int64_t i = 0; i < elements(mask); i++)
        ck_assert_msg(mask.data[i] == 0 || mask.data[i] == REAL_LOWEST, "a mask holds %g", (double)mask.data[i]);

    /* as data: 1 where the query may look */
    Tensor data = tap_of(&taps,
                         arena_format(&scratch, "model#causal_mask_mapping.%s", layer_type_names[masks[_i].type]));
    ck_assert_str_eq(drawn(data, 1), masks[_i].grid);
    for (int64_t i = 0; i < elements(data); i++) ck_assert(data.data[i] == 0 || data.data[i] == 1);
    ck_assert_int_eq(taps.count, 2);
}
END_TEST

/* A type that no layer is of has no mask. */
START_TEST(types_that_exist)
{
    Gemma4TextConfig config = config_of(0);
    config.rope_parameters[SLIDING_ATTENTION].exists = false;
    Recording taps = { 0 };
    CausalMaskMapping mapping = create_masks_for_generate("model", &config, &(ForwardArguments){ .batch = 1, .seq = 2 },
                                                          NULL, recording_run(&taps, ROUNDING_NONE));
    ck_assert_str_eq(drawn(mapping.of[FULL_ATTENTION], 0), "x./xx"); /* without attention_mask nothing is padding */
    ck_assert_ptr_null(mapping.of[SLIDING_ATTENTION].data);
    ck_assert_int_eq(taps.count, 1);
}
END_TEST

/* A hook can lay another mask on a model, whichever way its own came about. */
static void look_everywhere(const char *name, real *values, int64_t first, int64_t count)
{
    (void)name, (void)first;
    for (int64_t i = 0; i < count; i++) values[i] = 1;
}

START_TEST(replaced_data_is_what_masks)
{
    Recording taps = { .replace = look_everywhere };
    CausalMaskMapping mapping = create(_i, recording_run(&taps, ROUNDING_NONE));
    for (int type = 0; type < LAYER_TYPE_COUNT; type++)
        for (int64_t i = 0; i < elements(mapping.of[type]); i++) ck_assert_double_eq(mapping.of[type].data[i], 0);
}
END_TEST

static const struct {
    Rounding rounding;
    double lowest;
} lowest[] = { { ROUNDING_NONE, REAL_LOWEST },
               { ROUNDING_TF32, REAL_LOWEST },
               { ROUNDING_FP16, -65504 },
               { ROUNDING_BF16, -0x1.fep127 } };

START_TEST(lowest_of_the_dtype)
{
    Tensor mask = create(0, run_as(lowest[_i].rounding)).of[FULL_ATTENTION];
    ck_assert_double_eq(mask.data[0], 0);
    ck_assert_double_eq(mask.data[1], lowest[_i].lowest);
}
END_TEST

/* [2, 7]: the block that each token is in, -1 for text and sound; every row counts from 0 */
START_TEST(blocks)
{
    static const int64_t expected[] = { -1, 0, 0, -1, 1, -1, 2, 0, 0, -1, -1, 1, 1, 1 };
    int64_t batch, seq;
    ForwardArguments a = { 0 };
    a.mm_token_type_ids = digits("0110231 2230112", &batch, &seq);
    a.batch = batch;
    a.seq = seq;
    const int64_t *found = get_block_sequence_ids_for_mask(&a, run_as(ROUNDING_NONE));
    for (int i = 0; i < 14; i++) assert_near((double)found[i], (double)expected[i], 0, "block", i);
}
END_TEST

Suite *masks_suite(void)
{
    Suite *suite = suite_create("masks");
    TCase *tcase = theme(suite, "grids");
    tcase_add_loop_test(tcase, grid, 0, COUNT(masks));
    tcase_add_test(tcase, types_that_exist);
    tcase_add_test(tcase, blocks);
    tcase = theme(suite, "values");
    tcase_add_loop_test(tcase, replaced_data_is_what_masks, 0, COUNT(masks));
    tcase_add_loop_test(tcase, lowest_of_the_dtype, 0, COUNT(lowest));
    return suite;
}
