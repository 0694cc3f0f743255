"""Hugging Face's Gemma 4 vision path, for the scripts beside this file: build a well-conditioned random model and
inputs, save and load them, run them in any precision. Not a program.
"""
import copy
import math
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import transformers
from transformers import Gemma4Config, Gemma4ForConditionalGeneration
from transformers.models.gemma4.modeling_gemma4 import Gemma4ClippableLinear

from capture import capture

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()          # it warns of the text tensors that our checkpoints leave out
transformers.logging.disable_progress_bar()

VISION = ("model.vision_tower.", "model.embed_vision.")

# The smallest text part that Hugging Face builds. It is never run, and no checkpoint of ours holds its tensors.
TEXT = dict(intermediate_size=32, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, head_dim=16,
            global_head_dim=16, vocab_size=64, vocab_size_per_layer_input=64, hidden_size_per_layer_input=0)
TOKENS = dict(boa_token_id=57, boi_token_id=58, eoi_token_id=59, image_token_id=60, video_token_id=61,
              audio_token_id=62, eoa_token_index=63)


# ---------------------------------------------------------------- inputs

def make_image(width, height, rng):
    """A smooth picture with some texture, [height, width, 3] in multiples of 1/255."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    picture = np.empty((height, width, 3))
    for channel in range(3):
        fx, fy, phase = rng.uniform(0.3, 2.0), rng.uniform(0.3, 2.0), rng.uniform(0, 2 * math.pi)
        cx, cy, size = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.1, 0.4)
        waves = np.cos(2 * math.pi * (fx * x + fy * y) + phase)
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / size**2)
        picture[:, :, channel] = 0.5 + 0.2 * waves + 0.3 * (blob - 0.5)
    picture += rng.normal(0, 0.08, picture.shape)
    return np.round(np.clip(picture, 0, 1) * 255) / 255


def make_inputs(grids, num_patches, patch_size, seed):
    """One image per (columns, rows) of `grids`, each padded to `num_patches`: the arguments of get_image_features."""
    rng = np.random.default_rng(seed)
    pixel_values = np.zeros((len(grids), num_patches, 3 * patch_size**2), np.float32)
    image_position_ids = np.full((len(grids), num_patches, 2), -1, np.int64)
    for b, (columns, rows) in enumerate(grids):
        image = make_image(columns * patch_size, rows * patch_size, rng)
        patches = image.reshape(rows, patch_size, columns, patch_size, 3).swapaxes(1, 2)
        pixel_values[b, : rows * columns] = patches.reshape(rows * columns, -1)
        image_position_ids[b, : rows * columns] = [(x, y) for y in range(rows) for x in range(columns)]
    return {"pixel_values": torch.from_numpy(pixel_values), "image_position_ids": torch.from_numpy(image_position_ids)}


# ---------------------------------------------------------------- models

def make_config(vision_config, text_hidden_size):
    return Gemma4Config(text_config=dict(TEXT, hidden_size=text_hidden_size), vision_config=dict(vision_config),
                        audio_config=None, **TOKENS)


def random_weight(name, shape, rng):
    """A bfloat16 weight that keeps its step visible, and rounding small from end to end.

    Norm weights are away from 1. Those of q_norm and k_norm bring the attention logits, whose standard deviation is
    their product times sqrt(head_dim), to about 1.2, as softmax amplifies rounding where it saturates.
    """
    if name.endswith(("q_norm.weight", "k_norm.weight")):
        values = rng.uniform(0.6, 1.4, shape) * math.sqrt(1.2 / math.sqrt(shape[-1]))
    elif name.endswith("norm.weight"):
        values = rng.uniform(0.6, 1.4, shape)
    elif name.endswith("position_embedding_table"):
        values = rng.normal(0, 0.5, shape)
    else:                                           # gain away from 1: a norm left out behind it must show
        values = rng.normal(0, rng.choice((0.6, 1.5)) / math.sqrt(shape[-1]), shape)
    return torch.from_numpy(values).bfloat16()


def make_model(config, inputs, seed):
    """A random model: weights as above, clip bounds that cut about 1 % of the values that `inputs` bring.

    Every weight is representable in bfloat16, so that a bfloat16 backend holds the same model.
    """
    rng = np.random.default_rng(seed)
    model = Gemma4ForConditionalGeneration(config).eval()
    for name, parameter in model.named_parameters():
        if name.startswith(VISION):
            parameter.data = random_weight(name, parameter.shape, rng).float()

    # Bounds come from a float64 run, so that every machine rounds them to the same bfloat16.
    bounds, pooled = measure(model, inputs, rng)
    for name, value in bounds.items():
        model.get_buffer(name).copy_(value)
    if config.vision_config.standardize:
        vision_tower, scale = model.model.vision_tower, pooled.square().mean().sqrt().item()
        std_bias = rng.normal(0, 0.5, vision_tower.std_bias.shape) * scale
        std_scale = rng.uniform(0.5, 1.5, vision_tower.std_scale.shape) / scale
        vision_tower.std_bias.copy_(torch.from_numpy(std_bias).bfloat16())
        vision_tower.std_scale.copy_(torch.from_numpy(std_scale).bfloat16())
    return model


def measure(model, inputs, rng):
    """Run `model` in float64; give a clip bound for every projection, and the pooler's output.

    Each bound is set before its clamp runs, so that what follows is measured with it. The shares cut differ from bound
    to bound: q, k and v see the same input and must not get the same bounds.
    """
    model = as_double(model)
    valid = (inputs["image_position_ids"] != -1).any(-1)
    bounds = {}

    def bind(name, module, side, values):
        for end, share in ("min", rng.uniform(0.002, 0.008)), ("max", 1 - rng.uniform(0.002, 0.008)):
            bound = torch.quantile(values[valid].flatten(), share).bfloat16()
            getattr(module, f"{side}_{end}").copy_(bound)
            bounds[f"{name}.{side}_{end}"] = bound

    def hook(name, module):
        module.register_forward_pre_hook(lambda _, args: bind(name, module, "input", args[0]))
        module.linear.register_forward_hook(lambda _, args, output: bind(name, module, "output", output))

    for name, module in model.named_modules():
        if isinstance(module, Gemma4ClippableLinear) and module.use_clipped_linears:
            hook(name, module)
    taps = run_vision(model, inputs)
    return bounds, taps["model.vision_tower.pooler"][taps.get("model.vision_tower.pooler#mask", valid)]


def save_model(model, folder, dtype=torch.bfloat16, **options):
    """Write config.json and the vision path's tensors as save_pretrained does; `options` are its own."""
    model = copy.deepcopy(model).to(dtype)
    vision = tuple(name.removeprefix("model.") if hasattr(model, "vision_tower") else name for name in VISION)
    tensors = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(vision)}
    model.save_pretrained(folder, state_dict=tensors, **options)
    (Path(folder) / "generation_config.json").unlink(missing_ok=True)


