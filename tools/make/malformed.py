#!/usr/bin/env python3
"""Writes docs/malformed.md: the malformed files of the tests, from the tests' own tables.

    malformed.py            writes the page
    malformed.py --check    says whether the page is what it would write
"""
import re
import sys

PAGE = "docs/malformed.md"

HEAD = """# Malformed files

The tests hand each of these to its reader, which must refuse it. Columns but the last are the entry of the test's
table, as its source has it: the file's text, a change to a good file, the fields that it is made from, or the name of
the function that bends a good case. The last one is what the line must say, behind the file's name; where the test asks
for several parts of it, … stands between them. Files that a test makes one by one are not here.
`python3 tools/make/malformed.py` writes this page, and `make check-docs` says when these tables have other entries.
"""

# A heading, and the tables of what it names, each with its file of tests
TABLES = [
    ("safetensors", "ref/tests/test_safetensors.c", ["bad"]),
    ("Checkpoints of several files", "ref/tests/test_checkpoint.c", ["bad"]),
    ("GGUF", "ref/tests/test_gguf.c", ["bad"]),
    (".npy", "conformance/tests/test_npy.c", ["bad"]),
    ("Dumps", "conformance/tests/test_dump.c", ["bad"]),
    ("Preprocessed pictures in a dump", "conformance/tests/test_dumped_patches.c", ["refused"]),
    ("Choices in a dump", "tools/tests/test_grade.c", ["absurd"]),
    ("config.json", "ref/tests/test_config.c", ["bad", "bad_files"]),
    ("config.json of a text model", "ref/tests/test_text_configuration_bad.c", ["bad"]),
    ("config.json of a vision tower", "ref/tests/test_vision_configuration.c", ["bad"]),
    ("config.json of an audio tower", "ref/tests/test_audio_configuration.c", ["bad"]),
    ("config.json of a whole model", "ref/tests/test_configuration.c", ["bad"]),
    ("config.json of a unified model", "ref/tests/test_unified_configuration.c", ["bad"]),
    ("config.json and weights", "ref/tests/test_model.c", ["bad"]),
    ("generation_config.json", "ref/tests/test_generation_config.c", ["bad_settings"]),
    ("Settings of processors", "ref/tests/test_processor_settings.c", ["refused"]),
    ("Settings of extractors of sound", "ref/tests/test_feature_extractor.c", ["refused"]),
    ("The same of a unified model", "ref/tests/test_unified_feature_extractor.c", ["refused"]),
    ("Experts one by one", "ref/tests/test_expert_stack.c", ["bad"]),
    ("Quantised weights", "ref/tests/test_quantised_layouts.c", ["bad"]),
    ("compressed-tensors", "ref/tests/test_compressed_tensors.c", ["bad", "spoilt"]),
    ("Inputs of pictures", "ref/tests/test_check_inputs.c", ["bad", "missing"]),
    ("Inputs of text", "ref/tests/test_check_text_inputs.c", ["bad"]),
    ("Inputs of a unified model", "ref/tests/test_unified_check_inputs.c", ["bad", "without"]),
    ("PNG", "ref/tests/test_png.c", ["bad", "others"]),
    ("WAV", "tools/tests/test_preprocess_sounds.c", ["bad"]),
    ("WAV, byte by byte", "ref/tests/test_riff.c", ["others", "lies"]),
    ("Name maps", "conformance/tests/test_name_map.c", ["bad"]),
    ("case.json", "tools/tests/test_pictures.c", ["bad_cases"]),
    ("case.json with sounds", "tools/tests/test_sounds.c", ["bad_cases"]),
    ("Suites", "tools/tests/test_suite.c", ["bad_suites"]),
    ("Reports", "tools/tests/test_report.c", ["refused"]),
    ("Packages of a submission", "tools/tests/test_submission.c", ["packages"]),
    ("A case of pictures", "tools/tests/test_bad_input.c", ["bent_cases"]),
    ("A case of text", "tools/tests/test_bad_text_input.c", ["bent_cases", "bent_tensors", "bent_generations"]),
]

