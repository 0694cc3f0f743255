/* mel_filter_bank.h - triangles on the scale of mel, transformers.audio_utils.mel_filter_bank */
#ifndef PLUMB_MEL_FILTER_BANK_H
#define PLUMB_MEL_FILTER_BANK_H

#include "run/arena.h"

/* A filter keeps only the bins where it is not 0, from first on. */
typedef struct {
    int first, count;
    double *weights; /* [count] */
} MelFilter;

/* mel_filters [num_mel_filters]: norm None, mel_scale "htk"; frequencies are Hz. Uppermost filters may be empty. */
MelFilter *mel_filter_bank(int num_frequency_bins, int num_mel_filters, double min_frequency, double max_frequency,
                           int sampling_rate, Arena *arena);

#endif
