/* test_compressed_tensors.c - codes and scales as compressed-tensors writes them, against what they were packed from */
#include "checkpoint/loader.h"
#include "checkpoint/quantization_config.h"

#include "helpers.h"

enum { ROWS = 5, COLUMNS = 12, MOST = 64 };

static const struct {
    const char *weights; /* of the one config group */
    int bits, row_group, column_group;
    bool packed, asymmetric, is_float, ordered;
    const char *scheme;
} layouts[] = {
    { "'num_bits':4,'type':'int','strategy':'group','group_size':4", 4, 1, 4, true, false, false, false,
      "int4, groups of 4" },
    { "'num_bits':4,'symmetric':false,'group_size':4", 4, 1, 4, true, true, false, false,
      "int4, groups of 4, asymmetric" },
    { "'num_bits':4,'strategy':'group','group_size':4,'actorder':'group'", 4, 1, 4, true, false, false, true,
      "int4, groups of 4" },
    { "'num_bits':8,'type':'int','strategy':'channel'", 8, 1, COLUMNS, true, false, false, false, "int8 per channel" },
    { "'num_bits':8,'strategy':'channel','symmetric':false", 8, 1, COLUMNS, true, true, false, false,
      "int8 per channel, asymmetric" },
    { "'num_bits':8,'strategy':'channel','symmetric':false", 8, 1, COLUMNS, false, true, false, false,
      "int8 per channel, asymmetric" },
    { "'num_bits':8", 8, ROWS, COLUMNS, false, false, false, false, "int8 per tensor" },
    { "'num_bits':8,'type':'float','strategy':'channel'", 8, 1, COLUMNS, false, false, true, false, "fp8 per channel" },
    { "'num_bits':8,'type':'float','strategy':'tensor'", 8, ROWS, COLUMNS, false, false, true, false,
      "fp8 per tensor" },
    { "'num_bits':8,'type':'float','strategy':'block','block_structure':[2,5]", 8, 2, 5, false, false, true, false,
      "fp8, blocks of 2 x 5" },
};

static int groups(int size, int of) { return (size + of - 1) / of; }
static int code_at(int layout, int row, int column)
{
    int code = (row * 37 + column * 11 + 5) % (1 << layouts[layout].bits);
    return layouts[layout].is_float && (code & 127) == 127 ? 0 : code; /* 127 is NaN */
}
static int zero_at(int layout, int row, int group) { return (row * 3 + group * 5 + 1) % (1 << layouts[layout].bits); }
static float scale_at(int row_group, int group) { return 0x1.3579bp-9f * (float)(1 + row_group * 7 + group); }
static int group_of(int layout, int column) /* by turns, where groups have another order */
{
    int group = column / layouts[layout].column_group;
    return layouts[layout].ordered ? column % groups(COLUMNS, layouts[layout].column_group) : group;
}

/* The number that a code without an offset stands for */
static double meaning(int layout, int code)
{
    if (!layouts[layout].is_float) return code - (1 << (layouts[layout].bits - 1));
    int exponent = code >> 3 & 15, fraction = code & 7;
    double value = exponent ? ldexp(8 + fraction, exponent - 10) : ldexp(fraction, -9);
    return code & 128 ? -value : value;
}

static void write_part(SafetensorsWriter *writer, const char *part, Dtype dtype, int64_t rows, int64_t columns,
                       const void *bytes)
{
    const char *name = arena_format(&scratch, "model.a.%s", part);
    safetensors_writer_begin(writer, name, dtype, columns ? 2 : 1, (int64_t[]){ rows, columns });
    safetensors_writer_append(writer, bytes, (size_t)(rows * (columns ? columns : 1)) * dtype_size(dtype));
}

/* Bits of code i of a line of words, which a stride separates */
static void put_code(uint32_t *words, int stride, int bits, int i, int code)
{
    words[i * bits / 32 * stride] |= (uint32_t)code << (i * bits % 32);
}

static void write_codes(SafetensorsWriter *writer, int layout)
{
    uint32_t words[MOST] = { 0 };
    unsigned char bytes[ROWS * COLUMNS];
    int bits = layouts[layout].bits, row_words = groups(COLUMNS * bits, 32);
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++) {
            int code = code_at(layout, row, column);
            put_code(words + row * row_words, 1, bits, column, code);
            bytes[row * COLUMNS + column] = (unsigned char)(layouts[layout].is_float ? code : code - 128);
        }
    if (!layouts[layout].packed) {
        write_part(writer, "weight", layouts[layout].is_float ? DTYPE_F8_E4M3 : DTYPE_I8, ROWS, COLUMNS, bytes);
        return;
    }
    write_part(writer, "weight_packed", DTYPE_I32, ROWS, row_words, words);
    write_part(writer, "weight_shape", DTYPE_I64, 2, 0, (int64_t[]){ ROWS, COLUMNS });
}

