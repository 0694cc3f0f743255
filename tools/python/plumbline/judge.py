"""The program plumb, and its reports as objects."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Sequence, Union

Path = Union[str, "os.PathLike[str]"]
FORMATS = {".html": "--html", ".xml": "--junit", ".sarif": "--sarif", ".md": "--markdown", ".csv": "--csv"}


class BadInput(Exception):
    """What plumb says where a case, a dump or an option is not what it expects."""


def program() -> str:
    """The path of plumb: $PLUMB, the one of this package, or the one in PATH."""
    own = pathlib.Path(__file__).with_name("plumb")
    found = os.environ.get("PLUMB") or (str(own) if own.is_file() else shutil.which("plumb"))
    if not found:
        raise FileNotFoundError("found no program plumb, expected one in the package, in PATH or in $PLUMB")
    return found


def run(*arguments: Path) -> "subprocess.CompletedProcess[str]":
    """plumb with these arguments; its exit status, stdout and stderr."""
    return subprocess.run([program(), *(os.fspath(argument) for argument in arguments)], text=True, capture_output=True)


class Report:
    """A report of plumb grade or plumb diagnose; `json` is all of it (docs/report.schema.json)."""

    def __init__(self, report: "dict[str, Any]"):
        self.json = report

    @classmethod
    def read(cls, path: Path) -> "Report":
        return cls(json.loads(pathlib.Path(path).read_text()))

    @property
    def outcome(self) -> str:
        """"pass", "fail", "nothing" or "error"."""
        return self.json["outcome"]

    @property
    def first_bent(self) -> "str | None":
        """The tap of the first step that fails."""
        return self.json.get("first_bent")

    @property
    def named(self) -> "list[str]":
        """Ids of the known bugs that a diagnosis names."""
        return self.json.get("all_named", [])

    @property
    def steps(self) -> "list[dict[str, Any]]":
        return self.json.get("steps", [])

    def __bool__(self) -> bool:
        return self.outcome == "pass"

    def __str__(self) -> str:
        if self.json.get("error"):
            return "ERROR  " + self.json["error"]
        words = {"pass": f"PASS  all {len(self.steps)} steps are straight as {self.json.get('class')}",
                 "nothing": "NOTHING GRADED"}
        reason = (f"first bent step: {self.first_bent}" if self.first_bent
                  else f"far at its end: {self.json.get('first_far')}" if self.json.get("first_far")
                  else f"--strict: {self.json.get('strict_failure')}")
        bugs = "".join(f"; matches known bug {bug}" for bug in self.named)
        return words.get(self.outcome, f"FAIL  {reason}{bugs}")

    def write(self, path: Path) -> None:
        """As .html, .xml (JUnit), .sarif, .md, .csv or .json, by the path's suffix."""
        suffix = pathlib.Path(path).suffix
        text = json.dumps(self.json, indent=1) + "\n"
        if suffix == ".json":
            pathlib.Path(path).write_text(text)
            return
        if suffix not in FORMATS:
            raise ValueError(f"{path}: found {suffix or 'no suffix'}, expected .json, {', '.join(FORMATS)}")
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "report.json")
            source.write_text(text)
            done = run("report", source, FORMATS[suffix], path)
        if done.returncode:
            raise BadInput(done.stderr.strip())


def judge(command: str, case: Path, dump: Path, *, arithmetic: "str | None" = None, names: "Path | None" = None,
          only: Sequence[str] = (), samples: "int | None" = None, threads: "int | None" = None, strict: bool = False,
          options: Sequence[str] = ()) -> Report:
    """plumb COMMAND CASE DUMP; raises BadInput where plumb ends with exit status 2."""
    given = {"--as": arithmetic, "--names": names, "--samples": samples, "--threads": threads}
    arguments = [word for option, value in given.items() if value is not None for word in (option, str(value))]
    arguments += [word for glob in only for word in ("--only", glob)]
    arguments += (["--strict"] if strict else []) + list(options)
    done = run(command, case, dump, "--quiet", "--json", "-", *arguments)
    try:
        report = Report(json.loads(done.stdout))
    except ValueError:
        raise BadInput(done.stderr.strip() or f"plumb ended with {done.returncode} and no report") from None
    if report.outcome == "error":
        raise BadInput(report.json["error"])
    return report


def grade(case: Path, dump: Path, **arguments: Any) -> Report:
    """plumb grade; keyword arguments are those of judge."""
    return judge("grade", case, dump, **arguments)


def diagnose(case: Path, dump: Path, **arguments: Any) -> Report:
    """plumb diagnose: which known bug bends the dump, too."""
    return judge("diagnose", case, dump, **arguments)


def main() -> None:
    """The program itself."""
    os.execv(program(), [program(), *sys.argv[1:]])
