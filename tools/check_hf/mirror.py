"""Prove that the C reference has a twin for every module and tensor of Hugging Face's model, and no other.

    python tools/check_hf/mirror.py build/plumb          (`make mirror`)

Modules are compared by name with the reference's taps, tensors by name and shape with what its loader asks for, for
the configuration of each fixture; of a case without input_ids, those of the towers. A module counts as mirrored if
a tap has its name, or its name and a local one.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

import hf

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TOWERS = tuple(prefix.rstrip(".") for prefix in hf.VISION + hf.AUDIO)


def plumb(*arguments):
    return subprocess.run([sys.argv[1], *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def hf_model(folder):
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        return hf.MODELS[config.model_type](config)


def names(file):
    with safe_open(file, framework="pt") as tensors:
        return set(tensors.keys())


def module_name(tensor, model_type):
    """What Hugging Face's modules call a tensor that the Hub's files may call otherwise."""
    for renaming in get_checkpoint_conversion_mapping(model_type) or []:
        for source, target in zip(renaming.source_patterns, renaming.target_patterns):
            tensor = re.sub(source, target, tensor)
    return tensor


def mirror(case):
    """Every comparison made: (what, whether it holds)."""
    model = hf_model(case / "model")
    of_case = ("",) if "input_ids" in names(case / "inputs.safetensors") else TOWERS
    # The activation of experts runs once for each expert that is hit; the whole has no name.
    modules = {name: module for name, module in model.named_modules()
               if name.startswith(of_case) and name and not name.endswith("experts.act_fn")}
    tensors = {name: list(tensor.shape) for name, tensor in model.state_dict().items() if name.startswith(of_case)}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    hf_taps = {tap.partition("@")[0] for tap in names(case / "expected.safetensors")} - {"input_ids"}

    taps = {line.split()[0].partition("@")[0] for line in plumb("run", case, "--list").splitlines()}  # "name [shape]"
    asked = {module_name(tensor["name"], model.config.model_type): tensor["shape"]
             for tensor in json.loads(plumb("inspect", case, "--json", "-"))["asked"]}

    tapped = {tap.partition("#")[0] for tap in taps}
    for name, module in modules.items():
        if isinstance(module, torch.nn.ModuleList):                     # is never called: counts through its children
            yield f"module {name}", any(path.startswith(name + ".") for path in tapped)
        else:
            yield f"module {name}", name in tapped
    for name, shape in tensors.items():
        yield f"tensor {name} {shape}, asked for as {asked.get(name)}", asked.get(name) == shape
    for tap in sorted(taps | hf_taps):
        yield f"tap {tap}", tap in taps and tap in hf_taps
    for name in sorted(asked.keys() - tensors.keys()):
        yield f"tensor {name} is asked for, and Hugging Face has none", False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    passed = failed = 0
    for case in sorted(path.parent for path in FIXTURES.glob("*/case.json")):
        for what, holds in mirror(case):
            passed, failed = passed + holds, failed + (not holds)
            if not holds:
                print(f"{case.name}: not mirrored: {what}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
