"""Pictures of the lessons on how a port is judged."""
import math

import numpy as np

from show import load
from svg import BAD, GOOD, Axes, Picture
from taps import ROOT, grade_of, taps_of


def floating_point(folder):
    dumps = sorted((ROOT / "fixtures/e2b-text/dumps").glob("*bf16*"))
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
    dumps = sorted((ROOT / "fixtures/e2b-text/dumps").glob("*bf16*"))[-4:]
    picture = Picture(620, 60 + 44 * len(dumps), "ratio of each step, logarithmic; the line is 2")
    axes = Axes(picture, (200, 36), (400, 44 * len(dumps) - 10), (-0.5, 3), (0, len(dumps)), ("log10 of the ratio", ""))
    picture.line(*axes.point(math.log10(2), 0), *axes.point(math.log10(2), len(dumps)), BAD)
    for row, dump in enumerate(dumps):
        picture.text(190, axes.point(0, row + 0.4)[1], dump.stem.replace("-bf16", ""), 10, "end")
        for step in grade_of(folder, "e2b-text", dump)["steps"]:
            if step["ratio"] > 0.3:
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


PICTURES = {"14-floating-point": floating_point,
            "16-noise-units": noise_units, "17-matched-filter": matched_filter, "15-lockstep": lockstep}
