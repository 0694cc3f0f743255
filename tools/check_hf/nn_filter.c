/* nn_filter.c - one function of nn/ as a pipe: float32 in, float32 out
 *
 *     nn-filter gelu_pytorch_tanh < values > results
 *
 * So that anything that writes numbers can measure it against anything else (tools/check_hf/check_hf.py: against
 * torch).
 */
#include <stdio.h>
#include <string.h>

#include "nn/exp.h"
#include "nn/nn.h"

enum { BLOCK = 4096 };

int main(int argc, char **argv)
{
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
