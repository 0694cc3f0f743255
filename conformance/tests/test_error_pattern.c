/* test_error_pattern.c - every text that describes an unknown error: which rows, which channels, what kind */
#include "diagnose/error_pattern.h"

#include "backends.h"

/* The output of this layer is damaged: 14 rows of 12 channels, of which rows 7 to 9 are padding. */
#define DAMAGED "model.layers.1"

typedef void Damaging(Value *value, int64_t row, int64_t channel, double by);

/* In rows and channels an x is damaged. In types an i is a token of an image, as mm_token_type_ids say it. */
typedef struct {
    const char *rows, *channels;
    Damaging *damaging;
    double by;
    const char *types, *class, *says;
} Pattern;

static void shift(Value *value, int64_t row, int64_t channel, double by)
{
    *value_at(value, row, channel) += (float)(by * (1 + 0.1 * (double)(row * 5 % 7 + channel * 3 % 4)));
}

static void scale(Value *value, int64_t row, int64_t channel, double by)
{
    *value_at(value, row, channel) *= (float)by;
}

/* Multiplies by 3/4 of 1 - by and 1 + by in turns. No constant factor takes off about (3 by)^2 of the error. */
static void scale_unevenly(Value *value, int64_t row, int64_t channel, double by)
{
    *value_at(value, row, channel) *= (float)(0.75 * (channel % 2 ? 1 + by : 1 - by));
}

/* Makes the value larger, whatever its sign. */
static void swell(Value *value, int64_t row, int64_t channel, double by)
{
    *value_at(value, row, channel) += copysignf((float)by, *value_at(value, row, channel));
}

/* Exchanges the row with the one that is `by` below it. */
static void exchange_rows(Value *value, int64_t row, int64_t channel, double by)
{
    float *here = value_at(value, row, channel), *below = value_at(value, row + (int64_t)by, channel), kept = *here;
    *here = *below;
    *below = kept;
}

/* Exchanges the channel with the one that is `by` to the right of it. */
static void exchange_channels(Value *value, int64_t row, int64_t channel, double by)
{
    float *here = value_at(value, row, channel), *right = value_at(value, row, channel + (int64_t)by), kept = *here;
    *here = *right;
    *right = kept;
}

static void set(Value *value, int64_t row, int64_t channel, double by) { *value_at(value, row, channel) = (float)by; }

#define ALL_ROWS "xxxxxxx...xxxx"
#define ALL_CHANNELS "xxxxxxxxxxxx"
#define ONE_IMAGE "..iii........."

static const Pattern patterns[] = {
    /* which rows */
    { "....x.........", ALL_CHANNELS, shift, 5, NULL, "fp32", "only row 4" },
    { "..xxx.........", ALL_CHANNELS, shift, 5, NULL, "fp32", "rows 2 to 4" },
    { "xxxxxxx.......", ALL_CHANNELS, shift, 5, NULL, "fp32", "only sequence 0 of the batch" },
    { "..........xxxx", ALL_CHANNELS, shift, 5, NULL, "fp32", "only sequence 1 of the batch" },
    { ".....xx.....xx", ALL_CHANNELS, shift, 5, NULL, "fp32", "from position 5 on" },
    { "x.x.........x.", ALL_CHANNELS, shift, 5, NULL, "fp32", "3 of 11 rows" },
    { ALL_ROWS, ALL_CHANNELS, shift, 5, NULL, "fp32", "all rows" },
    { "..xxx.........", ALL_CHANNELS, shift, 5, ONE_IMAGE, "fp32", "only rows of images" },
    { "..x.x.........", ALL_CHANNELS, shift, 5, ONE_IMAGE, "fp32", "only rows of images" },
    { "xx...xx...xxxx", ALL_CHANNELS, shift, 5, ONE_IMAGE, "fp32", "only rows of text" },
    { ALL_ROWS, ALL_CHANNELS, shift, 5, "iiiiiii...iiii", "fp32", "all rows" },
    { ".xx...........", ALL_CHANNELS, shift, 5, ONE_IMAGE, "fp32", "rows 1 to 2" },
    /* Between honest and damaged rows: all pass the gates of rows, and together they have a bias. */
    { "xxxx..x...x.xx", ALL_CHANNELS, swell, 0.009, NULL, "bf16",
      "no row stands out: the whole is off by more than its noise" },
    /* which channels */
    { ALL_ROWS, ".....x......", shift, 5, NULL, "fp32", "all rows; only channel 5" },
    { ALL_ROWS, "...xxxxxx...", shift, 5, NULL, "fp32", "all rows; only channels 3 to 8" },
    { ALL_ROWS, "..xxxxxxx...", shift, 5, NULL, "fp32", "all rows" },
    { "....x.........", "x..x........", shift, 5, NULL, "fp32", "only row 4; only channels 0 to 3" },
    /* what kind */
    { ALL_ROWS, ALL_CHANNELS, scale, 0.75, NULL, "fp32", "all rows; each value is 0.75 times what it should be" },
    { ALL_ROWS, ALL_CHANNELS, scale, 0.288675, NULL, "fp32",
      "all rows; each value is 0.2887 times what it should be: 1/sqrt(hidden_size)" },
    { ALL_ROWS, ALL_CHANNELS, scale, 0.7071, NULL, "fp32",
      "all rows; each value is 0.7071 times what it should be: 1/sqrt(2)" },
    { ALL_ROWS, ALL_CHANNELS, scale_unevenly, 0.04, NULL, "fp32",
      "all rows; each value is 0.7444 times what it should be" },
    { ALL_ROWS, ALL_CHANNELS, scale_unevenly, 0.06, NULL, "fp32", "all rows" },
    { "....x.........", ALL_CHANNELS, scale, -2, NULL, "fp32", "only row 4; each value is -2 times what it should be" },
    { "...x..........", ALL_CHANNELS, exchange_rows, 2, NULL, "fp32",
      "2 of 11 rows; rows are exchanged: row 3 holds row 5, row 5 holds row 3" },
    { "xx............", ALL_CHANNELS, exchange_rows, 5, NULL, "fp32",
      "4 of 11 rows; rows are exchanged: row 0 holds row 5, row 1 holds row 6, row 5 holds row 0, .." },
    { ALL_ROWS, "x.x.x.x.x.x.", exchange_channels, 1, NULL, "fp32",
      "all rows; each row holds its values in another order" },
    { "...x..........", "x...........", exchange_channels, 2, NULL, "fp32",
      "only row 3; only channels 0 to 2; each row holds its values in another order" },
    /* values that nothing can be measured of */
    { "..x...........", "x.x.........", set, NAN, NULL, "fp32", "2 values are not finite, in row 2" },
    { "..x.x...x.xx.x", "x...........", set, NAN, NULL, "fp32",
      "6 values are not finite, in rows 2, 4, 8, 10, 11, .." },
};

