"""run.py CASE OUT [--dtype bf16|fp16|fp32]: the model under torch.compile (inductor); taps are what the graph returns

Hooks would break the graph into pieces, and pieces are not what users run. So the graph returns the hidden states of all
layers, and these are the taps.
"""
import argparse
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
from run import DTYPES, load


def vision_taps(model, inputs):
    def features(pixel_values, image_position_ids):
        output = model.get_image_features(pixel_values, image_position_ids, output_hidden_states=True)
        return output.hidden_states, output.last_hidden_state, output.pooler_output

    states, tower, pooled = torch.compile(features)(**inputs)
    taps = {"model.vision_tower": tower,
            "model.embed_vision": torch.cat(pooled) if isinstance(pooled, (tuple, list)) else pooled}
    if states is not None:
        taps["model.vision_tower.patch_embedder"] = states[0]
        for i in range(len(model.model.vision_tower.encoder.layers) - 1):
            taps[f"model.vision_tower.encoder.layers.{i}"] = states[i + 1]
    return taps


def text_taps(model, inputs):
    def forward(**arguments):
        output = model(**arguments, output_hidden_states=True, use_cache=False)
        return output.logits, output.hidden_states

    logits, states = torch.compile(forward)(**inputs)
    has_towers = hasattr(model.model, "language_model")
    text = "model.language_model" if has_towers else "model"
    layers = len(states) - 1
    taps = {f"{text}.layers.{i - 1}": states[i] for i in range(1, layers)}       # the last one is behind the norm
    taps |= {f"{text}.norm": states[layers], "logits": logits}
    if has_towers:
        taps["model#inputs_embeds"] = states[0]
    return taps


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load(arguments.case, arguments.dtype, "sdpa")
    inputs = load_file(arguments.case / "inputs.safetensors")
    with torch.inference_mode():
        taps = (text_taps if "input_ids" in inputs else vision_taps)(model, inputs)
    save_file({name: tap.detach().clone().contiguous() for name, tap in taps.items()}, arguments.out)


if __name__ == "__main__":
    main()
