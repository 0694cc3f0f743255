/* value_grid.c - values rounded, and compared with themselves */
#include "readings/value_grid.h"

#include <stdlib.h>
#include <string.h>

#include "run/run.h"

enum { LOOKED_AT = 1 << 14, BLOCK = 512 };

static bool lies_on(const Array *array, int64_t count, Rounding rounding)
{
    float values[BLOCK], rounded[BLOCK];
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t width = count - first < BLOCK ? count - first : BLOCK;
        array_read_f32(array, first, width, values);
        memcpy(rounded, values, sizeof rounded);
        round_to(rounding, rounded, width);
        if (memcmp(rounded, values, (size_t)width * sizeof *values) != 0) return false;
    }
    return true;
}

/* Masks, counts and zeros are numbers of every dtype and tell nothing: none needs more than four bits behind its first.
 */
static bool tells_nothing(const Array *array, int64_t count)
{
    enum { BEHIND_FOUR_BITS = (1 << 19) - 1 };
    for (int64_t i = 0; i < count; i++) {
        float value;
        uint32_t bits;
        array_read_f32(array, i, 1, &value);
        memcpy(&bits, &value, sizeof bits);
        if (bits & BEHIND_FOUR_BITS) return false;
    }
    return true;
}

/* Most numbers of bfloat16 are numbers of float16 too, which has three bits more: those of a float16 run that need no
 * more than bfloat16's are rare.
 * counts: of each array of the dump, whether it is looked at; NULL: all are */
static ValueGrid grid_of(const Dump *dump, const bool *counts)
{
    int bf16 = 0, fp16 = 0, wider_bf16 = 0, wider_fp16 = 0;
    ValueGrid grid = { .class = class_find("fp32") };
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        int64_t count = array_elements(array) < LOOKED_AT ? array_elements(array) : LOOKED_AT;
        if (count == 0 || !dtype_is_float(array->dtype) || (counts && !counts[i])) continue;
        bool is_bf16 = array->dtype == DTYPE_BF16 || lies_on(array, count, ROUNDING_BF16);
        bool is_fp16 = array->dtype == DTYPE_F16 || lies_on(array, count, ROUNDING_FP16);
        if (is_bf16 && is_fp16 && dtype_size(array->dtype) > 2 && tells_nothing(array, count)) continue;
        grid.arrays++;
        bf16 += is_bf16;
        fp16 += is_fp16 && !is_bf16;
        wider_bf16 += is_bf16 && array->dtype != DTYPE_BF16;
        wider_fp16 += is_fp16 && !is_bf16 && array->dtype != DTYPE_F16;
    }
    bool is_bf16 = bf16 > 0 && 2 * bf16 >= grid.arrays, is_fp16 = fp16 > 0 && 2 * fp16 >= grid.arrays;
    if (is_bf16)
        grid = (ValueGrid){ class_find("bf16"), grid.arrays, bf16, wider_bf16, false };
    else if (is_fp16)
        grid = (ValueGrid){ class_find("fp16"), grid.arrays, fp16, wider_fp16, false };
    return grid;
}

ValueGrid value_grid_of(const Dump *dump) { return grid_of(dump, NULL); }

bool value_grid_misled(ValueGrid *grid, const Dump *dump, const Grade *grade)
{
    const ArithmeticClass *taken = grid->class;
    if (grid->of_graded) return false;
    bool *graded = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *graded);
    for (int n = 0; n < grade->step_count; n++) {
        const Array *array = dump_find(dump, grade->steps[n].tap);
        if (array && !grade->steps[n].of_inputs) graded[array - dump_array(dump, 0)] = true;
    }
    ValueGrid narrowed = grid_of(dump, graded);
    free(graded);
    if (narrowed.arrays > 0) *grid = narrowed;
    grid->of_graded = true;
    return grid->class != taken;
}

void value_grid_text(FILE *out, const ValueGrid *grid)
{
    if (grid->stored_wider == 0) return;
    fprintf(out, "note  %d of %d arrays hold %s numbers, %d of them stored in a wider dtype: graded as %s\n",
            grid->on_grid, grid->arrays, grid->class->name, grid->stored_wider, grid->class->name);
}
