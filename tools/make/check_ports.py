"""Install real ports, run them on fixtures, and compare what plumb finds with recipes/expected.json.

    python3 tools/make/check_ports.py [--port NAME] .. build/plumb          (`make check-ports`, `PORT='NAME ..'`)

Each recipe has a virtual environment of its own, build/ports/NAME/venv, which is kept until its requirements change.
What a recipe's folder must have is in recipes/README.md. What cannot run here is skipped, and why is said.
"""
import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections import Counter

from ports import ROOT, Ungraded, difference, expected, found_in, title

FOLDER = ROOT / "build/ports"
BESIDE = ROOT / "build/venv"
HEAD = re.compile(r"# (python|needs|beside): (.+)")
CANNOT_RUN_HERE = 77
LONGEST = 3600  # seconds of one run or installation


class Skipped(Exception):
    """It cannot run here; why is its text."""


class Failed(Exception):
    """What went wrong, in a line."""


class Recipe:
    """A recipe with one of its requirements files: vllm/requirements.txt, vllm/requirements-0.19.1.txt."""

    def __init__(self, run):
        self.source = ROOT / "recipes" / run["recipe"]
        self.requirements = self.source / run.get("requirements", "requirements.txt")
        self.name = run["recipe"] + self.requirements.stem.removeprefix("requirements")
        self.folder = FOLDER / self.name
        self.python = self.folder / "venv/bin/python"
        self.install_script = self.source / "install.sh"

    def head(self):
        """What the first lines of its requirements say: python, needs, beside."""
        return dict(HEAD.fullmatch(line).groups() for line in self.requirements.read_text().splitlines()
                    if HEAD.fullmatch(line))

    def install(self):
        head = self.head()
        for program in head.get("needs", "").split():
            if not shutil.which(program):
                raise Skipped(f"found no {program}")
        texts = [path.read_bytes() for path in (self.requirements, self.install_script) if path.exists()]
        state, ready = hashlib.sha256(b"".join(texts)).hexdigest(), self.folder / "ready"
        if ready.exists() and ready.read_text() == state:
            return
        base = BESIDE / "bin/python" if "beside" in head else python_of(head.get("python"))
        print(f"{self.name}: installing {self.requirements.relative_to(ROOT)}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        alone = [] if "beside" not in head else ["--without-pip"]          # build/venv's is seen
        self.logged("install", [base, "-m", "venv", *alone, self.folder / "venv"])
        if "beside" in head:
            packages = next((self.folder / "venv/lib").glob("python*/site-packages"))
            beside = next((BESIDE / "lib").glob("python*/site-packages")).resolve()
            (packages / "beside.pth").write_text(f"{beside}\n")
        pip = [self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        lines = self.requirements.read_text().splitlines()
        if torch := [line for line in lines if line.startswith("torch==")]:
            self.logged("install", [*pip, *torch])          # first and alone, so that pip takes a build for CPUs
        self.logged("install", [*pip, "-r", self.requirements])
        if self.install_script.exists():
            self.logged("install", ["sh", self.install_script, self.folder])
        ready.write_text(state)

    def run(self, run):
        """Runs the port; gives the dump's path."""
        words = " ".join([run["case"], *run["run"]])
        name = re.sub(r"[^\w.]+", "-", words)
        dump = self.folder / f"{name}.safetensors"
        dump.unlink(missing_ok=True)
        self.logged(name, [self.python, f"recipes/{run['recipe']}/run.py", f"fixtures/{run['case']}", dump,
                           *run["run"]])
        return dump

    def logged(self, name, command):
        log = self.folder / f"{name}.log"
        environment = dict(os.environ, HF_HUB_OFFLINE="1", PYTHONNOUSERSITE="1", PYTHONDONTWRITEBYTECODE="1")
        with log.open("a") as file:
            try:
                status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                                        stderr=subprocess.STDOUT, env=environment, timeout=LONGEST).returncode
            except subprocess.TimeoutExpired:
                raise Failed(f"took more than {LONGEST} s; see {log.relative_to(ROOT)}") from None
        last = (log.read_text(errors="replace").strip().splitlines() or [""])[-1]
        if status == CANNOT_RUN_HERE:
            raise Skipped(last)
        if status != 0:
            raise Failed(f"exit status {status}: {last}; see {log.relative_to(ROOT)}")


def python_of(version):
    """A Python of that version: on the path, or one of pyenv's, whose commands need not work outside of it."""
    if version is None:
        return sys.executable
    name = f"python{version}"
    for candidate in (name, *sorted(pathlib.Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"))):
        if shutil.which(candidate) and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    raise Skipped(f"found no {name}")


def checked(plumb, recipe, run):
    """A line about a run that is as expected."""
    start = time.monotonic()
    dump = recipe.run(run)
    took = time.monotonic() - start
    found = found_in(plumb, run, dump)
    if wrong := difference(run, found):
        raise Failed(wrong)
    bugs = f"; bugs {', '.join(found['bugs'])}" if found["bugs"] else ""
    verdict = f"bent at {found['bent']}" if found["bent"] else "straight"
    return f"{found['steps']} steps, {verdict}{bugs}, as expected ({took:.0f} s)"


def attempt(act, *arguments):
    """What came of it, and a line about it."""
    try:
        return "passed", act(*arguments)
    except Skipped as reason:
        return "skipped", f"skipped: {reason}"
    except (Failed, Ungraded) as reason:
        return "failed", f"FAILED: {reason}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", action="append", default=[])
    parser.add_argument("plumb")
    arguments = parser.parse_args()
    runs, _ = expected()
    known = {name for run in runs for name in (run["recipe"], Recipe(run).name)}
    if unknown := set(arguments.port) - known:
        sys.exit(f"check-ports: found {', '.join(sorted(unknown))}, expected some of {', '.join(sorted(known))}")
    counts, installed = Counter(), {}
    for run in runs:
        recipe = Recipe(run)
        if arguments.port and not {run["recipe"], recipe.name} & set(arguments.port):
            continue
        if recipe.name not in installed:
            installed[recipe.name] = attempt(recipe.install)
        outcome, line = installed[recipe.name]
        if outcome == "passed":
            outcome, line = attempt(checked, str(pathlib.Path(arguments.plumb).resolve()), recipe, run)
        counts[outcome] += 1
        print(f"{title(run)}: {line}", flush=True)
    if counts["skipped"]:
        print(f"{counts['skipped']} skipped")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
