"""Random inputs for Gemma 4, as Hugging Face's forward takes them: pictures, frames and token ids. Not a program."""
import math

import numpy as np
import torch

BOS = 2

# What a token of mm_token_type_ids is.
TYPES = {"text": 0, "image": 1, "video": 2, "audio": 3}

# What is before and behind them.
MARKS = {"begin": "boi_token_id", "end": "eoi_token_id", "begin audio": "boa_token_id", "end audio": "eoa_token_index"}


def make_image(width, height, rng):
    """A smooth picture with some texture, [height, width, 3] in multiples of 1/255."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    picture = np.empty((height, width, 3))
    for channel in range(3):
        fx, fy, phase = rng.uniform(0.3, 2.0), rng.uniform(0.3, 2.0), rng.uniform(0, 2 * math.pi)
        cx, cy, size = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.1, 0.4)
        waves = np.cos(2 * math.pi * (fx * x + fy * y) + phase)
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / size**2)
        picture[:, :, channel] = 0.5 + 0.2 * waves + 0.3 * (blob - 0.5)
    picture += rng.normal(0, 0.08, picture.shape)
    return np.round(np.clip(picture, 0, 1) * 255) / 255


def make_inputs(grids, num_patches, patch_size, seed, brightness=None):
    """One image per (columns, rows) of `grids`, each padded to `num_patches`: the arguments of get_image_features.
    `brightness` makes some of them darker."""
    rng = np.random.default_rng(seed)
    pixel_values = np.zeros((len(grids), num_patches, 3 * patch_size**2), np.float32)
    image_position_ids = np.full((len(grids), num_patches, 2), -1, np.int64)
    for b, (columns, rows) in enumerate(grids):
        image = make_image(columns * patch_size, rows * patch_size, rng)
        if brightness:
            image = np.round(image * brightness[b] * 255) / 255
        patches = image.reshape(rows, patch_size, columns, patch_size, 3).swapaxes(1, 2)
        pixel_values[b, : rows * columns] = patches.reshape(rows * columns, -1)
        image_position_ids[b, : rows * columns] = [(x, y) for y in range(rows) for x in range(columns)]
    return {"pixel_values": torch.from_numpy(pixel_values), "image_position_ids": torch.from_numpy(image_position_ids)}


def make_video_inputs(grids, num_patches, patch_size, seed, frames):
    """The same of videos, one frame per grid; `frames` says how many of them each video has."""
    images = make_inputs(grids, num_patches, patch_size, seed)
    return {"pixel_values_videos": images["pixel_values"], "video_position_ids": images["image_position_ids"],
            "num_frames_per_video": torch.tensor(frames)}


def make_audio_inputs(frames, samples_per_frame, seed):
    """One clip per count of `frames`, the last not full if it is no whole number: the arguments of get_audio_features,
    a voice's harmonics, louder and softer."""
    rng = np.random.default_rng([seed, 3])
    longest = math.ceil(max(frames))
    input_features = np.zeros((len(frames), longest, samples_per_frame), np.float32)
    input_features_mask = np.zeros((len(frames), longest), bool)
    for b, count in enumerate(frames):
        time = np.arange(int(count * samples_per_frame)) / 16000
        pitch, loudness = rng.uniform(90, 250), 0.2 + 0.15 * np.sin(2 * math.pi * rng.uniform(2, 6) * time)
        wave = sum(rng.uniform(0.2, 1) / n * np.sin(2 * math.pi * n * pitch * time) for n in range(1, 12))
        wave = loudness * wave + rng.normal(0, 0.01, wave.shape)
        input_features[b].reshape(-1)[: len(wave)] = np.round(wave * 32768) / 32768
        input_features_mask[b, : math.ceil(count)] = True
    return {"input_features": torch.from_numpy(input_features),
            "input_features_mask": torch.from_numpy(input_features_mask)}


def make_prompts(rows, config, seed, padding="left", attention_mask=True):
    """Token ids and what goes with them, for rows of segments: a number of text tokens, or ("image", soft tokens),
    ("video", soft tokens) or ("audio", soft tokens), or "begin", "end", "begin audio", "end audio" around them.

    Shorter rows are padded on the given side. mm_token_type_ids are there for a multimodal configuration only.
    """
    rng = np.random.default_rng([seed, 1])
    vocab_size = config.get_text_config().vocab_size
    multimodal = hasattr(config, "image_token_id")
    words = np.arange(BOS + 1, min(special_tokens(vocab_size).values()) if multimodal else vocab_size)
    ids, types = [], []
    for row in rows:
        row_ids, row_types = [BOS], [TYPES["text"]]
        for segment in row:
            if isinstance(segment, int):
                row_ids += rng.choice(words, segment).tolist()
                row_types += [TYPES["text"]] * segment
            elif isinstance(segment, str):
                row_ids.append(getattr(config, MARKS[segment]))
                row_types.append(TYPES["text"])
            else:
                kind, count = segment
                row_ids += [getattr(config, f"{kind}_token_id")] * count
                row_types += [TYPES[kind]] * count
        ids.append(row_ids)
        types.append(row_types)

    length = max(map(len, ids))

    def padded(rows, value):
        def pad(row):
            rest = [value] * (length - len(row))
            return rest + row if padding == "left" else row + rest
        return torch.tensor([pad(row) for row in rows])

    inputs = {"input_ids": padded(ids, config.get_text_config().pad_token_id)}
    if attention_mask:
        inputs["attention_mask"] = padded([[1] * len(row) for row in ids], 0)
    if multimodal:
        inputs["mm_token_type_ids"] = padded(types, TYPES["text"])
    return inputs


def patch_size(config):
    """Of the patches in pixel_values, which the family without towers has merged already."""
    vision_config = config.vision_config if hasattr(config, "vision_config") else None
    return vision_config and getattr(vision_config, "model_patch_size", vision_config.patch_size)


def soft_tokens(grid, pooling_kernel_size):
    columns, rows = grid
    return columns * rows // pooling_kernel_size**2


def special_tokens(vocab_size):
    """The ids of a multimodal configuration, the last of the vocabulary."""
    names = ("boa_token_id", "boi_token_id", "eoi_token_id", "image_token_id", "video_token_id", "audio_token_id",
             "eoa_token_index")
    return {name: vocab_size - len(names) + index for index, name in enumerate(names)}
