"""Pictures of the lessons on how a port is judged."""
from svg import BAD, GOOD, Picture
from taps import grade_of


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


PICTURES = {"15-lockstep": lockstep}
