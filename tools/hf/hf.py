"""Hugging Face's Gemma 4, for the scripts beside this file: build a well-conditioned random model, save and load it,
run it in any precision. Not a program.

A case whose inputs have no input_ids is of the vision path or of sound alone, and so is its checkpoint.
"""
import copy
import json
import math
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import transformers
from transformers import (Gemma4Config, Gemma4ForCausalLM, Gemma4ForConditionalGeneration, Gemma4TextConfig,
                          Gemma4UnifiedConfig, Gemma4UnifiedForCausalLM, Gemma4UnifiedForConditionalGeneration,
                          Gemma4UnifiedTextConfig)
from transformers.models.gemma4.modeling_gemma4 import Gemma4ClippableLinear

import hf_audio
from capture import capture
from hf_audio import AUDIO, audio_inputs
from random_inputs import make_inputs, special_tokens                   # the former for those who ask here

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()          # it warns of the text tensors that our checkpoints leave out
transformers.logging.disable_progress_bar()

VISION = ("model.vision_tower.", "model.embed_vision.")

MODELS = {"gemma4": Gemma4ForConditionalGeneration, "gemma4_text": Gemma4ForCausalLM,
          "gemma4_unified": Gemma4UnifiedForConditionalGeneration, "gemma4_unified_text": Gemma4UnifiedForCausalLM}

# The smallest text part that Hugging Face builds, for the vision path alone: it is not run, and no checkpoint holds it.
TEXT = dict(intermediate_size=32, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, head_dim=16,
            global_head_dim=16, vocab_size=64, vocab_size_per_layer_input=64, hidden_size_per_layer_input=0)


# ---------------------------------------------------------------- models

def make_config(vision_config, text_hidden_size, audio_config=None):
    """Of the vision path or of sound alone."""
    return make_multimodal_config(dict(TEXT, hidden_size=text_hidden_size), vision_config, audio_config)


def make_multimodal_config(text_config, vision_config, audio_config=None, **outer):
    configs = copy.deepcopy(dict(text_config=text_config, vision_config=vision_config, audio_config=audio_config))
    return Gemma4Config(**configs, **special_tokens(text_config["vocab_size"]), **outer)   # HF writes into them


def make_text_only_config(text_config, config_class=Gemma4TextConfig, **outer):
    return config_class(**copy.deepcopy(text_config), **outer)


def make_unified_config(text_config, vision_config, audio_config, **outer):
    """Of the family without towers."""
    configs = copy.deepcopy(dict(text_config=text_config, vision_config=vision_config, audio_config=audio_config))
    return Gemma4UnifiedConfig(**configs, **special_tokens(text_config["vocab_size"]), **outer)


def random_weight(name, shape, rng):
    """A bfloat16 weight that keeps its step visible, and rounding small from end to end.

    Norm weights are away from 1. Those of q_norm and k_norm bring the attention logits, whose standard deviation is
    their product times sqrt(head_dim), to about 1.2, as softmax amplifies rounding where it saturates. The router's
    scale undoes the hidden^-0.5 that follows it, so that experts are not all as likely.
    """
    if (values := hf_audio.random_weight(name, shape, rng)) is not None:
        pass
    elif name.endswith(("q_norm.weight", "k_norm.weight")):
        values = rng.uniform(0.6, 1.4, shape) * math.sqrt(1.2 / math.sqrt(shape[-1]))
    elif name.endswith(("norm.weight", "layernorm_1.weight", "layernorm_2.weight", "patch_ln1.weight",
                        "patch_ln2.weight", "router.per_expert_scale")):
        values = rng.uniform(0.6, 1.4, shape)
    elif name.endswith("router.scale"):
        values = rng.uniform(0.6, 1.4, shape) * math.sqrt(shape[-1])
    elif name.endswith("layer_scalar"):
        values = rng.uniform(0.5, 0.9, shape)
    elif name.endswith(".bias"):
        values = rng.normal(0, 0.2, shape)
    elif name.endswith("embed_tokens_per_layer.weight"):        # of all layers side by side, none of them wide
        values = rng.normal(0, 0.25, shape)
    elif name.endswith(("position_embedding_table", "pos_embedding")):
        values = rng.normal(0, 0.5, shape)
    else:                                           # gain away from 1: a norm left out behind it must show
        values = rng.normal(0, rng.choice((0.6, 1.5)) / math.sqrt(shape[-1]), shape)
    return torch.from_numpy(values).bfloat16()


def make_model(config, inputs, seed, scales={}, vision_scales={}):
    """A random model: weights as above, clip bounds that cut about 1 % of the values that `inputs` bring.

    Every weight is representable in bfloat16, so that a bfloat16 backend holds the same model. `scales` multiplies the
    weights outside of the towers that a glob matches, `vision_scales` those of the vision path.
    """
    model = MODELS[config.model_type](config).eval()
    has_tower = isinstance(config, Gemma4Config)
    if has_tower and (images := image_inputs(inputs)):
        fill_vision(model, images, seed, vision_scales)
    if has_tower and (sounds := audio_inputs(inputs)):
        fill_audio(model, sounds, seed, vision_scales)
    if "input_ids" in inputs:
        fill_text(model, seed, scales, VISION + AUDIO if has_tower else ())
    return model


