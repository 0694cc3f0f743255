"""Grade the stored dumps of real ports, and write docs/ports.md from what is found.

    python3 tools/make/ports.py [--check] [PLUMB]       --check: docs/ports.md must say it already

recipes/expected.json says what is true of each dump; where plumb says otherwise, nothing is written and the exit status
is 1.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/ports.md"
HEAD = """# Real ports, graded

Released packages, run on the fixtures by the scripts in `recipes/`, their dumps graded by `plumb` under the names that
the port itself has. Written by `tools/make/ports.py` from the dumps in `fixtures/ports/`; `make check` grades these
dumps too. A bug is named by its id in `plumb bugs`, which says what it is and where it was reported first.

| port | version | case | class | steps graded | verdict | bugs |
|---|---|---|---|---|---|---|
"""


def judged(plumb, what, entry):
    """The report of plumb grade or plumb diagnose, and the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        names = ["--names", entry["names"]] if entry["names"] else []
        status = subprocess.run([plumb, what, f"fixtures/{entry['case']}", entry["dump"], "--as", entry["class"],
                                 *names, "--quiet", "--json", report], cwd=ROOT, stdout=subprocess.DEVNULL).returncode
        return json.loads(report.read_text()), status


def row_of(plumb, entry):
    """A row of the table; complains and gives None where plumb finds something else than is expected."""
    grade, status = judged(plumb, "grade", entry)
    named = sorted(judged(plumb, "diagnose", entry)[0].get("all_named") or [])
    if status != entry["status"] or named != sorted(entry["bugs"]):
        print(f"{entry['dump']}: found exit status {status} and the bugs {named}, expected {entry['status']} and "
              f"{entry['bugs']}")
        return None
    steps = grade["steps"]
    straight = sum(step["verdict"] != "fail" for step in steps)
    verdict = "straight" if status == 0 else f"bent at `{grade['first_bent']}`; {straight} steps straight"
    port = f"[{entry['port']}](../recipes/{entry['recipe']}/README.md)"
    bugs = ", ".join(f"`{bug}`" for bug in named) or "none"
    return f"| {port} | {entry['version']} | {entry['case']} | {entry['class']} | {len(steps)} | {verdict} | {bugs} |\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("plumb", nargs="?", default=str(ROOT / "build/plumb"))
    arguments = parser.parse_args()
    entries = json.loads((ROOT / "recipes/expected.json").read_text())
    rows = [row_of(str(pathlib.Path(arguments.plumb).resolve()), entry) for entry in entries]
    if None in rows:
        sys.exit(1)
    text = HEAD + "".join(rows)
    if arguments.check and PAGE.read_text() != text:
        sys.exit(f"{PAGE}: found another table, expected what tools/make/ports.py writes")
    if not arguments.check:
        PAGE.write_text(text)
    print(f"{len(rows)} dumps of ports, each as expected")


if __name__ == "__main__":
    main()
