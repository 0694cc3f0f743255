"""Grade the stored dumps of real ports, and write docs/ports.md and README.md's line on ports from what is found.

    python3 tools/make/ports.py [--check] [PLUMB]       --check: both must say it already

recipes/expected.json says what is true of each run (recipes/README.md has its keys); where plumb says otherwise of a
stored dump, nothing is written and the exit status is 1. A run whose dump is not stored stands in the ledger as it was
seen last by `make check-ports`, with its date.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPECTED = ROOT / "recipes/expected.json"
PAGE, FRONT = ROOT / "docs/ports.md", ROOT / "README.md"
LARGEST = 400_000  # bytes of a stored dump
HEAD = """# Real ports, graded

Released packages, run on the fixtures by the scripts in [`recipes/`](../recipes/README.md), and their dumps graded by
`plumb` under the names that the port itself has. Written by `tools/make/ports.py` from `recipes/expected.json`: a run
whose dump is stored in `fixtures/ports/` is graded by `make check` each time, the others by `make check-ports`, which
installs the packages and runs them; the date says when it last did. A bug is named by its id in `plumb bugs`.

MaxText is not among them: version 0.2.5 needs Python 3.12, and there `pip install` had not ended after eleven minutes,
on two cores with 30 other programs to run.

| port | version | case | class | seen | steps graded | verdict | bugs |
|---|---|---|---|---|---|---|---|
"""
BUGS_HEAD = """
## Bugs

Each is in a released version, and `plumb diagnose` names it in the port's own dump. The page is for the port's
maintainers: what they need to see it with their package alone.

| port | version | bug | in its source | reported | page |
|---|---|---|---|---|---|
"""
QUOTED = re.compile(r"- \*\*Real ports, in public\.\*\*.*?\n(?=- \*\*)", re.DOTALL)


def expected():
    """The runs and the bugs of recipes/expected.json."""
    whole = json.loads(EXPECTED.read_text())
    return whole["runs"], whole["bugs"]


class Ungraded(Exception):
    """plumb refused a dump, or its options."""


def title(run):
    return f"{run['port']} {run['version']}, {run['case']} as {run['class']}"


def found_in(plumb, run, dump):
    """What recipes/expected.json says of a run, as plumb diagnose sees it in the dump."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.json"
        done = subprocess.run([plumb, "diagnose", f"fixtures/{run['case']}", dump, "--as", run["class"], *run["plumb"],
                               "--quiet", "--json", path], cwd=ROOT, capture_output=True, text=True)
        if done.returncode > 1:
            raise Ungraded(f"plumb ends with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        report = json.loads(path.read_text())
    return {"status": done.returncode, "bugs": sorted(report["all_named"] or []), "steps": len(report["steps"]),
            "bent": report["first_bent"]}


def difference(run, found):
    """What is not as expected, or None. `steps` and `bent` are asked for where they are given."""
    wrong = [f"{key}: found {found[key]}, expected {sorted(run[key]) if key == 'bugs' else run[key]}"
             for key in ("status", "bugs", "steps", "bent")
             if key in run and found[key] != (sorted(run[key]) if key == "bugs" else run[key])]
    return "; ".join(wrong) or None


def incomplete(run, bugs):
    """What an entry lacks for the ledger, or None."""
    if run["dump"] is None and not {"ran", "steps", "bent"} <= run.keys():
        return f"{title(run)}: a run without a stored dump has \"ran\", \"steps\" and \"bent\""
    if run["dump"] and (size := (ROOT / run["dump"]).stat().st_size) > LARGEST:
        return f"{run['dump']}: found {size} bytes, expected {LARGEST} at most"
    for bug in run["bugs"]:
        if record(run, bug, bugs) is None:
            return f"{title(run)}: {bug} is not in \"bugs\" for this recipe and version"
    return None


def record(run, bug, bugs):
    """Where the bug is in the port's source, and where it was reported."""
    return next((one for one in bugs if one["recipe"] == run["recipe"] and one["id"] == bug
                 and one["version"] in run["version"]), None)


def row_of(plumb, run):
    """A row of the table, or complains and gives None where plumb finds something else than is expected."""
    found, seen = run, f"live, {run.get('ran')}"
    if run["dump"]:
        try:
            found, seen = found_in(plumb, run, run["dump"]), "by `make check`"
            wrong = difference({key: run[key] for key in ("status", "bugs")}, found)
        except Ungraded as reason:
            wrong = reason
        if wrong:
            print(f"{run['dump']}: {wrong}")
            return None
    verdict = "straight" if found["status"] == 0 else f"bent at `{found['bent']}`"
    port = f"[{run['port']}](../recipes/{run['recipe']}/README.md)"
    named = ", ".join(f"`{bug}`" for bug in found["bugs"]) or "none"
    return (f"| {port} | {run['version']} | {run['case']} | {run['class']} | {seen} | {found['steps']} | {verdict} | "
            f"{named} |\n")


def bug_row(bug, runs):
    port = next(run["port"] for run in runs if run["recipe"] == bug["recipe"])
    link = f"[{short(bug['link'])}]({bug['link']})" if bug["link"] else "not yet"
    page = f"[page](upstream/{bug['page']})" if bug["page"] else ""
    return f"| {port} | {bug['version']} | `{bug['id']}` | `{bug['source']}` | {link} | {page} |\n"


def short(link):
    """https://github.com/owner/name/pull/12 is name#12."""
    found = re.fullmatch(r"https://github\.com/[^/]+/([^/]+)/(?:pull|issues)/(\d+)", link)
    return f"{found[1]}#{found[2]}" if found else link


def quoted(runs, bugs):
    """README.md's line: the bugs by name."""
    of = {}
    for bug in bugs:
        port = next(run["port"] for run in runs if run["recipe"] == bug["recipe"]).partition(",")[0]
        of.setdefault(f"{port} {bug['version']}", []).append(f"`{bug['id']}`")
    straight = sorted({run["port"].partition(",")[0] for run in runs} - {name.rpartition(" ")[0] for name in of})
    text = (f"- **Real ports, in public.** {len(runs)} runs of released packages are graded in "
            f"[docs/ports.md](docs/ports.md), by the recipes that are here. Bugs named in them: "
            + "; ".join(f"{port} has {', '.join(sorted(ids))}" for port, ids in of.items())
            + f". Straight in all that was run: {', '.join(straight)}.")
    return textwrap.fill(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("plumb", nargs="?", default=str(ROOT / "build/plumb"))
    arguments = parser.parse_args()
    runs, bugs = expected()
    if lacking := [line for line in (incomplete(run, bugs) for run in runs) if line]:
        sys.exit("\n".join(lacking))
    rows = [row_of(str(pathlib.Path(arguments.plumb).resolve()), run) for run in runs]
    if None in rows:
        sys.exit(1)
    page = HEAD + "".join(rows) + BUGS_HEAD + "".join(bug_row(bug, runs) for bug in bugs)
    front = QUOTED.sub(lambda _: quoted(runs, bugs), FRONT.read_text())
    for path, text in ((PAGE, page), (FRONT, front)):
        if arguments.check and path.read_text() != text:
            sys.exit(f"{path}: found another text, expected what tools/make/ports.py writes")
        path.write_text(text)
    print(f"{len(rows)} runs of ports, {sum(run['dump'] is not None for run in runs)} dumps, each as expected")


if __name__ == "__main__":
    main()
