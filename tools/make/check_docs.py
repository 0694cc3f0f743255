"""Run every command that the pages show, in a clean copy, and compare what it prints with what is pasted there.

    python tools/make/check_docs.py [--slow] [--paste] [--jobs N] [PAGE ..]

Without pages it takes README.md, fixtures/README.md and all of docs/ and recipes/.

A command is a line of a fenced block that begins with "$ "; what stands beneath it, up to the next one, is its output.
Words must be the same. A number with a decimal point or an exponent may be off by one unit of its last place. In lines
of a grade all numbers may be off by a tenth: what an honest replay is off by depends on the machine's sums. A line of
three dots stands for any lines. A line that begins with "# " behind an empty one is a comment of the page.

Each page has a folder of its own, so a later command sees what an earlier one wrote; and nothing is written outside
its build/. Comments of the page, right above a block, say what is special about it:

    <!-- check-docs: skip: needs a GPU -->    it is not run, and the reason is printed
    <!-- check-docs: slow -->                 it is run with --slow only
    <!-- check-docs: loose: noise -->         numbers are not compared, words are; the reason is printed
    <!-- check-docs: file: rope.py -->        it is the text of a file that the reader saves under that name
    <!-- check-docs: setup: cp a b -->        run before it, unseen by the reader

--paste writes what a command prints in the place of what the page says, and mends numbers of lines (references.py).
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from references import check_references, mend_places

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARKER = re.compile(r"<!-- check-docs: (skip|slow|loose|file|setup)(?:: (.*))? -->$")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
GRADED = re.compile(r"(pass|FAIL)$|\bratio \d|explains .* of the error")
OFF_BY = 0.1  # measured: 4 % over OpenBLAS' kernels and processors, where the replay is bfloat16's
COMMANDS = ("make", "plumb ", "build/", "python", "CK_RUN_SUITE")
LIMIT = 120  # seconds that one command may take


class Block:
    """A fenced block: its lines with their numbers, and the markers above it."""

    def __init__(self, language, markers, first):
        self.language, self.markers, self.first, self.lines = language, markers, first, []

    def marked(self, kind):
        return [value for name, value in self.markers if name == kind]


def blocks_of(text):
    blocks, block, markers = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"```(\w*)", line)
        if block is not None:
            if fence:
                block = None
            else:
                block.lines.append(line)
        elif fence:
            block = Block(fence[1], markers, number + 1)
            blocks.append(block)
            markers = []
        elif found := MARKER.match(line):
            markers.append((found[1], found[2]))
        elif line.strip():
            if line.startswith("<!-- check-docs"):
                raise SystemExit(f"line {number}: found {line}, expected one of the markers of check_docs.py")
            markers = []
    return blocks


def is_whole(command):
    try:
        shlex.split(command)
        return not command.endswith("\\")
    except ValueError:
        return False


def commands_of(block):
    """Of each command: its text, the lines that are its output, and the place of these in the block."""
    commands, index = [], 0
    while index < len(block.lines):
        if not block.lines[index].startswith("$ "):
            index += 1
            continue
        command = block.lines[index][2:]
        index += 1
        while not is_whole(command) and index < len(block.lines):
            command += "\n" + block.lines[index]
            index += 1
        first = index
        while index < len(block.lines) and not block.lines[index].startswith("$ "):
            index += 1
        end = index
        while end > first and (not block.lines[end - 1].strip() or block.lines[end - 1].startswith("# ")):
            end -= 1
        commands.append((command, block.lines[first:end], first))
    return commands


def unit(number):
    mantissa, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def numbers_agree(one, other, graded=False):
    if one == other:
        return True
    distance = abs(float(one) - float(other))
    if graded and distance <= OFF_BY * max(abs(float(one)), abs(float(other)), 0.5):
        return True
    if not all("." in number or "e" in number for number in (one, other)):
        return False
    return distance <= 1.001 * max(unit(one), unit(other))


def lines_agree(found, expected, loose=False):
    words = [" ".join(NUMBER.sub("0", line).split()) for line in (found, expected)]
    if words[0] != words[1]:
        return False
    graded = GRADED.search(expected)
    return loose or all(numbers_agree(*pair, graded)
                        for pair in zip(NUMBER.findall(found), NUMBER.findall(expected)))


def begins_with(found, expected, loose):
    return len(found) >= len(expected) and all(lines_agree(*pair, loose) for pair in zip(found, expected))


def agree(found, expected, loose=False):
    """Whether the lines are the same, where three dots stand for any lines."""
    if "..." not in expected:
        return len(found) == len(expected) and begins_with(found, expected, loose)
    dots = expected.index("...")
    head, tail = expected[:dots], expected[dots + 1 :]
    return begins_with(found, head, loose) and any(agree(found[start:], tail, loose)
                                                   for start in range(dots, len(found) + 1))


class Page:
    def __init__(self, path, arguments, copy):
        self.path, self.arguments, self.copy = path, arguments, copy
        self.text = path.read_text()
        self.said, self.passed, self.failed, self.skipped = [], 0, 0, 0
        self.pasted = {}  # (line of the page, lines there): what is put in their place

    def fail(self, line, what):
        self.failed += 1
        self.said.append(f"{self.path.relative_to(ROOT)}:{line}: {what}")

    def skip(self, block, reason):
        self.skipped += 1
        self.said.append(f"{self.path.relative_to(ROOT)}:{block.first}: not run: {reason}")

    def folder(self):
        """The copy's entries, linked, and a build/ of its own"""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.copy.parent))
        for entry in self.copy.iterdir():
            (folder / entry.name).symlink_to(entry)
        (folder / "build").mkdir()
        for name in ("plumb", "venv"):
            (folder / "build" / name).symlink_to(self.arguments.build / name)
        return folder

    def strays(self, folder):
        """What commands wrote outside build/; a file that the reader saves may lie anywhere."""
        saved = {name for block in blocks_of(self.text) for name in block.marked("file")}
        allowed = {"build", "MODEL", "capture.py", "__pycache__", *saved}
        return sorted(entry.name for entry in folder.iterdir() if not entry.is_symlink() and entry.name not in allowed)

    def execute(self, command, folder):
        venv = ROOT / "build/venv/bin"
        environment = os.environ | {"PATH": f"{venv}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True, timeout=LIMIT,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return done.returncode, done.stdout.rstrip("\n").split("\n") if done.stdout.strip() else []
        except subprocess.TimeoutExpired:
            return None, [f"no end after {LIMIT} seconds"]

    def run_command(self, block, command, expected, first, folder):
        line = block.first + first
        began = time.monotonic()
        status, found = self.execute(command, folder)
        took = time.monotonic() - began
        if took > self.arguments.noted:
            self.said.append(f"{self.path.relative_to(ROOT)}:{line}: {took:.0f} seconds")
        found = [text.rstrip() for text in found]
        refused = any(text.startswith("plumb: ") for text in expected)
        judged = "plumb " in command and status in (1, 3)
        if status != 0 and not judged and not (status == 2 and refused):
            self.fail(line, f"{command}: found exit status {status}: {' '.join(found[-1:])}")
        elif agree(found, expected, block.marked("loose")):
            self.passed += 1
        elif self.arguments.paste and "..." not in expected:
            self.pasted[line, len(expected)] = found
            self.passed += 1
        else:
            differs = next((i for i, pair in enumerate(zip(found, expected)) if not lines_agree(*pair)),
                           min(len(found), len(expected)))
            self.fail(line + differs, f"$ {command.splitlines()[0]}\n"
                      f"    found     {(found[differs:] or ['no such line'])[0]}\n"
                      f"    expected  {(expected[differs:] or ['no such line'])[0]}")

    def run_block(self, block, folder):
        commands = commands_of(block)
        for name in block.marked("file"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("\n".join(block.lines) + "\n")
            return
        if reasons := block.marked("skip"):
            self.skip(block, reasons[0])
            return
        if block.marked("slow") and not self.arguments.slow:
            self.skip(block, "slow; --slow runs it")
            return
        for reason in block.marked("loose"):
            self.said.append(f"{self.path.relative_to(ROOT)}:{block.first}: numbers not compared: {reason}")
        if not commands and (block.language == "python" or block.lines and block.lines[0].startswith(COMMANDS)):
            self.fail(block.first, "found commands or Python that nothing runs, expected '$ ', or a marker above")
        for command in block.marked("setup"):
            if (status := self.execute(command, folder)[0]) != 0:
                self.fail(block.first, f"setup: {command}: found exit status {status}")
        for command in commands:
            self.run_command(block, *command, folder)

    def run(self):
        folder = self.folder()
        for block in blocks_of(self.text):
            self.run_block(block, folder)
        text = mend_places(ROOT, self.text) if self.arguments.paste else self.text
        for line, what in check_references(ROOT, self.path, text):
            self.fail(line, what)
        for name in self.strays(folder):
            self.fail(1, f"found {name} beside build/, expected what commands write inside it")
        shutil.rmtree(folder)
        return self

    def paste(self):
        lines = self.text.splitlines()
        for (line, count), found in sorted(self.pasted.items(), reverse=True):
            lines[line - 1 : line - 1 + count] = found
        text = mend_places(ROOT, "\n".join(lines) + "\n")
        if text != self.text:
            self.path.write_text(text)
            self.said.append(f"{self.path.relative_to(ROOT)}: written anew")


def clean_copy(folder):
    """Every tracked or new file that git does not ignore"""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, text=True,
                           capture_output=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--slow", action="store_true", help="also run blocks that are marked as slow")
    parser.add_argument("--paste", action="store_true", help="write what commands print into the pages")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--noted", type=float, default=10, help="say so where a command takes more seconds")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()

    pages = [page.resolve() for page in arguments.pages] or [
        ROOT / "README.md", ROOT / "fixtures/README.md",
        *(page for folder in ("docs", "recipes") for page in sorted((ROOT / folder).rglob("*.md")))]
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / "copy"
        clean_copy(copy)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            done = [pool.submit(Page(page, arguments, copy).run) for page in pages]
            results = [future.result() for future in done]
    for page in results:
        if arguments.paste:
            page.paste()
        for line in page.said:
            print(line)
    passed, failed, skipped = (sum(getattr(page, name) for page in results) for name in ("passed", "failed", "skipped"))
    print(f"{len(pages)} pages, {skipped} blocks not run")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
