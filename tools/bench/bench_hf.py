"""Time Hugging Face on what `make bench` times, as installed; prints JSON.

    python tools/bench/bench_hf.py CASE [--attn sdpa|eager] [--runs N]                      get_image_features, float32
    python tools/bench/bench_hf.py --layer FOLDER [--tokens 512] [--attn ..] [--runs N] [--dtype float32|bfloat16]
                                                   layer 0 of a decoder: a prefill, and a decode step behind it
"""
import argparse
import json
import statistics
import time
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache, Gemma4TextConfig
from transformers.models.gemma4.modeling_gemma4 import Gemma4TextDecoderLayer, Gemma4TextRotaryEmbedding

import hf

FLUSH = 1 << 28                                     # floats to read between steps: more than any cache holds


def seconds_of(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def time_tower(args):
    model = hf.load_model(args.folder / "model", torch.float32, args.attn)
    inputs = load_file(args.folder / "inputs.safetensors")
    return {"seconds": [seconds_of(lambda: model.get_image_features(**inputs)) for _ in range(args.runs)]}


def time_layer(args):
    dtype = getattr(torch, args.dtype)
    config = Gemma4TextConfig.from_pretrained(args.folder)
    config._attn_implementation = args.attn
    layer = Gemma4TextDecoderLayer(config, 0).eval()
    weights = load_file(args.folder / "model.safetensors")
    layer.load_state_dict({name.removeprefix("model.layers.0."): weight for name, weight in weights.items()})
    layer.to(dtype)
    rotary_emb = Gemma4TextRotaryEmbedding(config)
    memory = torch.zeros(FLUSH)

    def step(cache, tokens, first):
        x = torch.randn(1, tokens, config.hidden_size).to(dtype)
        per_layer_input = None
        if config.hidden_size_per_layer_input:
            per_layer_input = torch.randn(1, tokens, config.hidden_size_per_layer_input).to(dtype)
        positions = torch.arange(first, first + tokens)[None]
        mask = None                                 # sdpa knows a causal mask of its own; one query sees everything
        if args.attn == "eager" and tokens > 1:
            mask = torch.full((1, 1, tokens, tokens), torch.finfo(dtype).min, dtype=dtype).triu(1)
        cos_sin = rotary_emb(x, positions, "sliding_attention")
        return seconds_of(lambda: layer(x, per_layer_input, {}, cos_sin, mask, positions, cache))

    prefill, decode = [], []
    for _ in range(args.runs):
        cache = DynamicCache(config=config)
        prefill.append(step(cache, args.tokens, 0))
        memory.sum()
        decode.append(step(cache, 1, args.tokens))
    return {"prefill": prefill, "decode": decode}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="CASE")
    parser.add_argument("--layer", action="store_true")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--attn", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()

    torch.set_num_threads(1)
    with torch.inference_mode():
        times = time_layer(args) if args.layer else time_tower(args)
    print(json.dumps({name: statistics.median(seconds) for name, seconds in times.items()}
                     | {"torch": torch.__version__, "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
