"""Add a prompt, given as token ids with placeholders for pictures and sounds, to a file of features.

    python tools/prompt.py MODEL FEATURES.safetensors "2 105 258880 106" --out INPUTS.safetensors

FEATURES is what `plumb preprocess` writes, or Hugging Face's processor; MODEL holds config.json. The twin of
ref/processor/prompt.c, for backends whose tokenizer runs in Python:

    .. image ..                   -> .. begin, image x soft tokens, end ..      as Gemma4Processor writes an image
    .. begin, image, end ..       -> the same: its begin and end are there already
    .. begin, image x n, end ..   -> stays, if n is right
    .. begin, video, end ..       -> the same for one frame of a video, after the text of its time
    .. audio ..                   -> as an image, between the begin and the end of sound

Only numpy and safetensors are needed.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

from capture import write_whole

TEXT, IMAGE, VIDEO, AUDIO = range(4)
THINGS = {IMAGE: "image", VIDEO: "frame", AUDIO: "sound"}
# Placeholder, begin and end of each type, as config.json calls them, with Hugging Face's defaults
TOKENS = {IMAGE: ("image_token_id", "boi_token_id", "eoi_token_id"),
          VIDEO: ("video_token_id", "boi_token_id", "eoi_token_id"),
          AUDIO: ("audio_token_id", "boa_token_id", "eoa_token_index")}
DEFAULTS = {"boi_token_id": 255999, "eoi_token_id": 258882, "image_token_id": 258880, "video_token_id": 258884,
            "audio_token_id": 258881, "boa_token_id": 256000, "eoa_token_index": 258883}


def read_config(folder):
    """(placeholder, begin, end) by type, and how many positions and how many frames of sound are one soft token."""
    config = json.loads((Path(folder) / "config.json").read_text())
    ids = {key: default if config.get(key) is None else config[key] for key, default in DEFAULTS.items()}
    kernel = (config.get("vision_config") or {}).get("pooling_kernel_size", 3)
    positions, frames = (1, 1) if config.get("model_type") == "gemma4_unified" else (kernel**2, 4)
    return {kind: tuple(ids[key] for key in keys) for kind, keys in TOKENS.items()}, positions, frames


def soft_tokens(features, positions, frames):
    """Of each image, frame and sound, by type: padding is (-1, -1), or not in the mask."""
    counts = {IMAGE: [], VIDEO: [], AUDIO: []}
    for kind, name in (IMAGE, "image_position_ids"), (VIDEO, "video_position_ids"):
        if name in features:
            counts[kind] = ((features[name] != -1).any(-1).sum(-1) // positions).tolist()
    if "input_features_mask" in features:
        counts[AUDIO] = features["input_features_mask"].astype(bool)[:, ::frames].sum(-1).tolist()
    return counts


def measure(ids, at, kind, special):
    """How many tokens the placeholder at ids[at] is, and whether its begin and end are there."""
    placeholder, begin, end = special
    begins, run = at > 0 and ids[at - 1] == begin, 1
    while begins and ids[at + run:at + run + 1] == [placeholder]:
        run += 1
    ends = ids[at + run:at + run + 1] == [end]
    if begins != ends:
        raise ValueError(f"found placeholder {placeholder} at token {at} with {'an end' if ends else 'a begin'} only, "
                         f"expected begin and end ({begin}, {end})")
    if not begins and kind == VIDEO:
        raise ValueError(f"found video placeholder {placeholder} at token {at} alone, expected begin, placeholder and "
                         "end for each frame, after the text of its time")
    return run, begins


def expand(ids, special, wanted):
    """input_ids and mm_token_type_ids, as lists; ValueError where placeholders and features do not fit together."""
    kinds = {tokens[0]: kind for kind, tokens in reversed(special.items())}
    used, input_ids, types, at = dict.fromkeys(THINGS, 0), [], [], 0
    while at < len(ids):
        kind = kinds.get(ids[at])
        if kind is None:
            input_ids.append(ids[at])
            types.append(TEXT)
            at += 1
            continue
        run, explicit = measure(ids, at, kind, special[kind])
        if used[kind] < len(wanted[kind]):
            count = wanted[kind][used[kind]]
            if run not in (1, count):
                raise ValueError(f"found {run} tokens for {THINGS[kind]} {used[kind]}, expected 1 or {count}")
            _, begin, end = special[kind]
            around = ([], []) if explicit else ([begin], [end])
            input_ids += around[0] + [ids[at]] * count + around[1]
            types += [TEXT] * len(around[0]) + [kind] * count + [TEXT] * len(around[1])
        used[kind] += 1
        at += run
    for kind, thing in THINGS.items():
        if used[kind] != len(wanted[kind]):
            raise ValueError(f"found {used[kind]} {thing} placeholders, expected {len(wanted[kind])}, "
                             f"one for each {thing}")
    return input_ids, types


def add_prompt(features, ids, folder):
    """The features, a dict of arrays, with input_ids, attention_mask and mm_token_type_ids."""
    special, positions, frames = read_config(folder)
    input_ids, types = expand(list(ids), special, soft_tokens(features, positions, frames))
    rows = {"input_ids": input_ids, "attention_mask": [1] * len(input_ids), "mm_token_type_ids": types}
    return features | {name: np.array([row], np.int64) for name, row in rows.items()}


def main():
    from safetensors.numpy import load_file, save_file
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("features")
    parser.add_argument("ids", help="token ids between blanks or commas, or a file of them")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    try:
        listed = not arguments.ids.strip("0123456789, \t\n")
        text = arguments.ids if listed else Path(arguments.ids).read_text()
        ids = [int(word) for word in text.replace(",", " ").split()]
        if not ids:
            raise ValueError("found no token ids, expected some")
        inputs = add_prompt(load_file(arguments.features), ids, arguments.model)
        write_whole(arguments.out, lambda name: save_file(inputs, name))
    except (OSError, ValueError) as error:
        print(f"prompt.py: {arguments.ids[:60]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
