"""Pictures of the lessons on how a port is judged."""
from show import load
from svg import BAD, GOOD, Picture
from taps import ROOT, grade_of


def floating_point(folder):
    dumps = sorted((ROOT / "fixtures/e2b-text/dumps").glob("*bf16*"))
    right = load(ROOT / "fixtures/e2b-text/expected.safetensors")["logits"].astype(float)
    rows = load(ROOT / "fixtures/e2b-text/inputs.safetensors")["attention_mask"] == 1
    errors = []
    for dump in dumps:
        off = (load(dump)["logits"] - right)[rows]
        errors.append(100 * ((off**2).sum() / (right[rows] ** 2).sum()) ** 0.5)
    names = [dump.stem.removesuffix("-bf16").replace("-bf16", "") for dump in dumps]
    picture = Picture(560, 40 + 20 * len(dumps), "error of the logits, per cent")
    picture.bars(10, 30, names, errors, lambda value: value * 50,
                 lambda row: GOOD if names[row].startswith("honest") else BAD, wide=200, text="{:.2f}")
    return picture


def lockstep(folder):
    report = grade_of(folder, "e2b-text", "fixtures/e2b-text/dumps/buggy-window-off-by-one-bf16.safetensors")
    picture = Picture(620, 60 + 36 * len(report["steps"]), "per cent of the tap: introduced (blue), inherited (orange)")
    for row, step in enumerate(report["steps"]):
        y = 40 + row * 36
        picture.text(205, y + 18, step["tap"].removeprefix("model."), 10, "end")
        for line, (key, colour) in enumerate((("introduced", GOOD), ("inherited", BAD))):
            value = 100 * step[key]
            picture.box(215, y + line * 14, max(value * 10, 1), 12, colour)
            picture.text(220 + max(value * 10, 1), y + 10 + line * 14, f"{value:.2f}", 9)
    return picture


PICTURES = {"14-floating-point": floating_point, "15-lockstep": lockstep}
