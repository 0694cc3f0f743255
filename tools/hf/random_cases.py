"""Write random cases: small, odd models, each configuration switch on in some and off in others. Not a program."""
import json

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import hf
import random_inputs


class Dice:
    """Chances of a seed: `deal` gives the values in turn from seed to seed, so that each is met; `draw` draws."""

    def __init__(self, seed):
        self.seed, self.rng = seed, np.random.default_rng(seed)

    def deal(self, *values):
        return values[self.seed % len(values)]

    def draw(self, *values):
        return values[self.rng.integers(len(values))]

    def between(self, least, most):
        return int(self.rng.integers(least, most + 1))


# ---------------------------------------------------------------- the vision path alone

def vision_case(folder, seed):
    """Write a case, and say what it is."""
    dice = Dice(seed)
    rng, deal, draw = dice.rng, dice.deal, dice.draw

    pooling = deal(3, 2, 4)
    num_key_value_heads = draw(1, 2, 3)
    vision_config = dict(
        hidden_size=int(rng.integers(8, 100)),
        intermediate_size=int(rng.integers(8, 120)),
        num_hidden_layers=draw(1, 2, 3),
        num_attention_heads=num_key_value_heads * draw(1, 1, 2, 3, 4),
        num_key_value_heads=num_key_value_heads,
        head_dim=deal(4, 8, 12, 16, 20, 32, 64, 72, 128, 160),
        hidden_activation=deal("gelu_pytorch_tanh", "gelu", "gelu_pytorch_tanh", "silu", "gelu_pytorch_tanh", "relu",
                               "quick_gelu"),
        rms_norm_eps=draw(1e-6, 1e-6, 1e-5, 1e-3),
        rope_parameters={"rope_type": "axial", "rope_theta": draw(100.0, 100.0, 10000.0, 37.5)},
        patch_size=deal(16, 2, 14, 3, 8, 4, 6, 12, 5),
        pooling_kernel_size=pooling,
        position_embedding_size=int(rng.integers(12, 40)),
        use_clipped_linears=draw(False, True),
        standardize=draw(False, True))

    grids = [tuple(int(bins) * pooling for bins in rng.integers(1, 4, size=2)) for _ in range(draw(1, 2, 3))]
    if draw(False, False, True):
        grids[-1] = (pooling, pooling)                                  # the smallest image: one soft token
    num_patches = max(columns * rows for columns, rows in grids) + draw(0, 0, 1, 3) * pooling**2

    config = hf.make_config(vision_config, text_hidden_size=int(rng.integers(8, 80)))
    inputs = random_inputs.make_inputs(grids, num_patches, config.vision_config.patch_size, seed)
    model = hf.make_model(config, inputs, seed)
    dtype = draw(torch.bfloat16, torch.float32, torch.float16)
    shards, bare = draw(False, False, True), draw(False, False, True)   # bare: keys without the leading "model."
    hf.save_model(model.model if bare else model, folder / "model", dtype,
                  **(dict(max_shard_size="20KB") if shards else {}))
    save_file(inputs, folder / "inputs.safetensors")

    v = config.vision_config
    padded = int((inputs["image_position_ids"] == -1).all(-1).sum())
    return (f"d{v.head_dim} {v.num_attention_heads}/{v.num_key_value_heads}h {v.num_hidden_layers}L k{pooling}"
            f" p{v.patch_size} {len(grids)}x{num_patches}-{padded}"
            f" {v.hidden_activation.replace('gelu_pytorch_tanh', 'tanh')} {str(dtype).removeprefix('torch.')}"
            f" {v.rope_parameters['rope_theta']:g} {v.rms_norm_eps:g}"
            f"{' clip' * v.use_clipped_linears}{' std' * v.standardize}{' shards' * shards}{' bare' * bare}")


# ---------------------------------------------------------------- the whole model

SLIDING, FULL = "sliding_attention", "full_attention"


