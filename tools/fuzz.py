"""Write the corpus that fuzzing begins with: small PNGs of every kind.

    python tools/fuzz.py build/fuzz/corpus          (`make fuzz`)
"""
import sys
from pathlib import Path

import numpy as np

import pngs

EACH = 12

folder, rng = Path(sys.argv[1]), np.random.default_rng(1)
folder.mkdir(parents=True, exist_ok=True)
for index in range(EACH * len(pngs.KINDS)):
    color, depth = pngs.KINDS[index % len(pngs.KINDS)]
    width, height, how = rng.integers(1, (14, 14, 256)).tolist()
    (folder / f"{index}.png").write_bytes(pngs.random_png(rng, width, height, color, depth) + bytes([how]))
