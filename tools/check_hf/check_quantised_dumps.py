"""check_quantised_dumps.py PLUMB [WORD..]: dumps of torchao's kernels on the fixtures' models, graded as users would.

For each case and scheme: Hugging Face's model with its linear layers quantised by torchao is the backend, and a
checkpoint with torchao's codes and scales, in the layout of compressed-tensors, is what its dump is graded with. Prints
three grades of each dump: against the original weights, with the codes, and with the codes and what the kernel does to
its inputs; and for planted bugs the last of them. Fails where an honest dump does not pass, or a bug does."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

from capture import capture
from hf import load_model

CASES = ("e2b-vision", "e2b-text", "31b-vision")
KEPT = ("router", "lm_head", "embed_vision")  # modules that quantisers leave as they are


def schemes():
    import torchao.quantization as tq

    group = tq.PerGroup(32)
    yield "int8 weights", tq.Int8WeightOnlyConfig(), None
    yield "int4 weights", tq.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=group), None
    yield "fp8 weights", tq.Float8WeightOnlyConfig(), None
    w4a8 = tq.Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int4, weight_granularity=group)
    yield "8da4w", w4a8, "int8-token:bf16"
    yield "w8a8", tq.Int8DynamicActivationInt8WeightConfig(), "int8-token-255:bf16"


def parts_of(weight):
    """torchao's tensor -> (codes, scales, zeros or None), as compressed-tensors names them"""
    codes, scales = weight.qdata, weight.scale
    zeros = getattr(weight, "zero_point", None)
    if zeros is not None and not zeros.any():
        zeros = None
    return codes, scales, zeros


def plant(bug, codes, scales):
    if bug == "neighbour's scale":
        return codes, torch.roll(scales, 1, -1 if scales.shape[-1] > 1 else 0)
    if bug == "zero is off by one":
        return (codes + 1).clamp(-128, 127).to(codes.dtype), scales
    if bug == "nibbles swapped":
        return codes.reshape(*codes.shape[:-1], -1, 2).flip(-1).reshape(codes.shape), scales
    return codes, scales


def write_checkpoint(folder, case, model, bug=None):
    """The case's checkpoint with the codes of each quantised module instead of its weight"""
    tensors = load_file(f"fixtures/{case}/model/model.safetensors")
    with open(f"fixtures/{case}/model/config.json") as file:
        config = json.load(file)
    groups = {}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if not hasattr(weight, "qdata"):
            continue
        codes, scales, zeros = parts_of(weight)
        codes, scales = plant(bug, codes, scales)
        key = name if f"{name}.weight" in tensors else name.removeprefix("model.")
        if f"{key}.weight" not in tensors:
            continue  # not in the file: the original's part that the case leaves out
        del tensors[f"{key}.weight"]
        tensors |= {f"{key}.weight": codes.contiguous(), f"{key}.weight_scale": scales.contiguous()}
        if zeros is not None:
            tensors[f"{key}.weight_zero_point"] = zeros.contiguous()
        size = codes.shape[-1] // scales.shape[-1]
        per_row = scales.shape[-1] == 1
        args = {"num_bits": 8, "type": "float" if codes.dtype == torch.float8_e4m3fn else "int",
                "symmetric": zeros is None, "strategy": "channel" if per_row else "group"}
        if not per_row:
            args["group_size"] = size
        entry = groups.setdefault(json.dumps(args), {"targets": [], "weights": args})
        entry["targets"].append(key)
    config["quantization_config"] = {"quant_method": "compressed-tensors",
                                     "config_groups": {f"group_{i}": g for i, g in enumerate(groups.values())}}
    os.makedirs(folder, exist_ok=True)
    for file in os.listdir(f"fixtures/{case}/model"):
        if file != "model.safetensors":
            shutil.copy(f"fixtures/{case}/model/{file}", folder)
    save_file(tensors, f"{folder}/model.safetensors")
    with open(f"{folder}/config.json", "w") as file:
        json.dump(config, file)
    return {name for group in groups.values() for name in group["targets"]}


def grade(plumb, case, model, dump, quantised, flags=()):
    """-> (exit status, median and largest ratio of the quantised modules' steps, how many are bent)"""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        run = subprocess.run([plumb, "grade", "--model", model, "--inputs", f"fixtures/{case}/inputs.safetensors", dump,
                              "--as", "bf16", "-q", "--json", report.name, *flags],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode > 1:
            sys.exit(run.stderr)
        steps = json.load(open(report.name))["steps"]
    ratios = [step["ratio"] for step in steps if step["tap"].split("@")[0] in quantised and step["ratio"] is not None]
    return run.returncode, statistics.median(ratios), max(ratios)


def main():
    from torchao.quantization import quantize_

    plumb, *only = sys.argv[1:]
    torch.set_num_threads(1)
    failures = runs = 0
    for case in CASES:
        for name, config, inputs in schemes():
            if only and not any(word in f"{case} {name}" for word in only):
                continue
            model = load_model(f"fixtures/{case}/model", torch.bfloat16)
            quantize_(model, config, filter_fn=lambda module, path: isinstance(module, torch.nn.Linear)
                      and not any(kept in path for kept in KEPT) and module.in_features % 32 == 0)
            with tempfile.TemporaryDirectory() as folder:
                dump, flags = f"{folder}/dump.safetensors", ["--activations", inputs] if inputs else []
                given = load_file(f"fixtures/{case}/inputs.safetensors")
                with torch.inference_mode(), capture(model, dump):
                    (model if "input_ids" in given else model.get_image_features)(**given)
                quantised = write_checkpoint(f"{folder}/codes", case, model)
                naive = grade(plumb, case, f"fixtures/{case}/model", dump, quantised)
                codes = grade(plumb, case, f"{folder}/codes", dump, quantised)
                rule = grade(plumb, case, f"{folder}/codes", dump, quantised, flags)
                cells = "  ".join(f"{'FAIL' if s else 'pass'} {m:6.2f} {most:7.2f}" for s, m, most
                                  in (naive, codes, rule))
                print(f"{case:12s} {name:14s} {cells}", flush=True)
                failures += rule[0] != 0
                runs += 1
                bugs = ["neighbour's scale"] + (["inputs per tensor"] if inputs else [])
                bugs += [] if "fp8" in name else ["zero is off by one", "nibbles swapped"]
                for bug in bugs:
                    write_checkpoint(f"{folder}/codes", case, model, bug)
                    told = ["--activations", "int8-tensor"] if bug == "inputs per tensor" else flags
                    status, median, most = grade(plumb, case, f"{folder}/codes", dump, quantised, told)
                    print(f"{'':12s} {bug:22s} {'FAIL' if status else 'pass'} {median:9.2f} {most:9.2f}", flush=True)
                    failures += status == 0
    print(f"{runs} honest dumps; {failures} failures")
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
