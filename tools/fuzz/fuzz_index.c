/* fuzz_index.c - model.safetensors.index.json beside three shards, of which two have the same tensors */
#include <stdlib.h>

#include "checkpoint/checkpoint.h"
#include "fuzz/fuzz.h"

/* As a bug with weights of its own does */
static void borrow(Checkpoint *checkpoint)
{
    Checkpoint *borrowed = checkpoint_borrow(checkpoint);
    if (borrowed->tensor_count != checkpoint->tensor_count) abort();
    checkpoint_close(borrowed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool copied;
    if (!copied) {
        fuzz_copy("text/inputs.safetensors", "a.safetensors");
        fuzz_copy("text/model/model.safetensors", "b.safetensors");
        fuzz_copy("text/inputs.safetensors", "c.safetensors");
    }
    copied = true;
    Error error = { "" };
    fuzz_put("model.safetensors.index.json", data, size);
    Checkpoint *checkpoint = checkpoint_open(fuzz_path(""), &error);
    if (checkpoint) checkpoint_find(checkpoint, "model.norm.weight");
    if (checkpoint) checkpoint_array(checkpoint, "model.norm.weight");
    for (int i = 0; checkpoint && i < checkpoint->tensor_count; i++) fuzz_read_array(checkpoint->tensors[i].array);
    if (checkpoint) borrow(checkpoint);
    if (checkpoint) checkpoint_let_go(checkpoint);
    checkpoint_close(checkpoint);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
