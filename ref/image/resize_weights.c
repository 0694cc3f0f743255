/* resize_weights.c - the bicubic kernel as whole numbers
 *
 * A new pixel lies at center in the old line and takes what is within support of it. The kernel is sampled there, made
 * to sum to 1 in float64, and then rounded to whole numbers. Each statement is in the order of the libraries': another
 * order may round a weight the other way, and a level with it.
 */
#include <math.h>

#include "image/resize.h"

/* Pillow keeps 8 bits for the level and 2 for sums of weights above 1, of 32. */
enum { PIL_PRECISION = 32 - 8 - 2, TORCH_MOST_PRECISION = 22, INT16_RANGE = 1 << 15 };

/* Keys' kernel with a = -1/2, as both libraries have it where they antialias. (torch's bicubic without has -3/4.) */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static int rounded(double x) { return (int)(x < 0 ? x - 0.5 : x + 0.5); }

/* The most bits with which every weight fits in 16. */
static int torch_precision(double largest)
{
    int precision = 0;
    while (precision < TORCH_MOST_PRECISION && rounded(largest * (1 << (precision + 1))) < INT16_RANGE) precision++;
    return precision;
}

ResizeWeights resize_weights(int old_length, int length, ResizeFlavour flavour, Arena *arena)
{
    double scale = (double)old_length / length, filter_scale = scale < 1 ? 1 : scale;
    double support = 2 * filter_scale, inverse = 1 / filter_scale, largest = 0;
    ResizeWeights w = { .length = length, .most = 2 * (int)ceil(support) + 1 };
    size_t taps = (size_t)length * (size_t)w.most;
    w.first = arena_allocate(arena, (size_t)length * sizeof *w.first);
    w.count = arena_allocate(arena, (size_t)length * sizeof *w.count);
    w.weights = arena_allocate(arena, taps * sizeof *w.weights);
    ArenaMark mark = arena_mark(arena);
    double *exact = arena_allocate(arena, taps * sizeof *exact);

    for (int i = 0; i < length; i++) {
        double center = scale * (i + 0.5), sum = 0, *line = exact + (size_t)i * (size_t)w.most;
        int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
        if (first < 0) first = 0;
        if (end > old_length) end = old_length;
        if (end - first > w.most) end = first + w.most;
        for (int j = 0; j < end - first; j++) sum += line[j] = bicubic((j + first - center + 0.5) * inverse);
        for (int j = 0; j < end - first; j++) {
            line[j] /= sum;
            if (line[j] > largest) largest = line[j];
        }
        w.first[i] = first;
        w.count[i] = end - first;
    }
    w.precision = flavour == RESIZE_PIL ? PIL_PRECISION : torch_precision(largest);
    for (int i = 0; i < length; i++)
        for (int j = i * w.most; j < i * w.most + w.count[i]; j++)
            w.weights[j] = rounded(exact[j] * (1 << w.precision));
    arena_release(arena, mark);
    return w;
}
