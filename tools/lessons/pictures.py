"""Draw the lessons' pictures from what plumb computes, into docs/lessons/pictures/.

    python tools/lessons/pictures.py [--check] [NAME ..]

--check draws them anew and compares: words the same, numbers within one unit of their last place.
"""
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tools", "tools/make"):
    sys.path.insert(0, str(ROOT / folder))

from check_docs import agree  # noqa: E402
import media_pictures  # noqa: E402
import text_pictures  # noqa: E402
import judge_pictures  # noqa: E402

FOLDER = ROOT / "docs/lessons/pictures"
PICTURES = text_pictures.PICTURES | media_pictures.PICTURES | judge_pictures.PICTURES


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
            elif not path.exists() or not agree(drawn.splitlines(), path.read_text().splitlines()):
                wrong += 1
                print(f"{path.relative_to(ROOT)}: found another picture than what is drawn today, expected the same")
    if check:
        print(f"pictures: {len(names or PICTURES) - wrong} the same, {wrong} not")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
