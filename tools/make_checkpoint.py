"""Write a checkpoint of published size with random weights, to time (`make bench`), not to judge by.

    python tools/make_checkpoint.py e2b|31b [--patches 2520|10080] OUTDIR    a case: vision path, one image
    python tools/make_checkpoint.py e2b-layer|31b-layer OUTDIR               a model folder: one sliding decoder layer
    python tools/make_checkpoint.py e2b-text [--tokens 300] OUTDIR           a case: all 35 layers, vocabulary 262,144

bfloat16: 0.3 GB (e2b), 1.2 GB (31b), 0.1 GB (e2b-layer), 1.0 GB (31b-layer), 9.3 GB (e2b-text).
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Gemma4ForCausalLM, Gemma4ForConditionalGeneration, Gemma4TextConfig

import hf

# The sizes of the released configurations: (vision_config, hidden size of the text model).
TOWERS = {
    "e2b": (dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=16, num_attention_heads=12,
                 num_key_value_heads=12, head_dim=64, use_clipped_linears=True), 1536),
    "31b": (dict(hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16,
                 num_key_value_heads=16, head_dim=72, standardize=True), 5376),
}

# Those of the text models; a layer alone is the first of two, because Hugging Face makes the last one full.
E2B = dict(hidden_size=1536, hidden_size_per_layer_input=256, intermediate_size=6144, num_attention_heads=8,
           num_key_value_heads=1, head_dim=256, global_head_dim=512, sliding_window=512, final_logit_softcapping=30.0,
           use_double_wide_mlp=True)
BIG = dict(hidden_size=5376, hidden_size_per_layer_input=0, intermediate_size=21504, num_attention_heads=32,
           num_key_value_heads=16, num_global_key_value_heads=4, head_dim=256, global_head_dim=512,
           attention_k_eq_v=True, sliding_window=1024, final_logit_softcapping=30.0)
LAYER = dict(num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], vocab_size=64,
             vocab_size_per_layer_input=64)
TEXTS = {
    "e2b-layer": dict(E2B, **LAYER),
    "31b-layer": dict(BIG, **LAYER),
    "e2b-text": dict(E2B, num_hidden_layers=35, num_kv_shared_layers=20,
                     layer_types=(["sliding_attention"] * 4 + ["full_attention"]) * 7),
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


def write_tower(args):
    config = hf.make_config(*TOWERS[args.size])
    config.architectures = ["Gemma4ForConditionalGeneration"]
    with torch.device("meta"):                      # names and shapes, no memory
        shapes = {name: tensor.shape for name, tensor in Gemma4ForConditionalGeneration(config).state_dict().items()}
    rng = np.random.default_rng(args.patches)
    weights = {name: random_tensor(name, shape, rng) for name, shape in shapes.items() if name.startswith(hf.VISION)}
    inputs = hf.make_inputs([GRIDS[args.patches]], args.patches, config.vision_config.patch_size, args.patches)

    config.save_pretrained(args.folder / "model")
    save_file(weights, args.folder / "model" / "model.safetensors", metadata={"format": "pt"})
    save_file(inputs, args.folder / "inputs.safetensors")


def random_text_tensor(name, shape, generator):
    """As hf.random_weight, but for billions of them: straight into bfloat16."""
    tensor = torch.empty(shape, dtype=torch.bfloat16)
    if name.endswith("norm.weight") or name.endswith("layer_scalar"):
        return tensor.uniform_(0.6, 1.4, generator=generator)
    return tensor.normal_(0, shape[-1] ** -0.5, generator=generator)


def write_text(args):
    layer_only = args.size.endswith("-layer")
    model_folder = args.folder if layer_only else args.folder / "model"
    config = Gemma4TextConfig(**TEXTS[args.size])
    config.architectures = ["Gemma4ForCausalLM"]
    config.save_pretrained(model_folder)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in Gemma4ForCausalLM(config).state_dict().items()
                  if name != "lm_head.weight" and (not layer_only or ".layers.0." in name)}
    generator = torch.Generator().manual_seed(0)
    if layer_only:
        save_file({name: random_text_tensor(name, shape, generator) for name, shape in shapes.items()},
                  model_folder / "model.safetensors", metadata={"format": "pt"})
        return

    parts, weight_map = {}, {}                      # a shard for each layer and each table: less memory
    for name in shapes:
        part = name.rpartition(".layers.")[2].partition(".")[0] if ".layers." in name else name.split(".")[1]
        parts.setdefault(part, []).append(name)
    for part, names in parts.items():
        file = f"model-{part}.safetensors"
        weight_map.update({name: file for name in names})
        save_file({name: random_text_tensor(name, shapes[name], generator) for name in names}, model_folder / file,
                  metadata={"format": "pt"})
    (model_folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    ids = torch.randint(3, config.vocab_size, (1, args.tokens), generator=generator)
    save_file({"input_ids": ids}, args.folder / "inputs.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=[*TOWERS, *TEXTS])
    parser.add_argument("folder", type=Path, metavar="OUTDIR")
    parser.add_argument("--patches", type=int, choices=GRIDS, default=2520)
    parser.add_argument("--tokens", type=int, default=300)
    args = parser.parse_args()
    (write_tower if args.size in TOWERS else write_text)(args)


if __name__ == "__main__":
    main()
