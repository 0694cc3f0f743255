/* test_gguf.c - GGUF files, written byte by byte */
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_names.h"

#include "ggufs.h"
#include "helpers.h"

static void align(File *file, size_t alignment)
{
    while (file->size % alignment) file->bytes[file->size++] = 0;
}

static Gguf *opened(const File *file, Error *error)
{
    write_bytes(temporary("a.gguf"), file->bytes, file->size);
    return gguf_open(temporary("a.gguf"), error);
}

/* Keys of every type, a list of strings and one of lists among them, and two tensors behind an alignment of 64 */
static void put_whole(File *file)
{
    put_head(file, 3, 2, 5);
    put_string(file, "general.alignment");
    put_u32(file, 4);
    put_u32(file, 64);
    put_string(file, "name");
    put_u32(file, 8);
    put_string(file, "value");
    put_string(file, "strings");
    put_u32(file, 9);
    put_u32(file, 8);
    put_u64(file, 2);
    put_string(file, "a");
    put_string(file, "");
    put_string(file, "lists");
    put_u32(file, 9);
    put_u32(file, 9);
    put_u64(file, 1);
    put_u32(file, 0);
    put_u64(file, 3);
    put(file, "abc", 3);
    put_string(file, "double");
    put_u32(file, 12);
    put_u64(file, 0);
    put_tensor(file, "blk.7.attn_q.weight", 2, 3, 0, 0);
    put_tensor(file, "other", 32, 1, 8, 64);
    align(file, 64);
    for (int i = 0; i < 6; i++) put(file, &(float){ (float)i }, 4);
    align(file, 64);
    put(file, &(uint16_t){ 0x3800 }, 2); /* 0.5 */
    for (int i = 0; i < 32; i++) put(file, &(signed char){ (signed char)(i - 20) }, 1);
}

START_TEST(file_is_read)
{
    Error error = { "" };
    File file = { .size = 0 };
    put_whole(&file);
    Gguf *gguf = opened(&file, &error);
    assert_clean(&error);
    ck_assert_int_eq(gguf_count(gguf), 2);
    const Array *plain = gguf_array(gguf, 0), *blocks = gguf_array(gguf, 1);
    ck_assert_str_eq(plain->name, "blk.7.attn_q.weight");
    ck_assert(array_has_shape(plain, 2, (int64_t[]){ 3, 2 }) && plain->dtype == DTYPE_F32);
    ck_assert(array_has_shape(blocks, 2, (int64_t[]){ 1, 32 }));
    ck_assert_str_eq(array_scheme(blocks), "Q8_0");
    double values[32];
    array_read_f64(plain, 0, 6, values);
    for (int i = 0; i < 6; i++) assert_near(values[i], i, 0, "value", i);
    array_read_f64(blocks, 0, 32, values);
    for (int i = 0; i < 32; i++) assert_near(values[i], (i - 20) * 0.5, 0, "value", i);
    ck_assert(array_is_finite(blocks));
    gguf_close(gguf);
}
END_TEST

/* A file of every length and with every bit turned is refused in one line, or read; never a byte beyond its end. */
START_TEST(broken_file)
{
    File whole = { .size = 0 };
    put_whole(&whole);
    for (size_t size = 0; size < whole.size; size++) {
        Error error = { "" };
        File cut = whole;
        cut.size = size;
        ck_assert_ptr_null(opened(&cut, &error));
        assert_refused(&error, temporary("a.gguf"), ": ");
    }
    for (size_t bit = 0; bit < 8 * (whole.size - 98); bit++) {
        Error error = { "" };
        File turned = whole;
        turned.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        Gguf *gguf = opened(&turned, &error);
        for (int i = 0; gguf && i < gguf_count(gguf); i++) array_is_finite(gguf_array(gguf, i));
        if (!gguf) assert_refused(&error, temporary("a.gguf"), ": ");
        gguf_close(gguf);
    }
}
END_TEST

