#!/usr/bin/env python3
"""Writes docs/malformed.md: the malformed files of the tests, from the tests' own tables.

    malformed.py            writes the page
    malformed.py --check    says whether the page is what it would write
"""
import re
import sys

PAGE = "docs/malformed.md"

HEAD = """# Malformed files

The tests hand each of these to its reader, which must refuse it with one line. The left column is the entry of the
test's table, as its source has it: the file's text, a change to a good file, the fields that it is made from, or the
name of the function that bends a good case. The right column is what the line must say, behind the file's name.
`python3 tools/make/malformed.py` writes this page, and `make check-docs` says when the tests have other entries.
"""

# A heading, a file of tests and its tables
TABLES = [
    ("safetensors", "ref/tests/test_safetensors.c", ["bad"]),
    ("Checkpoints of several files", "ref/tests/test_checkpoint.c", ["bad"]),
    ("GGUF", "ref/tests/test_gguf.c", ["bad"]),
    (".npy", "conformance/tests/test_npy.c", ["bad"]),
    ("Dumps", "conformance/tests/test_dump.c", ["bad"]),
    ("config.json", "ref/tests/test_config.c", ["bad", "bad_files"]),
    ("config.json of a text model", "ref/tests/test_text_configuration_bad.c", ["bad"]),
    ("generation_config.json", "ref/tests/test_generation_config.c", ["bad_settings"]),
    ("Settings of processors", "ref/tests/test_processor_settings.c", ["refused"]),
    ("Quantised weights", "ref/tests/test_quantised_layouts.c", ["bad"]),
    ("compressed-tensors", "ref/tests/test_compressed_tensors.c", ["bad", "spoilt"]),
    ("PNG", "ref/tests/test_png.c", ["bad"]),
    ("WAV", "tools/tests/test_preprocess_sounds.c", ["bad"]),
    ("Name maps", "conformance/tests/test_name_map.c", ["bad"]),
    ("case.json", "tools/tests/test_pictures.c", ["bad_cases"]),
    ("case.json with sounds", "tools/tests/test_sounds.c", ["bad_cases"]),
    ("Suites", "tools/tests/test_suite.c", ["bad_suites"]),
    ("A case of pictures", "tools/tests/test_bad_input.c", ["bent_cases"]),
    ("A case of text", "tools/tests/test_bad_text_input.c", ["bent_cases"]),
]

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|[{}(),]|[^"{}(),/]+|/', re.S)


def fields_of(text, start):
    """The fields of the initialiser whose '{' is at start, each a list of tokens; and where it ends."""
    fields, depth, at = [[]], 0, start
    while True:
        match = TOKEN.match(text, at)
        token, at = match.group(), match.end()
        depth += (token in "{(") - (token in "})")
        if depth == 0:
            return [field for field in fields if "".join(field).strip()], at
        if token == "," and depth == 1:
            fields.append([])
        elif not token.startswith("/*") and not (token == "{" and depth == 1):
            fields[-1].append(token)


def text_of(tokens, macros):
    """As a reader wants it: adjacent strings of C are one, and names of strings are the strings."""
    text = ""
    for token in tokens:
        token = macros.get(token.strip(), token)
        if token not in "{}":
            text += token[1:-1].replace('\\"', '"') if token.startswith('"') else token
    return " ".join(text.split())


def code(text):
    text = text.replace("|", "\\|") or "(empty)"
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def strings_of(text):
    """The file's macros that are one string"""
    return dict(re.findall(r'^#define (\w+) ("(?:[^"\\]|\\.)*")$', text, re.M))


def entries_of(path, table):
    text = open(path, encoding="utf-8").read()
    macros = strings_of(text)
    match = re.search(r"^} " + table + r"\[\] = \{", text, re.M)
    for entry in fields_of(text, match.end() - 1)[0]:
        fields = fields_of("".join(entry).strip(), 0)[0]
        said = max(n for n, field in enumerate(fields) if '"' in "".join(field) or "".join(field).strip() in macros)
        yield ", ".join(text_of(field, macros) for field in fields[:said]), text_of(fields[said], macros)


def columns_of(path, table):
    """The names of the entries' fields before what is said"""
    text = open(path, encoding="utf-8").read()
    fields = re.search(r"struct \{((?:(?!struct).)*?)^} " + table + r"\[\] = \{", text, re.M | re.S).group(1)
    fields = re.sub(r"/\*.*?\*/", "", fields, flags=re.S)
    names = re.findall(r"(\w+)(?:\[\w+\])*\)?(?:\(void\))?[,;]", fields)
    return ", ".join(name for name in names if name not in ("says", "names", "count"))


def page():
    out, count = [], 0
    for heading, path, tables in TABLES:
        out += ["", f"## {heading}"]
        for table in tables:
            out += ["", f"From `{table}` of `{path}`.", ""]
            out += [f"| {columns_of(path, table)} | what is said |", "|---|---|"]
            for given, says in entries_of(path, table):
                out.append(f"| {code(given)} | {code(says)} |")
                count += 1
    return HEAD + f"\nThere are {count}." + "\n" + "\n".join(out) + "\n"


def main():
    if sys.argv[1:] != ["--check"]:
        open(PAGE, "w", encoding="utf-8").write(page())
    elif open(PAGE, encoding="utf-8").read() != page():
        sys.exit(f"malformed: {PAGE}: found another page, expected what tools/make/malformed.py writes")
    else:
        print(f"malformed: {PAGE} has the tests' own entries")


main()
