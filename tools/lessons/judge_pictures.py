"""Pictures of the lessons on how a port is judged."""
import math
import os
import re
import subprocess
import sys

import numpy as np

from show import load
from svg import BAD, GOOD, Axes, Picture
from taps import PLUMB, ROOT, grade_of, taps_of

DUMPS = ROOT / "fixtures/e2b-text/dumps"


def floating_point(folder):
    dumps = [dump for kind in ("buggy", "honest") for dump in sorted(DUMPS.glob(f"{kind}-*bf16*"))]
    right = load(ROOT / "fixtures/e2b-text/expected.safetensors")["logits"].astype(float)
    rows = load(ROOT / "fixtures/e2b-text/inputs.safetensors")["attention_mask"] == 1
    errors = []
    for dump in dumps:
        off = (load(dump)["logits"] - right)[rows]
        errors.append(100 * ((off**2).sum() / (right[rows] ** 2).sum()) ** 0.5)
    names = [dump.stem.removesuffix("-bf16").replace("-bf16", "") for dump in dumps]
    picture = Picture(560, 40 + 20 * len(dumps), "error of the logits, per cent")
    picture.bars(10, 30, names, errors, lambda value: value * 50,
                 lambda row: GOOD if names[row].startswith("honest") else BAD, wide=200, text="{:.2f}")
    return picture


def lockstep(folder):
    report = grade_of(folder, "e2b-text", "fixtures/e2b-text/dumps/buggy-window-off-by-one-bf16.safetensors")
    picture = Picture(620, 60 + 36 * len(report["steps"]), "per cent of the tap: introduced (blue), inherited (orange)")
    for row, step in enumerate(report["steps"]):
        y = 40 + row * 36
        picture.text(205, y + 18, step["tap"].removeprefix("model."), 10, "end")
        for line, (key, colour) in enumerate((("introduced", GOOD), ("inherited", BAD))):
            value = 100 * step[key]
            picture.box(215, y + line * 14, max(value * 10, 1), 12, colour)
            picture.text(220 + max(value * 10, 1), y + 10 + line * 14, f"{value:.2f}", 9)
    return picture


def noise_units(folder):
    names = "buggy-rope-partial-prefix-bf16", "buggy-window-off-by-one-bf16", \
        "honest-bf16-eager", "honest-bf16-sdpa-2threads"
    dumps = [DUMPS / f"{name}.safetensors" for name in names]
    picture = Picture(620, 60 + 44 * len(dumps), "ratio of each step, logarithmic; the line is 2")
    axes = Axes(picture, (200, 36), (400, 44 * len(dumps) - 10), (-0.5, 3), (0, len(dumps)), ("log10 of the ratio", ""))
    picture.line(*axes.point(math.log10(2), 0), *axes.point(math.log10(2), len(dumps)), BAD)
    for row, dump in enumerate(dumps):
        picture.text(190, axes.point(0, row + 0.4)[1], dump.stem.replace("-bf16", ""), 10, "end")
        for step in grade_of(folder, "e2b-text", dump)["steps"]:
            if step["ratio"] > 0.3:
                picture.dot(*axes.point(math.log10(step["ratio"]), row + 0.5), BAD if step["ratio"] > 2 else GOOD, 3)
    return picture


def quantised_weights(folder):
    held = ROOT / "fixtures/quantised"
    codes = "--weights", held / "e2b-text-q8_0.gguf"
    picture = Picture(620, 200, "ratio of each product, logarithmic; the line is 2")
    axes = Axes(picture, (200, 36), (400, 120), (-1, 6), (0, 3), ("log10 of the ratio", ""))
    picture.line(*axes.point(math.log10(2), 0), *axes.point(math.log10(2), 3), BAD)
    for row, (name, options) in enumerate((("input in codes, too", (*codes, "--activations", "q8_0")),
                                           ("code times scale", codes), ("original weights", ()))):
        picture.text(190, axes.point(0, row + 0.4)[1], name, 10, "end")
        report = grade_of(folder, "e2b-text", held / "llama.cpp-e2b-text-q8_0.safetensors", "--as", "fp32",
                          "--names", held / "llama.cpp-names.json", *options)
        for step in report["steps"]:
            if re.search(r"self_attn\.._proj$|mlp\..*_proj$", step["tap"]):
                picture.dot(*axes.point(math.log10(step["ratio"]), row + 0.5), BAD if step["ratio"] > 2 else GOOD, 3)
    return picture


