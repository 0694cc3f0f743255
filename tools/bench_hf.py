"""Time Hugging Face's get_image_features in float32 on a case, as installed; prints JSON.

    python tools/bench_hf.py CASE [--attn sdpa|eager] [--threads N] [--runs N]
"""
import argparse
import json
import statistics
import time
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

import hf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path, metavar="CASE")
    parser.add_argument("--attn", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    model = hf.load_model(args.case / "model", torch.float32, args.attn)
    inputs = load_file(args.case / "inputs.safetensors")
    seconds = []
    with torch.inference_mode():
        for _ in range(args.runs):
            start = time.perf_counter()
            model.get_image_features(**inputs)
            seconds.append(time.perf_counter() - start)
    print(json.dumps({"case": str(args.case), "attn": args.attn, "threads": args.threads, "seconds": seconds,
                      "min": min(seconds), "median": statistics.median(seconds),
                      "torch": torch.__version__, "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
