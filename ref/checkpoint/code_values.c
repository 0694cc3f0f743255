/* code_values.c - what codes mean, in tables for a CodeGrid */
#include "checkpoint/code_grid.h"

const double *integer_values(int bits, int64_t first, Arena *arena)
{
    double *values = arena_allocate(arena, CODE_VALUES * sizeof *values);
    for (int64_t i = 0; i < CODE_VALUES; i++) values[i] = (double)(first + (i & (((int64_t)1 << bits) - 1)));
    return values;
}

const double *complement_values(int bits, Arena *arena)
{
    double *values = arena_allocate(arena, CODE_VALUES * sizeof *values);
    int64_t count = (int64_t)1 << bits;
    for (int64_t i = 0; i < CODE_VALUES; i++)
        values[i] = (double)(i % count < count / 2 ? i % count : i % count - count);
    return values;
}

const double *float8_values(Dtype dtype, Arena *arena)
{
    unsigned char codes[CODE_VALUES];
    double *values = arena_allocate(arena, CODE_VALUES * sizeof *values);
    for (int i = 0; i < CODE_VALUES; i++) codes[i] = (unsigned char)i;
    array_read_f64(&(Array){ .dtype = dtype, .rank = 1, .shape = { CODE_VALUES }, .data = codes }, 0, CODE_VALUES,
                   values);
    return values;
}

const double *e2m1_values(Arena *arena)
{
    static const double magnitudes[] = { 0, 0.5, 1, 1.5, 2, 3, 4, 6 };
    double *values = arena_allocate(arena, CODE_VALUES * sizeof *values);
    for (int i = 0; i < CODE_VALUES; i++) values[i] = i & 8 ? -magnitudes[i & 7] : magnitudes[i & 7];
    return values;
}
