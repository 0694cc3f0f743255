"""Writes PNGs of every color type, depth and interlacing, which Pillow alone cannot. Not a program.

    write_png("a.png", samples, color=INDEX, depth=4, palette=.., transparency=.., interlaced=True)
"""
import struct
import zlib
from pathlib import Path

import numpy as np

GRAY, RGB, INDEX, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, INDEX: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), INDEX: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
KINDS = [(color, depth) for color, depths in DEPTHS.items() for depth in depths]

# Adam7: column and row of the first pixel of each pass, and the steps between pixels.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name, data, crc=None):
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def header(width, height, color, depth, interlaced=False):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced)))


def packed(samples, depth):
    """Samples [height, width, channels] as the bytes of rows, [height, bytes]."""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        return rows.astype(">u2").view(np.uint8).reshape(len(rows), -1)
    if depth == 8:
        return rows.astype(np.uint8)
    bits = rows[:, :, None].astype(np.uint8) >> np.arange(depth - 1, -1, -1, dtype=np.uint8) & 1
    return np.packbits(bits.reshape(len(rows), -1), axis=1)


def filtered(rows, step, filters):
    """Rows behind their filter types; `step` is how many bytes back the same sample of the pixel before lies."""
    rows = rows.astype(np.int16)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, step:], corner[:, step:] = rows[:, :-step], above[:, :-step]
    estimate = left + above - corner
    distances = np.abs(estimate - left), np.abs(estimate - above), np.abs(estimate - corner)
    paeth = np.where((distances[0] <= distances[1]) & (distances[0] <= distances[2]), left,
                     np.where(distances[1] <= distances[2], above, corner))
    guesses = np.stack([np.zeros_like(rows), left, above, (left + above) // 2, paeth])
    body = rows - np.take_along_axis(guesses, filters[None, :, None], axis=0)[0]
    return np.hstack([filters[:, None], body & 255]).astype(np.uint8).tobytes()


def image_data(samples, color, depth, interlaced, filters):
    """The bytes that IDAT compresses; `filters` gives a filter type for each of a number of rows."""
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    step = max(1, CHANNELS[color] * depth // 8)
    return b"".join(filtered(packed(part, depth), step, filters(len(part))) for part in parts if part.size)


def png_bytes(samples, color, depth, palette=None, transparency=None, interlaced=False, chunks=(), after=(),
              filters=None, piece=1 << 20):
    """`chunks` and `after` are further (name, data) before and after the image data, which comes in pieces."""
    height, width = samples.shape[:2]
    filters = filters or (lambda rows: np.zeros(rows, int))
    data = zlib.compress(image_data(samples, color, depth, interlaced, filters), 1)
    parts = [header(width, height, color, depth, interlaced)]
    parts += [chunk(name, body) for name, body in chunks]
    if palette is not None:
        parts.append(chunk(b"PLTE", np.asarray(palette, np.uint8).tobytes()))
    if transparency is not None:
        parts.append(chunk(b"tRNS", bytes(transparency)))
    parts += [chunk(b"IDAT", data[start:start + piece]) for start in range(0, len(data), piece)]
    parts += [chunk(name, body) for name, body in after]
    return SIGNATURE + b"".join(parts) + chunk(b"IEND", b"")


def write_png(path, *args, **kwargs):
    Path(path).write_bytes(png_bytes(*args, **kwargs))


def exif(orientation, little=True):
    """The smallest EXIF that says how a picture lies."""
    order = "<" if little else ">"
    return (b"II*\0" if little else b"MM\0*") + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def random_png(rng, width, height, color, depth, turned=True):
    """A picture of that kind, smooth or plain noise; sometimes interlaced, with tRNS, with a palette that is too
    short for its samples and, if `turned`, with an orientation."""
    most, channels = 2**depth - 1, CHANNELS[color]
    if rng.random() < 0.5:
        samples = rng.integers(0, most + 1, (height, width, channels))
    else:
        y, x = np.mgrid[0:height, 0:width, 0:1][:2]
        along, down = rng.uniform(0.01, 1, (2, channels))
        waves = np.sin(x * along + y * down + rng.uniform(0, 6, channels))
        samples = np.clip((0.5 + 0.55 * waves) * (most + 1), 0, most).astype(int)
    if color == GRAY and depth == 16 and rng.random() < 0.5:
        samples //= 256                                                 # or Pillow makes nearly all of it white
    options = {"interlaced": rng.random() < 0.4, "piece": int(rng.choice([97, 8192, 1 << 20])),
               "filters": lambda rows: rng.integers(0, 5, rows)}
    if color == INDEX:
        options["palette"] = rng.integers(0, 256, (rng.integers(1, most + 2) if rng.random() < 0.3 else most + 1, 3))
    if turned and rng.random() < 0.3:
        orientation = exif(int(rng.integers(1, 9)), rng.random() < 0.5)
        options["chunks" if rng.random() < 0.5 else "after"] = [(b"eXIf", orientation)]
    if rng.random() < 0.5 and color in (GRAY, RGB, INDEX):
        options["transparency"] = random_transparency(rng, samples, options.get("palette"), color, depth)
    return png_bytes(samples, color, depth, **options)


def random_transparency(rng, samples, palette, color, depth):
    """A color that is in the picture, mostly; or alpha of the first palette entries, also as only zeros and 255s."""
    if color == INDEX:
        length = int(rng.integers(1, len(palette) + 1))
        return rng.choice([0, 255], length).tolist() if rng.random() < 0.3 else rng.integers(0, 256, length).tolist()
    pixel = samples[rng.integers(samples.shape[0]), rng.integers(samples.shape[1])]
    if depth == 16 and rng.random() < 0.5:
        pixel = pixel >> 8                                              # what Pillow compares with
    return np.asarray(pixel).astype(">u2").tobytes()
