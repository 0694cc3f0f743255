"""ggml's own quantisers, honest and buggy, for check_quantiser.py: a model of rows of whole blocks to GGUF files. Not a
program.

ggml's library is the one that the Makefile builds; of a bug, its blocks are changed."""
import ctypes
import os

import numpy as np
import torch

# name in a layer: llama.cpp's to Hugging Face's
LAYER = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
         "attn_k_norm": "self_attn.k_norm", "post_attention_norm": "post_attention_layernorm",
         "ffn_norm": "pre_feedforward_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "post_ffw_norm": "post_feedforward_layernorm"}
TYPES = ("Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K")
SPREADS = ("normal", "heavy tails", "outliers", "rows of many sizes")


def spread(weight, kind, generator):
    """Weights as trained ones may lie"""
    if kind == "heavy tails":
        return weight * torch.empty_like(weight).exponential_(generator=generator).sqrt()
    if kind == "outliers":
        return torch.where(torch.rand(weight.shape, generator=generator) < 0.002, 12 * weight, weight)
    if kind == "rows of many sizes":
        return weight * torch.randn(len(weight), 1, generator=generator).exp()
    return weight


def write_original(folder, kind):
    """A text model with rows of 256 and 512: K-quants have blocks of 256. -> {name: weight}"""
    from safetensors.torch import save_file
    from transformers import Gemma4ForCausalLM, Gemma4TextConfig
    config = Gemma4TextConfig(hidden_size=256, hidden_size_per_layer_input=0, intermediate_size=512, vocab_size=128,
                              num_attention_heads=2, num_key_value_heads=1, head_dim=256, global_head_dim=256,
                              num_hidden_layers=2, num_kv_shared_layers=0, vocab_size_per_layer_input=128,
                              layer_types=["sliding_attention", "full_attention"])
    config.architectures = ["Gemma4ForCausalLM"]
    config.save_pretrained(folder)
    generator = torch.Generator().manual_seed(SPREADS.index(kind))
    weights = {}
    for name, tensor in Gemma4ForCausalLM(config).state_dict().items():
        if name == "lm_head.weight":
            continue
        weight = torch.randn(tensor.shape, generator=generator)
        weights[name] = (spread(0.05 * weight, kind, generator) if weight.dim() == 2 else 1 + 0.1 * weight).bfloat16()
    save_file(weights, os.path.join(folder, "model.safetensors"))
    return weights


def gguf_name(name):
    """Of Hugging Face's name"""
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]
    number, _, rest = name.removeprefix("model.layers.").partition(".")
    if rest == "layer_scalar":
        return f"blk.{number}.layer_output_scale.weight"
    inverse = {hf: llama for llama, hf in LAYER.items()}
    return f"blk.{number}.{inverse[rest.removesuffix('.weight')]}.weight"


class Ggml:
    def __init__(self, path):
        self.quantise_chunk = ctypes.CDLL(path).ggml_quantize_chunk
        self.quantise_chunk.restype = ctypes.c_size_t
        self.quantise_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *3 * [ctypes.c_int64],
                                        ctypes.c_void_p]

    def quantise(self, weight, kind, importance=None):
        """-> the bytes of each row. importance: how much the error of a column counts, as llama.cpp's imatrix says"""
        import gguf
        values = np.ascontiguousarray(weight.float().numpy())
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows, columns = values.shape
        data = np.zeros((rows, columns // block * size), np.uint8)
        counts = None if importance is None else importance.ctypes.data
        written = self.quantise_chunk(int(kind), values.ctypes.data, data.ctypes.data, 0, rows, columns, counts)
        assert written == data.size
        return data


def write_gguf(path, weights, ggml, name, important=False, bug=lambda blocks: blocks):
    import gguf
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "gemma4")
    for tensor, weight in weights.items():
        if weight.dim() != 2:
            writer.add_tensor(gguf_name(tensor), weight.float().numpy())
            continue
        importance = random.exponential(size=weight.shape[1]).astype(np.float32) if important else None
        data = ggml.quantise(weight, kind, importance)
        data = bug(data.reshape(len(weight), -1, size).copy()).reshape(data.shape)
        writer.add_tensor(gguf_name(tensor), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sum(weight.dim() == 2 for weight in weights.values())


# ---------------------------------------------------------------- bugs: of blocks [rows, blocks, bytes]


def nibbles_exchanged(first, count):
    def change(blocks):
        nibbles = blocks[..., first:first + count]
        nibbles[:] = nibbles << 4 | nibbles >> 4
        return blocks
    return change


def mins_added(blocks):
    """The sign of float16 dmin"""
    blocks[..., 3] ^= 0x80
    return blocks


def signs_exchanged(blocks):
    """The highest of six bits of q6_k"""
    blocks[..., 128:192] ^= 0xAA
    return blocks


def block_scales_behind(*places):
    """Bytes from .. to of each block at the block behind it"""
    def change(blocks):
        flat = blocks.reshape(-1, blocks.shape[-1])
        for start, end in places:
            flat[:, start:end] = np.roll(flat[:, start:end], 1, 0)
        return blocks
    return change


def times_16(at):
    """float16 d"""
    def change(blocks):
        d = np.ascontiguousarray(blocks[..., at:at + 2]).view(np.float16) * np.float16(16)
        blocks[..., at:at + 2] = d.view(np.uint8)
        return blocks
    return change


BUGGY = [("nibbles-exchanged", "Q4_K", nibbles_exchanged(16, 128)), ("min-added", "Q4_K", mins_added),
         ("min-added", "Q5_K", mins_added), ("block-scales-behind", "Q4_K", block_scales_behind((0, 16))),
         ("block-scales-behind", "Q5_K", block_scales_behind((0, 16))), ("sign-bit", "Q6_K", signs_exchanged),
         ("block-scales-behind", "Q6_K", block_scales_behind((192, 210))),
         ("constant-factor", "Q6_K", times_16(208)), ("halves-exchanged", "Q4_0", nibbles_exchanged(2, 16))]
