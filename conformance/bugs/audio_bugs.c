/* audio_bugs.c - gemma4's audio tower: two convolutions, conformer layers
 *
 * Right: a frame is masked before each convolution, and the mask is halved behind it. A query hears the 12 last frames,
 * itself among them; distances count down to 0. GLU gates with the second half, the convolution is causal, and each of
 * the two feed-forwards adds half of itself. The convolutions' norm is over the channels of one place; all others are
 * RMSNorm, whose weight is the factor itself.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

#define TOWER "model.audio_tower"
#define SUBSAMPLE TOWER ".subsample_conv_projection"

static json_t *audio_config(json_t *config)
{
    json_t *audio = json_object_get(config, "audio_config");
    return json_is_object(audio) && json_object_get(audio, "attention_chunk_size") ? audio : NULL;
}

static int64_t audio_number(const BugRun *run, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(audio_config(bug_config(run)), key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* ---------------------------------------------------------------- subsampling */

/* One place of the second convolution sees this of x [clips, channels, frames, bins], and perhaps a masked frame. */
static double convolve(const double *weight, const Recorded *x, int64_t clip, const int64_t *place, const Array *mask,
                       bool *sees_masked)
{
    const int64_t *shape = x->shape;
    const double *values = x->values + clip * shape[1] * shape[2] * shape[3];
    double sum = 0;
    for (int64_t c = 0; c < shape[1]; c++)
        for (int64_t k = 0; k < 9; k++) {
            int64_t t = 2 * place[0] + k / 3 - 1, f = 2 * place[1] + k % 3 - 1;
            if (t < 0 || t >= shape[2] || f < 0 || f >= shape[3]) continue;
            double term = weight[c * 9 + k] * values[(c * shape[2] + t) * shape[3] + f];
            if (term != 0 && array_integer(mask, clip * mask->shape[1] + 2 * t) == 0) *sees_masked = true;
            sum += term;
        }
    return sum;
}

static void subsample_no_mask(BugRun *run, const Tap *tap)
{
    const Array *mask = bug_inputs(run)->input_features_mask;
    if (!tap_is(tap->name, SUBSAMPLE ".layer1.conv") || !mask) return;
    const Recorded *x = recorded(run, tap, SUBSAMPLE ".layer0");
    const double *weight = weight_of(run, tap);
    const int64_t *out = tap->shape;
    for (int64_t i = 0; i < tap->count; i++) {
        int64_t clip = i / (out[1] * out[2] * out[3]), channel = i / (out[2] * out[3]) % out[1];
        bool sees_masked = false;
        double sum = convolve(weight + channel * x->shape[1] * 9, x, clip,
                              (int64_t[]){ i / out[3] % out[2], i % out[3] }, mask, &sees_masked);
        if (sees_masked) tap_set(tap, i, as_result(run, sum));
    }
}

/* Gemma3nAudioCumulativeGroupNorm of one clip: the mean and the variance of a frame are those of all channels and bins
 * of the frames up to it. x [channels, frames, bins] becomes y [frames, bins, channels]. */
static void group_norm_of_clip(BugRun *run, const double *x, const Tap *tap, int64_t first, double eps)
{
    int64_t frames = tap->shape[1], bins = tap->shape[2], channels = tap->shape[3];
    const double *weight = weight_of(run, tap);
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < frames; t++) {
        double count = (double)((t + 1) * bins * channels);
        for (int64_t i = 0; i < bins * channels; i++) sum += x[(i % channels * frames + t) * bins + i / channels];
        double mean = sum / count;
        for (int64_t i = 0; i < bins * channels; i++) {
            double apart = x[(i % channels * frames + t) * bins + i / channels] - mean;
            squares += apart * apart;
        }
        for (int64_t i = 0; i < bins * channels; i++) {
            double apart = x[(i % channels * frames + t) * bins + i / channels] - mean;
            double value = apart / sqrt(squares / count + eps) * weight[i % channels];
            tap_set(tap, first + t * bins * channels + i, as_result(run, value));
        }
    }
}

static void group_norm(BugRun *run, const Tap *tap)
{
    bool is_first = tap_is(tap->name, SUBSAMPLE ".layer0.norm");
    if (!is_first && !tap_is(tap->name, SUBSAMPLE ".layer1.norm")) return;
    const Recorded *x = recorded(run, tap, is_first ? SUBSAMPLE ".layer0.conv" : SUBSAMPLE ".layer1.conv");
    const json_t *eps = json_object_get(audio_config(bug_config(run)), "rms_norm_eps");
    int64_t clips = tap->shape[0], size = tap->count / clips;
    for (int64_t clip = 0; clip < clips; clip++)
        group_norm_of_clip(run, x->values + clip * size, tap, clip * size, eps ? json_number_value(eps) : 1e-6);
}

/* ---------------------------------------------------------------- attention */

static void mask_inverted(BugRun *run, const Tap *tap)
{
    (void)run;
    if (!tap_is(tap->name, TOWER "#attention_mask")) return;
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, tap_value(tap, i) == 0);
}

