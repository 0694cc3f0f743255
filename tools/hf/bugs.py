"""Bugs that ports of Gemma 4 had, switched on in Hugging Face's eager model. Not a program.

Each takes the model, and the layers that have the bug where a port may have it in some only. The names are ids of the
catalogue; what a bug leaves alone, its hooks leave alone.
"""
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from safetensors.torch import load_file
from transformers.activations import ACT2FN
from transformers.models.gemma4.modeling_gemma4 import Gemma4ClippableLinear


# ---------------------------------------------------------------- vision

def norm_after_projection(model):
    """Linear, then RMSNorm without weight over the text width."""
    embedder = model.model.embed_vision
    norm, projection = embedder.embedding_pre_projection_norm, embedder.embedding_projection
    embedder.forward = lambda inputs_embeds: norm(projection(inputs_embeds))


def clip_omitted(model):
    """ClippableLinear as a plain linear."""
    for module in model.modules():
        if isinstance(module, Gemma4ClippableLinear):
            module.use_clipped_linears = False


def std_not_loaded(model):
    """std_bias and std_scale as they are initialised: the step does nothing."""
    model.model.vision_tower.std_bias.zero_()
    model.model.vision_tower.std_scale.fill_(1)


def padding_not_zeroed(model):
    """Padding rows, whose positions clamp to (0, 0), are averaged into the first soft token."""
    def nothing_is_padding(module, args, kwargs):
        return args, dict(kwargs, padding_positions=torch.zeros_like(kwargs["padding_positions"]))
    model.model.vision_tower.pooler.register_forward_pre_hook(nothing_is_padding, with_kwargs=True)


# ---------------------------------------------------------------- merging, per-layer embeddings, logits

def text_model(model):
    return getattr(model.model, "language_model", model.model)


def modeling_of(model):
    """Hugging Face's file of the family."""
    return sys.modules[type(model).__module__]


def with_image_mask(model, module, change):
    """Before `module` runs in the prefill: args, kwargs = change(args, kwargs, where the images are, input_ids)."""
    def stash(_, args, kwargs):
        model.bug_input_ids = kwargs["input_ids"]

    def before(_, args, kwargs):
        input_ids = model.bug_input_ids
        return change(args, kwargs, input_ids == model.config.image_token_id, input_ids)
    model.model.register_forward_pre_hook(stash, with_kwargs=True)
    module.register_forward_pre_hook(before, with_kwargs=True)


def embed_scale_on_features(model):
    """The whole of the merged embeddings is scaled: text rows were once before, so features alone are too large."""
    def change(args, kwargs, is_image, input_ids):
        embeds = kwargs["inputs_embeds"]
        scale = text_model(model).embed_tokens.embed_scale.to(embeds.dtype)
        return args, dict(kwargs, inputs_embeds=torch.where(is_image[..., None], embeds * scale, embeds))
    with_image_mask(model, model.model.language_model, change)


def ple_placeholder_id(model):
    """Per-layer embeddings are looked up for the image token's own id, not the padding token's."""
    def change(args, kwargs, is_image, input_ids):
        return (torch.where(is_image, input_ids, args[0]),), kwargs
    with_image_mask(model, model.model.language_model.embed_tokens_per_layer, change)


def softcap_missing(model):
    model.config.get_text_config().final_logit_softcapping = None


# ---------------------------------------------------------------- attention

def with_mask(model, layers, change):
    """attention_mask = change(allowed, q - kv), bool both ways, before the attention of `layers`. No cache."""
    def before(module, args, kwargs):
        mask = kwargs["attention_mask"]
        distance = torch.arange(mask.shape[-2])[:, None] - torch.arange(mask.shape[-1])
        allowed = change(mask == 0, distance)
        return args, dict(kwargs, attention_mask=torch.where(allowed, 0.0, torch.finfo(mask.dtype).min).to(mask.dtype))
    for layer in layers:
        attention = text_model(model).layers[layer].self_attn
        attention.register_forward_pre_hook(before, with_kwargs=True)


def window_off_by_one(model, layers):
    """One key more than the window."""
    def change(allowed, distance):
        real = allowed.diagonal(dim1=-2, dim2=-1)[..., None, :]                 # keys that are no padding
        return allowed | (distance == text_model(model).config.sliding_window) & real
    with_mask(model, layers, change)


def bidir_missing(model, layers):
    """Image tokens see what is before them only."""
    with_mask(model, layers, lambda allowed, distance: allowed & (distance >= 0))


