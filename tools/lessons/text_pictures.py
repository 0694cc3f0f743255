"""Pictures of the text model's lessons."""
import math

from show import load
from svg import BAD, GOOD, Axes, Picture, shade, two_sided
from taps import ROOT, rms, taps_of


def ids_to_logits(folder):
    taps = taps_of(folder, "e2b-text")
    rows = [("embed_tokens", rms(taps["model.embed_tokens"]))]
    for layer in range(4):
        at = f"model.layers.{layer}"
        rows.append((f"layer {layer}: attention adds", rms(taps[f"{at}.post_attention_layernorm"])))
        rows.append((f"layer {layer}: the MLP adds", rms(taps[f"{at}.post_feedforward_layernorm"])))
        rows.append((f"layer {layer}: per-layer input adds", rms(taps[f"{at}.post_per_layer_input_norm"])))
        rows.append((f"after layer {layer}", rms(taps[at])))
    rows.append(("norm", rms(taps["model.norm"])))
    names, values = zip(*rows)
    picture = Picture(560, 40 + 18 * len(rows), "rms: the stream (blue), and what is added to it (orange)")
    picture.bars(10, 30, names, values, lambda value: value * 90,
                 lambda row: BAD if "adds" in names[row] else GOOD, wide=190)
    return picture


def rmsnorm(folder):
    taps = taps_of(folder, "e2b-text")
    at = "model.layers.0"
    pairs = [("input_layernorm", "model.embed_tokens", f"{at}.input_layernorm"),
             ("post_attention_layernorm", f"{at}.self_attn.o_proj", f"{at}.post_attention_layernorm"),
             ("post_feedforward_layernorm", f"{at}.mlp.down_proj", f"{at}.post_feedforward_layernorm"),
             ("post_per_layer_input_norm", f"{at}.per_layer_projection", f"{at}.post_per_layer_input_norm"),
             ("model.norm", "model.layers.3", "model.norm")]
    picture = Picture(620, 250, "rms of the 12 rows before (orange) and after (blue)")
    axes = Axes(picture, (50, 40), (550, 165), (0, 5), (0, 4))
    for place, (name, before, after) in enumerate(pairs):
        picture.text(axes.point(place + 0.5, 0)[0], 220, name, 8, "middle")
        for tap, shift, colour in ((before, 0.3, BAD), (after, 0.65, GOOD)):
            for row, size in enumerate(rms(taps[tap][0], -1)):
                picture.dot(*axes.point(place + shift + row * 0.012, size), colour, 2.4)
    return picture


def attention(folder):
    taps = taps_of(folder, "31b", "--only", "*#attn_weights")
    picture = Picture(640, 340, "shares of head 0: query down, key across")
    for x, layer, kind in ((20, 1, "sliding layer, W = 6"), (340, 2, "full layer")):
        weights = taps[f"model.language_model.layers.{layer}.self_attn#attn_weights"][0, 0]
        picture.text(x, 44, kind)
        picture.grid(x, 52, 16, weights, lambda share: shade(share**0.5))
    return picture


def rope(folder):
    taps = taps_of(folder, "e2b-text", "--only", "*.self_attn.q_norm", "--only", "*#query_states")
    picture = Picture(640, 330, "how far each channel of a query moves, token 11")
    for row, (layer, kind) in enumerate(((0, "sliding layer: all pairs turn"), (1, "full layer: a quarter"))):
        at = f"model.layers.{layer}.self_attn"
        moved = abs(taps[f"{at}#query_states"][0, 0, 11] - taps[f"{at}.q_norm"][0, 11, 0])
        axes = Axes(picture, (40, 50 + row * 145), (580, 100), (0, len(moved)), (0, moved.max()), ("channel", kind))
        picture.line(*axes.point(len(moved) / 2, 0), *axes.point(len(moved) / 2, moved.max()))
        for channel, value in enumerate(moved):
            picture.line(*axes.point(channel, 0), *axes.point(channel, value), GOOD)
    return picture


