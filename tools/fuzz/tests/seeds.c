/* seeds.c - what fuzzing begins with: seeds FOLDER
 *
 * FOLDER/text is a model of a few hundred weights with inputs and a dump, FOLDER/vision one with pictures, and
 * FOLDER/mustpass.json what a submission is held to. The other folders are corpora, one a target.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "backends.h"
#include "report/file_digest.h"
#include "report/report_file.h"
#include "report/report_grade.h"
#include "seeds.h"

static const char *out;

const char *seed_path(const char *folder, const char *name)
{
    const char *path = arena_format(&scratch, "%s/%s", out, folder);
    mkdir(path, 0700);
    return arena_format(&scratch, "%s/%s", path, name);
}

void put_parts(const char *path, const char *const *parts, size_t data)
{
    char *bytes = arena_allocate(&scratch, 1 << 20), *at = bytes;
    for (; *parts; parts++) at = stpcpy(at, *parts) + 1;
    memset(at, 1, data);
    write_bytes(path, bytes, (size_t)(at - bytes) + data);
}

static void copy_model(const char *from, const char *to)
{
    mkdir(arena_format(&scratch, "%s/%s", out, to), 0700);
    const char *folder = arena_format(&scratch, "%s/model", to);
    copy_file(arena_format(&scratch, "%s/config.json", from), seed_path(folder, "config.json"));
    copy_file(arena_format(&scratch, "%s/model.safetensors", from), seed_path(folder, "model.safetensors"));
}

static void put_texts(const char *folder, const char *before, const char *const *texts)
{
    for (int i = 0; texts[i]; i++)
        write_text(seed_path(folder, arena_format(&scratch, "file-%s%d", before, i)),
                   arena_format(&scratch, "%s%s", before, texts[i]));
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
static const char *const indices[] = {
    "{\"weight_map\":{\"input_ids\":\"a.safetensors\",\"model.norm.weight\":\"b.safetensors\"}}",
    "{\"metadata\":{\"total_size\":7},\"weight_map\":{\"a\":\"..\",\"b\":\"model.safetensors.index.json\"}}",
    "{\"weight_map\":{\"input_ids\":\"a.safetensors\",\"attention_mask\":\"c.safetensors\"}}",
    "{\"weight_map\":{\"input_ids\":\"a.safetensors\",\"b\":\"none.safetensors\"}}",
    "{\"weight_map\":{\"input_ids\":\"a.safetensors\"}}", NULL
};
static const char *const cases[] = { "{\"images\":[\"a.png\"],\"max_soft_tokens\":70}",
                                     "{\"images\":[\"../a.png\"],\"load\":\"path\"}",
                                     "{\"images\":[\"/etc/passwd\"],\"load\":\"opened\"}", NULL };
static const char *const maps[] = {
    "{\"blk.{}.out\":\"model.layers.{}\",\"*\":\"model.*\"}",
    "{\"blk.0.out\":{\"tap\":\"a\",\"permute\":[1,0]},\"b*.out\":{\"drop\":true}}",
    "{\"blk.0.out\":{\"split\":{\"axis\":1,\"shares\":[2,1]},\"taps\":[\"a.{}\",null]}}",
    "{\"blk.{}.out\":{\"tap\":\"a\",\"stack\":0,\"optional\":true,\"with\":[\"c.{}\"]}}",
    "{\"blk.{}.out@{}\":{\"unstack\":{\"axis\":0,\"first\":5,\"step\":6},\"tap\":\"model.layers.{i}\"}}",
    "{\"blk.{}.out\":{\"tap\":\"model.layers.{0}\",\"steps\":[{\"reshape\":[0,-1]},{\"merge\":[0,1]},{\"scale\":0.5},"
    "{\"cast\":\"bf16\"}]}}",
    "{\"blk.0.out\":{\"tap\":\"a\",\"select\":{\"axis\":0,\"first\":0,\"count\":1},\"comment\":\"c\"}}",
    "{\"blk.0.out\":{\"tap\":\"a\",\"concat\":0}}",
    "{\"blk.0.out\":{\"split\":{\"axis\":1,\"shares\":[2,1]},\"taps\":[\"a\",null]}}",
    "{\"blk.0.out\":{\"split\":-1,\"taps\":[\"a\",\"b\",null]}}",
    "{\"blk.5.out\":{\"tap\":\"a\",\"steps\":[{\"reshape\":[1,3]},{\"squeeze\":0},{\"scale\":\"hidden_size^-0.5\"},"
    "{\"cast\":\"fp64\"}]}}",
    "{\"blk.0.out\":{\"tap\":\"logits\",\"rows\":\"tokens\"},"
    "\"blk.1.out\":{\"tap\":\"logits\",\"rows\":\"images\"}}",
    "{\"blk.0.out\":{\"tap\":\"logits\",\"permute\":[0,2,1]},\"blk.1.out\":{\"tap\":\"a\",\"permute\":[1,0]}}",
    "{\"blk.4.out\":{\"unstack\":0,\"taps\":[\"a\",\"b\"]},\"blk.5.out\":{\"unstack\":0,\"taps\":[\"d\",\"e\",\"f\"]}}",
    "{\"blk.4.out\":{\"tap\":\"a\",\"steps\":[{\"reshape\":[7,-1]}]},\"blk.5.out\":{\"tap\":\"b\",\"merge\":[3,4]},"
    "\"blk.2.out\":{\"tap\":\"c\",\"squeeze\":4},\"blk.3.out\":{\"tap\":\"d\",\"cast\":\"bool\"}}",
    NULL
};
static const char *const processors[] = {
    "{\"image_processor\":{\"image_mean\":[0,0,0],\"image_std\":0.5,\"patch_size\":16,\"do_rescale\":true},"
    "\"video_processor\":{\"max_soft_tokens\":70},\"feature_extractor\":{\"feature_size\":8}}",
    "{\"feature_extractor\":{\"feature_size\":2,\"per_bin_mean\":[0,1],\"per_bin_stddev\":[1,2],"
    "\"fft_overdrive\":true}}",
    "{\"feature_extractor\":{\"feature_size\":2,\"per_bin_mean\":[0,null],\"padding_side\":\"left\"}}",
    "{\"feature_extractor\":{\"frame_length_ms\":0}}",
    "{\"feature_extractor\":{\"min_frequency\":9,\"max_frequency\":8,\"padding_side\":\"up\"}}",
    "{\"do_resize\":false,\"resample\":3,\"sampling_rate\":16000,\"audio_samples_per_token\":640}",
    NULL
};
static const char *const generation[] = {
    "{\"eos_token_id\":[1,2],\"suppress_tokens\":[3,99999999],\"pad_token_id\":0}", "{\"eos_token_id\":1}", NULL
};
static const char *const changes[] = {
    "{\"vocab_size\": 7, \"hidden_size\": 4, \"intermediate_size\": 3, \"num_attention_heads\": 2, "
    "\"num_key_value_heads\": 1, \"head_dim\": 2, \"global_head_dim\": 4, \"sliding_window\": 2, "
    "\"num_hidden_layers\": 2, \"layer_types\": [\"sliding_attention\", \"full_attention\"]}",
    "{" MOE "}", "{" SHARED "}", "{\"attention_bias\":true,\"attention_k_eq_v\":true}"
};
/* Keys of a configuration beside those that the tiny models have */
static const char *const settings[] = {
    "{\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":10000.0},\"full_attention\":"
    "{\"rope_type\":\"proportional\",\"rope_theta\":1000000.0,\"partial_rotary_factor\":0.25,\"factor\":2.0}}}",
    "{\"per_layer_config\":{\"0\":{\"head_dim\":2,\"num_key_value_heads\":1},\"1\":{\"head_dim\":4}}}",
    "{\"per_layer_config\":{\"9\":{\"head_dim\":2},\"0\":{\"other\":2}}}",
    "{\"use_bidirectional_attention\":\"all\",\"final_logit_softcapping\":30.0}",
    "{\"use_bidirectional_attention\":\"vision\",\"num_kv_shared_layers\":1}",
    "{\"final_logit_softcapping\":-1.0,\"use_bidirectional_attention\":\"some\"}",
    "{\"pad_token_id\":7}",
    "{\"num_attention_heads\":3,\"num_key_value_heads\":2}",
};

