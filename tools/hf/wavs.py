"""Writes WAV files of every kind, also ones that lie. Not a program.

    wav_bytes(samples, "pcm24")         samples are whole numbers of the kind's width, or float32
"""
import struct

import numpy as np

# Format tag and bytes of a sample
KINDS = {"pcm16": (1, 2), "pcm24": (1, 3), "pcm32": (1, 4), "float": (3, 4)}
EXTENSIBLE, GUID_REST = 0xFFFE, bytes.fromhex("000000001000800000aa00389b71")


def chunk(name, data, size=None):
    """`size`: what it says to be"""
    return name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)


def format_chunk(kind, rate=16000, channels=1, extensible=False):
    tag, width = KINDS[kind]
    fields = struct.pack("<HIIHH", channels, rate, rate * channels * width, channels * width, 8 * width)
    if not extensible:
        return chunk(b"fmt ", struct.pack("<H", tag) + fields)
    rest = struct.pack("<HHI", 22, 8 * width, 0) + struct.pack("<H", tag) + GUID_REST
    return chunk(b"fmt ", struct.pack("<H", EXTENSIBLE) + fields + rest)


def riff(*chunks, size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def sample_bytes(samples, kind):
    if kind == "float":
        return np.asarray(samples, "<f4").tobytes()
    width = KINDS[kind][1]
    return np.asarray(samples, "<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


def wav_bytes(samples, kind, rate=16000, extensible=False, before=(), after=()):
    data = sample_bytes(samples, kind)
    return riff(format_chunk(kind, rate, extensible=extensible), *before, chunk(b"data", data), *after)


def random_samples(rng, count, kind):
    """Noise, a tone, silence, or what is clipped; of floats also beyond 1."""
    how = rng.integers(5)
    if how == 0:
        wave = rng.uniform(-1, 1, count)
    elif how == 1:
        wave = 0.8 * np.sin(np.arange(count) * rng.uniform(0.001, 3))
    elif how == 2:
        wave = np.zeros(count)
    elif how == 3:
        wave = np.clip(rng.normal(0, 2, count), -1, 1)
    else:
        wave = rng.normal(0, 1e-4, count)
    if kind == "float":
        return (wave * (4 if rng.random() < 0.3 else 1)).astype(np.float32)
    most = 2**(8 * KINDS[kind][1] - 1)
    return np.clip(np.round(wave * most), -most, most - 1).astype(np.int64).astype(np.int32)


def random_wav(rng, count):
    kind = str(rng.choice(list(KINDS)))
    extra = [chunk(b"LIST", b"INFO" + b"ISFT" + struct.pack("<I", 4) + b"abc\0"), chunk(b"junk", bytes(7))]
    before, after = ([extra[index]] if rng.random() < 0.3 else [] for index in (0, 1))
    return wav_bytes(random_samples(rng, count, kind), kind, extensible=rng.random() < 0.3, before=before, after=after)
