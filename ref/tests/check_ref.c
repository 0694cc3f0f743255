/* check_ref.c - the tests of ref/, in float and in double; run from the repository root */
#include "helpers.h"

/* clang-format off */
#define SUITES(X)                                                                                                      \
    X(error) X(arena) X(share_out) X(rounding) X(tap) X(tensor) X(output) X(sandbox) X(shown_text)                     \
    X(array) X(safetensors) X(safetensors_writer) X(checkpoint) X(loader) X(config)                                    \
    X(compressed_scheme) X(compressed_tensors) X(gguf_types) X(gguf) X(input_codes) X(quantised_layouts)               \
    X(expert_stack) X(processor_config) X(riff) X(wav) X(unified_feature_extractor) X(sounds) X(kernel) X(matmul)      \
    X(elementwise) X(code_products)                                                                                    \
    X(moving) X(embedding) X(norm) X(softmax) X(top_k) X(activation) X(convolution) X(rope) X(one_hot)                 \
    X(features) X(feature_extractor)                                                                                   \
    X(audio_configuration) X(vision_configuration) X(text_configuration) X(text_configuration_bad) X(configuration)    \
    X(clippable_linear) X(vision_patch_embedder) X(vision_pooler) X(vision_rotary_embedding)                           \
    X(eager_attention_forward) X(cached_states) X(text_mlp) X(text_rotary_embedding) X(dynamic_cache) X(masks)         \
    X(text_attention) X(text_attention_cache) X(text_experts) X(text_router) X(text_decoder_layer)                     \
    X(text_scaled_word_embedding) X(text_model) X(for_causal_lm) X(audio_model) X(gemma4_model)                        \
    X(unified_configuration) X(unified_vision_embedder) X(unified_model) X(unified_check_inputs)                       \
    X(generation_config) X(generation) X(suppress_tokens) X(check_text_inputs) X(check_inputs) X(inputs) X(model)      \
    X(png_chunk) X(convert_to_rgb) X(orientation) X(png) X(resize_weights) X(resize) X(image_processor)                \
    X(patches_merge) X(unified_image_processor)                                                                        \
    X(get_aspect_ratio_preserving_size) X(processor_settings) X(video_processor) X(prompt) X(processor)
/* clang-format on */

#define DECLARE(name) Suite *name##_suite(void);
#define NAME(name) name##_suite,
SUITES(DECLARE)
static MakeSuite *const suites[] = { SUITES(NAME) };

int main(void) { return run_suites(suites, COUNT(suites)); }
