/* fuzz_index.c - model.safetensors.index.json beside two shards */
#include "checkpoint/checkpoint.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool copied;
    if (!copied) {
        fuzz_copy("text/inputs.safetensors", "a.safetensors");
        fuzz_copy("text/model/model.safetensors", "b.safetensors");
    }
    copied = true;
    Error error = { "" };
    fuzz_put("model.safetensors.index.json", data, size);
    Checkpoint *checkpoint = checkpoint_open(fuzz_path(""), &error);
    if (checkpoint) checkpoint_find(checkpoint, "model.norm.weight");
    if (checkpoint) checkpoint_array(checkpoint, "model.norm.weight");
    for (int i = 0; checkpoint && i < checkpoint->tensor_count; i++) fuzz_read_array(checkpoint->tensors[i].array);
    checkpoint_close(checkpoint);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