def image_inputs(inputs):
    """The arguments of get_image_features, of a video's frames if there are no images; none if there are neither."""
    for pixel_values, position_ids in (("pixel_values", "image_position_ids"),
                                       ("pixel_values_videos", "video_position_ids")):
        if pixel_values in inputs:
            return {"pixel_values": inputs[pixel_values], "image_position_ids": inputs[position_ids]}
    return {}


def fill_text(model, seed, scales, but):
    rng = np.random.default_rng([seed, 2])
    tensors = dict(model.named_parameters())                            # where tied, the head is not among them
    tensors |= {name: buffer for name, buffer in model.named_buffers() if name.endswith("layer_scalar")}
    for name, tensor in tensors.items():
        if not name.startswith(but):
            tensor.data.copy_(scaled(name, random_weight(name, tensor.shape, rng).float(), scales).bfloat16())


def scaled(name, values, scales):
    for glob, factor in scales.items():
        values = values * factor if fnmatchcase(name, glob) else values
    return values


def fill_tower(model, prefix, inputs, valid, rng, scales):
    """The weights that begin with `prefix`, then clip bounds; gives every tap of a float64 run."""
    for name, parameter in model.named_parameters():
        if name.startswith(prefix):
            values = random_weight(name, parameter.shape, rng).float()
            parameter.data = scaled(name, values, scales).bfloat16().float()

    # Bounds come from a float64 run, so that every machine rounds them to the same bfloat16.
    bounds, taps = measure(model, prefix, inputs, valid, rng)
    for name, value in bounds.items():
        model.get_buffer(name).copy_(value)
    return taps


def fill_audio(model, inputs, seed, scales={}):
    round_buffers(model)
    fill_tower(model, AUDIO, inputs, hf_audio.valid_frames(inputs), np.random.default_rng([seed, 5]), scales)


def fill_vision(model, inputs, seed, scales={}):
    rng = np.random.default_rng(seed)
    valid = (inputs["image_position_ids"] != -1).any(-1)
    taps = fill_tower(model, VISION, inputs, valid, rng, scales)
    if model.config.vision_config.standardize:
        pooled = taps["model.vision_tower.pooler"][taps.get("model.vision_tower.pooler#mask", valid)]
        vision_tower, scale = model.model.vision_tower, pooled.square().mean().sqrt().item()
        std_bias = rng.normal(0, 0.5, vision_tower.std_bias.shape) * scale
        std_scale = rng.uniform(0.5, 1.5, vision_tower.std_scale.shape) / scale
        vision_tower.std_bias.copy_(torch.from_numpy(std_bias).bfloat16())
        vision_tower.std_scale.copy_(torch.from_numpy(std_scale).bfloat16())


def measure(model, prefix, inputs, valid, rng):
    """Run a tower of `model` in float64; give a clip bound for every projection, and every tap.

    Each bound is set before its clamp runs, so that what follows is measured with it. The shares cut differ from bound
    to bound: q, k and v see the same input and must not get the same bounds.
    """
    model = as_double(model)
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
        if name.startswith(prefix) and isinstance(module, Gemma4ClippableLinear) and module.use_clipped_linears:
            hook(name, module)
    return bounds, run_tower(model, inputs)


def save_model(model, folder, dtype=torch.bfloat16, vision_only=True, **options):
    """Write config.json and tensors as save_pretrained does, of the vision path or of all; `options` are its own."""
    model = copy.deepcopy(model).to(dtype)
    if vision_only:
        towers = tuple(name.removeprefix("model.") if hasattr(model, "vision_tower") else name
                       for name in VISION + AUDIO)
        tensors = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(towers)}
        options["state_dict"] = tensors
    model.save_pretrained(folder, **options)
    (Path(folder) / "generation_config.json").unlink(missing_ok=True)


def load_model(folder, dtype=torch.float32, attn_implementation="eager"):
    """As users do. Not model.to(dtype), which rounds rotary_emb.inv_freq; from_pretrained does not."""
    config = json.loads((Path(folder) / "config.json").read_text())
    model_type = config["model_type"]
    if model_type == "gemma4" and config.get("audio_config"):           # whose tower knows eager alone
        parts = "", "text_config", "vision_config"
        attn_implementation = {part: attn_implementation for part in parts} | {"audio_config": "eager"}
    model = MODELS[model_type].from_pretrained(folder, dtype=dtype, attn_implementation=attn_implementation,
                                               experts_implementation="eager", local_files_only=True).eval()
    round_buffers(model)
    return model


# ---------------------------------------------------------------- rotary frequencies, and timescales of sound

