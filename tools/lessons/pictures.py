"""Draw the lessons' pictures from what plumb computes, into docs/lessons/pictures/.

    python tools/lessons/pictures.py [--check] [NAME ..]

--check draws them anew and compares: words the same, places within 2 pixels, colours within 8 levels. On another
machine BLAS adds up in another order, and a picture is no bit pattern.
"""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import media_pictures  # noqa: E402
import text_pictures  # noqa: E402
import judge_pictures  # noqa: E402

FOLDER = ROOT / "docs/lessons/pictures"
PICTURES = text_pictures.PICTURES | media_pictures.PICTURES | judge_pictures.PICTURES

COLOUR, NUMBER = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})"), re.compile(r"-?\d+\.\d+")


def alike(one, other):
    """Whether two drawings show the same"""
    def parts(text, pattern):
        return pattern.sub("*", text), pattern.findall(text)

    (one, colours), (other, other_colours) = parts(one, COLOUR), parts(other, COLOUR)
    (one, numbers), (other, other_numbers) = parts(one, NUMBER), parts(other, NUMBER)
    levels = zip(sum(colours, ()), sum(other_colours, ()))
    return (one == other and all(abs(int(a, 16) - int(b, 16)) <= 8 for a, b in levels)
            and all(abs(float(a) - float(b)) <= 2 for a, b in zip(numbers, other_numbers)))


def main():
    check, names = "--check" in sys.argv, [name for name in sys.argv[1:] if name != "--check"]
    unknown = [name for name in names if name not in PICTURES]
    if unknown:
        sys.exit(f"{unknown[0]}: found no such picture, expected one of {', '.join(PICTURES)}")
    wrong = 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names or PICTURES:
            drawn, path = str(PICTURES[name](pathlib.Path(folder))), FOLDER / f"{name}.svg"
            if not check:
                path.write_text(drawn)
            elif not path.exists() or not alike(drawn, path.read_text()):
                wrong += 1
                print(f"{path.relative_to(ROOT)}: found another picture than what is drawn today, expected the same")
    if check:
        print(f"pictures: {len(names or PICTURES) - wrong} the same, {wrong} not")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
