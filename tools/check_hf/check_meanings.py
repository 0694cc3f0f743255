"""Whether each class and method that `plumb explain-model` names is one of transformers, for both families.

    python tools/check_hf/check_meanings.py
"""
import ast
import pathlib
import re
import sys

import transformers

TABLE = pathlib.Path(__file__).resolve().parents[2] / "conformance/dump/tap_meaning.c"
LIBRARY = pathlib.Path(transformers.__file__).parent
SOURCES = {
    "Gemma4Unified": "models/gemma4_unified/modeling_gemma4_unified.py",
    "Gemma4": "models/gemma4/modeling_gemma4.py",
    "eager_attention_forward": "models/gemma4/modeling_gemma4.py",
    "GELUTanh": "activations.py",
    "GenerationMixin": "generation/utils.py",
}
ONE_FAMILY = "Experts|Router|per_layer"  # what gemma4_unified has none of


def is_there(name):
    source = next(path for beginning, path in SOURCES.items() if name.startswith(beginning))
    nodes = ast.parse((LIBRARY / source).read_text()).body
    for part in name.split("."):
        node = next((node for node in nodes if getattr(node, "name", None) == part), None)
        nodes = getattr(node, "body", [])
    return node is not None


def main():
    found = re.findall(r'#define \w+ "([\w.]+)",', TABLE.read_text())
    names = {name for name in found if not name.startswith("torch.")}
    assert names, f"{TABLE}: found no class, expected some"
    both = names | {name.replace("Gemma4", "Gemma4Unified") for name in names
                    if re.match(r"Gemma4(Text|RMSNorm|Multimodal|For)", name) and not re.search(ONE_FAMILY, name)}
    missing = sorted(name for name in both if not is_there(name))
    for name in missing:
        print(f"{TABLE.name}: {name}: found no such class and method in transformers {transformers.__version__}")
    print(f"meanings: {len(both)} classes and methods, {len(missing)} of them not in transformers")
    return len(missing) > 0


if __name__ == "__main__":
    sys.exit(main())
