"""Compare `plumb preprocess` with Hugging Face's processors, live: every bit of pixels, positions and token ids.

    python tools/check_hf/check_images.py build/plumb build/size-filter          (`make check-images`)

400 pictures of every kind and budget, for both families and in each flavour; 100,000 sizes for the formula alone;
settings, videos, prompts, and what Hugging Face refuses.
"""
import json
import re
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import hf_images as hf
import numpy as np
import pngs
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers.image_utils import load_image

import prompt as prompt_py

SEED, PICTURES, CHUNK = 6, {"gemma4": 300, "gemma4_unified": 100}, 5
BUDGETS = (70, 140, 280, 560, 1120)

# Settings as they stand beside a model. Hugging Face follows those of the second list, for pixels that no model takes.
SETTINGS = [
    {}, {"max_soft_tokens": 70}, {"patch_size": 14, "pooling_kernel_size": 2}, {"rescale_factor": 1 / 127.5},
    {"do_normalize": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    {"do_normalize": True, "image_mean": 0.5, "image_std": 0.25, "rescale_factor": 0.01},
    {"do_normalize": True, "do_rescale": False, "image_mean": [127.5, 100, 1e-3], "image_std": [3, 5, 0.3]},
    {"do_normalize": True}, {"do_resize": False}, {"do_resize": False, "max_soft_tokens": 70}, {"image_mean": None},
    {"data_format": "channels_first", "size": {"height": 8, "width": 8}, "resample": 3, "do_convert_rgb": True},
    {"max_soft_tokens": 100},
]
REFUSED_HERE = [{"resample": 2}, {"do_convert_rgb": False}, {"do_rescale": False}, {"do_center_crop": True},
                {"do_normalize": True, "image_std": [1.0, 0.0, 1.0]}]

passed = failed = 0


def report(ok, what):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("FAIL", what, flush=True)


def preprocess(model, *arguments):
    """What plumb writes, and what it prints; None and the one line that it says where it refuses."""
    out = model.parent / "inputs.safetensors"
    out.unlink(missing_ok=True)
    command = [PLUMB, "preprocess", "--model", model, *arguments, "--out", out]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 0:
        return load_file(out), run.stdout
    one_line = run.returncode == 2 and run.stderr.count("\n") == 1 and not out.exists()
    return None, run.stderr if one_line else f"BADLY REFUSED {run.returncode} {run.stderr}"


def same(ours, theirs, names):
    def bits(tensor):
        return tensor.view(torch.int32) if tensor.dtype == torch.float32 else tensor
    return all(name in ours and ours[name].dtype == theirs[name].dtype and ours[name].shape == theirs[name].shape
               and torch.equal(bits(ours[name]), bits(theirs[name])) for name in names)


IMAGES = ("pixel_values", "image_position_ids")
VIDEOS = ("pixel_values_videos", "video_position_ids", "num_frames_per_video")
PROMPT = ("input_ids", "attention_mask", "mm_token_type_ids")


# ---------------------------------------------------------------- pictures

def picture_size(index, rng):
    """Up to 2000 x 3000: any, very wide, very tall, whole soft tokens, tiny."""
    def between(low, high):
        return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))
    corners = {0: (1, 1), 1: (2000, 3000), 2: (2000, 1), 3: (1, 3000), 4: (3, 900), 5: (960, 672)}
    sizes = [(between(1, 2000), between(1, 3000)), (between(500, 2000), between(1, 7)),
             (between(1, 7), between(500, 3000)), (48 * between(1, 30), 48 * between(1, 30)),
             (between(200, 2000), between(200, 3000)), (between(1, 50), between(1, 50))]
    return corners.get(index, sizes[rng.integers(len(sizes))])


def load(path):
    """What Hugging Face's loaders make of a file, without the information that Pillow keeps beside the pixels."""
    return np.array(load_image(str(path)))


def check_pictures(folder, model, family):
    rng = np.random.default_rng(SEED)
    for budget in BUDGETS:
        paths = []
        for index in range(BUDGETS.index(budget), PICTURES[family], len(BUDGETS)):
            color, depth = pngs.KINDS[index % len(pngs.KINDS)]
            width, height = picture_size(index, rng)
            paths.append(folder / f"{index}-{width}x{height}-{color}-{depth}.png")
            paths[-1].write_bytes(pngs.random_png(rng, width, height, color, depth))
        for start in range(0, len(paths), CHUNK):
            for flavour in hf.FAMILIES[family][1]:
                check_chunk(model, paths[start:start + CHUNK], family, flavour, budget, "opened", Image.open)
                if start < 2 * CHUNK:
                    check_chunk(model, paths[start:start + CHUNK], family, flavour, budget, "path", load)
        for path in paths:
            path.unlink()