def text_case(folder, seed):
    """Write a case; say what it is, and how many tokens it generates, 0 for a forward pass."""
    dice = Dice(seed)
    deal, draw = dice.deal, dice.draw
    multimodal = deal(True, False, True)
    media = draw((), ("image",), ("image",), ("video",), ("image", "video")) if multimodal else ()
    max_new_tokens = deal(0, 0, 3, 0, draw(2, 4, 7))

    text_config = draw_text_config(dice)
    vision_config = draw_vision_config(draw) if media or multimodal and draw(True, False) else None
    tied, own_head = draw(True, True, False), draw(False, False, False, True)
    outer = dict(tie_word_embeddings=tied and not own_head)
    config = hf.make_multimodal_config(text_config, vision_config, **outer) if multimodal \
        else hf.make_text_only_config(text_config, **outer)
    inputs = draw_inputs(dice, config, media, max_new_tokens)
    model = hf.make_model(config, inputs, seed)
    model.config.tie_word_embeddings = tied             # a head of its own in the file beats what config.json says

    dtype, shards = draw(torch.bfloat16, torch.float32, torch.float16), draw(False, False, True)
    bare = tied and not own_head and draw(False, False, True)           # keys without the leading "model.", no head
    hf.save_model(model.model if bare else model, folder / "model", dtype, vision_only=False,
                  **(dict(max_shard_size="20KB") if shards else {}))
    save_file(inputs, folder / "inputs.safetensors")
    if published := not shards and draw(False, True):
        write_as_published(folder / "model", text_config)

    names = {"pixel_values": "images", "pixel_values_videos": "videos"}
    kind = "+".join(said for name, said in names.items() if name in inputs)
    described = f"{kind or ('multimodal' if multimodal else 'text')} {describe(text_config, config, inputs)} {dtype}"
    for name, value in dict(untied=not tied, own_head=own_head, shards=shards, bare=bare, published=published).items():
        described += f" {name}" * value
    described += f" +{max_new_tokens}" * (max_new_tokens > 0)
    return described.replace("torch.", "").replace("gelu_pytorch_tanh", "tanh"), max_new_tokens


def describe(text_config, config, inputs):
    """Layers, head_dim of sliding and full ones, heads, rows x length, window, activation, and what is switched on."""
    t = config.get_text_config()
    layers, (rows, length) = "".join(layer_type[0] for layer_type in t.layer_types), inputs["input_ids"].shape
    switches = dict(
        ple=getattr(t, "hidden_size_per_layer_input", 0), shared=t.num_kv_shared_layers, wide=t.use_double_wide_mlp,
        tied_kv=t.attention_k_eq_v, moe=getattr(t, "enable_moe_block", 0) and f"{t.top_k_experts}/{t.num_experts}",
        bias=t.attention_bias, cap=t.final_logit_softcapping, bidir=t.use_bidirectional_attention,
        positions="position_ids" in inputs, no_mask="attention_mask" not in inputs)
    on = " ".join(name + ("" if value is True else str(value)) for name, value in switches.items() if value)
    return (f"{layers} d{text_config['head_dim']}/{text_config['global_head_dim']} {t.num_attention_heads}/"
            f"{text_config['num_key_value_heads']}h {rows}x{length} w{t.sliding_window} {t.hidden_activation} {on}")


