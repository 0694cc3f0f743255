/* fuzz_quantised.c - codes and scales of every layout: a quantization_config and the header of a safetensors file, with
 * a 0 behind each, and the data
 */
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "checkpoint/quantization_config.h"
#include "fuzz/fuzz.h"

enum { CONFIG, HEADER, DATA, PARTS };

static void put_safetensors(FuzzPart header, FuzzPart data)
{
    uint64_t length = header.size;
    char *file = malloc(8 + header.size + data.size);
    memcpy(file, &length, 8);
    memcpy(file + 8, header.text, header.size);
    memcpy(file + 8 + header.size, data.text, data.size);
    fuzz_put("model.safetensors", file, 8 + header.size + data.size);
    free(file);
}

/* Words of the command line, which plumb merge takes from reports: the backend's declarations */
static void declare(const json_t *config)
{
    const char *inputs = json_string_value(json_object_get(config, "activations")),
               *cache = json_string_value(json_object_get(config, "kv_cache"));
    declared_inputs = (DeclaredInputs){ .given = json_is_true(json_object_get(config, "declared")) };
    declared_cache = (DeclaredCache){ .given = false };
    if (inputs && !input_codes_declare(inputs, &declared_inputs)) declared_inputs.given = false;
    if (strcmp(input_codes_name(declared_inputs.inputs), "") == 0) abort();
    if (cache) declared_cache.given = cache_codes_from_name(cache, &declared_cache.codes);
    if (declared_cache.given && strcmp(cache_codes_name(declared_cache.codes), cache) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzPart parts[PARTS];
    Error error = { "" };
    fuzz_parts(data, size, parts, PARTS);
    put_safetensors(parts[HEADER], parts[DATA]);
    json_t *object = json_parse_object(parts[CONFIG].text, parts[CONFIG].size, "config.json", "an object", &error);
    Checkpoint *checkpoint = object ? checkpoint_open(fuzz_path(""), &error) : NULL;
    if (checkpoint) {
        declare(object);
        json_t *config = json_pack("{s:O}", "quantization_config", object);
        read_quantization_config(checkpoint, (ConfigReader){ "config.json", "", config, &error });
        json_decref(config);
        for (int i = 0; i < checkpoint->tensor_count && !error_is_set(&error); i++)
            fuzz_read_array(checkpoint->tensors[i].array);
    }
    checkpoint_close(checkpoint);
    json_decref(object);
    fuzz_free_parts(parts, PARTS);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_parts(data, size, max_size, seed);
}
