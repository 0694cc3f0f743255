/* resampling.c - a horizontal and a vertical pass
 *
 *   picture [height, width, 3]
 *     horizontal  -> [height, new width, 3]
 *     vertical    -> [new height, new width, 3]
 */
#include "pictures/resampling.h"

#include <math.h>
#include <string.h>

static double keys(double x, double a)
{
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

double kernel_bicubic(double distance) { return keys(distance, -0.5); }
double kernel_bicubic_sharp(double distance) { return keys(distance, -0.75); }
double kernel_triangle(double distance) { return fmax(0, 1 - fabs(distance)); }

/* ---------------------------------------------------------------- weights */

typedef struct {
    int most;           /* old pixels that a new one is made of, at most */
    int *first, *count; /* [new length] */
    float *weights;     /* [new length, most] */
} LineWeights;

static int within(int place, int length) { return place < 0 ? 0 : place < length ? place : length - 1; }

/* Beyond the ends of the line there is nothing, if the kernel is widened; otherwise the last pixel goes on. Pillow and
 * torch do the first, OpenCV does the second. */
static void weigh(const LineWeights *w, int i, double center, double scale, int old_length, const Resampling *how)
{
    double reach = how->support * scale, sum = 0;
    int begin = (int)ceil(center - reach), end = (int)floor(center + reach) + 1;
    int first = within(begin, old_length), last = within(end - 1, old_length);
    float *weights = w->weights + (size_t)i * (size_t)w->most;
    memset(weights, 0, (size_t)w->most * sizeof *weights);
    for (int j = begin; j < end; j++) {
        if (how->antialias && j != within(j, old_length)) continue;
        double weight = how->kernel((j - center) / scale);
        weights[within(j, old_length) - first] += (float)weight;
        sum += weight;
    }
    w->first[i] = first;
    w->count[i] = last - first + 1;
    for (int j = 0; j < w->count[i]; j++) weights[j] /= (float)sum;
}

static LineWeights line_weights(int old_length, int length, const Resampling *how, Arena *arena)
{
    double ratio = (double)old_length / length, scale = how->antialias && ratio > 1 ? ratio : 1;
    LineWeights w = { .most = 2 * (int)ceil(how->support * scale) + 1 };
    w.first = arena_allocate(arena, (size_t)length * sizeof *w.first);
    w.count = arena_allocate(arena, (size_t)length * sizeof *w.count);
    w.weights = arena_allocate(arena, checked_size(length, w.most, sizeof *w.weights));
    for (int i = 0; i < length; i++) {
        double center = how->corners ? i * (double)(old_length - 1) / length : (i + 0.5) * ratio - 0.5;
        weigh(&w, i, center, scale, old_length, how);
    }
    return w;
}

/* ---------------------------------------------------------------- passes */

static Levels levels_new(int width, int height, Arena *arena)
{
    size_t count = 3 * (size_t)width * (size_t)height;
    return (Levels){ width, height, arena_allocate(arena, count * sizeof(float)) };
}

Levels levels_of(Picture picture, Arena *arena)
{
    Levels levels = levels_new(picture.width, picture.height, arena);
    size_t count = picture_row(picture) * (size_t)picture.height;
    for (size_t i = 0; i < count; i++) levels.values[i] = picture.pixels[i];
    return levels;
}

static void horizontal(Levels out, Picture in, const LineWeights *w)
{
    float *to = out.values;
    for (int y = 0; y < out.height; y++) {
        const unsigned char *line = in.pixels + (size_t)y * picture_row(in);
        for (int x = 0; x < out.width; x++, to += 3) {
            const unsigned char *from = line + 3 * (size_t)w->first[x];
            const float *weights = w->weights + (size_t)x * (size_t)w->most;
            to[0] = to[1] = to[2] = 0;
            for (int j = 0; j < w->count[x]; j++)
                for (int c = 0; c < 3; c++) to[c] += weights[j] * (float)from[3 * j + c];
        }
    }
}

static void vertical(Levels out, Levels in, const LineWeights *w)
{
    size_t row = 3 * (size_t)in.width;
    memset(out.values, 0, row * (size_t)out.height * sizeof(float));
    for (int y = 0; y < out.height; y++) {
        float *to = out.values + (size_t)y * row;
        for (int j = 0; j < w->count[y]; j++) {
            const float *from = in.values + (size_t)(w->first[y] + j) * row;
            float weight = w->weights[(size_t)y * (size_t)w->most + (size_t)j];
            for (size_t x = 0; x < row; x++) to[x] += weight * from[x];
        }
    }
}

static float finished(float level, Finish finish)
{
    if (finish == FINISH_NONE) return level;
    level = level < 0 ? 0 : level > 255 ? 255 : level;
    return finish == FINISH_ROUNDED ? floorf(level + 0.5f) : finish == FINISH_TRUNCATED ? floorf(level) : level;
}

static void finish_all(Levels levels, Finish finish)
{
    size_t count = 3 * (size_t)levels.width * (size_t)levels.height;
    for (size_t i = 0; i < count; i++) levels.values[i] = finished(levels.values[i], finish);
}

Levels resample(Picture picture, int width, int height, const Resampling *how, Arena *arena)
{
    if (width == picture.width && height == picture.height) return levels_of(picture, arena);
    Levels out = levels_new(width, height, arena);
    ArenaMark mark = arena_mark(arena);
    Levels half = levels_new(width, picture.height, arena);
    LineWeights columns = line_weights(picture.width, width, how, arena);
    LineWeights rows = line_weights(picture.height, height, how, arena);
    horizontal(half, picture, &columns);
    if (how->cut_between) finish_all(half, FINISH_CUT);
    vertical(out, half, &rows);
    arena_release(arena, mark);
    finish_all(out, how->finish);
    return out;
}