def write_as_published(folder, text_config):
    """Spell the configuration as the Hub does, and put in keys and values of layers that share others' and use none."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    text = config.get("text_config", config)
    del text["per_layer_config"]
    text |= {name: text_config[name] for name in ("global_head_dim", "num_global_key_value_heads")}
    path.write_text(json.dumps(config, indent=2))

    tensors = load_file(folder / "model.safetensors")
    own = next(name for name in tensors if name.endswith(".self_attn.k_norm.weight"))
    for name in [name for name in tensors if name.endswith(".self_attn.q_norm.weight")]:
        layer = name.removesuffix("q_norm.weight")
        if layer + "k_norm.weight" not in tensors and "vision" not in layer:
            tensors |= {layer + "k_norm.weight": tensors[own].clone(), layer + "k_proj.weight": torch.ones(1)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def draw_text_config(dice):
    deal, draw, between = dice.deal, dice.draw, dice.between
    num_layers = 11 if dice.seed % 13 == 5 else between(1, 6)
    layer_types = [draw(SLIDING, SLIDING, FULL) for _ in range(num_layers - 1)] + [FULL]
    # Gated widths are not below 16: of few values relu leaves a row nothing but rounding, which RMSNorm magnifies.
    ple = deal(0, draw(16, 24), draw(18, 20))
    num_kv_shared = 0
    if ple:                                     # without, Hugging Face raises when layers share keys and values
        possible = [n for n in range(num_layers) if n == 0 or set(layer_types[:-n]) == set(layer_types)]
        num_kv_shared = draw(*possible, possible[-1])
    num_key_value_heads = draw(1, 2, 3)
    num_attention_heads = num_key_value_heads * draw(1, 2, 3)
    global_heads = [n for n in range(1, num_attention_heads + 1) if num_attention_heads % n == 0]
    num_experts = between(2, 9)
    vocab_size = between(70, 200)

    def rope(theta):
        if draw(True, False):
            return {"rope_type": "default", "rope_theta": theta}
        return {"rope_type": "proportional", "rope_theta": theta, "partial_rotary_factor": draw(0.25, 0.25, 0.5, 1.0),
                **draw({}, {"factor": 8.0}, {"factor": 2.5})}

    return dict(
        vocab_size=vocab_size,
        vocab_size_per_layer_input=vocab_size + draw(0, 5),
        hidden_size=between(12, 80),
        intermediate_size=between(24, 90),
        num_hidden_layers=num_layers,
        layer_types=layer_types,
        num_attention_heads=num_attention_heads,
        num_key_value_heads=num_key_value_heads,
        head_dim=deal(256, 8, 16, 64, 4, 32, 128),
        global_head_dim=deal(16, 512, 8, 24, 64),
        num_global_key_value_heads=draw(None, *global_heads),
        attention_k_eq_v=draw(False, True),
        attention_bias=draw(False, False, True),
        hidden_size_per_layer_input=ple,
        num_kv_shared_layers=num_kv_shared,
        use_double_wide_mlp=draw(False, True),
        enable_moe_block=deal(False, True, False, False),
        num_experts=num_experts,
        top_k_experts=draw(1, num_experts, between(1, num_experts)),
        moe_intermediate_size=between(16, 40),
        hidden_activation=deal("gelu_pytorch_tanh", "gelu_pytorch_tanh", "gelu", "silu", "relu", "quick_gelu"),
        rms_norm_eps=draw(1e-6, 1e-6, 1e-5, 1e-3),
        final_logit_softcapping=draw(None, 30.0, 30.0, 2.0),
        use_bidirectional_attention=deal(None, "vision", None, "vision", "all"),
        sliding_window=between(2, 24),
        rope_parameters={SLIDING: rope(draw(10000.0, 500.0)), FULL: rope(draw(1000000.0, 37.5))},
        pad_token_id=draw(0, 0, 5),
        max_position_embeddings=128)


def draw_vision_config(draw):
    return dict(hidden_size=draw(12, 24), intermediate_size=draw(10, 16), num_hidden_layers=draw(1, 2),
                num_attention_heads=2, num_key_value_heads=draw(1, 2), head_dim=draw(8, 16), patch_size=4,
                pooling_kernel_size=draw(2, 2, 3), position_embedding_size=12, use_clipped_linears=draw(False, True),
                standardize=draw(False, True))


def draw_inputs(dice, config, media, max_new_tokens):
    """One to three rows of text, images and videos, padded or not, with positions or without."""
    draw, between = dice.draw, dice.between
    attention_mask = draw(True, True, False)
    rows, grids = [], {"image": [], "video": []}
    same_length = between(1, 24)
    for _ in range(between(1, 3)):
        row = [same_length if not attention_mask else between(1, 24)]
        for kind in draw(media, media, ()) if attention_mask else ():
            pooling = config.vision_config.pooling_kernel_size
            grid = between(1, 4) * pooling, between(1, 3) * pooling
            grids[kind].append(grid)
            block = (kind, random_inputs.soft_tokens(grid, pooling))
            row += [block, between(1, 5)] if draw(True, False) else ["begin", block, "end", between(1, 5)]
        rows.append(row)
    if attention_mask and media and not any(grids.values()):
        kind = media[0]
        pooling = config.vision_config.pooling_kernel_size
        grids[kind].append((pooling, pooling))
        rows[-1] += [(kind, 1), 2]
    padding = "left" if max_new_tokens else draw("left", "right")
    inputs = random_inputs.make_prompts(rows, config, dice.seed, padding, attention_mask)
    length = inputs["input_ids"].shape[1]

    for kind, make in ("image", random_inputs.make_inputs), ("video", random_inputs.make_video_inputs):
        if grids[kind]:
            unit = config.vision_config.pooling_kernel_size**2
            num_patches = max(columns * lines for columns, lines in grids[kind]) + draw(0, 0, 2) * unit
            frames = {} if kind == "image" else {"frames": [len(grids[kind])]}
            inputs |= make(grids[kind], num_patches, config.vision_config.patch_size, dice.seed, **frames)

    if "mm_token_type_ids" in inputs and draw(False, False, False, True):
        del inputs["mm_token_type_ids"]
    if draw(False, False, True):
        mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0) + draw(0, 3)
        if attention_mask:
            inputs["position_ids"] += torch.arange(length) * draw(0, 1)         # every second position
    return inputs
