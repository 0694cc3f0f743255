/* fuzz_config.c - the JSON files of a model's folder: config.json, those of processors, and generation_config.json
 *
 * The first byte says which file the rest is. A model that opens computes a pass; a processor is loaded.
 */
#include "audio/feature_extractor.h"
#include "audio/unified_feature_extractor.h"
#include "fuzz/fuzz.h"
#include "image/image_processor.h"
#include "image/video_processor.h"
#include "reference.h"

static const char *const files[] = { "config.json", "generation_config.json", "processor_config.json",
                                     "preprocessor_config.json", "video_preprocessor_config.json" };
enum { FILES = sizeof files / sizeof *files };

static void load_processors(void)
{
    Arena arena = { 0 };
    const char *folder = fuzz_path("");
    Gemma4ImageProcessor image;
    Gemma4AudioFeatureExtractor audio;
    Gemma4UnifiedAudioFeatureExtractor unified_audio;
    Error errors[6] = { { "" } };
    gemma4_image_processor_load(&image, folder, RESIZE_TORCHVISION, 0, &errors[0]);
    gemma4_unified_image_processor_load(&image, folder, RESIZE_PIL, 0, &errors[1]);
    gemma4_video_processor_load(&image, folder, 0, &errors[2]);
    gemma4_unified_video_processor_load(&image, folder, 0, &errors[3]);
    gemma4_unified_audio_load(&unified_audio, folder, 0, &errors[4]);
    gemma4_audio_load(&audio, folder, &arena, &errors[5]);
    arena_free(&arena);
}

static void run_model(int max_new_tokens)
{
    Error error = { "" };
    Model *model = model_open(fuzz_path(""), &error);
    if (!model != error_is_set(&error)) __builtin_trap();
    Inputs inputs = inputs_open(fuzz_seed("text/inputs.safetensors"), &error);
    if (model) model_check(model, &inputs, &error);
    if (!error_is_set(&error) && max_new_tokens) model_check_generation(model, &inputs, max_new_tokens, &error);
    Pass pass = { .max_new_tokens = max_new_tokens };
    if (!error_is_set(&error)) reference_f64.forward(model, &inputs, &pass);
    inputs_close(&inputs);
    model_close(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool copied;
    if (size == 0) return -1;
    if (!copied) fuzz_copy("text/model/model.safetensors", "model.safetensors");
    copied = true;
    int which = (uint8_t)(data[0] - '0') % FILES;
    for (int i = 0; i < FILES; i++) fuzz_remove(files[i]);
    fuzz_copy("text/model/config.json", "config.json");
    fuzz_put(files[which], data + 1, size - 1);
    if (which > 1)
        load_processors();
    else
        run_model(which == 1 ? 2 : 0);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < 2 || seed % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
    return 1 + fuzz_mutate_json(data + 1, size - 1, max_size - 1, seed / 16);
}
