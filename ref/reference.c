/* reference.c - the forward pass of this build */
#include "reference.h"

#include "nn/nn.h"
#include "run/threads.h"

#ifdef REAL_IS_DOUBLE
const Reference reference_f64 = { sizeof(real), model_forward };
#else
const Reference reference_f32 = { sizeof(real), model_forward };
void reference_set_threads(int threads)
{
    matmul_set_callers(threads);
    threads_set(threads);
}

void reference_set_passes(int passes)
{
    matmul_set_callers(passes);
    threads_set(1);
}
#endif
