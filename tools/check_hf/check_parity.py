"""Taps of the C reference against Hugging Face's, for check_hf.py. Not a program."""
import numpy as np
import torch
from safetensors.torch import load_file

import hf
from graded_case import plumb

# plumb in float32 may differ from HF in float32 by a few times what HF's rounding is (two roundings, other orders of
# summation); the floor is a few units of float32 for taps where HF happens to be nearly exact.
FP32_RATIO, FP32_FLOOR = 5, 3e-7

# plumb in float64 must be nearer to HF in float64 than HF in float32 is: the same formula, or it shows.
FP64_RATIO = 1 / 5


def allowances(hf32, hf64):
    """How far each tap may be from HF, by precision. A decode step's few values can be exact by luck, so the rounding
    is the largest of all steps."""
    rounding = {}
    for tap in hf32:
        name = tap.partition("@")[0]
        rounding[name] = max(rounding.get(name, 0.0), hf.rel_l2(hf64[tap], hf32[tap]))
    return {"fp32": {tap: FP32_RATIO * rounding[tap.partition("@")[0]] + FP32_FLOOR for tap in hf32},
            "fp64": {tap: FP64_RATIO * rounding[tap.partition("@")[0]] for tap in hf32}}


def in_order_of_experts(taps):
    """Experts that a token chose by probability may come in either order where two are equal: sort them by index."""
    taps = dict(taps)
    for name in [name for name in taps if "#top_k_index" in name]:
        taps[name], order = taps[name].sort(-1)
        weights = name.replace("#top_k_index", "#top_k_weights")
        taps[weights] = taps[weights].gather(-1, order)
    return taps


def last_positions(ours, shape, batch):
    """HF's generate runs some layers for the last position only, where ours may have all: what corresponds to it."""
    if ours.dim() == len(shape) and ours.shape[0] > shape[0] and ours.shape[0] % batch == 0:
        # Experts have batch and positions in one dimension.
        return ours.unflatten(0, (batch, -1))[:, -(shape[0] // batch) :].flatten(0, 1)
    for dimension, size in enumerate(shape):
        if ours.dim() == len(shape) and ours.shape[dimension] > size:
            ours = ours.narrow(dimension, ours.shape[dimension] - size, size)
    return ours


def check_parity(case, hf32, hf64, allowed, options=()):
    """The worst error over its allowance and where, of each precision; then what failed."""
    failures, worst = [], {}
    generate = ["--max-new-tokens", case.max_new_tokens, "--ignore-eos"] if case.max_new_tokens else []
    for precision in ("fp32", "fp64"):
        out = case.folder / f"{precision}.safetensors"
        done = plumb("run", case.folder, "--out", out, "--precision", precision, "--quiet", *generate,
                     *options)
        if done.returncode != 0:
            failures.append(f"run --precision {precision} exits {done.returncode}: {done.stderr.strip()}")
            continue
        ours = in_order_of_experts(load_file(out))
        ours.pop(f"input_ids@{case.max_new_tokens}", None)              # the last token, which is fed to nobody
        failures += [f"{tap}: not in plumb's {precision} run" for tap in hf32 if tap not in ours]
        failures += [f"{tap}: only in plumb's {precision} run" for tap in ours
                     if tap not in hf32 and not is_mask_without_padding(case, tap)]
        worst[precision] = (0.0, "-")
        for tap in [tap for tap in hf32 if tap in ours]:
            values = last_positions(ours[tap], hf32[tap].shape, case.batch)
            if values.shape != hf32[tap].shape:
                failures.append(f"{tap}: {list(ours[tap].shape)}, in HF {list(hf32[tap].shape)}")
                continue
            error = hf.rel_l2(hf32[tap] if precision == "fp32" else hf64[tap], values)
            limit = allowed[precision][tap]
            if not error <= limit:
                failures.append(f"{tap}: {precision} {error:.2e} from HF, {limit:.2e} allowed")
            if error > 0:
                worst[precision] = max(worst[precision], (error / limit if limit > 0 else np.inf, tap))
    return worst, failures


def is_mask_without_padding(case, tap):
    """HF's mask is None where everything sees everything."""
    return "#causal_mask_mapping." in tap and case.inputs.get("attention_mask", torch.tensor(1)).all()
