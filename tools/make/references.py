"""What a page points at: links to files and headings, and lines of source files.

A page may say where a thing is written as `Class.method` (modeling_gemma4.py:123) or `function` (ref/gemma4/x.c:45).
The line must hold the definition. Hugging Face's files are looked up in build/venv, and left unchecked without it.
"""
import ast
import pathlib
import re

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PLACE = re.compile(r"`([\w.]+)` \(\[?`?([\w/]+\.(?:py|c|h)):(\d+)`?\]?")


def without_code(text):
    """The same lines, with fenced blocks and code spans empty"""
    kept, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            kept.append("")
        else:
            is_code = fenced or line.startswith("    ")
            kept.append("" if is_code else re.sub(r"`[^`]*`", lambda code: "x" * len(code[0]), line))
    return kept


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", "")).replace(" ", "-")


def anchors(path):
    """GitHub's, and so mkdocs' with the same slug"""
    fenced, found = False, set()
    for line in path.read_text().splitlines():
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("#"):
            found.add(anchor(line.lstrip("#")))
    return found


def dead_links(path, text):
    for number, line in enumerate(without_code(text), 1):
        for target in LINK.findall(line):
            if re.match(r"https?:|mailto:", target):
                continue
            name, _, heading = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                yield number, f"link to {target}: found no such file"
            elif heading and file.suffix == ".md" and heading not in anchors(file):
                yield number, f"link to {target}: found no such heading"


def python_line(file, name):
    """The line of a class, a function or a method, Class.method"""
    nodes = ast.parse(file.read_text()).body
    for part in name.split("."):
        node = next((node for node in nodes if getattr(node, "name", None) == part), None)
        if node is None:
            return None
        nodes = getattr(node, "body", [])
    return node.lineno


def c_line(file, name):
    """The line where a function's definition begins, or another that begins with the name's type"""
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if re.match(rf"[A-Za-z].*\b{name}\(", line) and not line.rstrip().endswith(";"):
            return number
    return None


def source_line(root, file, name):
    """None: not found; 0: the file is not there to look"""
    if not file.endswith(".py") or (root / file).exists():
        path = root / file
    else:
        libraries = sorted((root / "build/venv/lib").glob("python3*/site-packages/transformers"))
        if not libraries:
            return 0
        family = re.sub(r".*?_(gemma4(?:_unified)?)\.py$", r"\1", file)
        path = libraries[0] / "models" / family / file
        if not path.exists():
            path = libraries[0] / file
    if not path.exists():
        return None
    return python_line(path, name) if file.endswith(".py") else c_line(path, name)


def wrong_places(root, text):
    for number, line in enumerate(text.splitlines(), 1):
        for name, file, place in PLACE.findall(line):
            found = source_line(root, file, name)
            if found is None:
                yield number, f"`{name}`: found nothing of that name in {file}"
            elif found not in (0, int(place)):
                yield number, f"`{name}`: found at {file}:{found}, expected at line {place}"


def check_references(root, path, text):
    yield from dead_links(pathlib.Path(path), text)
    yield from wrong_places(root, text)


def mend_places(root, text):
    def mended(found):
        name, file, place = found.groups()
        line = source_line(root, file, name)
        return found[0].replace(f"{file}:{place}", f"{file}:{line}") if line else found[0]

    return PLACE.sub(mended, text)