/* In its context, query r of a chunk has the key that far before it at place r. */
static void window_13(BugRun *run, const Tap *tap)
{
    if (!tap_is(tap->name, TOWER "#attention_mask")) return;
    const Recorded *mask = recorded(run, tap, SUBSAMPLE "#mask");
    int64_t blocks = tap->shape[2], chunk = tap->shape[3], context = tap->shape[4], seq = mask->shape[1];
    int64_t past = audio_number(run, "attention_context_left", 13) - 1;
    for (int64_t row = 0; row < tap_rows(tap); row++) {
        int64_t clip = row / (blocks * chunk), query = row % (blocks * chunk), key = query - past;
        if (query < seq && key >= 0 && mask->values[clip * seq + key] != 0)
            tap_set(tap, row * context + query % chunk, 1);
    }
}

static void relpos_ascending(BugRun *run, const Tap *tap)
{
    if (!tap_is(tap->name, TOWER ".rel_pos_enc")) return;
    for (int64_t i = 0, last = tap_rows(tap) - 1; i < last - i; i++) {
        double *far = tap_row(run, tap, i), *near = tap_row(run, tap, last - i);
        tap_set_row(tap, i, near);
        tap_set_row(tap, last - i, far);
    }
}

static void relpos_interleaved(BugRun *run, const Tap *tap)
{
    if (!tap_is(tap->name, TOWER ".rel_pos_enc")) return;
    int64_t width = tap_width(tap);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        const double *row = tap_row(run, tap, i);
        for (int64_t j = 0; j < width; j++) tap_set(tap, i * width + j, row[j % 2 * (width / 2) + j / 2]);
    }
}

static void qscale_zero(Checkpoint *checkpoint) { fill_weights(checkpoint, "*audio_tower.*.per_dim_scale", -1e4f); }

static void softcap_missing(json_t *config)
{
    config_set(audio_config(config), "attention_logit_cap", json_real(1e6)); /* whose tanh is the identity here */
}

/* ---------------------------------------------------------------- convolution */

/* The convolution of a layer once more, from what GLU is given: which half gates, and how many frames lie before */
static void convolve_again(BugRun *run, const Tap *tap, bool first_half_gates, int64_t left_pad)
{
    const Recorded *x = recorded_beside(run, tap, "lconv1d.linear_start");
    int64_t channels = tap->shape[1], seq = tap->shape[2], size = audio_number(run, "conv_kernel_size", 5);
    const double *weight = weight_of(run, tap);
    double *gated = scratch_row(run, seq);
    for (int64_t row = 0; row < tap_rows(tap); row++) {
        int64_t clip = row / channels, channel = row % channels;
        for (int64_t t = 0; t < seq; t++) {
            const double *from = recorded_row(x, clip * seq + t) + channel;
            double a = from[first_half_gates ? channels : 0], b = from[first_half_gates ? 0 : channels];
            gated[t] = as_result(run, a / (1 + exp(-b)));
        }
        for (int64_t t = 0; t < seq; t++) {
            double sum = 0;
            for (int64_t k = 0; k < size; k++) {
                int64_t from = t + k - left_pad;
                if (from >= 0 && from < seq) sum += weight[channel * size + k] * gated[from];
            }
            tap_set(tap, row * seq + t, as_result(run, sum));
        }
    }
}

static void glu_halves_swapped(BugRun *run, const Tap *tap)
{
    if (tap_is_local(tap, "lconv1d.depthwise_conv1d"))
        convolve_again(run, tap, true, audio_number(run, "conv_kernel_size", 5) - 1);
}

static void conv_centred(BugRun *run, const Tap *tap)
{
    int64_t size = audio_number(run, "conv_kernel_size", 5);
    if (tap_is_local(tap, "lconv1d.depthwise_conv1d") && size > 1) convolve_again(run, tap, false, (size - 1) / 2);
}

static void conv_norms_swapped(Checkpoint *checkpoint)
{
    swap_weights(checkpoint, ".lconv1d.pre_layer_norm.weight", ".lconv1d.conv_norm.weight");
}

/* ---------------------------------------------------------------- the tower as a whole */

static void clip_omitted(json_t *config)
{
    if (json_is_true(json_object_get(audio_config(config), "use_clipped_linears")))
        config_set(audio_config(config), "use_clipped_linears", json_false());
}

/* As in the vision tower (vision_bugs.c): y = x^ w becomes y (1 + w) / w. */
static void rmsnorm_one_plus_weight(BugRun *run, const Tap *tap)
{
    bool is_layers = strncmp(tap->name, TOWER ".layers.", strlen(TOWER ".layers.")) == 0;
    const char *module = strrchr(tap->name, '.');
    if (!is_layers || !strstr(module, "norm")) return;
    const double *weight = weight_of(run, tap);
    int64_t width = tap_width(tap);
    for (int64_t i = 0; weight && i < tap->count; i++) {
        double w = weight[i % width];
        if (w != 0) tap_set(tap, i, tap_value(tap, i) * (1 + w) / w);
    }
}