static const struct {
    uint32_t version, type, rank;
    uint64_t tensors, columns, offset;
    const char *says;
} bad[] = {
    { 1, 0, 2, 1, 2, 0, "found version 1, expected 2 or 3" },
    { 3, 10, 2, 1, 256, 0, "a: found type Q2_K (10), expected F32, F16, BF16, Q4_0" },
    { 3, 99, 2, 1, 256, 0, "a: found type ? (99)" },
    { 3, 8, 2, 1, 48, 0, "a: found rows of 48 elements, expected whole blocks of 32 for Q8_0" },
    { 3, 0, 5, 1, 2, 0, "a: found 5 dimensions, expected at most 4" },
    { 3, 0, 2, 1, 0, 0, "a: found a dimension of 0" },
    { 3, 0, 2, 1, 1ull << 60, 0, "a: found a dimension of 1152921504606846976" },
    { 3, 0, 2, 1, 2, 32, "a: found an offset of 32, expected 0" },
    { 3, 0, 2, 1, 1 << 20, 0, "a: found 128 bytes in the file, expected 4194400" },
    { 3, 0, 2, 1ull << 40, 2, 0, "found 1099511627776 tensors, expected at most 131072 (--max-arrays)" },
};

START_TEST(header_is_refused)
{
    Error error = { "" };
    File file = { .size = 0 };
    put_head(&file, bad[_i].version, bad[_i].tensors, 0);
    put_string(&file, "a");
    put_u32(&file, bad[_i].rank);
    put_u64(&file, bad[_i].columns);
    put_u64(&file, 1);
    put_u32(&file, bad[_i].type);
    put_u64(&file, bad[_i].offset);
    align(&file, 32);
    for (int i = 0; i < 8; i++) put_u32(&file, 0);
    ck_assert_ptr_null(opened(&file, &error));
    assert_refused(&error, temporary("a.gguf"), bad[_i].says);
}
END_TEST

/* Names in the file and in Hugging Face's model of text beside a vision tower */
static const char *const names[][2] = {
    { "token_embd.weight", "model.language_model.embed_tokens.weight" },
    { "output.weight", "lm_head.weight" },
    { "blk.12.attn_output.weight", "model.language_model.layers.12.self_attn.o_proj.weight" },
    { "blk.0.ffn_down_exps.scale", "model.language_model.layers.0.router.per_expert_scale" },
    { "v.blk.3.attn_out.weight", "model.vision_tower.encoder.layers.3.self_attn.o_proj.linear.weight" },
    { "v.blk.3.ffn_up.output_max", "model.vision_tower.encoder.layers.3.mlp.up_proj.output_max" },
    { "v.blk.3.ln2.weight", "model.vision_tower.encoder.layers.3.pre_feedforward_layernorm.weight" },
    { "mm.input_projection.weight", "model.embed_vision.embedding_projection.weight" },
    { "rope_freqs.weight", "rope_freqs.weight" },
    { "blk.x.attn_q.weight", "blk.x.attn_q.weight" },
    { "blk.-1.attn_q.weight", "blk.-1.attn_q.weight" },
};

START_TEST(name_is_hugging_faces)
{
    Array array = { .name = names[_i][0], .rank = 1, .shape = { 1 } };
    const Array *renamed = gguf_renamed(&array, "model.language_model.", &scratch);
    ck_assert_str_eq(renamed->name, names[_i][1]);
    bool is_bound = strstr(names[_i][0], "_max") != NULL;
    ck_assert_int_eq(renamed->rank, is_bound ? 0 : 1);
}
END_TEST

/* [1, 3, 2, 2]: red, green and blue pictures become pixels of three colours. */
START_TEST(colours_are_last)
{
    Tensor pictures = values(0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23);
    const int expected[] = { 0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23 };
    Array array = array_of(view(pictures, 1, 3, 2, 2));
    array.name = "v.patch_embd.weight";
    const Array *renamed = gguf_renamed(&array, "model.", &scratch);
    ck_assert(array_has_shape(renamed, 2, (int64_t[]){ 1, 12 }));
    double found[12];
    array_read_f64(renamed, 0, 12, found);
    for (int i = 0; i < 12; i++) assert_near(found[i], expected[i], 0, "element", i);
}
END_TEST

Suite *gguf_suite(void)
{
    Suite *suite = suite_create("gguf");
    TCase *tcase = theme(suite, "read");
    tcase_add_test(tcase, file_is_read);
    tcase_add_loop_test(tcase, name_is_hugging_faces, 0, COUNT(names));
    tcase_add_test(tcase, colours_are_last);
    tcase = theme(suite, "refused");
    tcase_add_test(tcase, broken_file);
    tcase_add_loop_test(tcase, header_is_refused, 0, COUNT(bad));
    return suite;
}