def check_chunk(model, paths, family, flavour, budget, how, opened):
    options = {"input_data_format": "channels_last"} if how == "path" else {}
    images = [opened(path) for path in paths]
    processor = hf.FAMILIES[family][1][flavour]()
    theirs = processor(images=images, max_soft_tokens=budget, return_tensors="pt", **options)
    ours, text = preprocess(model, "--image", *paths, "--resize", flavour, "--load", how,
                            "--max-soft-tokens", str(budget))
    counts = [int(count) for count in re.findall(r"(\d+) soft tokens", text)]
    for index, path in enumerate(paths):
        ok = ours is not None and counts[index] == theirs["num_soft_tokens_per_image"][index] and all(
            same({name: ours[name][index]}, {name: theirs[name][index]}, (name,)) for name in IMAGES)
        report(ok, f"{path.name} {family} {flavour} {budget} {how}: {text if ours is None else 'differs'}")


# ---------------------------------------------------------------- sizes

def check_sizes(size_filter, count=100_000):
    rng = np.random.default_rng(SEED)
    sizes = np.exp(rng.uniform(0, np.log(20_000), (count, 2))).astype(np.int32)
    whole = rng.random((count, 2)) < 0.2                # near whole soft tokens, where rounding decides
    sizes = np.where(whole, np.maximum(1, sizes // 48 * 48 + rng.integers(-1, 2, (count, 2))), sizes)
    rest = np.stack([np.full(count, 16), rng.choice(BUDGETS, count), np.full(count, 3)], axis=1)
    odd = rng.random(count) < 0.1
    rest[odd, 0], rest[odd, 2] = rng.integers(1, 40, odd.sum()), rng.integers(1, 6, odd.sum())
    table = np.hstack([sizes, rest]).astype(np.int32)
    run = subprocess.run([size_filter], input=table.tobytes(), capture_output=True, check=True)
    ours = np.frombuffer(run.stdout, np.int32).reshape(count, 2)
    wrong = 0
    for (height, width, patch_size, budget, kernel), found in zip(table.tolist(), ours.tolist()):
        try:
            expected = hf.get_aspect_ratio_preserving_size(height, width, patch_size, budget * kernel**2, kernel)
        except ValueError:
            expected = (-1, -1)
        wrong += tuple(found) != expected
    report(wrong == 0, f"{wrong} of {count} sizes differ")


# ---------------------------------------------------------------- settings, refusals

def write_settings(model, settings, key, nested, prefix="Gemma4"):
    for path in model.glob("*processor_config.json"):
        path.unlink()
    settings = settings | {f"{key}_type": prefix + key.title().replace("_", "")}
    if nested:
        whole = {key: settings, "processor_class": prefix + "Processor"}
        (model / "processor_config.json").write_text(json.dumps(whole))
    else:
        name = "preprocessor_config.json" if key == "image_processor" else "video_preprocessor_config.json"
        (model / name).write_text(json.dumps(settings))


def check_settings(folder, model, family):
    (prefix, processors, _), rng = hf.FAMILIES[family], np.random.default_rng(SEED)
    paths = [folder / "settings-1.png", folder / "settings-2.png"]
    for path in paths:
        path.write_bytes(pngs.random_png(rng, 28 * 48, 7 * 48, pngs.RGB, 8))
    for index, settings in enumerate(SETTINGS + REFUSED_HERE):
        write_settings(model, settings, "image_processor", index % 2 == 0, prefix)
        for flavour, processor in processors.items():
            images = [Image.open(path) for path in paths]
            try:
                theirs = processor.from_pretrained(model)(images=images, return_tensors="pt")
            except ValueError:
                theirs = None
            ours, text = preprocess(model, "--image", *paths, "--resize", flavour)
            refused = theirs is None or settings in REFUSED_HERE
            named = any(key in text for key in settings)
            report((ours is None and named) if refused else ours and same(ours, theirs, IMAGES),
                   f"settings {settings} {family} {flavour}: {text}")
    write_settings(model, {}, "image_processor", True, prefix)


def broken_pngs():
    """Files that Hugging Face refuses, by name."""
    whole = pngs.random_png(np.random.default_rng(SEED), 40, 30, pngs.RGB, 8)
    def only(*chunks): return pngs.SIGNATURE + b"".join(chunks) + pngs.chunk(b"IEND", b"")
    data = pngs.chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    yield "empty", b""
    yield "text", b"not a PNG at all, but some text that is long enough"
    yield "signature only", pngs.SIGNATURE
    yield "cut in the header", whole[:20]
    yield "cut in the data", whole[:len(whole) // 2]
    yield "bad data", whole[:60] + bytes(100) + whole[160:]
    yield "no data", only(pngs.header(40, 30, pngs.RGB, 8))
    yield "no header", only(data)
    yield "width 0", only(pngs.header(0, 30, pngs.RGB, 8), data)
    yield "height 0", only(pngs.header(40, 0, pngs.RGB, 8), data)
    yield "depth 3", only(pngs.header(40, 30, pngs.GRAY, 3), data)
    yield "color 1", only(pngs.header(40, 30, 1, 8), data)
    zeros = pngs.chunk(b"IDAT", zlib.compress(bytes(20_000 * 2501), 9))
    yield "bomb", only(pngs.header(20_000, 20_000, pngs.GRAY, 1), zeros)
    yield "bad checksum of a chunk", whole[:33] + pngs.chunk(b"tEXt", b"a\0b", crc=1) + whole[33:]
    yield "short tRNS", whole[:33] + pngs.chunk(b"tRNS", b"\0") + whole[33:]
    yield "short gAMA", whole[:33] + pngs.chunk(b"gAMA", b"\0") + whole[33:]


def check_refusals(folder, model):
    for name, data in broken_pngs():
        path = folder / "broken.png"
        path.write_bytes(data)
        for flavour, processor in hf.PROCESSORS.items():
            try:
                processor()(images=[Image.open(path)])
                report(False, f"{name}: Hugging Face does not refuse it")
            except Exception:                           # whatever it is that Pillow raises
                ours, text = preprocess(model, "--image", path, "--resize", flavour)
                report(ours is None and text.startswith(f"plumb: {path}: "), f"{name} {flavour}: {text}")


# ---------------------------------------------------------------- videos, prompts

def check_videos(folder, model, family):
    (prefix, _, processor), rng = hf.FAMILIES[family], np.random.default_rng(SEED)
    all_settings = [{}, {"do_normalize": False}, {"max_soft_tokens": 140, "image_mean": [0.1, 0.2, 0.3]}]
    for index, settings in enumerate(all_settings):
        write_settings(model, settings, "video_processor", index % 2 == 0, prefix)
        videos, arguments = [], []
        for video in range(2):
            frames = folder / f"video-{family}-{index}-{video}"
            frames.mkdir()
            width, height = rng.integers(4, 700, 2).tolist()
            for frame in range(3 - video):
                (frames / f"{frame}.png").write_bytes(pngs.random_png(rng, width, height, pngs.RGB, 8, turned=False))
            videos.append([Image.open(path).convert("RGB") for path in sorted(frames.iterdir())])
            arguments += ["--video", frames]
        theirs = processor.from_pretrained(model)(videos=videos, do_sample_frames=False, return_tensors="pt")
        ours, text = preprocess(model, *arguments)
        report(ours and same(ours, theirs, VIDEOS), f"videos {settings} {family}: {text}")
    for path in model.glob("*processor_config.json"):
        path.unlink()


def check_prompts(folder, model):
    """The whole of Gemma4Processor, with a tokenizer of few words: images and a video in one prompt."""
    processor, rng = hf.make_processor(), np.random.default_rng(SEED)
    tokenizer = processor.tokenizer
    names = {"boi_token_id": "<|image>", "eoi_token_id": "<image|>", "image_token_id": "<|image|>",
             "video_token_id": "<|video|>", "audio_token_id": "<|audio|>"}
    config = {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}
    config |= {"model_type": "gemma4", "vision_config": {}}
    (model / "config.json").write_text(json.dumps(config))
    frames = folder / "frames"
    frames.mkdir()
    for index in range(4):
        (frames / f"{index}.png").write_bytes(pngs.random_png(rng, 300, 200, pngs.RGB, 8, turned=False))
        (folder / f"image-{index}.png").write_bytes(pngs.random_png(rng, 50 * (index + 1), 90, pngs.GRAY, 8))
    for fps in (24, 1, 0.5, 1 / 47):
        paths = [folder / f"image-{index}.png" for index in rng.integers(0, 4, rng.integers(1, 4))]
        text = "a " + " b ".join(["<|image|>"] * len(paths)) + " c <|video|> d"
        metadata = {"total_num_frames": 4, "fps": fps, "frames_indices": [0, 1, 2, 3]}
        images = [Image.open(path) for path in paths]
        video = [Image.open(path).convert("RGB") for path in sorted(frames.iterdir())]
        theirs = processor(images=images, text=text, videos=[video], video_metadata=[metadata], do_sample_frames=False,
                           return_tensors="pt")
        arguments = ["--image", *paths, "--video", frames, "--fps", repr(fps)]
        _, printed = preprocess(model, *arguments)
        times = " ".join(f"{time} <|image><|video|><image|>" for time in re.findall(r"at (\d+:\d\d)", printed))
        ids = tokenizer(text.replace("<|video|>", times))["input_ids"]
        ours, printed = preprocess(model, *arguments, "--prompt-ids", " ".join(map(str, ids)))
        report(ours and same(ours, theirs, IMAGES + VIDEOS + PROMPT), f"prompt at {fps} fps: {printed}")
        features = {name: ours[name].numpy() for name in IMAGES + VIDEOS}
        twin = {name: torch.from_numpy(array) for name, array in prompt_py.add_prompt(features, ids, model).items()}
        report(same(twin, theirs, PROMPT), f"tools/prompt.py at {fps} fps")


def main():
    global PLUMB
    PLUMB = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = folder / "model"
        model.mkdir()
        check_sizes(sys.argv[2])
        for family in hf.FAMILIES:
            (model / "config.json").write_text(json.dumps({"model_type": family, "vision_config": {}}))
            check_settings(folder, model, family)
            check_videos(folder, model, family)
            check_pictures(folder, model, family)
        (model / "config.json").write_text(json.dumps({"model_type": "gemma4", "vision_config": {}}))
        check_refusals(folder, model)
        check_prompts(folder, model)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
