/* test_checkpoint.c - one file or shards */
#include "checkpoint/checkpoint.h"

#include "helpers.h"

#define INDEX "model.safetensors.index.json"

static void write_tensor(const char *file, const char *name)
{
    write_safetensors(temporary(file),
                      arena_format(&scratch, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name),
                      -1, 4);
}

static Checkpoint *opened(void)
{
    Error error = { "" };
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), &error);
    assert_clean(&error);
    return checkpoint;
}

START_TEST(one_file)
{
    write_tensor("model.safetensors", "model.a");
    write_text(temporary(INDEX), "not read beside model.safetensors");
    Checkpoint *checkpoint = opened();
    ck_assert_int_eq(checkpoint->tensor_count, 1);
    ck_assert_str_eq(checkpoint->file, temporary("model.safetensors"));
    ck_assert(checkpoint->has_model_prefix);
    ck_assert_ptr_eq(checkpoint_find(checkpoint, "model.a"), checkpoint->tensors);
    ck_assert(!checkpoint->tensors->asked);
    ck_assert_ptr_null(checkpoint_find(checkpoint, "a"));
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(shards)
{
    write_tensor("1.safetensors", "b");
    write_tensor("2.safetensors", "a");
    write_text(temporary(INDEX),
               "{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\",\"c\":\"1.safetensors\"}}");
    Checkpoint *checkpoint = opened();
    ck_assert_int_eq(checkpoint->shard_count, 2);
    ck_assert_int_eq(checkpoint->tensor_count, 2);
    ck_assert_str_eq(checkpoint->file, temporary(INDEX));
    ck_assert(!checkpoint->has_model_prefix);
    ck_assert_str_eq(checkpoint_find(checkpoint, "a")->array->file, temporary("2.safetensors"));
    ck_assert_str_eq(checkpoint_find(checkpoint, "b")->array->file, temporary("1.safetensors"));
    ck_assert_ptr_null(checkpoint_find(checkpoint, "c"));
    checkpoint_close(checkpoint);
    checkpoint_close(NULL);
}
END_TEST

static const struct {
    const char *in_file, *in_model;
} spellings[] = {
    { "model.vision_embedder.patch_ln1.bias", "model.embed_vision.patch_ln1.bias" },
    { "vision_embedder.patch_dense.weight", "embed_vision.patch_dense.weight" },
    { "model.vision_embedder.patch_ln2.weight", "model.embed_vision.patch_ln2.weight" },
    { "model.vision_embedder.pos_embedding", "model.embed_vision.pos_embedding" },
    { "vision_embedder.pos_norm.bias", "embed_vision.pos_norm.bias" },
    { "model.embed_vision.embedding_projection.weight",
      "model.embed_vision.multimodal_embedder.embedding_projection.weight" },
};

/* Under either name it is found by the model's; a model that asks for the file's own finds that, as Gemma4Model. */
START_TEST(renamed)
{
    write_tensor("model.safetensors", spellings[_i].in_file);
    Checkpoint *checkpoint = opened();
    ck_assert_ptr_eq(checkpoint_find(checkpoint, spellings[_i].in_model), checkpoint->tensors);
    ck_assert_ptr_eq(checkpoint_find(checkpoint, spellings[_i].in_file), checkpoint->tensors);
    checkpoint_close(checkpoint);

    write_tensor("model.safetensors", spellings[_i].in_model);
    checkpoint = opened();
    ck_assert_ptr_eq(checkpoint_find(checkpoint, spellings[_i].in_model), checkpoint->tensors);
    ck_assert_ptr_null(checkpoint_find(checkpoint, spellings[_i].in_file));
    checkpoint_close(checkpoint);
}
END_TEST

/* Two shards of 4 MiB, read to the end: once let go, they take no memory, and read the same again. */
START_TEST(let_go)
{
    enum { BYTES = 4 << 20 };
    static const char *const names[] = { "a", "b" };
    for (int i = 0; i < 2; i++) {
        Error error = { "" };
        SafetensorsWriter *writer = safetensors_writer_open(temporary(i ? "2.safetensors" : "1.safetensors"), &error);
        safetensors_writer_begin(writer, names[i], DTYPE_U32, 1, (int64_t[]){ BYTES / 4 });
        for (uint32_t j = 0; j < BYTES / 4; j++)
            safetensors_writer_append(writer, &(uint32_t){ j * 7 + (uint32_t)i }, 4);
        safetensors_writer_close(writer, &error);
        assert_clean(&error);
    }
    write_text(temporary(INDEX), "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}");
    Checkpoint *checkpoint = opened();
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 2; i++) {
            const Array *array = checkpoint_find(checkpoint, names[i])->array;
            for (int64_t j = 0; j < BYTES / 4; j++)
                if (array_integer(array, j) != j * 7 + i) ck_abort_msg("%s[%lld] is another", names[i], (long long)j);
            ck_assert_uint_gt(resident(array->data), BYTES / 2);
        }
        checkpoint_let_go(checkpoint);
        for (int i = 0; i < 2; i++)
            ck_assert_uint_lt(resident(checkpoint_find(checkpoint, names[i])->array->data), BYTES / 16);
    }
    checkpoint_close(checkpoint);
}
END_TEST

