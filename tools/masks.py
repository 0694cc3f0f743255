"""Print the masks in a dump as grids, a row for each query: # where it looks at a key, . where it does not.

    python tools/masks.py TAPS.safetensors [FIRST-LAST]        tokens of the prompt's first row; all unless said

TAPS is what `plumb run CASE --only '*causal_mask_mapping*' --out TAPS.safetensors` writes, or a backend's dump.
"""
import sys

from safetensors.numpy import load_file

PREFILL = ("causal_mask_mapping.sliding_attention", "causal_mask_mapping.full_attention")


def grid(mask, first, last):
    return ["".join("#" if key else "." for key in row[first : last + 1]) for row in mask[first : last + 1]]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    masks = {name.partition("#")[2]: value[0, 0] != 0 for name, value in load_file(sys.argv[1]).items()
             if name.endswith(PREFILL)}
    if not masks:
        sys.exit(f"{sys.argv[1]}: found no mask, expected one of {', '.join(PREFILL)}")
    first, last = map(int, sys.argv[2].split("-")) if len(sys.argv) == 3 else (0, len(next(iter(masks.values()))) - 1)
    shown = {name.removeprefix("causal_mask_mapping."): grid(masks[name], first, last) for name in PREFILL
             if name in masks}
    width = max(last - first + 1, *map(len, shown))
    print("      " + "   ".join(f"{name:{width}}" for name in shown).rstrip())
    for index, rows in enumerate(zip(*shown.values())):
        print(f"{first + index:5} " + "   ".join(f"{row:{width}}" for row in rows).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
