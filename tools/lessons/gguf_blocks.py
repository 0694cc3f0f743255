"""The blocks of a GGUF file's Q8_0 tensors: 32 codes of 8 bits, and the scale "d" that multiplies them.

    from gguf_blocks import blocks
    up = blocks("FILE.gguf")["blk.0.ffn_up.weight"]    up["d"] is [rows, blocks], up["code"] is [rows, blocks, 32]
"""
import numpy as np

Q8_0, TYPE_Q8_0 = np.dtype([("d", "<f2"), ("code", "i1", 32)]), 8
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a value, by its type
ALIGNMENT = 32  # of a tensor; where a file has another, it says so (general.alignment)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def text(self):
        return self.take(self.number(8)).decode()

    def skip_value(self, kind):
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            kind, count = self.number(4), self.number(8)
            for _ in range(count):
                self.skip_value(kind)
        else:
            self.take(SIZES[kind])


def blocks(path, mode="r"):
    """Name: [rows, blocks] of Q8_0. With mode "r+" what is written into them is written into the file."""
    with open(path, "rb") as file:
        reader = Reader(file.read())
    assert reader.take(4) == b"GGUF", f"{path}: found no GGUF file, expected one"
    reader.number(4)  # the version
    tensors, values = reader.number(8), reader.number(8)
    for _ in range(values):
        reader.text()
        reader.skip_value(reader.number(4))
    found = []
    for _ in range(tensors):
        name, sides = reader.text(), [reader.number(8) for _ in range(reader.number(4))]
        found.append((name, sides, reader.number(4), reader.number(8)))
    begin = -(-reader.at // ALIGNMENT) * ALIGNMENT
    return {name: np.memmap(path, Q8_0, mode, begin + offset, (sides[1], sides[0] // 32))
            for name, sides, kind, offset in found if kind == TYPE_Q8_0}
