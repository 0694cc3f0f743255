"""Name maps against docs/names.schema.json, and the schema against what plumb takes and refuses.

    make check-maps
    python tools/check_report/check_maps.py build/plumb

Each map of names/ and each that docs/names.md shows follows the schema, but for the one that shows what is refused. Of
the maps below, plumb and the schema must think alike; what only a dump can tell (two arrays for one tap, an operation
that does not fit its array) is no matter of a schema.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema

CASE, DUMP = "fixtures/e2b-text", "fixtures/e2b-text/dumps/honest-bf16-sdpa-2threads.safetensors"
PAGE = pathlib.Path("docs/names.md")
# An entry for arrays that the dump has not: whether it is well made is all that can be found.
GOOD = [
    "x", "model.layers.0", {"tap": "x"}, {"tap": "x", "optional": True, "comment": "text"}, {"drop": True},
    {"drop": True, "optional": True, "comment": "text"}, {"tap": "x", "steps": []},
    {"split": -1, "taps": ["q", "k", None]}, {"split": {"axis": 1, "shares": [2, 1]}, "taps": ["q", "k"]},
    {"unstack": 0, "taps": ["k", "v"]}, {"unstack": {"axis": 0, "first": 5, "step": 6}, "tap": "l.{i}"},
    {"taps": ["{i}.k", "{i}.v"], "steps": [{"unstack": 0}, {"unstack": 0}]}, {"concat": 0, "tap": "x"},
    {"stack": -1, "tap": "x", "with": ["b"]}, {"reshape": [0, -1, 64], "tap": "x"}, {"merge": [2, 3], "tap": "x"},
    {"permute": [0, 2, 1, 3], "tap": "x"}, {"select": {"axis": 0, "index": -1}, "tap": "x"},
    {"select": {"axis": 0, "first": 2, "count": 3}, "tap": "x"}, {"squeeze": 0, "tap": "x"},
    {"rows": "tokens", "tap": "x"}, {"rows": "images", "tap": "x"}, {"scale": 0.125, "tap": "x"},
    {"scale": "hidden_size^-0.5", "tap": "x"}, {"cast": "bf16", "tap": "x"}, {"cast": "int64", "tap": "x"},
    {"tap": "x", "steps": [{"reshape": [2, -1]}, {"permute": [1, 0]}]},
]
BAD = [
    7, None, [], {}, "", {"permute": [1, 0]}, {"tap": 7}, {"tap": ""}, {"tap": "x", "permut": [0]},
    {"tap": "x", "taps": ["y", "z"]}, {"taps": "y", "split": -1}, {"taps": [], "split": -1},
    {"tap": "x", "drop": True}, {"drop": False}, {"drop": 1}, {"tap": "x", "optional": 1}, {"tap": "x", "with": "b"},
    {"tap": "x", "steps": 1}, {"tap": "x", "steps": [{"nope": 1}]}, {"tap": "x", "steps": [{}]},
    {"tap": "x", "permute": [0, 0]}, {"tap": "x", "permute": "10"}, {"tap": "x", "permute": [-1, 0]},
    {"tap": "x", "reshape": [-2]}, {"tap": "x", "merge": 1}, {"tap": "x", "merge": [1]},
    {"tap": "x", "select": {"axis": 0}}, {"tap": "x", "select": {"axis": 0, "index": 0, "count": 1}},
    {"tap": "x", "rows": "words"}, {"tap": "x", "scale": 0}, {"tap": "x", "scale": "hidden_size"},
    {"tap": "x", "scale": "^2"}, {"tap": "x", "cast": "int4"}, {"tap": "x", "squeeze": 9}, {"tap": "x", "squeeze": "0"},
    {"taps": ["a", "b"], "split": {"axis": 0}}, {"taps": ["a", "b"], "split": {"axis": 0, "shares": [0, 1]}},
    {"tap": "l.{i}", "unstack": {"first": 5}}, {"tap": "l.{i}", "unstack": {"axis": 0, "step": 0}},
]
failures, passed = [], 0


def check(good, what):
    global passed
    passed += bool(good)
    if not good:
        failures.append(what)
        print(f"FAIL  {what}")


def is_taken(plumb, entry):
    """Whether plumb compiles a map with that entry."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "map.json"
        path.write_text(json.dumps({"nobody.has.it": entry, "*": "*"}))
        done = subprocess.run([plumb, "names", DUMP, CASE, "--names", path], capture_output=True, text=True)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"check_maps: plumb ends with {done.returncode}: {done.stderr.strip()}")
    return done.returncode != 2


def main():
    plumb = sys.argv[1]
    validator = jsonschema.Draft202012Validator(json.loads(pathlib.Path("docs/names.schema.json").read_text()))
    validator.check_schema(validator.schema)

    def wrong(text):
        return [f"{error.json_path}: {error.message[:120]}" for error in validator.iter_errors(json.loads(text))][:3]

    shipped = sorted(pathlib.Path("names").glob("*.json"))
    for path in shipped:
        check(not wrong(path.read_text()), f"{path} follows the schema: {wrong(path.read_text())}")
        check("$schema" in json.loads(path.read_text()), f"{path} names its schema")
    shown = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    refused = [text for text in shown if wrong(text)]
    check(len(shown) > 1 and len(refused) == 1 and "permut\"" in refused[0], f"{PAGE} shows one map that is refused")
    for entry, good in [(entry, True) for entry in GOOD] + [(entry, False) for entry in BAD]:
        follows = not wrong(json.dumps({"nobody.has.it": entry}))
        check(follows == good, f"the schema {'takes' if follows else 'refuses'} {json.dumps(entry)}")
        check(is_taken(plumb, entry) == good, f"plumb {'refuses' if good else 'takes'} {json.dumps(entry)}")
    print(f"{len(shipped)} maps of names/ and {len(shown)} of {PAGE}; {len(GOOD)} entries taken, {len(BAD)} refused")
    print(f"{passed} passed, {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
