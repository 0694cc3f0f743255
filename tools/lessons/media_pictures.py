"""Pictures of the lessons on pictures and sound."""
import subprocess

import numpy as np

from show import load
from svg import BAD, FAINT, INK, Picture, shade, two_sided
from taps import PLUMB, ROOT, rms, taps_of


def picture_to_patches(folder):
    file = folder / "pixels.safetensors"
    subprocess.run([PLUMB, "preprocess", "fixtures/e2b-vision", "--image", "fixtures/image/plumb.png",
                    "--max-soft-tokens", "70", "--out", file], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    inputs = load(file)
    picture = Picture(480, 380, "27 x 21 patches, 9 x 7 soft tokens")
    for (x, y), patch in zip(inputs["image_position_ids"][0], inputs["pixel_values"][0]):
        if x >= 0:
            colour = "#" + "".join(f"{round(255 * level):02x}" for level in patch.reshape(-1, 3).mean(0))
            picture.box(24 + x * 16, 34 + y * 16, 16, 16, colour)
    for step in range(10):
        picture.line(24 + step * 48, 34, 24 + step * 48, 34 + 21 * 16, BAD, 0.7)
    for step in range(8):
        picture.line(24, 34 + step * 48, 24 + 27 * 16, 34 + step * 48, BAD, 0.7)
    return picture


def vision_tower(folder):
    taps = taps_of(folder, "31b-vision", "--only", "*.layers.1", "--only", "*.pooler")
    xy = load(ROOT / "fixtures/31b-vision/inputs.safetensors")["image_position_ids"][0]
    sizes = rms(taps["model.vision_tower.encoder.layers.1"][0], -1)
    pooled = rms(taps["model.vision_tower.pooler"][0], -1)
    picture = Picture(600, 300, "rms of patches (left) and of soft tokens (right)")
    padding = 0
    for (x, y), size in zip(xy, sizes):
        if x < 0:
            x, y, padding = padding % 9, 6.5, padding + 1
        picture.box(24 + x * 34, 36 + y * 34, 32, 32, shade(size / sizes.max()), FAINT)
        picture.text(40 + x * 34, 56 + y * 34, f"{size:.2f}", 9, "middle")
    for x, y in ((0, 0), (3, 0), (0, 3), (3, 3)):
        picture.box(23 + x * 34, 35 + y * 34, 101, 101, "none", BAD)
    picture.text(340, 278, "below: the nine patches of padding", 10)
    for token, size in enumerate(pooled[:4]):
        x, y = 390 + token % 2 * 84, 52 + token // 2 * 84
        picture.box(x, y, 82, 82, shade(size / pooled.max()), BAD)
        picture.text(x + 41, y + 45, f"{size:.1f}", 11, "middle", INK)
    return picture


def sound(folder):
    at = "model.audio_tower.layers.0.self_attn"
    taps = taps_of(folder, "e2b-audio", "--only", "model.audio_tower*")
    weight = load(ROOT / "fixtures/e2b-audio/model/model.safetensors")[f"{at}.relative_k_proj.weight"]
    table = (taps["model.audio_tower.rel_pos_enc"][0] @ weight.T)[:, :32]
    head, chunk = 0, 1
    product = taps[f"{at}#query_states"][0, chunk, :, head] @ table.T
    shifted, shares = (taps[f"{at}#{name}"][0, head, chunk] for name in ("matrix_bd", "attn_weights"))
    hears = taps["model.audio_tower#attention_mask"][0, 0, chunk] == 1
    picture = Picture(720, 170, "by distance, shifted to keys, and shares of all keys; query down")
    for x, values, names in ((52, product, range(4, -1, -1)), (216, shifted, range(8)), (472, shares, range(8))):
        for query, row in enumerate(values):
            if values is product:
                picture.text(46, 75 + query * 26, f"frame {4 + query}", 9, "end")
            for place, value in enumerate(row):
                colour = shade(value) if values is shares else two_sided(value, abs(product).max())
                edge = BAD if values is not product and hears[query, place] else FAINT
                picture.box(x + place * 30 + 1, 58 + query * 26, 28, 24, colour, edge)
                picture.text(x + place * 30 + 15, 74 + query * 26, f"{value:.2f}", 9, "middle")
        for place, name in enumerate(names):
            picture.text(x + place * 30 + 15, 52, name, 9, "middle")
    for x, what in ((52, "distance"), (216, "key"), (472, "key")):
        picture.text(x, 38, what, 10)
    return picture


def encoder_free(folder):
    taps = taps_of(folder, "12b-image", "--only", "*#pos_embs")
    xy = load(ROOT / "fixtures/12b-image/inputs.safetensors")["image_position_ids"][0]
    values = taps["model.embed_vision#pos_embs"][0]
    picture = Picture(660, 250, "position rows: patch (x, y) down, 72 channels across")
    for row, place in enumerate(xy):
        picture.text(60, 48 + row * 16, f"({place[0]}, {place[1]})", 9, "end")
    picture.grid(68, 36, 8, values, lambda value: two_sided(value, np.abs(values).max() / 1.5), height=16)
    return picture


PICTURES = {"09-picture-to-patches": picture_to_patches, "10-vision-tower": vision_tower,
            "11-sound": sound, "12-encoder-free": encoder_free}
