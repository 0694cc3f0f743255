"""Write the corpora that fuzzing begins with: small PNGs and WAVs of every kind.

    python tools/fuzz/fuzz.py build/fuzz          (`make fuzz`)
"""
import sys
from pathlib import Path

import numpy as np

import pngs
import wavs

EACH = 12


def write(folder, files):
    """Behind each file a byte that says how it is treated"""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (data, how) in enumerate(files):
        (folder / str(index)).write_bytes(data + bytes([how]))


def random_pngs(rng):
    for index in range(EACH * len(pngs.KINDS)):
        color, depth = pngs.KINDS[index % len(pngs.KINDS)]
        width, height, how = rng.integers(1, (14, 14, 256)).tolist()
        yield pngs.random_png(rng, width, height, color, depth), how


def random_wavs(rng):
    for _ in range(EACH * len(wavs.KINDS)):
        count, how = rng.integers(1, (100, 256)).tolist()
        yield wavs.random_wav(rng, count), how


write(Path(sys.argv[1]) / "png", random_pngs(np.random.default_rng(1)))
write(Path(sys.argv[1]) / "wav", random_wavs(np.random.default_rng(1)))
