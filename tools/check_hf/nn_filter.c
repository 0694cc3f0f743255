/* nn_filter.c - one function of nn/ as a pipe: float32 in, float32 out
 *
 *     nn-filter gelu_pytorch_tanh < values > results
 *     nn-filter fp4-group:bf16 WIDTH SCALE < rows of WIDTH > as the input of a product becomes by that rule
 *
 * So that anything that writes numbers can measure it against anything else (tools/check_hf/check_hf.py: against
 * torch).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/exp.h"
#include "nn/nn.h"

enum { BLOCK = 4096 };

static int round_rows(const char *rule, int64_t width, float scale)
{
    DeclaredInputs declared = { 0 };
    Arena arena = { 0 };
    Run run = { .arena = &arena };
    if (!input_codes_declare(rule, &declared) || !declared.given || width < 1) {
        fprintf(stderr, "Usage: nn-filter RULE WIDTH SCALE; rules: %s\n", input_codes_names);
        return 2;
    }
    Tensor x = new_tensor(&run, 1, width);
    while (fread(x.data, sizeof *x.data, (size_t)width, stdin) == (size_t)width) {
        ArenaMark mark = arena_mark(&arena);
        Tensor rounded = to_codes(x, (CodeRule){ declared.inputs, scale, declared.dtype }, &run);
        fwrite(rounded.data, sizeof *rounded.data, (size_t)width, stdout);
        arena_release(&arena, mark);
    }
    arena_free(&arena);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4) return round_rows(argv[1], atoll(argv[2]), strtof(argv[3], NULL));
    Activation activation = GELU;
    bool is_exp = argc == 2 && strcmp(argv[1], "exp") == 0;
    if (argc != 2 || (!is_exp && !activation_from_name(argv[1], &activation))) {
        fprintf(stderr, "Usage: nn-filter exp|ACTIVATION; activations: %s\n", activation_names);
        return 2;
    }
    float values[BLOCK];
    size_t count;
    while ((count = fread(values, sizeof *values, BLOCK, stdin)) > 0) {
        if (is_exp)
            for (size_t i = 0; i < count; i++) values[i] = real_exp(values[i], FUSED_IN_BUILD);
        else
            act_fn_(activation, (Tensor){ values, 1, { (int64_t)count } }, &(Run){ 0 });
        fwrite(values, sizeof *values, count, stdout);
    }
    return 0;
}
