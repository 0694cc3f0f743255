/* fuzz_gguf.c - files that are nearly GGUF */
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf.h"
#include "fuzz/fuzz.h"

/* The same as --weights, with the names of Hugging Face, and inputs as --activations ggml declares them */
static void read_checkpoint(void)
{
    Error error = { "" };
    const char *files[] = { fuzz_path("a.gguf"), NULL };
    weight_files = files;
    Checkpoint *checkpoint = checkpoint_open(fuzz_path(""), &error);
    weight_files = NULL;
    if (!checkpoint != error_is_set(&error)) __builtin_trap();
    if (checkpoint) checkpoint_name_ggufs(checkpoint, "model.language_model.", &error);
    declared_inputs = (DeclaredInputs){ .given = true, .inputs = INPUTS_GGML };
    if (checkpoint) checkpoint_declare_inputs(checkpoint);
    declared_inputs = (DeclaredInputs){ .given = false };
    checkpoint_close(checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    Gguf *file = gguf_open(fuzz_put("a.gguf", data, size), &error);
    if (!file != error_is_set(&error)) __builtin_trap();
    for (int i = 0; file && i < gguf_count(file); i++) fuzz_read_array(gguf_array(file, i));
    gguf_close(file);
    read_checkpoint();
    return 0;
}