def bidir_dropped_when_long(model, layers):
    """Image tokens see what is before them only, where their image is longer than the window."""
    def change(allowed, distance):
        ahead = allowed & (distance < 0)
        run = ahead | ahead.transpose(-1, -2) | (distance == 0)                 # who sees each other
        longer = run.sum(-1, keepdim=True) > text_model(model).config.sliding_window
        return allowed & ((distance >= 0) | ~longer)
    with_mask(model, layers, change)


def bidir_crosses_window(model, layers):
    """(causal and window) or same image, in place of (causal or same image) and window; there is one image."""
    def change(allowed, distance):
        ahead = (allowed & (distance < 0)).any(-2)                              # keys that somebody before them sees
        block = ahead | ahead.roll(-1, -1)                                      # the first token is seen by none
        return allowed | block[..., :, None] & block[..., None, :]
    with_mask(model, layers, change)


def with_rotation(model, layers, rotate):
    """In `layers`: x = rotate(x, cos, sin, right, call); call: attention, position_ids, how many came before."""
    modeling = modeling_of(model)
    right = modeling.apply_rotary_pos_emb

    def wrapped(attention, forward):
        def run(**kwargs):
            call = dict(attention=attention, position_ids=kwargs["position_ids"], before=-1)

            def wrong(x, cos, sin, unsqueeze_dim):
                call["before"] += 1
                return rotate(x, cos, sin, lambda x, cos, sin: right(x, cos, sin, unsqueeze_dim), call)
            with patch.object(modeling, "apply_rotary_pos_emb", wrong):
                return forward(**kwargs)
        return run
    for layer in layers:
        attention = text_model(model).layers[layer].self_attn
        attention.forward = wrapped(attention, attention.forward)


def rope_partial_prefix(model, layers):
    """The rotated quarter is taken for the first quarter of head_dim, and its pairs from within it."""
    def rotate(x, cos, sin, right, call):
        head_dim = x.shape[-1]
        live, half = head_dim // 8, head_dim // 2
        order = list(range(head_dim))
        order[live : 2 * live], order[half : half + live] = order[half : half + live], order[live : 2 * live]
        return right(x[..., order], cos, sin)[..., order]                       # an exchange, so it undoes itself
    with_rotation(model, layers, rotate)


def rope_q_plus_one(model, layers):
    """In decode steps queries are rotated for the next position."""
    rotary_emb = text_model(model).rotary_emb

    def rotate(x, cos, sin, right, call):
        if call["position_ids"].shape[1] == 1 and call["before"] == 0:          # queries come before keys
            cos, sin = rotary_emb.forward(x, call["position_ids"] + 1, call["attention"].layer_type)
        return right(x, cos, sin)
    with_rotation(model, layers, rotate)


def attn_scale_rsqrt(model, layers):
    for layer in layers:
        attention = text_model(model).layers[layer].self_attn
        attention.scaling = attention.head_dim**-0.5


def kv_tied_after_norm(model, layers):
    """Values come from keys that are normalised already."""
    for layer in layers:
        attention = text_model(model).layers[layer].self_attn
        attention.v_norm.register_forward_pre_hook(
            lambda module, args, k_norm=attention.k_norm: (k_norm.forward(args[0]),))


def kv_shared_recomputed(model, layers):
    """Layers that share keys and values make their own, from weights that are in the file and unused, or from random
    ones where it holds none."""
    file = Path(model.name_or_path) / "model.safetensors"
    in_file = load_file(file) if file.exists() else {}                          # which shards are taken to hold none of

    def before(attention, args, kwargs):
        hidden_states, (cos, sin) = kwargs["hidden_states"], kwargs["position_embeddings"]
        head_dim, generator = attention.head_dim, torch.Generator().manual_seed(attention.layer_idx)
        heads, hidden_size = kwargs["shared_kv_states"][attention.layer_type][0].shape[1], hidden_states.shape[-1]

        def weight_of(module, otherwise):
            weight = in_file.get(f"model.layers.{attention.layer_idx}.self_attn.{module}.weight")
            shape = (head_dim,) if module == "k_norm" else (heads * head_dim, hidden_size)
            fits = weight is not None and weight.shape == shape
            return (weight if fits else otherwise()).to(hidden_states.dtype)

        def project(module):
            weight = weight_of(module, lambda: torch.randn(heads * head_dim, hidden_size, generator=generator)
                               / hidden_size**0.5)
            return torch.nn.functional.linear(hidden_states, weight).unflatten(-1, (heads, head_dim))

        def normed(x, weight=torch.tensor(1.0)):
            return (x.float() * (x.float().square().mean(-1, keepdim=True) + 1e-6) ** -0.5 * weight.float()).to(x.dtype)
        k_norm = weight_of("k_norm", lambda: torch.tensor((1.2 / head_dim**0.5) ** 0.5))
        keys = modeling_of(model).apply_rotary_pos_emb(normed(project("k_proj"), k_norm), cos, sin, unsqueeze_dim=2)
        own = keys.transpose(1, 2), normed(project("v_proj")).transpose(1, 2)
        return args, dict(kwargs, shared_kv_states={attention.layer_type: own})
    for layer in layers:
        text_model(model).layers[layer].self_attn.register_forward_pre_hook(before, with_kwargs=True)


