// dump.cpp - one pass of llama.cpp, each named value of its graph in a file OUT/NAME.npy
//
//   dump text MODEL.gguf OUT FLASH CACHE CHUNK ..              FLASH 0 or 1, CACHE f32 or f16
//   dump vision MMPROJ.gguf OUT FLASH WIDTH HEIGHT PIXELS      PIXELS: float32, height x width x 3, from 0 to 1
//
// The chunks of a prompt follow each other: tokens=2,105,14, or image=FILE of float32 soft tokens, which see each other
// (causal=FILE: which do not), as libmtmd decides for Gemma 4. The first is in OUT/0, the next in OUT/1.
//
// llama.cpp calls back for each node of a graph. A node has the name that the model's code gives it; a product with a
// weight, which has none, is called mm= and the weight. Where a name comes again, as that of a view does, the first
// node counts. Arrays have ggml's four dimensions, the last one first.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "clip-impl.h"
#include "clip.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "llama.h"

struct Dump {
    std::string folder;
    std::set<std::string> names;
};

[[noreturn]] static void stop(const std::string & why) {
    fprintf(stderr, "dump: %s\n", why.c_str());
    exit(2);
}

static float value_at(const uint8_t * at, ggml_type type) {
    switch (type) {
        case GGML_TYPE_F32: return *(const float *) at;
        case GGML_TYPE_F16: return ggml_fp16_to_fp32(*(const ggml_fp16_t *) at);
        case GGML_TYPE_BF16: return ggml_bf16_to_fp32(*(const ggml_bf16_t *) at);
        default: return (float) *(const int32_t *) at;
    }
}

static std::vector<float> values_of(const ggml_tensor * t) {
    std::vector<uint8_t> bytes(ggml_nbytes(t));
    ggml_backend_tensor_get(t, bytes.data(), 0, bytes.size());
    std::vector<float> values;
    values.reserve(ggml_nelements(t));
    for (int64_t i3 = 0; i3 < t->ne[3]; i3++)
        for (int64_t i2 = 0; i2 < t->ne[2]; i2++)
            for (int64_t i1 = 0; i1 < t->ne[1]; i1++)
                for (int64_t i0 = 0; i0 < t->ne[0]; i0++)
                    values.push_back(value_at(
                        bytes.data() + i3 * t->nb[3] + i2 * t->nb[2] + i1 * t->nb[1] + i0 * t->nb[0], t->type));
    return values;
}

static void write_npy(const std::string & path, const ggml_tensor * t) {
    const std::vector<float> values = values_of(t);
    char head[128]; // 10 bytes before it make 138; padded so that the values begin at a multiple of 64
    int length = snprintf(head, sizeof head, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d, %d), }",
                          (int) t->ne[3], (int) t->ne[2], (int) t->ne[1], (int) t->ne[0]);
    std::string text(head, length);
    text.resize(117, ' ');
    text += '\n';
    const uint16_t size = (uint16_t) text.size();
    std::ofstream file(path, std::ios::binary);
    file.write("\x93NUMPY\x01\x00", 8).write((const char *) &size, 2) << text;
    file.write((const char *) values.data(), values.size() * sizeof(float));
    if (!file.flush()) stop(path + ": cannot be written");
}

static bool is_number(ggml_type type) {
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 || type == GGML_TYPE_I32;
}

static void write_once(Dump * dump, std::string name, const ggml_tensor * t) {
    for (char & c : name)
        if (c == '/' || c == ' ') c = '_';
    if (is_number(t->type) && dump->names.insert(name).second) write_npy(dump->folder + "/" + name + ".npy", t);
}

static bool on_node(ggml_tensor * t, bool ask, void * context) {
    if (ask || t->op == GGML_OP_NONE) return true;
    Dump * dump = (Dump *) context;
    const bool is_product = t->op == GGML_OP_MUL_MAT || t->op == GGML_OP_MUL_MAT_ID;
    if (is_product && t->src[0] && strstr(t->src[0]->name, ".weight"))
        write_once(dump, std::string("mm=") + t->src[0]->name, t);
    write_once(dump, t->name, t);
    return true;
}