static void write_zeros(SafetensorsWriter *writer, int layout)
{
    uint32_t words[MOST] = { 0 };
    signed char bytes[MOST];
    int bits = layouts[layout].bits, columns = groups(COLUMNS, layouts[layout].column_group);
    for (int row = 0; row < ROWS; row++)
        for (int group = 0; group < columns; group++) {
            put_code(words + group, columns, bits, row, zero_at(layout, row, group));
            bytes[row * columns + group] = (signed char)(zero_at(layout, row, group) - 128);
        }
    if (layouts[layout].packed)
        write_part(writer, "weight_zero_point", DTYPE_I32, groups(ROWS * bits, 32), columns, words);
    else
        write_part(writer, "weight_zero_point", DTYPE_I8, ROWS, columns, bytes);
}

static void write_config(const char *group)
{
    char *text = arena_format(
        &scratch, "{'quantization_config':{'quant_method':'compressed-tensors','config_groups':{%s}}}", group);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    write_text(temporary("config.json"), text);
}

static Checkpoint *opened(Error *error)
{
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), error);
    assert_clean(error);
    ConfigReader at = { temporary("config.json"), "", config_open(temporary("config.json"), error), error };
    read_quantization_config(checkpoint, at);
    json_decref((json_t *)at.object);
    return checkpoint;
}

/* -> the group of the configuration */
static const char *write_layout(int layout)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model.safetensors"), &error);
    write_codes(writer, layout);
    if (layouts[layout].asymmetric) write_zeros(writer, layout);
    float scales[MOST];
    int rows = groups(ROWS, layouts[layout].row_group), columns = groups(COLUMNS, layouts[layout].column_group);
    for (int i = 0; i < rows * columns; i++) scales[i] = scale_at(i / columns, i % columns);
    write_part(writer, "weight_scale", DTYPE_F32, rows, rows == 1 ? 0 : columns, scales);
    int32_t order[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) order[i] = group_of(layout, i);
    if (layouts[layout].ordered) write_part(writer, "weight_g_idx", DTYPE_I32, COLUMNS, 0, order);
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    return arena_format(&scratch, "'g':{'targets':['Linear'],'weights':{%s}}", layouts[layout].weights);
}

static double expected_at(int layout, int row, int column)
{
    int group = group_of(layout, column);
    double value = meaning(layout, code_at(layout, row, column));
    if (layouts[layout].asymmetric) value -= meaning(layout, zero_at(layout, row, group));
    return value * scale_at(row / layouts[layout].row_group, group);
}

/* Every part of the flattened tensor, from any place to any other, as double and rounded once to float */
START_TEST(layout_is_read)
{
    Error error = { "" };
    write_config(write_layout(_i));
    Checkpoint *checkpoint = opened(&error);
    assert_clean(&error);
    ck_assert_int_eq(checkpoint->tensor_count, 1);
    const Array *weight = load_tensor(((Loader){ checkpoint, "model.a", &error }), "weight", ROWS, COLUMNS);
    assert_clean(&error);
    ck_assert_str_eq(array_scheme(weight), layouts[_i].scheme);

    for (int first = 0; first < ROWS * COLUMNS; first++) {
        double wide[ROWS * COLUMNS];
        float narrow[ROWS * COLUMNS];
        int count = ROWS * COLUMNS - first;
        array_read_f64(weight, first, count, wide);
        array_read_f32(weight, first, count, narrow);
        for (int i = 0; i < count; i++) {
            double expected = expected_at(_i, (first + i) / COLUMNS, (first + i) % COLUMNS);
            assert_near(wide[i], expected, 0, "element", first + i);
            assert_near(narrow[i], (float)expected, 0, "element as float", first + i);
        }
        CodePlace places[ROWS * COLUMNS];
        weight->encoding->places(weight->encoding, first, count, places);
        for (int i = 0; i < count; i++)
            assert_near(weight->encoding->values[places[i].code] * places[i].scale - places[i].shift, wide[i],
                        1e-15 * fabs(wide[i]), "place", first + i);
    }
    checkpoint_close(checkpoint);
}
END_TEST