def masks(folder):
    taps = taps_of(folder, "31b", "--only", "*#causal_mask_mapping*")
    mask = taps["model.language_model#causal_mask_mapping.sliding_attention"][0, 0]
    types = load(ROOT / "fixtures/31b/inputs.safetensors")["mm_token_type_ids"][0]
    picture = Picture(420, 400, "sliding mask, W = 6: query down, key across")
    for q, row in enumerate(mask):
        picture.text(52, 57 + q * 18, f"{q} picture" if types[q] else q, 8, "end")
        for k, look in enumerate(row):
            cut = not look and types[q] and types[k]
            colour = (GOOD if k <= q else BAD) if look else ("#f4d3c4" if cut else "white")
            picture.box(60 + k * 18, 44 + q * 18, 18, 18, colour, "#eee")
    picture.text(60, 372, "blue: causal, in the window; orange: the block adds; pale: the window cuts", 9)
    return picture


def per_layer_embeddings(folder):
    taps = taps_of(folder, "e2b", "--only", "*.embed_tokens_per_layer")
    values = taps["model.language_model.embed_tokens_per_layer"][0]
    picture = Picture(640, 300, "rows of the second table: token down, 4 layers of 16 channels across")
    types = load(ROOT / "fixtures/e2b/inputs.safetensors")["mm_token_type_ids"][0]
    for token, row in enumerate(values):
        picture.text(66, 50 + token * 16, "soft token" if types[token] else f"token {token}", 9, "end")
        for channel, value in enumerate(row):
            colour = two_sided(value, abs(values).max() / 2)
            picture.box(72 + channel * 8 + channel // 16 * 8, 38 + token * 16, 8, 15, colour)
    return picture


def kv_sharing(folder):
    taps = taps_of(folder, "e2b-shared", "--only", "*#key_states")
    keys = [taps[f"model.layers.{layer}.self_attn#key_states"].astype(float).ravel() for layer in range(6)]
    picture = Picture(560, 220, "cosine of keys: layer down, layer across")
    for x, title, layers in ((60, "sliding layers", (0, 2, 4)), (330, "full layers", (1, 3, 5))):
        picture.text(x, 44, title)
        for row, one in enumerate(layers):
            picture.text(x - 8, 80 + row * 48, one, 10, "end")
            picture.text(x + 24 + row * 48, 208, one, 10, "middle")
            for column, other in enumerate(layers):
                cosine = keys[one] @ keys[other] / (keys[one] @ keys[one] * (keys[other] @ keys[other])) ** 0.5
                picture.box(x + column * 48, 52 + row * 48, 48, 48, shade(cosine), "#eee")
                picture.text(x + 24 + column * 48, 80 + row * 48, f"{abs(cosine):.2f}", 10, "middle")
    return picture


def generation(folder):
    taps = taps_of(folder, "31b", "--only", "lm_head", "--only", "logits")
    scores, logits = taps["lm_head"][0].ravel()[::16], taps["logits"][0].ravel()[::16]
    picture = Picture(520, 330, "logits (up) over scores (across)")
    axes = Axes(picture, (50, 40), (440, 250), (-60, 60), (-30, 30), ("score", "30 tanh(score / 30)"))
    picture.line(*axes.point(-30, -30), *axes.point(30, 30))
    picture.curve([axes.point(x, 30 * math.tanh(x / 30)) for x in range(-60, 61, 2)])
    for x, y in zip(scores, logits):
        picture.dot(*axes.point(x, y), BAD, 1.5)
    return picture


def experts(folder):
    router = "model.language_model.layers.1.router"
    taps = taps_of(folder, "26b-a4b", "--only", f"{router}*")
    picture = Picture(420, 330, "router probabilities: token down, expert across")
    most = taps[router].max()
    for token in range(12):
        picture.text(60, 62 + token * 20, f"token {token}", 9, "end")
        for expert, p in enumerate(taps[router][token]):
            x, y = 70 + expert * 40, 48 + token * 20
            taken = expert in taps[f"{router}#top_k_index"][token]
            picture.box(x + 1, y + 1, 38, 18, shade(p / most), BAD if taken else None)
            picture.text(x + 20, y + 14, f"{p:.2f}", 9, "middle")
    for expert in range(8):
        picture.text(90 + expert * 40, 42, expert, 9, "middle")
    picture.text(70, 310, "framed: the three experts that the token goes to", 10)
    return picture


PICTURES = {"01-ids-to-logits": ids_to_logits, "02-rmsnorm": rmsnorm, "04-attention": attention,
            "05-masks": masks, "06-per-layer-embeddings": per_layer_embeddings, "07-kv-sharing": kv_sharing,
            "03-rope": rope, "08-experts": experts,
            "13-generation": generation}
