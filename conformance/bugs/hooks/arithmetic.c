/* arithmetic.c - what hooks of bugs compute with, as ref/nn does, but in double and a row at a time */
#include <math.h>

#include "bugs/hooks/bug_run.h"

double as_result(const BugRun *run, double value)
{
    if (run->pass->results != ROUNDING_BF16 && run->pass->results != ROUNDING_FP16) return value;
    real narrow = (real)value;
    round_result(&(Run){ .rounding = run->pass->results }, &narrow, 1);
    return narrow;
}

double as_weight(const BugRun *run, double value)
{
    return weight_scalar(&(Run){ .weights = run->pass->weights }, value);
}

double dot(const BugRun *run, const double *a, const double *b, int64_t count)
{
    double sum = 0;
    Run narrow = { .rounding = run->pass->results };
    if (rounds_factors(&narrow)) {
        for (int64_t i = 0; i < count; i++) {
            real left = (real)a[i], right = (real)b[i];
            round_factor(&narrow, &left, 1);
            round_factor(&narrow, &right, 1);
            sum += (double)left * (double)right;
        }
        return sum;
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

void rms_norm_row(double *row, int64_t width, const double *weight, double eps)
{
    double sum = 0;
    for (int64_t j = 0; j < width; j++) sum += row[j] * row[j];
    double factor = 1 / sqrt(sum / (double)width + eps);
    for (int64_t j = 0; j < width; j++) row[j] *= weight ? factor * weight[j] : factor;
}

float narrowed(Rounding rounding, float value)
{
    round_to(rounding, &value, 1);
    return value;
}

double activate(Activation activation, double x)
{
    switch (activation) {
    case GELU_PYTORCH_TANH: return 0.5 * x * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)));
    case GELU: return 0.5 * x * (1 + erf(x * M_SQRT1_2));
    case SILU: return x / (1 + exp(-x));
    case QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case RELU: return x < 0 ? 0 : x;
    default: return NAN;
    }
}

void turn_row(const BugRun *run, double *row, int64_t pairs, int64_t distance, const double *cos, const double *sin)
{
    for (int64_t i = 0; i < pairs; i++) {
        double left = row[i], right = row[i + distance];
        row[i] = as_result(run, as_result(run, left * cos[i]) - as_result(run, right * sin[i]));
        row[i + distance] = as_result(run, as_result(run, right * cos[i]) + as_result(run, left * sin[i]));
    }
}

/* ---------------------------------------------------------------- attention */

static void softmax_row(double *row, int64_t width)
{
    double largest = MASKED, sum = 0;
    for (int64_t j = 0; j < width; j++) largest = fmax(largest, row[j]);
    for (int64_t j = 0; j < width; j++) sum += row[j] = exp(row[j] - largest);
    for (int64_t j = 0; j < width; j++) row[j] /= sum;
}

void attend_head(BugRun *run, const AttentionHead *head, double *out)
{
    int64_t tokens = head->tokens, width = head->head_dim;
    double *weights = scratch_row(run, tokens);
    for (int64_t j = 0; j < tokens; j++) {
        double product = dot(run, head->query, head->keys + j * width, width);
        weights[j] = head->may_look[j] ? as_result(run, product) : MASKED;
    }
    softmax_row(weights, tokens);
    for (int64_t d = 0; d < width; d++) out[d] = 0;
    for (int64_t j = 0; j < tokens; j++)
        for (int64_t d = 0; d < width; d++) out[d] += as_result(run, weights[j]) * head->values[j * width + d];
    for (int64_t d = 0; d < width; d++) out[d] = as_result(run, out[d]);
}

void attend_again(BugRun *run, const Tap *tap, const Attention *attention)
{
    const Recorded *query = recorded_beside(run, tap, "self_attn#query_states");
    const Recorded *key = recorded_beside(run, tap, "self_attn#key_states");
    if (!query || !key) return;
    int64_t heads = tap->shape[1], queries = tap->shape[2], keys = tap->shape[3], groups = heads / key->shape[1];
    double *mask = scratch_row(run, keys), *scores = scratch_row(run, keys);

    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t row = tap->first / keys + i, h = row / queries % heads;
        Query at = { tap, row / (heads * queries), row % queries, queries };
        const double *k = recorded_row(key, (at.b * key->shape[1] + h / groups) * keys);
        for (int64_t j = 0; j < keys; j++) mask[j] = 0;
        attention->mask_row(run, &at, mask, keys);
        for (int64_t j = 0; j < keys; j++) {
            double product = dot(run, recorded_row(query, row), k + j * query->shape[3], query->shape[3]);
            double score = as_result(run, as_result(run, product) * attention->scale), cap = attention->softcap;
            if (cap > 0) score = as_result(run, cap * as_result(run, tanh(as_result(run, score / cap))));
            scores[j] = mask[j] == MASKED ? MASKED : as_result(run, score + mask[j]); /* no score counts beside it */
        }
        softmax_row(scores, keys);
        tap_set_row(tap, i, scores);
    }
}
