"""Whether each class and method that `plumb explain-model` names is in transformers, at the line that it says.

    python tools/check_hf/check_meanings.py [--mend]          --mend writes the lines of this transformers

The table's macros hold the name, its line in the family gemma4, and its line in gemma4_unified, whose class is called
Gemma4UnifiedX for Gemma4X. A line of 0 says that the family has no such class, or that it is torch's.
"""
import ast
import pathlib
import re
import sys

import transformers

TABLE = pathlib.Path(__file__).resolve().parents[2] / "conformance/dump/tap_meaning.c"
LIBRARY = pathlib.Path(transformers.__file__).parent
FAMILIES = "models/gemma4/modeling_gemma4.py", "models/gemma4_unified/modeling_gemma4_unified.py"
ELSEWHERE = {"GELUTanh": "activations.py", "GenerationMixin": "generation/utils.py"}
MACRO = re.compile(r'"([\w.]+)", (\d+), (\d+)$', re.M)


def line_of(source, name):
    """The line of a function, or of a class's method; 0 if there is none"""
    nodes = ast.parse((LIBRARY / source).read_text()).body
    for part in name.split("."):
        node = next((node for node in nodes if getattr(node, "name", None) == part), None)
        nodes = getattr(node, "body", [])
    return node.lineno if node else 0


def lines_of(name):
    first = name.split(".")[0]
    if first == "torch":
        return 0, 0
    if first in ELSEWHERE:
        return (line_of(ELSEWHERE[first], name),) * 2
    unified = re.sub("^Gemma4(?!Unified)", "Gemma4Unified", name)
    return tuple(line_of(source, called) for source, called in zip(FAMILIES, (name, unified)))


def main():
    text = TABLE.read_text()
    rows = MACRO.findall(text)
    assert len(rows) > 40, f"{TABLE}: found {len(rows)} names with their lines, expected more than 40"
    wrong = 0
    for name, *found in rows:
        lines = lines_of(name)
        if not any(lines) and not name.startswith("torch."):
            wrong += 1
            print(f"{TABLE.name}: {name}: found no such class and method in transformers {transformers.__version__}")
        elif tuple(map(int, found)) != lines and "--mend" not in sys.argv:
            wrong += 1
            print(f"{TABLE.name}: {name}: found lines {', '.join(found)}, expected {lines[0]}, {lines[1]}")
    if "--mend" in sys.argv:
        TABLE.write_text(MACRO.sub(lambda row: '"{}", {}, {}'.format(row[1], *lines_of(row[1])), text))
    places = sum(line > 0 for name, *_ in rows for line in lines_of(name))
    print(f"meanings: {len(rows)} classes and methods, {places} places in transformers, {wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