def rounded_inv_freq(theta, angles, head_dim, pairs=None, factor=1.0):
    """HF's formula with every float32 step correctly rounded, as the reference has it on every machine.

    `angles` frequencies, then zeros up to `pairs`. torch's vectorised pow is an ulp off in a few entries on some
    machines, mostly for wide heads.
    """
    exponent = np.arange(0, 2 * angles, 2, dtype=np.float32) / np.float32(head_dim)
    power = np.power(float(theta), exponent.astype(np.float64)).astype(np.float32)
    inv_freq = np.zeros(angles if pairs is None else pairs, np.float32)
    inv_freq[:angles] = np.float32(1) / power
    return torch.from_numpy(inv_freq / np.float32(factor))


def rounded_vision_inv_freq(config):
    spatial_dim = config.head_dim // 2
    return rounded_inv_freq(config.rope_parameters["rope_theta"], spatial_dim // 2, spatial_dim)


def rounded_text_inv_freq(config, layer_type):
    head_dim, rope = config.per_layer_config[layer_type].head_dim, config.rope_parameters[layer_type]
    if rope["rope_type"] == "default":
        return rounded_inv_freq(rope["rope_theta"], head_dim // 2, head_dim)
    angles = int(rope.get("partial_rotary_factor", 1.0) * head_dim // 2)
    return rounded_inv_freq(rope["rope_theta"], angles, head_dim, head_dim // 2, rope.get("factor", 1.0))


def round_buffers(model):
    """Give every rotary_emb of the model its correctly rounded frequencies; in double they keep float32 values. The
    timescales of sound are of the dtype that the model was loaded in: those of float32 are rounded correctly."""
    for name, buffer in model.named_buffers():
        rotary_emb = model.get_submodule(name.rpartition(".")[0])
        if name.endswith(".rotary_emb.inv_freq"):
            rounded = rounded_vision_inv_freq(model.config.vision_config)
        elif name.endswith("_inv_freq") and not name.endswith("original_inv_freq"):
            rounded = rounded_text_inv_freq(rotary_emb.config, name.rpartition(".")[2].removesuffix("_inv_freq"))
        elif name.endswith(".inv_timescales") and buffer.dtype == torch.float32:
            rounded = hf_audio.rounded_inv_timescales(model.config.audio_config)
        else:
            continue
        assert buffer.dtype == torch.float32 and buffer.shape == rounded.shape
        buffer.copy_(rounded)


# ---------------------------------------------------------------- running

def as_double(model):
    """A float64 copy of a float32 model; inv_freq keeps its float32 values."""
    return copy.deepcopy(model).double()


@contextmanager
def double():
    """Make Hugging Face compute in float64 throughout: RMSNorm, softmax, pooler and RoPE ask for float32 by name."""
    softmax = torch.nn.functional.softmax

    def softmax_in_double(input, dim=None, dtype=None, **_):
        return softmax(input, dim=dim, dtype=torch.float64)

    with patch.object(torch.Tensor, "float", torch.Tensor.double), \
            patch.object(torch.nn.functional, "softmax", softmax_in_double):
        yield


def run_tower(model, inputs):
    """Every tap of get_image_features, or get_audio_features, by name and in execution order. A float64 model runs in
    float64 throughout."""
    function = model.get_image_features if "pixel_values" in inputs else model.model.get_audio_features
    return run(model, inputs, function)[0]


def run_forward(model, inputs):
    """Every tap of model(**inputs)."""
    return run(model, inputs, model)[0]


def run_generate(model, inputs, max_new_tokens, stop_ids=None):
    """Every tap of greedy generation, and the tokens [rows, steps]. `stop_ids` None: no token ends it."""
    model.generation_config.eos_token_id = stop_ids
    model.generation_config.pad_token_id = model.config.get_text_config().pad_token_id

    def generate(**inputs):
        return model.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)
    taps, ids = run(model, inputs, generate)
    return taps, ids[:, inputs["input_ids"].shape[1]:]


def run_case(model, inputs, max_new_tokens=0):
    """Every tap of what a case is about: a tower alone, a forward pass, or generation."""
    if "input_ids" not in inputs:
        return run_tower(model, inputs)
    return run_generate(model, inputs, max_new_tokens)[0] if max_new_tokens else run_forward(model, inputs)


def run(model, inputs, function):
    """Every tap while `function` has the inputs, and what it returns. Hugging Face takes each prompt whole."""
    inputs = {name: value for name, value in inputs.items() if name != "prefill_chunk_size"}
    with torch.inference_mode(), capture(model) as taps:
        if model.dtype != torch.float64:
            return taps, function(**inputs)
        inputs = {name: value.double() if value.is_floating_point() else value for name, value in inputs.items()}
        with double():
            return taps, function(**inputs)


def rel_l2(expected, actual):
    """|actual - expected| / |expected|, in float64; 0 where they are equal, NaN where either holds one."""
    expected, actual = expected.double(), actual.double()
    if torch.equal(expected, actual):
        return 0.0
    return ((actual - expected).norm() / expected.norm()).item()
