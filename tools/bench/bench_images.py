"""Time a 4000 x 3000 PNG to 280 soft tokens, against what Pillow takes to decode and resize it.

    python tools/bench/bench_images.py build/plumb        (`make bench-images`)

The two take turns. plumb is timed as a command: starting, decoding, resizing, patches, writing the inputs. Pillow is
timed inside this process, without its import, and makes no patches. Wall clock, the best of RUNS.
"""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT, TARGET, RUNS = 4000, 3000, (912, 672), 7


def pictures():
    """A photo's worth of noise, none, one channel of it, and few colors."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
    smooth = np.stack([0.5 + 0.4 * np.sin(9 * x + 5 * y + channel) for channel in range(3)], -1)
    noisy = Image.fromarray((np.clip(smooth + rng.normal(0, 0.02, smooth.shape), 0, 1) * 255).astype(np.uint8))
    smooth = Image.fromarray((smooth * 255).astype(np.uint8))
    yield "noisy RGB", noisy
    yield "smooth RGB", smooth
    yield "smooth RGBA", smooth.convert("RGBA")
    yield "noisy gray", noisy.convert("L")
    yield "64 colors", smooth.quantize(64)


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    plumb = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "a.png"
        (folder / "config.json").write_text('{"model_type": "gemma4", "vision_config": {}}')
        command = [plumb, "preprocess", "--model", folder, "--image", path, "--out", folder / "inputs.safetensors"]

        def with_plumb():
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        def with_pillow():
            Image.open(path).convert("RGB").resize(TARGET, Image.Resampling.BICUBIC)

        print(f"{WIDTH} x {HEIGHT} to {TARGET[0]} x {TARGET[1]}      file      plumb     Pillow     ratio")
        for name, picture in pictures():
            picture.save(path)
            turns = [(seconds(with_plumb), seconds(with_pillow)) for _ in range(RUNS)]
            ours, theirs = map(min, zip(*turns))
            megabytes, ratio = path.stat().st_size / 1e6, ours / theirs
            print(f"{name:27}{megabytes:6.1f} MB {ours * 1e3:7.0f} ms {theirs * 1e3:7.0f} ms {ratio:9.2f}", flush=True)


if __name__ == "__main__":
    main()
