/* mel_filter_bank.c - HF's order of operations, in float64, for each bin and filter alone */
#include "audio/mel_filter_bank.h"

#include <math.h>
#include <string.h>

static double hertz_to_mel(double freq) { return 2595.0 * log10(1.0 + freq / 700.0); }
static double mel_to_hertz(double mels) { return 700.0 * (pow(10, mels / 2595.0) - 1.0); }

/* numpy.linspace(start, stop, count)[i] */
static double linspace(double start, double stop, int count, int i)
{
    return i == count - 1 ? stop : i * ((stop - start) / (count - 1)) + start;
}

/* _create_triangular_filter_bank at one bin, for the filter between three frequencies */
static double triangle(double fft_freq, const double *filter_freqs)
{
    double down_slope = -(filter_freqs[0] - fft_freq) / (filter_freqs[1] - filter_freqs[0]);
    double up_slope = (filter_freqs[2] - fft_freq) / (filter_freqs[2] - filter_freqs[1]);
    return fmax(0, fmin(down_slope, up_slope));
}

MelFilter *mel_filter_bank(int num_frequency_bins, int num_mel_filters, double min_frequency, double max_frequency,
                           int sampling_rate, Arena *arena)
{
    MelFilter *filters = arena_allocate(arena, (size_t)num_mel_filters * sizeof *filters);
    double *filter_freqs = arena_allocate(arena, (size_t)(num_mel_filters + 2) * sizeof *filter_freqs);
    double mel_min = hertz_to_mel(min_frequency), mel_max = hertz_to_mel(max_frequency);
    for (int m = 0; m < num_mel_filters + 2; m++)
        filter_freqs[m] = mel_to_hertz(linspace(mel_min, mel_max, num_mel_filters + 2, m));
    for (int m = 0; m < num_mel_filters; m++) {
        MelFilter *filter = memset(&filters[m], 0, sizeof *filter);
        for (int bin = 0; bin < num_frequency_bins; bin++) {
            double fft_freq = linspace(0, sampling_rate / 2, num_frequency_bins, bin);
            if (triangle(fft_freq, filter_freqs + m) == 0) continue;
            if (filter->count == 0) filter->first = bin;
            filter->count = bin + 1 - filter->first;
        }
        filter->weights = arena_allocate(arena, (size_t)filter->count * sizeof(double));
        for (int i = 0; i < filter->count; i++)
            filter->weights[i] = triangle(linspace(0, sampling_rate / 2, num_frequency_bins, filter->first + i),
                                          filter_freqs + m);
    }
    return filters;
}
