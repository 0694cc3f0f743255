"""More bugs that ports of Gemma 4's text model had, switched on in Hugging Face's eager model. Not a program.

As in bugs.py; each has a bug in all layers that can have it.
"""
import torch
from transformers.activations import ACT2FN

from bugs import text_model, with_rotation


# ---------------------------------------------------------------- attention

def rope_pairs_interleaved(model):
    """Pairs are (2i, 2i + 1)."""
    def rotate(x, cos, sin, right, call):
        half = x.shape[-1] // 2
        order = torch.arange(x.shape[-1]).reshape(half, 2).T.flatten()          # even ones, then odd ones
        turned = torch.empty_like(x)
        turned[..., order] = right(x[..., order], cos, sin)
        return turned
    with_rotation(model, range(len(text_model(model).layers)), rotate)


# ---------------------------------------------------------------- layers, experts, per-layer embeddings

def rmsnorm_one_plus_weight(model):
    for name, module in text_model(model).named_modules():
        if type(module).__name__.endswith("RMSNorm") and getattr(module, "weight", None) is not None:
            module.weight.data += 1


def dense_mlp_silu(model):
    for layer in text_model(model).layers:
        layer.mlp.act_fn = ACT2FN["silu"]


def gate_up_swapped(model):
    for layer in text_model(model).layers:
        layer.experts.gate_up_proj.data = torch.cat(layer.experts.gate_up_proj.data.chunk(2, dim=1)[::-1], dim=1)


def router_no_renorm(model):
    """Weights of the chosen experts as softmax leaves them."""
    def after(router, args, output):
        probabilities, _, index = output
        return probabilities, probabilities.gather(-1, index) * router.per_expert_scale[index], index
    for layer in text_model(model).layers:
        layer.router.register_forward_hook(after)


def ple_embed_unscaled(model):
    text_model(model).embed_tokens_per_layer.embed_scale.fill_(1)


def ple_input_scale_missing(model):
    text_model(model).per_layer_input_scale = 1.0


# ---------------------------------------------------------------- what a model can show

def of(model, inputs):
    """The bugs that this model shows on these inputs, each as switch_on."""
    if "input_ids" not in inputs:
        return []
    config = model.config.get_text_config()
    moe, ple = getattr(config, "enable_moe_block", False), getattr(config, "hidden_size_per_layer_input", 0)
    shown = [rope_pairs_interleaved, rmsnorm_one_plus_weight]
    shown += [dense_mlp_silu] * (config.hidden_activation != "silu")
    shown += [gate_up_swapped] if moe else []
    shown += [router_no_renorm] if moe and config.top_k_experts < config.num_experts else []
    shown += [ple_embed_unscaled, ple_input_scale_missing] if ple else []
    return [(bug,) for bug in shown]