/* layout, edit of config: what is put behind the first ones of its words; and what is said */
static const struct {
    int layout;
    const char *group, *says;
} bad[] = {
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'group_size':8}}",
      "model.a.weight_scale: found shape [5, 3], expected [5, 2]" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'group_size':5}}",
      "model.a.weight_scale: found scales for groups of 5, expected groups that divide rows of 12 columns" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':8,'group_size':4}}",
      "model.a.weight_packed: found shape [5, 2], expected [5, 3]" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':3,'group_size':4}}", "num_bits: found another width" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'group_size':4,'symmetric':false}}",
      "model.a.weight_zero_point: found no such tensor" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'strategy':'token'}}", "strategy: found token" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'strategy':'group','group_size':0}}",
      "group_size: found 0" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'strategy':'block'}}", "block_structure: found another" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'type':'float'}}", "num_bits: found another float format" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'type':'complex'}}", "type: found complex" },
    { 0, "'g':{'targets':[],'weights':{'num_bits':4}}", "targets: found none" },
    { 0, "'g':{'targets':['re:('],'weights':{'num_bits':4}}", "targets: found (, expected a regular expression" },
    { 0, "'g':{'targets':['model.b'],'weights':{'num_bits':4}}", "because no group's targets match model.a" },
    { 0, "'g':{'targets':['Linear'],'weights':{'num_bits':4,'group_size':4}}},'ignore':['re:.*\\\\.a$'],'more':{",
      "model.a.weight_packed: found codes, expected weights, because ignore names model.a" },
    { 6, "'g':{'targets':['Linear'],'weights':{'num_bits':8},'input_activations':{'num_bits':8,'dynamic':'local'}}",
      "input_activations.dynamic: found" },
    { 6, "'g':{'targets':['Linear'],'weights':{'num_bits':8},'input_activations':{'num_bits':8,'symmetric':false}}",
      "input_activations.symmetric: found false, expected true where strategy is tensor, or --activations" },
    { 6,
      "'g':{'targets':['Linear'],'weights':{'num_bits':8},'input_activations':{'num_bits':4,'type':'float',"
      "'strategy':'tensor_group','group_size':32,'dynamic':'local'}}",
      "input_activations.group_size: found another, expected 16" },
    { 6, "'g':{'targets':['Linear'],'weights':{'num_bits':8,'type':'float'}}",
      "model.a.weight: found dtype I8, expected F8_E4M3" },
    { 9, "'g':{'targets':['Linear'],'weights':{'num_bits':8,'type':'float','strategy':'channel'}}",
      "model.a.weight_scale: found shape [3, 3], expected [5, 1]" },
};

START_TEST(scheme_is_refused)
{
    Error error = { "" };
    write_layout(bad[_i].layout);
    write_config(bad[_i].group);
    checkpoint_close(opened(&error));
    assert_refused(&error, NULL, bad[_i].says);
}
END_TEST

START_TEST(method_is_refused)
{
    Error error = { "" };
    write_layout(0);
    write_text(temporary("config.json"), "{\"quantization_config\": {\"quant_method\": \"quip-sharp\"}}");
    checkpoint_close(opened(&error));
    assert_refused(&error, temporary("config.json"), ": quantization_config.quant_method: found quip-sharp, expected");
}
END_TEST

/* A part with one tensor's values changed: which, the value that is put at its beginning, and what is said of it */
static const struct {
    int layout;
    const char *part;
    int64_t value;
    size_t size;
    const char *says;
} spoilt[] = {
    { 0, "weight_scale", 0x7fc00000, 4, "model.a.weight: found NaN or infinity" },
    { 0, "weight_scale", 0x7f800000, 4, "model.a.weight: found NaN or infinity" },
    { 7, "weight", 0x7f, 1, "model.a.weight: found NaN or infinity" },
    { 7, "weight", 0xff, 1, "model.a.weight: found NaN or infinity" },
    { 0, "weight_shape", 6, 8, "model.a.weight_packed: found shape [5, 2], expected [6, 2]" },
    { 0, "weight_shape", -1, 8, "model.a.weight_shape: found -1 and 12" },
    { 0, "weight_shape", INT64_MAX, 8, "model.a.weight_shape: found 9223372036854775807 and 12" },
    { 2, "weight_g_idx", 3, 4, "model.a.weight_g_idx: found group 3, expected one of 3" },
    { 2, "weight_g_idx", 0xffffffff, 4, "model.a.weight_g_idx: found group -1, expected one of 3" },
};

START_TEST(values_are_refused)
{
    Error error = { "" };
    write_config(write_layout(spoilt[_i].layout));
    const char *path = temporary("model.safetensors");
    Safetensors *file = safetensors_open(path, &error);
    size_t size;
    char *bytes = read_text(path, &size);
    const Array *part = safetensors_find(file, arena_format(&scratch, "model.a.%s", spoilt[_i].part));
    const Array *first = safetensors_array(file, 0);
    size_t end = 0, data = size;
    for (int i = 0; i < safetensors_count(file); i++) {
        const Array *array = safetensors_array(file, i);
        end += (size_t)array_elements(array) * dtype_size(array->dtype);
        if (array->data < first->data) first = array;
    }
    memcpy(bytes + (data - end) + (part->data - first->data), &spoilt[_i].value, spoilt[_i].size);
    safetensors_close(file);
    write_bytes(path, bytes, size);

    Checkpoint *checkpoint = opened(&error);
    load_tensor(((Loader){ checkpoint, "model.a", &error }), "weight", ROWS, COLUMNS);
    assert_refused(&error, NULL, spoilt[_i].says);
    checkpoint_close(checkpoint);
}
END_TEST

Suite *compressed_tensors_suite(void)
{
    Suite *suite = suite_create("compressed_tensors");
    TCase *tcase = theme(suite, "read");
    tcase_add_loop_test(tcase, layout_is_read, 0, COUNT(layouts));
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, scheme_is_refused, 0, COUNT(bad));
    tcase_add_test(tcase, method_is_refused);
    tcase_add_loop_test(tcase, values_are_refused, 0, COUNT(spoilt));
    return suite;
}