def unit(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


def matched_filter(folder):
    at = "model.language_model.layers.2.self_attn"
    taps = taps_of(folder, "31b", "--precision", "bf16", "--only", f"{at}*")
    right = unit(taps[f"{at}.k_proj"].astype(float))
    d = unit(taps[f"{at}.k_norm"].astype(float).reshape(right.shape)) - right
    s = abs(right) * 2.0**-8 / 3**0.5 + 1e-6
    r = taps[f"{at}.v_norm"].reshape(right.shape) - right + 0.01 * d
    groups = np.array_split(np.argsort((d / s).ravel()), 42)[1:-1]
    points = [((d / s).ravel()[group].mean(), (r / s).ravel()[group].mean()) for group in groups]
    most = max(abs(x) for x, _ in points)
    picture = Picture(520, 330, "residual (up) over the bug's difference (across), in units of noise")
    axes = Axes(picture, (50, 40), (440, 250), (-most, most), (-0.012 * most, 0.012 * most), ("d / s", "r / s"))
    picture.line(*axes.point(-most, -0.01 * most), *axes.point(most, 0.01 * most), BAD, 1.5)
    for x, y in points:
        picture.dot(*axes.point(x, y), GOOD, 3)
    return picture


def from_thread_to_catalogue(folder):
    right, wrong = (taps_of(folder, "e2b-vision", "--only", "*.embed_vision", *bug)["model.embed_vision"]
                    for bug in ((), ("--bug", "projector-norm-after-projection")))
    picture = Picture(480, 70 + 40 * len(right), "length of each soft token, of the right one")
    for token, (a, b) in enumerate(zip(right.astype(float), wrong.astype(float))):
        picture.text(100, 62 + token * 40, f"soft token {token}", 10, "end")
        for line, (length, colour) in enumerate(((1, GOOD), (np.linalg.norm(b) / np.linalg.norm(a), BAD))):
            picture.box(110, 44 + token * 40 + line * 15, 300 * length, 13, colour)
            picture.text(116 + 300 * length, 55 + token * 40 + line * 15, f"{length:.2f}", 10)
    return picture


NEIGHBOURS = """
import numpy as np


def rope(x, theta):
    seq, _, d = x.shape
    angle = (np.arange(seq)[:, None] * theta ** (-2 * np.arange(d // 2) / d)[None, :])[:, None, :]
    cos, sin, a, b = np.cos(angle), np.sin(angle), x[..., 0::2], x[..., 1::2]
    return np.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape).astype(np.float32)
"""


def port_a_layer(folder):
    (folder / "build").mkdir()
    subprocess.run([PLUMB, "run", "fixtures/31b", "--quiet", "--out", folder / "build/right.safetensors"], cwd=ROOT,
                   check=True)
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    ratios = {}
    for name, text in (("right", ""), ("wrong", NEIGHBOURS)):
        (folder / "build/mine.py").write_text(text)
        subprocess.run([sys.executable, "-B", ROOT / "docs/lessons/port/layer.py", "build/mine.py"], cwd=folder,
                       check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "tools")}, stdout=subprocess.DEVNULL)
        report = grade_of(folder, "31b", folder / "build/yours.npz", "--as", "fp32")
        ratios[name] = {step["tap"]: step["ratio"] for step in report["steps"]}
    taps = [tap for tap in ratios["right"] if ".layers.1" in tap]
    picture = Picture(620, 50 + 16 * len(taps), "ratio, in powers of ten: right (blue), neighbours paired (orange)")
    for row, tap in enumerate(taps):
        picture.text(215, 46 + row * 16, tap.removeprefix("model.language_model."), 9, "end")
        for name, colour in (("wrong", BAD), ("right", GOOD)):
            width = 45 * (1 + max(round(math.log10(ratios[name][tap] + 1e-9)), 0))
            if name == "right" or ratios["wrong"][tap] > 10:
                picture.box(222, 37 + row * 16, max(width, 1), 11, colour)
    return picture


PICTURES = {"14-floating-point": floating_point,
            "16-noise-units": noise_units, "17-matched-filter": matched_filter,
            "18-quantised-weights": quantised_weights,
            "15-lockstep": lockstep, "19-from-thread-to-catalogue": from_thread_to_catalogue,
            "20-port-a-layer": port_a_layer}
