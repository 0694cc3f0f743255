"""Preprocess pictures wrongly, with the libraries that ports use, and let `plumb diagnose` name what is wrong.

    python tools/check_hf/check_pixels.py build/plumb                            (part of `make check-images`)

Right ones too, by Hugging Face and by other honest means: nothing may be named there. And wrong ones that are in no
catalogue: they must fail, without a name. Prints how far each is from the nearest honest preprocessor, in levels.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import hf_images as hf
import numpy as np
import torch
from make_image_fixtures import draw
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tvF

SEED, BUDGET, SIDE, UNIT = 12, 70, 16, 48
LEVEL_ROUNDING = 12 ** -0.5


# ---------------------------------------------------------------- pictures

def photo(rng, width, height):
    """Noise of every size, the larger the stronger, as in photographs."""
    waves = np.fft.rfft2(rng.normal(size=(height, width, 3)), axes=(0, 1))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    waves /= np.maximum(frequency, 1 / max(width, height))[..., None]
    levels = np.fft.irfft2(waves, s=(height, width), axes=(0, 1))
    return np.clip(128 + 55 * (levels - levels.mean()) / levels.std(), 0, 255).astype(np.uint8)


def smooth(width, height):
    y, x = np.mgrid[0:height, 0:width, 0:1][:2]
    return (128 + 100 * np.sin(0.02 * x + np.arange(3)) * np.cos(0.013 * y)).astype(np.uint8)


def make_pictures():
    rng = np.random.default_rng(SEED)
    pictures = {"drawn 480x360": draw(), "noise 700x500": rng.integers(0, 256, (500, 700, 3), np.uint8),
                "smooth 900x600": smooth(900, 600)}
    for width, height in ((1920, 1440), (600, 1000), (384, 384), (250, 130), (3000, 22), (9, 800)):
        pictures[f"photo {width}x{height}"] = photo(rng, width, height)
    return pictures


# ---------------------------------------------------------------- ways to resize: levels, width, height -> levels

def pillow(resample):
    return lambda levels, width, height: np.array(Image.fromarray(levels).resize((width, height), resample))


def torch_of(levels, dtype):
    return torch.from_numpy(levels).permute(2, 0, 1)[None].to(dtype)


def numpy_of(tensor):
    return tensor[0].permute(1, 2, 0).numpy()


def interpolate(mode, antialias, dtype=torch.float32, finish=lambda tensor: tensor.clamp(0, 255).round()):
    return lambda levels, width, height: numpy_of(finish(
        F.interpolate(torch_of(levels, dtype), (height, width), mode=mode, antialias=antialias)))


def torchvision(mode, antialias=True):
    return lambda levels, width, height: numpy_of(
        tvF.resize(torch_of(levels, torch.uint8), [height, width], mode, antialias=antialias))


def two_by_two(levels, width, height):
    """Of four pixels, corners on corners, cut to whole levels: what llama.cpp calls bilinear."""
    y, x = (np.arange(new) * np.float32((old - 1) / new)
            for new, old in ((height, levels.shape[0]), (width, levels.shape[1])))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = (y - top)[:, None, None], (x - left)[None, :, None]
    bottom, beside = np.minimum(top + 1, levels.shape[0] - 1), np.minimum(left + 1, levels.shape[1] - 1)
    above = levels[top][:, left] * (1 - right) + levels[top][:, beside] * right
    below = levels[bottom][:, left] * (1 - right) + levels[bottom][:, beside] * right
    return np.floor(above * (1 - down) + below * down)


def rows_first(levels, width, height):
    """Two passes, each rounded to levels, the vertical one first."""
    for size in ((height, levels.shape[1]), (height, width)):
        levels = F.interpolate(torch_of(levels, torch.float64), size, mode="bicubic", antialias=True)
        levels = numpy_of(levels.clamp(0, 255).round())
    return levels


BICUBIC = tvF.InterpolationMode.BICUBIC
HONEST = {
    "torchvision": torchvision(BICUBIC), "Pillow": pillow(Image.Resampling.BICUBIC),
    "float": interpolate("bicubic", True, finish=lambda tensor: tensor.clamp(0, 255)),
    "float, uncut": interpolate("bicubic", True, finish=lambda tensor: tensor),
    "float64, rounded": interpolate("bicubic", True, torch.float64),
    "float64, rounded twice": rows_first,
}
WRONG = {
    "resize-bilinear": {
        "Pillow": pillow(Image.Resampling.BILINEAR), "torchvision": torchvision(tvF.InterpolationMode.BILINEAR),
        "torch": interpolate("bilinear", False), "torch antialias": interpolate("bilinear", True),
        "llama.cpp": two_by_two},
    "resize-no-antialias": {
        "torch": interpolate("bicubic", False), "torchvision": torchvision(BICUBIC, antialias=False),
        "float": interpolate("bicubic", False, finish=lambda tensor: tensor.clamp(0, 255))},
}
UNKNOWN = {"Lanczos": pillow(Image.Resampling.LANCZOS), "nearest": pillow(Image.Resampling.NEAREST),
           "box": pillow(Image.Resampling.BOX)}


# ---------------------------------------------------------------- patches

def patches_of(levels, length=None):
    """[patches, 768] and (x, y) of each, padded to `length`."""
    rows, columns = levels.shape[0] // SIDE, levels.shape[1] // SIDE
    patches = (levels.astype(np.float32) / 255).reshape(rows, SIDE, columns, SIDE, 3)
    patches = patches.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)
    y, x = np.divmod(np.arange(rows * columns), columns)
    rest = max(0, (length or 9 * BUDGET) - len(patches))
    return np.pad(patches, ((0, rest), (0, 0))), np.pad(np.stack([x, y], 1), ((0, rest), (0, 0)), constant_values=-1)


def square_size(height, width):
    side = int(BUDGET ** 0.5) * UNIT
    return side, side


def max_unit_size(height, width):
    scale = (BUDGET * UNIT * UNIT / (height * width)) ** 0.5
    return tuple(max(UNIT, int(side * scale / UNIT) * UNIT) for side in (height, width))


def channels_first(patches, positions):
    return patches.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2).reshape(patches.shape), positions


def columns_first(patches, positions):
    count = (positions[:, 0] >= 0).sum()
    rows = positions[:, 1].max() + 1
    moved = positions.copy()
    moved[:count] = np.stack(np.divmod(np.arange(count), rows), 1)
    return patches, moved


LAYOUTS = {
    "pixels-all-zero": lambda patches, positions: (np.zeros_like(patches), positions),
    "patch-feature-order": channels_first,
    "vision-xy-swapped": lambda patches, positions: (patches, positions[:, ::-1].copy()),
    "vision-grid-column-major": columns_first,
}


# ---------------------------------------------------------------- the checks

class Checker:
    def __init__(self, plumb, folder):
        self.plumb, self.folder, self.passed, self.failed, self.ratios = plumb, folder, 0, 0, {}
        self.model = folder / "model"
        self.model.mkdir()
        config = json.loads(Path("fixtures/e2b-vision/model/config.json").read_text())
        config["vision_config"]["position_embedding_size"] = 2048
        (self.model / "config.json").write_text(json.dumps(config))
        weights = load_file("fixtures/e2b-vision/model/model.safetensors")
        for name in weights:
            if name.endswith("position_embedding_table"):
                table = weights[name]
                weights[name] = table.repeat(1, 2048 // table.shape[1], 1).contiguous()
        save_file(weights, self.model / "model.safetensors")

    def diagnose(self, picture, patches, positions):
        dump, report = self.folder / "dump.safetensors", self.folder / "report.json"
        save_file({"pixel_values": torch.from_numpy(np.ascontiguousarray(patches))[None],
                   "image_position_ids": torch.from_numpy(positions.astype(np.int64))[None]}, dump)
        arguments = ["--model", self.model, "--max-soft-tokens", str(BUDGET), "--as", "fp32", "--quiet"]
        for command in ("grade", "diagnose"):
            run = subprocess.run([self.plumb, command, *arguments, "--image", picture, "--json", report, dump],
                                 capture_output=True, text=True)
            if run.returncode not in (0, 1):
                return run.stderr.strip(), None, None
            written = json.loads(report.read_text())
            if command == "grade":
                step = written["steps"][0]
        return written, step["ratio"], written["verdict"]

    def check(self, what, name, picture, patches, positions, expected, verdict):
        """expected: the id to be named; "" for none. What passes need not be named: a smooth picture shows little."""
        report, ratio, found = self.diagnose(picture, patches, positions)
        names = set(report["all_named"]) | set(report["cannot_tell_from"]) if found else {report}
        silent = not names and (found == "pass" or not expected)
        ok = found in verdict and (silent or expected in names) and len(names) <= 2
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        if not ok:
            print(f"FAIL {what} of {name}: {found}, ratio {ratio}, named {sorted(names)}", flush=True)
        if ratio is not None:
            self.ratios.setdefault(what, []).append(ratio * LEVEL_ROUNDING)

    def exposed(self, picture, patches, positions):
        report, _, _ = self.diagnose(picture, patches, positions)
        return {candidate["id"] for candidate in report["candidates"]}

    def check_picture(self, name, levels):
        picture = self.folder / "picture.png"
        Image.fromarray(levels).save(picture)
        height, width = hf.get_aspect_ratio_preserving_size(*levels.shape[:2], SIDE, 9 * BUDGET, 3)
        for flavour, processor in hf.PROCESSORS.items():
            theirs = processor()(images=[Image.open(picture)], max_soft_tokens=BUDGET, return_tensors="pt")
            honest = theirs["pixel_values"][0].numpy(), theirs["image_position_ids"][0].numpy()
            self.check(f"honest: HF {flavour}", name, picture, *honest, "", ("pass",))
        exposed = self.exposed(picture, *honest)

        for how, resize in HONEST.items():
            self.check(f"honest: {how}", name, picture, *patches_of(resize(levels, width, height), 700), "", ("pass",))
        for how, resize in UNKNOWN.items():
            if (height, width) != levels.shape[:2] and not name.startswith("smooth"):
                self.check(f"unknown: {how}", name, picture, *patches_of(resize(levels, width, height)), "", ("fail",))
        bent = honest[0] * 2 - 1
        self.check("unknown: 2 x - 1", name, picture, bent, honest[1], "", ("fail",))
        bgr = honest[0].reshape(len(honest[0]), -1, 3)[..., ::-1].reshape(honest[0].shape)
        self.check("unknown: BGR", name, picture, bgr, honest[1], "", ("fail",))

        for bug, ways in WRONG.items():
            for how, resize in ways.items():
                if bug in exposed:
                    wrong = patches_of(resize(levels, width, height))
                    self.check(f"{bug}: {how}", name, picture, *wrong, bug, ("pass", "fail"))
        for bug, size in (("resize-square", square_size), ("soft-tokens-max-unit", max_unit_size)):
            for how in ("torchvision", "Pillow"):
                if bug in exposed:
                    wrong = patches_of(HONEST[how](levels, *size(*levels.shape[:2])[::-1]))
                    self.check(f"{bug}: {how}", name, picture, *wrong, bug, ("fail",))
        for bug, layout in LAYOUTS.items():
            if bug in exposed:
                self.check(bug, name, picture, *layout(*honest), bug, ("fail",))
        return exposed


def main():
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(Path(sys.argv[1]).resolve(), Path(folder))
        bugs = {*WRONG, *LAYOUTS, "resize-square", "soft-tokens-max-unit"}
        seen = {bug: 0 for bug in bugs}
        for name, levels in make_pictures().items():
            exposed = checker.check_picture(name, levels)
            for bug in bugs & exposed:
                seen[bug] += 1
            print(f"{name:18} does not expose {', '.join(sorted(bugs - exposed)) or 'nothing'}", flush=True)
    for bug, count in sorted(seen.items()):
        if count < 2:
            print(f"FAIL {bug} is exposed by {count} pictures")
            checker.failed += 1
    print("\nrms in levels, beside the nearest honest preprocessor: least and most over the pictures")
    for what, levels in checker.ratios.items():
        print(f"{what:32} {min(levels):8.3f} {max(levels):8.3f}")
    print(f"{checker.passed} passed, {checker.failed} failed")
    return checker.failed > 0


if __name__ == "__main__":
    sys.exit(main())