/* An index over 1.safetensors and 2.safetensors, which both hold "a"; the file at fault; what the error says. */
static const struct {
    const char *index, *file, *says;
} bad[] = {
    { NULL, "", ": found neither model.safetensors nor " INDEX ", expected one" },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}}", INDEX,
      ": 3.safetensors: found no shard of that name, expected it to hold b" },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", "",
      ".safetensors: a: found it in a second shard (" },
    { "{\"metadata\":{}}", INDEX, ": weight_map: found none, expected an object of tensor: file" },
    { "{\"weight_map\":[\"1.safetensors\"]}", INDEX, ": weight_map: found none" },
    { "[]", INDEX, ": found JSON that is not an object, expected an index" },
    { "{\"weight_map\":{\"a\":\"../1.safetensors\"}}", INDEX,
      ": a: found no file name, expected one in the same folder" },
    { "{\"weight_map\":{\"a\":1}}", INDEX, ": a: found no file name" },
    { "{\"weight_map\":{\"a\":\".\"}}", "", ": found something that is not a file" },
    { "{\"weight_map\":", INDEX, ": found invalid JSON (line 1" },
    { "{\"weight_map\":{\"a\":\"broken\"}}", "broken", ": found 3 bytes, expected at least" },
};

START_TEST(bad_folder)
{
    Error error = { "" };
    write_tensor("1.safetensors", "a");
    write_tensor("2.safetensors", "a");
    write_text(temporary("broken"), "...");
    if (bad[_i].index) write_text(temporary(INDEX), bad[_i].index);
    ck_assert_ptr_null(checkpoint_open(temporary_folder(), &error));
    assert_refused(&error, *bad[_i].file ? temporary(bad[_i].file) : temporary_folder(), bad[_i].says);
}
END_TEST

START_TEST(broken_file)
{
    Error error = { "" };
    write_text(temporary("model.safetensors"), "...");
    ck_assert_ptr_null(checkpoint_open(temporary_folder(), &error));
    assert_refused(&error, temporary("model.safetensors"), ": found 3 bytes");
}
END_TEST

Suite *checkpoint_suite(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tcase = theme(suite, "opened");
    tcase_add_test(tcase, one_file);
    tcase_add_test(tcase, shards);
    tcase_add_loop_test(tcase, renamed, 0, COUNT(spellings));
    tcase = theme(suite, "memory");
    tcase_add_test(tcase, let_go);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, bad_folder, 0, COUNT(bad));
    tcase_add_test(tcase, broken_file);
    return suite;
}