/* llama.cpp's loader asked for this norm twice, once for every tower and once for the conformer. */
static void zeroed_duplicates(Checkpoint *checkpoint)
{
    fill_weights(checkpoint, "*audio_tower.*.feed_forward1.pre_layer_norm.weight", 0);
}

static void residual_weight_1(json_t *config) { config_set(audio_config(config), "residual_weight", json_real(1)); }
static void rms_eps(json_t *config) { config_set(audio_config(config), "rms_norm_eps", json_real(1e-5)); }

static const char *const mask_needs[] = { SUBSAMPLE "#mask", NULL },
                         *const subsample_needs[] = { SUBSAMPLE ".layer0", NULL },
                         *const norm_needs[] = { SUBSAMPLE ".layer?.conv", NULL },
                         *const glu_needs[] = { "*.lconv1d.linear_start", NULL };

#define ENTRY(ID, MECHANISM, EXPOSED_BY) \
    .id = ID, .stage = "audio tower", .mechanism = MECHANISM, .exposed_by = EXPOSED_BY
#define REPORTED(URL) .source = URL, .sources = 1
#define TRAP(WHY) .source = "no known report; " WHY

const Bug audio_bugs[] = {
    { ENTRY("audio-subsample-no-mask", "frames behind a clip's end are not zeroed before the second convolution",
            "clips of different length"),
      REPORTED("https://github.com/onnxruntime/mobius/pull/207"), .tap = subsample_no_mask,
      .needs_in_layer = subsample_needs },
    { ENTRY("audio-group-norm", "frames are normalised by all channels and bins heard so far, not place by place",
            "any sound"),
      TRAP("Gemma 3n has a cumulative group norm here"), .tap = group_norm, .needs_in_layer = norm_needs },
    { ENTRY("audio-relpos-ascending", "relative positions count up from 0, not down to it", "any sound"),
      TRAP("the table begins with the farthest distance, and a shift tells which is whose"), .tap = relpos_ascending },
    { ENTRY("audio-relpos-interleaved", "sines and cosines of relative positions alternate", "any sound"),
      TRAP("other models' sinusoids alternate; here all sines come first"), .tap = relpos_interleaved },
    { ENTRY("audio-mask-inverted", "a query hears what it should not, and nothing else", "any sound"),
      REPORTED("https://github.com/huggingface/transformers/pull/48922"), .tap = mask_inverted },
    { ENTRY("audio-window-13", "a query hears attention_context_left frames, one too many", "sound beyond the context"),
      REPORTED("https://github.com/onnxruntime/mobius/pull/172"), .tap = window_13, .needs_in_layer = mask_needs },
    { ENTRY("audio-qscale-zero", "queries are scaled by 0: the table of softplus(per_dim_scale) is never filled",
            "any sound"),
      REPORTED("https://github.com/ggml-org/llama.cpp/pull/21421"), .weights = qscale_zero },
    { ENTRY("audio-softcap-missing", "attention logits have no soft cap", "any sound"),
      TRAP("the text model caps its last logits only"), .config = softcap_missing },
    { ENTRY("audio-glu-halves-swapped", "the first half of linear_start gates the second", "any sound"),
      TRAP("the text model's gate comes first, torch's GLU gates with the second half"), .tap = glu_halves_swapped,
      .needs_in_layer = glu_needs },
    { ENTRY("audio-conv-centred", "the depthwise convolution hears as much of the future as of the past", "any sound"),
      TRAP("a conformer's convolution is centred elsewhere"), .tap = conv_centred, .needs_in_layer = glu_needs },
    { ENTRY("audio-conv-norms-swapped", "pre_layer_norm and conv_norm of lconv1d have each other's weight",
            "any sound"),
      REPORTED("https://github.com/ggml-org/llama.cpp/pull/21421"), .weights = conv_norms_swapped },
    { ENTRY("audio-clip-omitted", "clipped linears of the audio tower do not clip", "bounds that cut"),
      REPORTED("https://github.com/onnxruntime/mobius/pull/172"), .config = clip_omitted },
    { ENTRY("audio-rmsnorm-one-plus", "norms multiply by 1 + weight, not by weight", "any sound"),
      REPORTED("https://github.com/NVIDIA/TensorRT-LLM/pull/14300"), .tap = rmsnorm_one_plus_weight },
    { ENTRY("audio-zeroed-duplicates", "the first norm of a layer is 0: a tensor that is asked for twice lies empty",
            "any sound"),
      REPORTED("https://github.com/ggml-org/llama.cpp/pull/21348"), .weights = zeroed_duplicates },
    { ENTRY("audio-residual-weight-1", "feed-forwards add all of themselves, not residual_weight of it", "any sound"),
      TRAP("a transformer adds the whole of its MLP; a conformer halves two of them"), .config = residual_weight_1 },
    { ENTRY("audio-rms-eps-1e-5", "rms_norm_eps of the tower is 1e-5", "quiet sound"),
      REPORTED("https://github.com/ggml-org/llama.cpp/pull/23815"), .config = rms_eps },
    { 0 },
};
