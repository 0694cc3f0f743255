"""Time Hugging Face on what `make bench` times, as installed; answers rounds (turns.py).

    python tools/bench/bench_hf.py tower CASE [--attn sdpa|eager]
                                                   get_image_features or get_audio_features, float32
    python tools/bench/bench_hf.py layer FOLDER [--tokens 512] [--attn ..] [--dtype float32|bfloat16]
                                                   layer 0 of a decoder: a prefill, and a decode step behind it
    python tools/bench/bench_hf.py extractor WAV   from samples in memory to input_features

One thread is timed by the processor's time that it takes, several (--threads) by the clock on the wall.
"""
import argparse
import json
import sys
import time
import wave
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache, Gemma4AudioFeatureExtractor, Gemma4TextConfig
from transformers.models.gemma4.modeling_gemma4 import Gemma4TextDecoderLayer, Gemma4TextRotaryEmbedding

import hf

FLUSH = 1 << 28                                     # floats to read between steps: more than any cache holds


def seconds_of(function):
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    function()
    return clock() - start


def tower(args):
    """-> a function that gives a round's times"""
    model = hf.load_model(args.path / "model", torch.float32, args.attn)
    inputs = load_file(args.path / "inputs.safetensors")
    features = model.get_image_features if "pixel_values" in inputs else model.model.get_audio_features
    return lambda: {"seconds": seconds_of(lambda: features(**inputs))}


def layer(args):
    dtype = getattr(torch, args.dtype)
    config = Gemma4TextConfig.from_pretrained(args.path)
    config._attn_implementation = args.attn
    decoder_layer = Gemma4TextDecoderLayer(config, 0).eval()
    weights = load_file(args.path / "model.safetensors")
    decoder_layer.load_state_dict({name.removeprefix("model.layers.0."): weight for name, weight in weights.items()})
    decoder_layer.to(dtype)
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
        return seconds_of(lambda: decoder_layer(x, per_layer_input, {}, cos_sin, mask, positions, cache))

    def round_of():
        cache = DynamicCache(config=config)
        prefill = step(cache, args.tokens, 0)
        memory.sum()
        return {"prefill": prefill, "decode": step(cache, 1, args.tokens)}
    return round_of


def extractor(args):
    with wave.open(str(args.path)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
    extract = Gemma4AudioFeatureExtractor()
    return lambda: {"seconds": seconds_of(lambda: extract([samples]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tower", "layer", "extractor"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--attn", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    with torch.inference_mode():
        round_of = {"tower": tower, "layer": layer, "extractor": extractor}[args.what](args)
        round_of()                                  # the first is slower
        print(json.dumps({"torch": torch.__version__, "transformers": transformers.__version__}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(round_of()), flush=True)


if __name__ == "__main__":
    main()
