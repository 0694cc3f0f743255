"""Add a prompt, given as token ids with placeholders for pictures, to a file of features.

    python tools/prompt.py MODEL FEATURES.safetensors "2 105 258880 106" --out INPUTS.safetensors

FEATURES is what `plumb preprocess` writes, or Hugging Face's processor; MODEL holds config.json. The twin of
ref/image/prompt.c, for backends whose tokenizer runs in Python:

    .. image ..                   -> .. begin, image x soft tokens, end ..      as Gemma4Processor writes an image
    .. begin, image, end ..       -> the same: its begin and end are there already
    .. begin, image x n, end ..   -> stays, if n is right
    .. begin, video, end ..       -> the same for one frame of a video, after the text of its time

Only numpy and safetensors are needed.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

TEXT, IMAGE, VIDEO = 0, 1, 2
THINGS = {IMAGE: "image", VIDEO: "frame"}
DEFAULTS = {"boi_token_id": 255999, "eoi_token_id": 258882, "image_token_id": 258880, "video_token_id": 258884,
            "audio_token_id": 258881}


def read_config(folder):
    """The ids of begin, end, image, video and sound tokens, and the pooling kernel's size."""
    config = json.loads((Path(folder) / "config.json").read_text())
    ids = [default if config.get(key) is None else config[key] for key, default in DEFAULTS.items()]
    return ids, (config.get("vision_config") or {}).get("pooling_kernel_size", 3)


def soft_tokens(position_ids, pooling_kernel_size):
    """Of each image or frame, from its positions: padding is (-1, -1)."""
    return ((position_ids != -1).any(-1).sum(-1) // pooling_kernel_size**2).tolist()


def expand(ids, special, image_tokens=(), frame_tokens=()):
    """input_ids and mm_token_type_ids, as lists; ValueError where placeholders and features do not fit together."""
    begin, end, image, video, audio = special
    wanted, used = {IMAGE: list(image_tokens), VIDEO: list(frame_tokens)}, {IMAGE: 0, VIDEO: 0}
    input_ids, types, at = [], [], 0
    while at < len(ids):
        if ids[at] == audio:
            raise ValueError(f"found audio placeholder {audio} at token {at}, expected none: there is no sound")
        if ids[at] not in (image, video):
            input_ids.append(ids[at])
            types.append(TEXT)
            at += 1
            continue
        kind, run = IMAGE if ids[at] == image else VIDEO, 1
        begins = at > 0 and ids[at - 1] == begin
        while begins and ids[at + run:at + run + 1] == [ids[at]]:
            run += 1
        ends = ids[at + run:at + run + 1] == [end]
        if begins != ends:
            raise ValueError(f"found placeholder {ids[at]} at token {at} with {'an end' if ends else 'a begin'} only, "
                             f"expected begin and end ({begin}, {end})")
        if not begins and kind == VIDEO:
            raise ValueError(f"found video placeholder {video} at token {at} alone, expected begin, placeholder and "
                             "end for each frame, after the text of its time")
        if used[kind] < len(wanted[kind]):
            count = wanted[kind][used[kind]]
            if run not in (1, count):
                raise ValueError(f"found {run} tokens for {THINGS[kind]} {used[kind]}, expected 1 or {count}")
            around = ([], []) if begins else ([begin], [end])
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
    special, pooling_kernel_size = read_config(folder)
    counts = [soft_tokens(features[name], pooling_kernel_size) if name in features else []
              for name in ("image_position_ids", "video_position_ids")]
    input_ids, types = expand(list(ids), special, *counts)
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
        save_file(add_prompt(load_file(arguments.features), ids, arguments.model), arguments.out)
    except (OSError, ValueError) as error:
        print(f"prompt.py: {arguments.ids[:60]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
