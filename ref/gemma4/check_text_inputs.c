/* check_text_inputs.c - refuses token ids and masks that a forward pass could not take */
#include "gemma4.h"

static bool is_batch_of_tokens(const Array *array, const char *name, Error *error)
{
    if (array->rank != 2 || array_elements(array) == 0)
        error_set(error, "%s: %s: found shape %s, expected [batch, tokens] with at least one token", array->file, name,
                  SHAPE_TEXT(array->rank, array->shape));
    else if (dtype_is_float(array->dtype))
        error_set(error, "%s: %s: found dtype %s, expected an integer dtype", array->file, name,
                  dtype_name(array->dtype));
    return !error_is_set(error);
}

static void check_like_input_ids(const Inputs *inputs, const Array *array, const char *name, Error *error)
{
    if (!array || error_is_set(error) || !is_batch_of_tokens(array, name, error)) return;
    if (!array_has_shape(array, 2, inputs->input_ids->shape))
        error_set(error, "%s: %s: found shape %s, expected that of input_ids, %s", array->file, name,
                  SHAPE_TEXT(array->rank, array->shape), SHAPE_TEXT(inputs->input_ids->rank, inputs->input_ids->shape));
}

/* Padding on either side, and at least one token between */
static void check_attention_mask(const Array *mask, Error *error)
{
    int64_t seq = mask->shape[1];
    for (int64_t b = 0; b < mask->shape[0]; b++) {
        int64_t first = -1, last = -1, count = 0;
        for (int64_t t = 0; t < seq; t++) {
            int64_t value = array_integer(mask, b * seq + t);
            if (value != 0 && value != 1) {
                error_set(error, "%s: attention_mask: found %lld at [%lld, %lld], expected 0 or 1", mask->file,
                          (long long)value, (long long)b, (long long)t);
                return;
            }
            if (value == 0) continue;
            if (first < 0) first = t;
            last = t;
            count++;
        }
        if (count == 0)
            error_set(error, "%s: attention_mask: found no token in row %lld, expected one", mask->file, (long long)b);
        else if (last - first + 1 != count)
            error_set(error, "%s: attention_mask: found a hole in row %lld, expected padding at the ends only",
                      mask->file, (long long)b);
    }
}

static void check_position_ids(const Array *positions, Error *error)
{
    for (int64_t i = 0; i < array_elements(positions); i++)
        if (array_integer(positions, i) < 0) {
            error_set(error, "%s: position_ids: found %lld at token %lld, expected 0 or above", positions->file,
                      (long long)array_integer(positions, i), (long long)i);
            return;
        }
}

static void check_prefill_chunk_size(const Array *size, Error *error)
{
    if (array_elements(size) != 1 || dtype_is_float(size->dtype))
        error_set(error, "%s: prefill_chunk_size: found %s of shape %s, expected one whole number", size->file,
                  dtype_name(size->dtype), SHAPE_TEXT(size->rank, size->shape));
    else if (array_integer(size, 0) < 1)
        error_set(error, "%s: prefill_chunk_size: found %lld, expected 1 or more", size->file,
                  (long long)array_integer(size, 0));
}

int gemma4_input_vocab_size(const Gemma4TextConfig *config)
{
    bool fewer = config->hidden_size_per_layer_input && config->vocab_size_per_layer_input < config->vocab_size;
    return fewer ? config->vocab_size_per_layer_input : config->vocab_size;
}

void gemma4_token_check(const Gemma4TextConfig *config, const Array *input_ids, const int *placeholders, int count,
                        Error *error)
{
    int vocab_size = gemma4_input_vocab_size(config);
    for (int64_t i = 0; i < array_elements(input_ids); i++) {
        int64_t id = array_integer(input_ids, i);
        bool is_placeholder = false;
        for (int j = 0; j < count; j++) is_placeholder |= id == placeholders[j];
        if (is_placeholder && config->pad_token_id < 0)
            error_set(error, "%s: pad_token_id: found none, expected one to stand for multimodal tokens",
                      input_ids->file);
        else if (!is_placeholder && (id < 0 || id >= vocab_size))
            error_set(error, "%s: input_ids: found token %lld at [%lld, %lld], expected 0 to %d", input_ids->file,
                      (long long)id, (long long)(i / input_ids->shape[1]), (long long)(i % input_ids->shape[1]),
                      vocab_size - 1);
        if (error_is_set(error)) return;
    }
}

void gemma4_text_check(const Inputs *inputs, Error *error)
{
    if (!is_batch_of_tokens(inputs->input_ids, "input_ids", error)) return;
    check_like_input_ids(inputs, inputs->attention_mask, "attention_mask", error);
    check_like_input_ids(inputs, inputs->position_ids, "position_ids", error);
    check_like_input_ids(inputs, inputs->mm_token_type_ids, "mm_token_type_ids", error);
    if (!error_is_set(error) && inputs->attention_mask) check_attention_mask(inputs->attention_mask, error);
    if (!error_is_set(error) && inputs->position_ids) check_position_ids(inputs->position_ids, error);
    if (!error_is_set(error) && inputs->prefill_chunk_size)
        check_prefill_chunk_size(inputs->prefill_chunk_size, error);
}

void gemma4_for_causal_lm_check(const Gemma4ForCausalLM *m, const Inputs *inputs, Error *error)
{
    const Array *media = inputs->pixel_values          ? inputs->pixel_values
                         : inputs->pixel_values_videos ? inputs->pixel_values_videos
                                                       : inputs->input_features;
    if (!inputs->input_ids)
        error_set(error, "%s: input_ids: found no such input, expected [batch, tokens]",
                  safetensors_path(inputs->file));
    else if (media)
        error_set(error, "%s: %s: found pixels or sound, expected token ids alone for a text model", media->file,
                  media->name);
    if (!error_is_set(error)) gemma4_text_check(inputs, error);
    if (!error_is_set(error)) gemma4_token_check(&m->config, inputs->input_ids, NULL, 0, error);
}

void gemma4_generation_check(const Gemma4TextConfig *config, const Inputs *inputs, int max_new_tokens, Error *error)
{
    if (!inputs->input_ids) {
        error_set(error, "%s: input_ids: found no such input, expected a prompt", safetensors_path(inputs->file));
        return;
    }
    const Array *mask = inputs->attention_mask;
    int64_t batch = inputs->input_ids->shape[0], seq = inputs->input_ids->shape[1];
    for (int64_t b = 0; mask && b < batch; b++)
        if (array_integer(mask, b * seq + seq - 1) == 0)
            error_set(error, "%s: attention_mask: found padding behind row %lld, expected it on the left to generate",
                      mask->file, (long long)b);
    if (gemma4_input_vocab_size(config) < config->vocab_size)
        error_set(error, "%s: vocab_size_per_layer_input: found %d, expected at least vocab_size %d to generate",
                  inputs->input_ids->file, config->vocab_size_per_layer_input, config->vocab_size);
    if (seq + max_new_tokens > config->max_position_embeddings)
        error_set(error,
                  "%s: input_ids: found %lld tokens and %d new ones, expected at most %d in all "
                  "(max_position_embeddings)",
                  inputs->input_ids->file, (long long)seq, max_new_tokens, config->max_position_embeddings);
}
