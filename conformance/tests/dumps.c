/* dumps.c - dumps that are made at test time, and grading them */
#include "dumps.h"

#include "report/report_grade.h"
#include "readings/vision_mask.h"

#define IN_EACH_STEP(glob) glob, glob "@*"

const char *const layer_outputs[] = { "model.vision_tower.patch_embedder",
                                      "model.vision_tower.encoder.layers.[0-9]",
                                      "model.vision_tower",
                                      IN_EACH_STEP("model.embed_vision"),
                                      "model.audio_tower.subsample_conv_projection",
                                      "model.audio_tower.layers.[0-9]",
                                      "model.audio_tower",
                                      "model.embed_audio",
                                      IN_EACH_STEP("*.embed_tokens"),
                                      IN_EACH_STEP("*.embed_tokens_per_layer"),
                                      IN_EACH_STEP("model.layers.[0-9]"),
                                      IN_EACH_STEP("model.language_model.layers.[0-9]"),
                                      IN_EACH_STEP("model.norm"),
                                      IN_EACH_STEP("model.language_model.norm"),
                                      IN_EACH_STEP("logits"),
                                      NULL };

const char *edited_dump(const char *from, Edit *edit, const void *context)
{
    static const char *const file = "edited.safetensors";
    Error error = { "" };
    Dump *dump = dump_open(from, &error);
    SafetensorsWriter *writer = safetensors_writer_open(temporary(file), &error);
    assert_clean(&error);
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        int64_t count = array_elements(array);
        Value value = { .name = array->name,
                        .rank = array->rank,
                        .values = arena_allocate(&scratch, (size_t)count * sizeof(float)),
                        .count = count };
        memcpy(value.shape, array->shape, sizeof value.shape);
        array_read_f32(array, 0, count, value.values);
        edit(&value, context);
        if (value.dropped) continue;
        safetensors_writer_begin(writer, value.name, DTYPE_F32, value.rank, value.shape);
        count = 1; /* an edit may have cut it */
        for (int d = 0; d < value.rank; d++) count *= value.shape[d];
        safetensors_writer_append(writer, value.values, (size_t)count * sizeof(float));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    dump_close(dump);
    return temporary(file);
}

float *value_at(Value *value, int64_t row, int64_t column)
{
    return &value->values[row * value->shape[value->rank - 1] + column];
}

Grade *grade_with(const char *model_folder, const char *inputs_file, const char *dump_path, const char *class,
                  const GradeOptions *options, Error *error)
{
    Model *model = model_open(model_folder, error);
    Inputs inputs = inputs_open(inputs_file, error);
    Dump *dump = dump_open(dump_path, error);
    assert_clean(error);
    Grade *grade = readings_grade(
        &(Trial){ .model = model, .inputs = &inputs, .dump = dump, .class = class_find(class), .options = *options },
        error);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return grade;
}

Grade *grade_case(const char *folder, const char *dump, const char *class, const char *const *only, bool with_total,
                  Error *error)
{
    return grade_with(arena_format(&scratch, "%s/model", folder),
                      arena_format(&scratch, "%s/inputs.safetensors", folder), dump, class,
                      &(GradeOptions){ .only = only, .with_total = with_total }, error);
}

Grade *graded(const char *folder, const char *dump, const char *class, const char *const *only)
{
    Error error = { "" };
    Grade *grade = grade_case(folder, dump, class, only, false, &error);
    assert_clean(&error);
    return grade;
}

const Step *step_of(const Grade *grade, const char *tap)
{
    for (int n = 0; n < grade->step_count; n++)
        if (strcmp(grade->steps[n].tap, tap) == 0) return &grade->steps[n];
    return NULL;
}

void assert_passes(const Grade *grade, const char *dump)
{
    ck_assert_msg(grade->first_bent < 0, "%s: %s fails", dump, grade->steps[grade->first_bent].tap);
    ck_assert_str_eq(report_verdict(grade), "pass");
}

void assert_bent_at(const Grade *grade, const char *tap)
{
    ck_assert_msg(grade->first_bent >= 0, "everything passes, expected %s to fail", tap);
    ck_assert_str_eq(grade->steps[grade->first_bent].tap, tap);
    ck_assert_str_eq(report_verdict(grade), "fail");
}

bool is_listed(const char **names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

const unsigned char *npy_bytes(int version, const char *dict, const void *data, size_t data_size, size_t *size)
{
    size_t length = strlen(dict), start = version == 1 ? 10 : 12;
    unsigned char *bytes = arena_allocate(&scratch, start + length + data_size);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    for (size_t i = 8; i < start; i++) bytes[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(bytes + start, dict, length);
    memcpy(bytes + start + length, data, data_size);
    *size = start + length + data_size;
    return bytes;
}

const char *printed(Print *print, const void *what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    print(out, what);
    fclose(out);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    return kept;
}
