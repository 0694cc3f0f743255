"""Pictures of the text model's lessons."""
from svg import BAD, GOOD, Axes, Picture, shade
from taps import taps_of


def rope(folder):
    taps = taps_of(folder, "e2b-text", "--only", "*.self_attn.q_norm", "--only", "*#query_states")
    picture = Picture(640, 330, "how far each channel of a query moves, token 11")
    for row, (layer, kind) in enumerate(((0, "sliding layer: all pairs turn"), (1, "full layer: a quarter of the pairs"))):
        at = f"model.layers.{layer}.self_attn"
        moved = abs(taps[f"{at}#query_states"][0, 0, 11] - taps[f"{at}.q_norm"][0, 11, 0])
        axes = Axes(picture, (40, 50 + row * 145), (580, 100), (0, len(moved)), (0, moved.max()), ("channel", kind))
        picture.line(*axes.point(len(moved) / 2, 0), *axes.point(len(moved) / 2, moved.max()))
        for channel, value in enumerate(moved):
            picture.line(*axes.point(channel, 0), *axes.point(channel, value), GOOD)
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


PICTURES = {"03-rope": rope, "08-experts": experts}