SAID = ("says", "phrase", "names")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|[{}(),]|[^"{}(),/]+|/', re.S)


def fields_of(text, start):
    """The fields of the initialiser whose bracket is at start, each a list of tokens; and where it ends."""
    fields, depth, at = [[]], 0, start
    while True:
        match = TOKEN.match(text, at)
        token, at = match.group(), match.end()
        depth += (token in "{(") - (token in "})")
        if depth == 0:
            return [field for field in fields if "".join(field).strip()], at
        if token == "," and depth == 1:
            fields.append([])
        elif not token.startswith("/*") and not (token in "{(" and depth == 1):
            fields[-1].append(token)


def text_of(field, macros):
    """As a reader wants it: adjacent strings of C are one, and names of strings are the strings."""
    text = ""
    for token in field:
        token = macros.get(token.strip(), token)
        if token not in "{}":
            text += token[1:-1].replace('\\"', '"') if token.startswith('"') else token
    return " ".join(text.split())


def parts_of(field, macros):
    """What is said: one text, or a list of them"""
    whole = "".join(field).strip()
    parts = fields_of(whole, 0)[0] if whole.startswith("{") else [field]
    return " … ".join(text_of(part, macros) for part in parts)


def code(text):
    text = text.replace("|", "\\|")
    if not text:
        return '`""`'
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def strings_of(text):
    """The file's macros that are one string"""
    return dict(re.findall(r'^#define (\w+) ("(?:[^"\\]|\\.)*")$', text, re.M))


def columns_of(text, table):
    fields = re.search(r"struct \{((?:(?!struct).)*?)^} " + table + r"\[\] = \{", text, re.M | re.S).group(1)
    fields = re.sub(r"/\*.*?\*/", "", fields, flags=re.S)
    return re.findall(r"(\w+)(?:\[\w+\])*\)?(?:\(void\))?[,;]", fields)


def rows_of(text, table):
    """Of each entry a list of fields"""
    macros = strings_of(text)
    said = next(n for n, name in enumerate(columns_of(text, table)) if name in SAID)
    text = re.sub(r"#define (?:.*\\\n)*.*\n", "", text)
    start = re.search(r"^} " + table + r"\[\] = \{", text, re.M).end() - 1
    for entry in fields_of(text, start)[0]:
        entry = "".join(entry)
        fields = fields_of(entry, re.search(r"[{(]", entry).start())[0]
        yield [(parts_of if n == said else text_of)(field, macros) for n, field in enumerate(fields)]


def table_of(path, table):
    text = open(path, encoding="utf-8").read()
    names, rows = columns_of(text, table), list(rows_of(text, table))
    width = max(map(len, rows))
    order = sorted(range(width), key=lambda n: names[n] in SAID)  # what is said comes last
    heads = ["what is said" if names[n] in SAID else names[n] for n in order]
    lines = ["| " + " | ".join(heads) + " |", "|---" * width + "|"]
    for row in rows:
        lines.append("| " + " | ".join(code(row[n]) if n < len(row) else "" for n in order) + " |")
    return lines


def page():
    out, count = [], 0
    for heading, path, tables in TABLES:
        out += ["", f"## {heading}"]
        for table in tables:
            lines = table_of(path, table)
            out += ["", f"From `{table}` of `{path}`.", "", *lines]
            count += len(lines) - 2
    return HEAD + f"\nThere are {count}." + "\n" + "\n".join(out) + "\n"


def main():
    if sys.argv[1:] != ["--check"]:
        open(PAGE, "w", encoding="utf-8").write(page())
    elif open(PAGE, encoding="utf-8").read() != page():
        sys.exit(f"malformed: {PAGE}: found another page, expected what tools/make/malformed.py writes")
    else:
        print(f"malformed: {PAGE} has the tests' own entries")


main()
