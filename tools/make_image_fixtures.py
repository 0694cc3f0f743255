"""Write fixtures/image: a picture of ours, small PNGs of every kind, and what Hugging Face makes of them.

    python tools/make_image_fixtures.py             (`make image-fixtures`)

expected.json holds CRC-32s: of the levels that a file holds, of resized levels, and of pixel_values.
"""
import json
import zlib
from pathlib import Path

import hf_images as hf
import numpy as np
import pngs
import torch
import torchvision
import transformers
from PIL import Image, __version__ as pillow_version
from torchvision.transforms.v2 import functional as tvF
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import load_image

FOLDER = Path("fixtures/image")
NAMES = {pngs.GRAY: "gray", pngs.RGB: "rgb", pngs.INDEX: "index", pngs.GRAY_ALPHA: "gray-alpha",
         pngs.RGB_ALPHA: "rgb-alpha"}

# Width and height before and after: smaller, larger, mixed, one pass only, and the two sides of Pillow's choice of
# which pass is first.
RESIZES = [((60, 45), (48, 48)), ((7, 5), (48, 96)), ((1, 1), (5, 4)), ((100, 3), (48, 7)), ((3, 100), (7, 48)),
           ((64, 90), (64, 31)), ((90, 64), (31, 64)), ((50, 61), (30, 20)), ((50, 61), (30, 21)), ((20, 60), (33, 30)),
           ((200, 150), (13, 9)), ((33, 47), (97, 96))]


def draw(width=480, height=360):
    """A plumb line before a wall that is not quite straight."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    brick = ((y // 24) % 2 * 24 + x + 0.06 * y) // 48
    tone = np.sin(brick * 12.9898 + (y // 24) * 78.233) * 0.5 + 0.5
    mortar = ((y % 24 < 3) | ((((y // 24) % 2 * 24 + x + 0.06 * y) % 48) < 3)).astype(float)
    light = 1.05 - 0.35 * np.hypot(x / width - 0.3, y / height - 0.25)
    wall = np.stack([150 + 50 * tone, 84 + 30 * tone, 62 + 22 * tone], -1) * (1 - mortar[..., None])
    picture = (wall + mortar[..., None] * np.array([190, 184, 172])) * light[..., None]
    shadow = np.abs(x - 306) < 2.5
    picture[shadow & (y < 250)] *= 0.55
    picture[np.hypot((x - 308) / 26, (y - 272) / 40) < 1] *= 0.6
    picture[(np.abs(x - 288) < 1.5) & (y < 240)] = (245, 240, 225)
    bob = (np.abs(x - 288) < np.interp(y, [232, 240, 262, 318], [6, 22, 22, 0])) & (y > 232) & (y < 318)
    shine = np.clip(1.3 - np.abs(x - 280) / 26, 0.35, 1.2)
    picture[bob] = (np.array([214, 170, 60]) * shine[..., None])[bob]
    return np.clip(np.round(picture / 4) * 4, 0, 255).astype(np.uint8)          # few levels compress well


def random_levels(width, height):
    """The upper bytes of a xorshift's numbers, as the tests in C make them."""
    state, levels = 1, np.empty(width * height * 3, np.uint8)
    for index in range(len(levels)):
        state ^= state << 13 & 0xffffffff
        state ^= state >> 17
        state ^= state << 5 & 0xffffffff
        levels[index] = state >> 24
    return levels.reshape(height, width, 3)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def resized(levels, size, flavour):
    if flavour == "pil":
        return np.array(Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC))
    tensor = torch.from_numpy(levels).permute(2, 0, 1).contiguous()
    return tvF.resize(tensor, size[::-1], tvF.InterpolationMode.BICUBIC, antialias=True).permute(1, 2, 0).numpy()


def preprocessed(image, flavour, processor, budget):
    features = processor(images=[image], max_soft_tokens=budget, return_tensors="pt")
    return {"flavour": flavour, "max_soft_tokens": budget,
            "soft_tokens": int(features["num_soft_tokens_per_image"][0]),
            "pixel_values": crc(features["pixel_values"].numpy()),
            "image_position_ids": crc(features["image_position_ids"].numpy())}


def family_features(image, family):
    _, processors, video_processor = hf.FAMILIES[family]
    video = video_processor()(videos=[[image] * 2], do_sample_frames=False, return_tensors="pt")
    return {"preprocess": [preprocessed(image, flavour, processor(), budget)
                           for flavour, processor in processors.items() for budget in (70, 280, 1120)],
            "video": {name: crc(video[name].numpy()) for name in ("pixel_values_videos", "video_position_ids")}}


def main():
    (FOLDER / "kinds").mkdir(parents=True, exist_ok=True)
    picture = draw()
    Image.fromarray(picture).save(FOLDER / "plumb.png", optimize=True)
    expected = {"transformers": transformers.__version__, "torch": torch.__version__.partition("+")[0],
                "torchvision": torchvision.__version__.partition("+")[0], "pillow": pillow_version}

    rng, rgb = np.random.default_rng(11), []
    for color, depth in pngs.KINDS:
        for index in range(2):
            path = FOLDER / "kinds" / f"{NAMES[color]}-{depth}-{index}.png"
            path.write_bytes(pngs.random_png(rng, 11, 7, color, depth))
            opened, loaded = convert_to_rgb(Image.open(path), return_numpy=True), np.array(load_image(str(path)))
            rgb.append({"file": f"kinds/{path.name}", "opened": crc(opened), "path": crc(loaded),
                        "upright": [loaded.shape[1], loaded.shape[0]]})
    expected["rgb"] = rgb

    expected["resize"] = [{"from": list(old), "to": list(new),
                           **{flavour: crc(resized(random_levels(*old), new, flavour)) for flavour in hf.PROCESSORS}}
                          for old, new in RESIZES]

    image = Image.open(FOLDER / "plumb.png")
    expected |= family_features(image, "gemma4")
    expected["unified"] = family_features(image, "gemma4_unified")

    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
