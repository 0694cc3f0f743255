/* test_newcomer.c - what a newcomer gives in the place of a case or a dump, and the folders that Hugging Face writes */
#include "command.h"

#include <sys/stat.h>

#include "checkpoint/safetensors.h"
#include "dump/dump.h"

#define EXPECTED TEXT "/expected.safetensors"

static const struct {
    const char *arguments[8], *says[3];
} mistakes[] = {
    { { "grade", TEXT, "README.md" }, { "README.md: found text", "a safetensors file, an .npz or a folder" } },
    { { "diagnose", TEXT, "README.md" }, { "README.md: found text" } },
    { { "grade", TEXT, "docs" }, { "docs: found no .npy and no .safetensors in it" } },
    { { "grade", TEXT, TEXT "/model" }, { "found a checkpoint, expected a dump" } },
    { { "grade", "fixtures/none", EXPECTED }, { "fixtures/none: found no such folder, expected a case" } },
    { { "run", "README.md" }, { "README.md: found a file, expected a case" } },
    { { "grade", TEXT "/model", EXPECTED }, { "found a checkpoint, expected a case", "--model " TEXT "/model" } },
    { { "grade", TEXT, EXPECTED, "--only", "*.layer.*" },
      { "--only: found *.layer.*, which matches none of the dump's " } },
};

START_TEST(mistake) { assert_one_line(run_plumb(mistakes[_i].arguments), mistakes[_i].says); }
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    const char *says[3];
} files[] = {
    { "PK\3\4rest of it", 14, { "found a zip archive, as torch.save writes", "; safetensors.torch.save_file" } },
    { "\x80\2}q\1.", 6, { "found a Python pickle" } },
    { "GGUF\3\0\0\0\0\0\0\0", 12, { "found a GGUF file of weights" } },
    { "\x93NUMPY\1\0", 8, { "found one NumPy array" } },
    { "", 0, { "found an empty file" } },
};

START_TEST(other_file)
{
    const char *path = temporary("dump.pt");
    write_bytes(path, files[_i].bytes, files[_i].size);
    assert_one_line(plumb("grade", TEXT, path), files[_i].says);
}
END_TEST

/* The first arrays of a dump, each in a file of its own, as "data" under a debugger's name or under its own */
static const char *write_folder(const char *prefix, const char *ending, const char *name)
{
    const char *folder = temporary("folder");
    Error error = { "" };
    mkdir(folder, 0700);
    Dump *dump = dump_open(EXPECTED, &error);
    for (int i = 0; i < dump_count(dump) && i < 12; i++) {
        const Array *array = dump_array(dump, i);
        SafetensorsWriter *writer = safetensors_writer_open(
            arena_format(&scratch, "%s/%s%s%s.safetensors", folder, prefix, array->name, ending), &error);
        safetensors_writer_begin(writer, name ? name : array->name, array->dtype, array->rank, array->shape);
        safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
        safetensors_writer_close(writer, &error);
    }
    dump_close(dump);
    assert_clean(&error);
    return folder;
}

static const char *const namings[][3] = {
    { "", "", NULL },
    { "", "", "data" },
    { "Gemma4ForCausalLM.", "_outputs", "data" },
    { "Gemma4ForCausalLM.", "_outputs_0", "data" },
};

START_TEST(folder_of_safetensors)
{
    const char *folder = write_folder(namings[_i][0], namings[_i][1], namings[_i][2]);
    Result result = plumb("grade", TEXT, folder, "--as", "fp32");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "PASS  all ") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, "no tap of this case") == NULL, "%s", result.out);
}
END_TEST

Suite *newcomer_suite(void)
{
    Suite *suite = suite_create("newcomer");
    TCase *tcase = theme(suite, "mistakes");
    tcase_add_loop_test(tcase, mistake, 0, COUNT(mistakes));
    tcase_add_loop_test(tcase, other_file, 0, COUNT(files));
    tcase = theme(suite, "folders");
    tcase_add_loop_test(tcase, folder_of_safetensors, 0, COUNT(namings));
    return suite;
}