static std::vector<float> floats_of(const std::string & path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) stop(path + ": cannot be read");
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<float> values(bytes.size() / sizeof(float));
    memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

static std::vector<llama_token> tokens_of(const std::string & text) {
    std::vector<llama_token> ids;
    std::istringstream in(text);
    for (std::string id; std::getline(in, id, ',');) ids.push_back(std::stoi(id));
    return ids;
}

// One chunk of the prompt, from that position on; returns the next one.
static int decode(llama_context * context, const std::string & chunk, int position) {
    const size_t equals = chunk.find('=');
    const std::string kind = chunk.substr(0, equals), what = chunk.substr(equals + 1);
    const int width = llama_model_n_embd(llama_get_model(context));
    std::vector<llama_token> ids;
    std::vector<float> soft_tokens;
    if (kind == "tokens") ids = tokens_of(what);
    else soft_tokens = floats_of(what);
    const int count = ids.empty() ? (int) soft_tokens.size() / width : (int) ids.size();

    llama_batch batch = llama_batch_init(count, ids.empty() ? width : 0, 1);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        if (!ids.empty()) batch.token[i] = ids[i];
        batch.pos[i] = position + i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1; // of each token, not of the last alone
    }
    if (ids.empty()) memcpy(batch.embd, soft_tokens.data(), soft_tokens.size() * sizeof(float));
    llama_set_causal_attn(context, kind != "image");
    if (llama_decode(context, batch) != 0) stop("llama_decode failed");
    llama_batch_free(batch);
    return position + count;
}

static void run_text(
    Dump * dump, const char * path, bool flash, ggml_type cache, const std::vector<std::string> & chunks) {
    llama_backend_init();
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    llama_model * model = llama_model_load_from_file(path, model_params);
    if (!model) stop(std::string(path) + ": not loaded");
    llama_context_params params = llama_context_default_params();
    params.n_ctx = 512;
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = cache;
    params.cb_eval = on_node;
    params.cb_eval_user_data = dump;
    llama_context * context = llama_init_from_model(model, params);
    if (!context) stop(std::string(path) + ": no context");

    const std::string folder = dump->folder;
    int position = 0;
    for (size_t i = 0; i < chunks.size(); i++) {
        *dump = { folder + "/" + std::to_string(i), {} };
        std::filesystem::create_directories(dump->folder);
        position = decode(context, chunks[i], position);
    }
    llama_free(context);
    llama_model_free(model);
}

static void run_vision(Dump * dump, const char * path, bool flash, clip_image_size size, const char * pixels) {
    clip_context_params params = {};
    params.flash_attn_type = flash ? CLIP_FLASH_ATTN_TYPE_ENABLED : CLIP_FLASH_ATTN_TYPE_DISABLED;
    params.image_min_tokens = params.image_max_tokens = -1; // as the file says
    params.cb_eval = on_node;
    params.cb_eval_user_data = dump;
    clip_ctx * context = clip_init(path, params).ctx_v;
    if (!context) stop(std::string(path) + ": not loaded");
    clip_image_f32 image;
    image.set_size(size, false, false);
    image.cpy_buf(floats_of(pixels));
    std::vector<float> soft_tokens((size_t) clip_n_output_tokens(context, &image) * clip_n_mmproj_embd(context));
    if (!clip_image_encode(context, 1, &image, soft_tokens)) stop("clip_image_encode failed");
    clip_free(context);
}

int main(int argc, char ** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (!(mode == "text" && argc > 6) && !(mode == "vision" && argc == 8)) stop("usage: see the head of dump.cpp");
    Dump dump = { argv[3], {} };
    const bool flash = atoi(argv[4]) != 0;
    if (mode == "vision") {
        run_vision(&dump, argv[2], flash, { atoi(argv[5]), atoi(argv[6]) }, argv[7]);
        return 0;
    }
    run_text(&dump, argv[2], flash, std::string(argv[5]) == "f16" ? GGML_TYPE_F16 : GGML_TYPE_F32,
             { argv + 6, argv + argc });
    return 0;
}
