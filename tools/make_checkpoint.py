"""Write a case of published size with random weights, to time (`make bench`), not to judge by.

    python tools/make_checkpoint.py e2b|31b [--patches 2520|10080] OUTDIR

Vision path only, bfloat16: 0.3 GB (e2b) or 1.2 GB (31b). One image without padding.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Gemma4ForConditionalGeneration

import hf

# The sizes of the released configurations: (vision_config, hidden size of the text model).
SIZES = {
    "e2b": (dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=16, num_attention_heads=12,
                 num_key_value_heads=12, head_dim=64, use_clipped_linears=True), 1536),
    "31b": (dict(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16,
                 num_key_value_heads=16, head_dim=72, standardize=True), 5376),
}

GRIDS = {2520: (60, 42), 10080: (120, 84)}          # patches: columns, rows; budgets of 280 and 1120 soft tokens

# Activations have an rms near 1, so these cut little, but every clamp has work to do.
BOUNDS = {"input_min": -6.0, "input_max": 6.5, "output_min": -5.5, "output_max": 6.25}


def random_tensor(name, shape, rng):
    last = name.rpartition(".")[2]
    if last in BOUNDS:
        return torch.tensor(BOUNDS[last], dtype=torch.bfloat16)
    if last == "std_bias":
        return torch.from_numpy(rng.normal(0, 10, shape)).bfloat16()
    if last == "std_scale":
        return torch.from_numpy(rng.uniform(0.02, 0.08, shape)).bfloat16()
    return hf.random_weight(name, shape, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=Path, metavar="OUTDIR")
    parser.add_argument("--patches", type=int, choices=GRIDS, default=2520)
    args = parser.parse_args()

    config = hf.make_config(*SIZES[args.size])
    config.architectures = ["Gemma4ForConditionalGeneration"]
    with torch.device("meta"):                      # names and shapes, no memory
        shapes = {name: tensor.shape for name, tensor in Gemma4ForConditionalGeneration(config).state_dict().items()}
    rng = np.random.default_rng(args.patches)
    weights = {name: random_tensor(name, shape, rng) for name, shape in shapes.items() if name.startswith(hf.VISION)}
    inputs = hf.make_inputs([GRIDS[args.patches]], args.patches, config.vision_config.patch_size, args.patches)

    config.save_pretrained(args.folder / "model")
    save_file(weights, args.folder / "model" / "model.safetensors", metadata={"format": "pt"})
    save_file(inputs, args.folder / "inputs.safetensors")


if __name__ == "__main__":
    main()
