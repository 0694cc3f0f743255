"""Print values of a dump, or of what `plumb run CASE --out FILE` wrote. It needs NumPy only.

    python tools/show.py FILE                          names and shapes
    python tools/show.py FILE TAP                      all of a tap
    python tools/show.py FILE TAP 0,0,5,:8             a part of it, as NumPy's taps[0, 0, 5, :8]

From Python: `from show import load`, then `load("FILE")["TAP"]` is an array; bfloat16 becomes float32.
"""
import json
import sys

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def load(path):
    """All arrays of a safetensors file, by name"""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        arrays[name] = array
    return arrays


def part_of(text):
    """"0,:8" -> (0, slice(None, 8))"""
    numbers = [[int(bound) if bound else None for bound in part.split(":")] for part in text.split(",")]
    return tuple(slice(*bounds) if len(bounds) > 1 else bounds[0] for bounds in numbers)


def text_of(value):
    return f"{value:10.4g}" if np.issubdtype(type(value), np.floating) else f"{int(value):6}"


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    arrays = load(sys.argv[1])
    if len(sys.argv) == 2:
        for name in sorted(arrays):
            print(f"{name:60} {list(arrays[name].shape)}")
        return 0
    if sys.argv[2] not in arrays:
        sys.exit(f"{sys.argv[1]}: found no {sys.argv[2]}, expected one of its {len(arrays)} names")
    values = arrays[sys.argv[2]]
    values = values[part_of(sys.argv[3])] if len(sys.argv) == 4 else values
    for row in np.atleast_2d(values).reshape(-1, np.shape(values)[-1] if np.ndim(values) else 1):
        print("".join(map(text_of, row)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