def load_model(folder, dtype=torch.float32, attn_implementation="eager"):
    """As users do. Not model.to(dtype), which rounds rotary_emb.inv_freq; from_pretrained does not."""
    model = Gemma4ForConditionalGeneration.from_pretrained(
        folder, dtype=dtype, attn_implementation=attn_implementation, local_files_only=True).eval()
    assert model.model.vision_tower.encoder.rotary_emb.inv_freq.dtype == torch.float32
    return model


def as_double(model):
    """A float64 copy of a float32 model; inv_freq keeps its float32 values."""
    return copy.deepcopy(model).double()


@contextmanager
def double():
    """Make Hugging Face compute in float64 throughout: RMSNorm, softmax, pooler and RoPE ask for float32 by name."""
    softmax = torch.nn.functional.softmax

    def softmax_in_double(input, dim=None, dtype=None):
        return softmax(input, dim=dim, dtype=torch.float64)

    with patch.object(torch.Tensor, "float", torch.Tensor.double), \
            patch.object(torch.nn.functional, "softmax", softmax_in_double):
        yield


# ---------------------------------------------------------------- running

def run_vision(model, inputs):
    """Every tap of get_image_features, by name and in execution order. A float64 model runs in float64 throughout."""
    def run(pixel_values):
        with torch.inference_mode(), capture(model) as taps:
            model.get_image_features(pixel_values, inputs["image_position_ids"])
        return taps

    if model.dtype != torch.float64:
        return run(inputs["pixel_values"])
    with double():
        return run(inputs["pixel_values"].double())


def rel_l2(expected, actual):
    """|actual - expected| / |expected|, in float64; 0 where they are equal, NaN where either holds one."""
    expected, actual = expected.double(), actual.double()
    if torch.equal(expected, actual):
        return 0.0
    return ((actual - expected).norm() / expected.norm()).item()