def kv_shared_wrong_donor(model):
    """The first layer of each type stores what layers share, not the last one that has its own."""
    attentions = [layer.self_attn for layer in text_model(model).layers]
    for donor in [attention for attention in attentions if attention.store_full_length_kv]:
        donor.store_full_length_kv = False
        next(other for other in attentions if other.layer_type == donor.layer_type).store_full_length_kv = True


def v_norm_f16_overflow(model, layers):
    """As if squares were float16's: beyond 256 their mean is infinite, and what is divided by it 0."""
    def after(module, args, output):
        return output.where(args[0].abs().amax(-1, keepdim=True) <= 255.97, 0)
    for layer in layers:
        text_model(model).layers[layer].self_attn.v_norm.register_forward_hook(after)


# ---------------------------------------------------------------- layers, experts

def layer_scalar_misplaced(model, layers):
    """layer_scalar before the per-layer input, not after it."""
    for layer in (text_model(model).layers[layer] for layer in layers):
        scalar = layer.layer_scalar.clone()
        layer.layer_scalar.fill_(1)

        def before(module, args, scalar=scalar):
            args[0].mul_(scalar)                                                # the residual itself, not a copy of it
        layer.per_layer_input_gate.register_forward_pre_hook(before)


def router_input_normed(model, layers):
    """The router sees what the experts see."""
    for layer in (text_model(model).layers[layer] for layer in layers):
        norm = layer.pre_feedforward_layernorm_2
        layer.router.register_forward_pre_hook(lambda module, args, norm=norm: (norm.forward(args[0]),))


def per_expert_scale_missing(model, layers):
    for layer in layers:
        text_model(model).layers[layer].router.per_expert_scale.data.fill_(1)


def experts_silu(model, layers):
    for layer in layers:
        text_model(model).layers[layer].experts.act_fn = ACT2FN["silu"]


# ---------------------------------------------------------------- what a model can show

def of(model, inputs, max_new_tokens):
    """The bugs that this model shows on these inputs, each with the layers to have it if it is one of layers."""
    if "input_ids" not in inputs:
        return []
    config, modules = model.config.get_text_config(), text_model(model).layers
    layers = range(len(modules))
    tied = [layer for layer in layers if getattr(modules[layer].self_attn, "v_proj", 0) is None]
    shared = [layer for layer in layers if modules[layer].self_attn.is_kv_shared_layer]
    sliding = [layer for layer in layers if modules[layer].self_attn.is_sliding]
    lengths = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).sum(-1)
    over_window = lengths.max() > config.sliding_window and config.use_bidirectional_attention != "all"
    forward, moe = max_new_tokens == 0, getattr(config, "enable_moe_block", False)
    ple = getattr(config, "hidden_size_per_layer_input", 0)
    images = "pixel_values" in inputs

    last = [layers[-1]]
    shown = [
        (attn_scale_rsqrt, [layers[0]]),
        (softcap_missing,) if config.final_logit_softcapping else None,
        (layer_scalar_misplaced, last) if ple else None,
        (kv_tied_after_norm, tied[-1:]) if tied else None,
        (kv_shared_recomputed, shared[-1:]) if shared and forward else None,
        (window_off_by_one, sliding[-1:]) if sliding and forward and over_window else None,
        (rope_q_plus_one, last) if max_new_tokens > 1 else None,
        (router_input_normed, last) if moe else None,
        (per_expert_scale_missing, last) if moe else None,
        (experts_silu, last) if moe and config.hidden_activation != "silu" else None,
        (embed_scale_on_features,) if images else None,
        (ple_placeholder_id,) if images and ple else None,
    ]
    return [bug for bug in shown if bug is not None]