static void put_settings(const char *config)
{
    for (int i = 0; i < COUNT(settings); i++) {
        json_t *json = json_loads(config, 0, NULL), *more = json_loads(settings[i], 0, NULL);
        json_object_update(json, more);
        char *text = json_dumps(json, JSON_COMPACT);
        write_text(seed_path("config", arena_format(&scratch, "setting-%d", i)), arena_format(&scratch, "0%s", text));
        free(text);
        json_decref(more);
        json_decref(json);
    }
}

static const char few_tokens[] = "{\"input_ids\": [[3, 5, 2], [0, 4, 6]], \"attention_mask\": [[1, 1, 1], [0, 1, 1]]}";

static void put_safetensors(void)
{
    static const char *const headers[] = { "{" A "}",
                                           "{" A ",\"model.b@3\":{\"dtype\":\"BF16\",\"shape\":[0,4],"
                                           "\"data_offsets\":[16,16]}}",
                                           "{\"__metadata__\":{\"format\":\"pt\"}," A "}", "{}" };
    for (int i = 0; i < COUNT(headers); i++) {
        size_t length = strlen(headers[i]);
        char *bytes = memset(arena_allocate(&scratch, length + 17), 0, length + 17);
        memcpy(bytes, headers[i], length);
        write_bytes(seed_path("safetensors", arena_format(&scratch, "%d", i)), bytes, length + (i == 3 ? 1 : 17));
    }
}

