"""Hugging Face's audio tower, for hf.py: its weights, clip bounds and timescales, and random log-mel features. Not a
program."""
import math

import numpy as np
import torch

AUDIO = ("model.audio_tower.", "model.embed_audio.")


def random_weight(name, shape, rng):
    """A weight of the tower where hf.random_weight does not know how large it should be; None of the others.

    Queries and keys are scaled by about 1.9 in all, so their projections are smaller, that softmax may not saturate.
    """
    if name.endswith(("norm_pre_attn.weight", "norm_post_attn.weight", "norm_out.weight")):
        return rng.uniform(0.6, 1.4, shape)
    if name.endswith("per_dim_scale"):
        return rng.uniform(-0.5, 0.8, shape)
    if name.endswith((".conv.weight", "depthwise_conv1d.weight")):
        return rng.normal(0, 1.3 / math.sqrt(math.prod(shape[1:])), shape)
    if "audio_tower" in name and name.endswith(("q_proj.linear.weight", "k_proj.linear.weight",
                                                "relative_k_proj.weight")):
        return rng.normal(0, 0.7 / math.sqrt(shape[-1]), shape)
    return None


def audio_inputs(inputs):
    """The arguments of get_audio_features; none if there is no sound."""
    return {name: inputs[name] for name in ("input_features", "input_features_mask") if name in inputs}


def valid_frames(inputs):
    """Of the subsampled mask, which of the tower's frames are no padding."""
    return inputs["input_features_mask"][:, ::2][:, ::2]


def bins(config):
    """Hugging Face has no key for the bins of a frame: the projection is as wide as a fourth of the channels."""
    return config.subsampling_conv_channels[0] // 4 * 4


def make_mel_inputs(frames, bins, seed, longest=None):
    """One clip of log-mel frames per count of `frames`: ridges that rise and fall over noise, between silences."""
    rng = np.random.default_rng([seed, 4])
    longest = longest or max(frames)
    input_features = np.zeros((len(frames), longest, bins), np.float32)
    input_features_mask = np.zeros((len(frames), longest), bool)
    for b, count in enumerate(frames):
        time, bin = np.arange(count)[:, None], np.arange(bins)
        mel = rng.exponential(0.05, (count, bins))
        for ridge in range(1, 5):
            pitch = bins * ridge * rng.uniform(0.1, 0.2) * (1 + 0.2 * np.sin(time * rng.uniform(0.02, 0.2)))
            peak = rng.uniform(0.5, 4) * np.exp(-((bin - pitch) / 1.5) ** 2)
            mel += peak * (1 + np.sin(time * rng.uniform(0.05, 0.4)))
        input_features[b, :count] = np.log(mel + 1e-3)
        input_features_mask[b, :count] = True
    return {"input_features": torch.from_numpy(input_features),
            "input_features_mask": torch.from_numpy(input_features_mask)}


def rounded_inv_timescales(config):
    """HF's formula with its float32 steps correctly rounded, as the reference has it on every machine."""
    num_timescales = config.hidden_size // 2
    increment = math.log(10000.0) / max(num_timescales - 1, 1)
    exponent = np.arange(num_timescales, dtype=np.float32) * np.float32(-increment)
    return torch.from_numpy(np.exp(exponent.astype(np.float64)).astype(np.float32))[None, None]