static void damage(Value *value, const void *context)
{
    const Pattern *p = context;
    if (strcmp(value->name, DAMAGED) != 0) return;
    for (int64_t i = 0; p->rows[i]; i++)
        for (int64_t j = 0; p->channels[j]; j++)
            if (p->rows[i] == 'x' && p->channels[j] == 'x') p->damaging(value, i, j, p->by);
}

/* The pattern of the first bent step, which must be `bent`. types: inputs that say which tokens are of images; NULL:
 * the text's own, which say nothing */
static const char *pattern_at(const char *bent, Text text, const char *dump_file, const char *class,
                              const Inputs *types)
{
    Error error = { "" };
    Model *model = model_open(text.model, &error);
    Inputs inputs = inputs_open(text.inputs, &error);
    Dump *dump = dump_open(dump_file, &error);
    assert_clean(&error);
    Trial trial = { .model = model, .inputs = &inputs, .dump = dump, .class = class_find(class) };
    Lockstep *lockstep = lockstep_begin(&trial, honest_subject(model), &error);
    assert_clean(&error);
    assert_bent_at(lockstep_grade_so_far(lockstep), bent);
    int first_bent = lockstep_grade_so_far(lockstep)->first_bent;
    const char *says = pattern_of(lockstep, first_bent, types ? types : &inputs, model_config(model), &scratch);
    grade_free(lockstep_end(lockstep));
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return says;
}

/* Inputs that only say of what kind the tokens are; types NULL: they do not even say that */
static Inputs inputs_of_types(const char *types)
{
    Error error = { "" };
    const char *list = "";
    for (int i = 0; types && i < 14; i++)
        list = arena_format(&scratch, "%s%s%d", list, i == 7 ? "], [" : i ? ", " : "", types[i] == 'i');
    write_arrays(temporary("types.safetensors"),
                 types ? arena_format(&scratch, "{\"input_ids\": [[1]], \"mm_token_type_ids\": [[%s]]}", list)
                       : "{\"input_ids\": [[1]]}");
    Inputs inputs = inputs_open(temporary("types.safetensors"), &error);
    assert_clean(&error);
    return inputs;
}

START_TEST(error_is_described)
{
    const Pattern *p = &patterns[_i];
    Text text = text_of("{}", two_rows);
    Backend backend = { .class = p->class, .edit = damage, .context = p };
    Inputs types = inputs_of_types(p->types);
    ck_assert_str_eq(pattern_at(DAMAGED, text, backend_dump(text, &backend), p->class, &types), p->says);
    inputs_close(&types);
}
END_TEST

/* Each expert is chosen in place of the one before it. */
static void choose_next(Value *value, const void *context)
{
    (void)context;
    if (strcmp(value->name, DAMAGED ".router#top_k_index") != 0) return;
    for (int64_t i = 0; i < value->shape[0] * value->shape[1]; i++)
        value->values[i] = (float)(((int)value->values[i] + 1) % 8);
}

START_TEST(other_choice_is_described)
{
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "fp32", .edit = choose_next });
    ck_assert_str_eq(pattern_at(DAMAGED ".router#top_k_index", text, dump, "fp32", NULL),
                     "another choice than the scores give");
}
END_TEST

Suite *error_pattern_suite(void)
{
    Suite *suite = suite_create("error_pattern");
    tcase_add_loop_test(theme(suite, "measured"), error_is_described, 0, COUNT(patterns));
    tcase_add_test(theme(suite, "chosen"), other_choice_is_described);
    return suite;
}