static void put_arrays(void)
{
    static const char *const dicts[] = { NPY("<f4", "False", "(2, 3)"), NPY("<f4", "True", "(3, 2)"),
                                         NPY("<i8", "False", "(3,)"),   NPY("|V2", "False", "(2, 6)"),
                                         NPY("|u1", "False", "(24,)"),  NPY("<f8", "False", "(3,)") };
    const char zeros[24] = { 0 };
    zip_t *names = zip_open(arena_format(&scratch, "%s/names.npz", out), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    for (int i = 0; i < COUNT(dicts); i++) {
        size_t size;
        const unsigned char *npy = npy_bytes(1, dicts[i], zeros, 24, &size);
        write_bytes(seed_path("npy", arena_format(&scratch, "%d", i)), npy, size);
        zip_t *zip = zip_open(seed_path("npz", arena_format(&scratch, "%d", i)), ZIP_CREATE | ZIP_TRUNCATE, NULL);
        zip_int64_t index = zip_file_add(zip, "a.npy", zip_source_buffer(zip, npy, size, 0), 0);
        zip_set_file_compression(zip, (zip_uint64_t)index, i % 2 ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
        ck_assert_int_eq(zip_close(zip), 0);
        zip_file_add(names, arena_format(&scratch, "blk.%d.out.npy", i), zip_source_buffer(names, npy, size, 0), 0);
    }
    ck_assert_int_eq(zip_close(names), 0);
}

/* One tensor [2, 3] of float32 behind one key */
static void put_gguf(void)
{
    static const unsigned char file[160] = "GGUF\3\0\0\0"
                                           "\1\0\0\0\0\0\0\0"
                                           "\1\0\0\0\0\0\0\0"
                                           "\7\0\0\0\0\0\0\0"
                                           "general"
                                           "\4\0\0\0"
                                           "\1\0\0\0"
                                           "\1\0\0\0\0\0\0\0"
                                           "a"
                                           "\2\0\0\0"
                                           "\3\0\0\0\0\0\0\0"
                                           "\2\0\0\0\0\0\0\0"
                                           "\0\0\0\0";
    write_bytes(seed_path("gguf", "0"), file, 96 + 32);
}

static const char statement[] =
    "{\"port\":{\"name\":\"a-port\",\"version\":\"1.2\",\"source\":\"https://example.org\"},"
    "\"environment\":{\"machine\":\"a\"},\"groups\":[\"text\"],\"trials\":[{\"case\":\"tiny\",\"class\":\"bf16\","
    "\"dump\":\"backend.safetensors\"}],\"waivers\":[{\"case\":\"tiny\",\"class\":\"bf16\",\"tap\":\"logits\","
    "\"reason\":\"known\"}]}";

/* Other than those of their packages */
static const char *const manifests[] = {
    "-{\"format\":\"other\",\"format_version\":1}",
    "-{\"format\":\"plumbline-submission\",\"format_version\":9}",
    "-{\"format\":\"plumbline-submission\",\"format_version\":1,\"members\":[]}",
    "-{\"format\":\"plumbline-submission\",\"format_version\":1,\"members\":[{\"name\":\"submission.json\","
    "\"sha256\":\"0\"},{\"name\":\"reports/tiny-bf16.json\",\"sha256\":\"0\"}]}",
};

static const char two_trials[] =
    "{\"port\":{\"name\":\"a\",\"version\":\"1\",\"source\":\"https://example.org\"},"
    "\"environment\":{\"machine\":\"a\"},\"groups\":[\"text\"],\"trials\":["
    "{\"case\":\"tiny\",\"class\":\"bf16\",\"dump\":\"backend.safetensors\",\"names\":"
    "\"map.json\"},{\"case\":\"tiny\",\"class\":\"fp32\",\"dump\":\"backend.safetensors\"}]}";

/* The report with names that a table has to quote */
static const char *with_commas(const char *report)
{
    json_t *json = json_loads(report, 0, NULL);
    json_object_set_new(json, "case", json_string("tiny, \"small\" <b>"));
    char *text = json_dumps(json, JSON_COMPACT);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    json_decref(json);
    return kept;
}

/* A report on one step, and a package of it with a list that asks for that step */
static void put_reports(Text text, const char *dump)
{
    Error error = { "" };
    static const char *const logits[] = { "logits", NULL };
    char *report, *words[] = { "tiny", "backend.safetensors", "--as", "bf16", NULL };
    ReportFile file = { .path = "-", .kind = "grade", .arguments = words, .kept = &report };
    Grade *grade = graded_text(text, dump, "bf16", logits);
    report_file_open(&file, &error);
    report_file_say_files(&file, "dump", dump, &error);
    report_file_say_files(&file, "inputs", text.inputs, &error);
    report_file_close(&file, report_grade_json(grade, (ReportTitle){ "tiny", "backend.safetensors", 0 }), 0, &error);
    assert_clean(&error);
    char sha256[DIGEST_TEXT];
    size_t size;
    const char *bytes = read_text(text.inputs, &size);
    bytes_digest(bytes, size, sha256);
    write_text(seed_path(".", "mustpass.json"),
               arena_format(&scratch,
                            "{\"name\":\"tiny\",\"groups\":{\"text\":[\"tiny\"]},\"cases\":{\"tiny\":{\"files\":"
                            "{\"inputs.safetensors\":\"%s\"},\"taps\":[\"logits\"]}}}",
                            sha256));
    write_text(seed_path("report", "0"), report);
    write_text(seed_path("report", "quoted"), with_commas(report));
    put_parts(seed_path("submission", "0"), (const char *const[]){ statement, report, NULL }, 0);
    put_parts(seed_path("submission", "1"), (const char *const[]){ two_trials, report, "+", NULL }, 0);
    for (int i = 0; i < COUNT(manifests); i++)
        put_parts(seed_path("submission", arena_format(&scratch, "manifest-%d", i)),
                  (const char *const[]){ statement, report, manifests[i], NULL }, 0);
    free(report);
    grade_free(grade);
}

START_TEST(seeds)
{
    mkdir(out, 0700);
    for (int i = COUNT(changes) - 1; i >= 0; i--) {
        Text text = text_of(changes[i], i == 0 ? few_tokens : two_rows);
        const char *config = read_text(arena_format(&scratch, "%s/config.json", text.model), NULL);
        write_text(seed_path("config", arena_format(&scratch, "model-%d", i)), arena_format(&scratch, "0%s", config));
        if (i == 0) put_settings(config);
        if (i > 0) continue; /* what stays in the folder is the first */
        copy_model(text.model, "text");
        copy_file(text.inputs, seed_path("text", "inputs.safetensors"));
        const char *dump = backend_dump(text, &(Backend){ .class = "bf16" });
        copy_file(dump, seed_path("text", "dump.safetensors"));
        put_reports(text, dump);
        put_shards(text.model, text.inputs, dump);
        Backend generating = { .class = "bf16", .max_new_tokens = 2 };
        copy_file(backend_dump(text, &generating), seed_path("text", "decoded.safetensors"));
    }
    copy_model(tiny_write_multimodal("{}", "{}"), "vision");
    copy_file("fixtures/image/kinds/rgb-8-0.png", seed_path(".", "a.png"));
    put_texts("index", "", indices);
    put_texts("case", "", cases);
    put_texts("names", "", maps);
    put_texts("config", "2", processors);
    put_texts("config", "1", generation);
    put_safetensors();
    put_arrays();
    put_gguf();
    put_quantised();
    put_files();
    for (int i = 0; i < 16; i++) {
        char bytes[25];
        for (int j = 0; j < 25; j++) bytes[j] = (char)random_bits();
        bytes[0] = (char)(16 * i + i);
        write_bytes(seed_path("judge", arena_format(&scratch, "%d", i)), bytes, sizeof bytes);
        write_bytes(seed_path("diagnosis", arena_format(&scratch, "%d", i)), bytes, sizeof bytes);
    }
}
END_TEST

static Suite *seeds_suite(void)
{
    Suite *suite = suite_create("seeds");
    tcase_add_test(theme(suite, "seeds"), seeds);
    return suite;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "Usage: seeds FOLDER\n");
        return 2;
    }
    out = argv[1];
    static MakeSuite *const suites[] = { seeds_suite };
    return run_suites(suites, 1);
}
