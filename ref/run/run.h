/* run.h - one forward pass: its memory, its rounding, and the hook that sees every value worth naming */
#ifndef PLUMB_RUN_H
#define PLUMB_RUN_H

#include "checkpoint/array.h"
#include "run/arena.h"
#include "run/real.h"
#include "run/tap.h"

/* Random bits by their number: the same for a seed, whoever computes. */
typedef struct {
    uint32_t key, drawn;
    bool idle; /* values are rounded to nearest, and only counted: so many bits would have been drawn */
    bool near_ties; /* only what is near the middle of its two neighbours is rounded at random, the rest to nearest */
} Random;

typedef struct {
    Arena *arena;
    Rounding rounding; /* of every result */
    Rounding weights;  /* of the weights as they are read: a bf16 backend holds bf16 weights */
    bool exact_codes;  /* but not of those that codes and scales stand for: a kernel may never round these */
    InputCodes cache;  /* of keys and values */
    unsigned features; /* of Feature */
    Random *random;    /* results and factors are rounded up or down at random; NULL: to nearest, uncounted */
    Hook *hook;        /* NULL: nobody looks */
    Known *known;      /* NULL: everything is computed */
    void *hook_context;
    int repeat; /* how often the modules that run now have run before: above 0, their taps end in "@repeat" */
} Run;

/* A row-major value with its shape. Memory belongs to the run's arena. */
typedef struct {
    real *data;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
} Tensor;

/* clang-format off */
#define SHAPE(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ }
/* clang-format on */
#define new_tensor(run, ...) tensor_new(run, SHAPE(__VA_ARGS__))
#define view(tensor, ...) tensor_view(tensor, SHAPE(__VA_ARGS__))

Tensor tensor_new(Run *run, int rank, const int64_t *shape);
Tensor tensor_view(Tensor tensor, int rank, const int64_t *shape); /* same elements, another shape; one may be -1 */
int64_t elements(Tensor tensor);
int64_t rows(Tensor tensor); /* elements / last dimension */
int64_t last(Tensor tensor); /* the last dimension */

/* A value that is never held whole is handed over some rows at a time. */
typedef struct {
    Tensor values;
    int64_t first; /* the place of values.data[0] among the elements of the whole */
    int rank;      /* of the whole, as is shape */
    const int64_t *shape;
} TensorPart;

/* A value's name, and the line that gives it */
typedef struct {
    const char *module_path, *local_name; /* no local_name: what the module returns */
    const char *file;
    int line;
} TapName;

#define TAP_NAME(module_path, local_name) ((TapName){ module_path, local_name, __FILE__, __LINE__ })

/* The one hook. tap_output stands in a module's last line, where a Hugging Face forward hook fires; tap_local names a
 * value that no module outputs, tap_copy one that others hold too, and tap_part some rows of such a value. tap_mask is
 * there because a backend may dump its masks; what a hook writes into one is not read back. */
#define tap_output(run, module_path, ...) tap_named(run, TAP_NAME(module_path, NULL), __VA_ARGS__)
#define tap_local(run, module_path, name, ...) tap_named(run, TAP_NAME(module_path, name), __VA_ARGS__)
#define tap_copy(run, module_path, name, ...) tap_named_copy(run, TAP_NAME(module_path, name), __VA_ARGS__)
#define tap_mask(run, module_path, name, ...) tap_named_mask(run, TAP_NAME(module_path, name), __VA_ARGS__)
#define tap_part(run, module_path, name, ...) tap_named_part(run, TAP_NAME(module_path, name), __VA_ARGS__)

Tensor tap_named(Run *run, TapName name, Tensor value);
Tensor tap_named_copy(Run *run, TapName name, Tensor value);
void tap_named_mask(Run *run, TapName name, const bool *mask, int64_t rows, int64_t columns);
void tap_named_part(Run *run, TapName name, TensorPart part);

/* Whether the hook has the module's output, so that the module need not compute it: its tap shows room for it. */
bool is_known(Run *run, const char *module_path);

/* Rounding: nothing happens unless the run asks for it. At random, a value goes to one of its two neighbours, the more
 * likely the nearer it is, so that on average it is what it was; and a float32 result sometimes to the next float32.
 * Only near ties: as another honest backend rounds, which rounds to nearest what it added up in another order. */
Random random_of(uint32_t seed);
void round_to(Rounding rounding, real *values, int64_t count);  /* to nearest, whatever the run asks for */
void round_result(const Run *run, real *values, int64_t count); /* to bf16 or fp16 */
/* Draws the bits of values that other passes round, so that what follows has the same ones in each. */
void leave_unrounded(const Run *run, int64_t count);
void round_factor(const Run *run, real *values, int64_t count); /* of a matrix product: to tf32 */
bool rounds_factors(const Run *run);
void read_weight(const Run *run, const Array *weight, int64_t first, int64_t count, real *out);
real weight_scalar(const Run *run, double value);
real constant(const Run *run,
              double value); /* of the model's arithmetic: rounded where FEATURE_CONSTANTS_IN_DTYPE is */
real weight_value(const Run *run, const Array *weight); /* of a weight with one element */
real dtype_min(const Run *run);                         /* HF: torch.finfo(dtype).min */
Run run_in_float32(const Run *run); /* the same pass where HF says .float(): results are not rounded to the dtype */

/* Everything allocated since mark is given back, except value, which is moved down to where mark was. */
Tensor keep(Run *run, ArenaMark mark, Tensor value);

#endif
