"""Let each call that can fail do so, once, in turn, and look at how plumb ends.

    python3 tools/faults/faults.py build/plumb build/faults.so build/fuzz/seeds [--most N] [--kills N]   (`make faults`)

A run with a fault must end in one line and exit status 2, with no output and no unfinished file; or with the exit
status and the output of a run without one, where nobody needed what failed. --most takes that many calls of a kind,
evenly; the number of all is printed. --kills ends writers by SIGKILL at random moments: the output's place must hold
the old file or the new one, whole.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

TEXT = "{seeds}/text"
COMMANDS = {
    "grade": ["grade", "--model", TEXT + "/model", "--inputs", TEXT + "/inputs.safetensors", TEXT + "/dump.safetensors",
              "--samples", "1", "--ignore-eos", "--json", "{out}"],
    "run": ["run", "--model", TEXT + "/model", "--inputs", TEXT + "/inputs.safetensors", "--out", "{out}"],
    "preprocess": ["preprocess", "--model", "{seeds}/vision/model", "--image", "{seeds}/a.png", "--out", "{out}"],
}
SECONDS = 60


class Run:
    """One run of a command in a folder of its own"""

    def __init__(self, arguments, command, fault=None, counts=None):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            values = {"seeds": arguments.seeds, "out": str(out)}
            line = [arguments.plumb] + [word.format(**values) for word in COMMANDS[command]]
            environment = dict(os.environ, LD_PRELOAD=os.path.abspath(arguments.layer), OPENBLAS_NUM_THREADS="1",
                               TMPDIR=folder)
            environment.update({"FAULT": fault} if fault else {}, **({"FAULT_COUNTS": counts} if counts else {}))
            try:
                done = subprocess.run(line, env=environment, capture_output=True, timeout=SECONDS, check=False)
                self.status, self.said = done.returncode, done.stderr.decode(errors="replace")
            except subprocess.TimeoutExpired:
                self.status, self.said = "hang", ""
            self.output = out.read_bytes() if out.exists() else None
            self.left = sorted(name for name in os.listdir(folder) if name != "out")

    def ended_well(self):
        lines = self.said.splitlines()
        return self.status == 2 and len(lines) == 1 and lines[0].startswith("plumb: ")


def verdict_on(run, clean, is_report):
    if run.left:
        return f"left {run.left[0]}"
    if run.ended_well():
        whole = run.output in (None, clean.output) or is_report and run.output.endswith(b"}\n")
        return "refused" if whole else "output by halves"
    same = run.status == clean.status and (is_report or run.output == clean.output) and run.output is not None
    return "not needed" if same else f"status {run.status}: {run.said.strip()[:150]!r}"


def try_all(arguments, command):
    counts_file = tempfile.NamedTemporaryFile("r")
    clean = Run(arguments, command, counts=counts_file.name)
    if clean.status not in (0, 1) or clean.output is None:
        sys.exit(f"{command}: without a fault: status {clean.status}: {clean.said}")
    counts = {kind: int(number) for kind, number in (line.split() for line in counts_file)}
    bad = 0
    for kind, number in counts.items():
        tally = collections.Counter()
        every = max(1, number // arguments.most)
        for call in range(1, number + 1, every):
            verdict = verdict_on(Run(arguments, command, f"{kind}:{call}"), clean, command == "grade")
            if verdict not in ("refused", "not needed"):
                print(f"{command}: {kind} {call}: {verdict}", flush=True)
                verdict = "BAD"
            tally[verdict] += 1
        bad += tally["BAD"]
        print(f"{command:10} {kind:7} {number:6} calls, {sum(tally.values()):5} failed: {tally['refused']:5} refused, "
              f"{tally['not needed']:4} not needed, {tally['BAD']:3} bad", flush=True)
    return bad


def kill_writers(arguments):
    rng = random.Random(1)
    bad = old = new = 0
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        values = {"seeds": arguments.seeds, "out": str(out)}
        line = [arguments.plumb] + [word.format(**values) for word in COMMANDS["run"]]
        begin = time.monotonic()
        subprocess.run(line, check=True)
        took, whole = time.monotonic() - begin, out.read_bytes()
        for _ in range(arguments.kills):
            out.write_bytes(b"old")
            with subprocess.Popen(line) as writer:
                time.sleep(rng.uniform(0, 1.2 * took))
                writer.kill()
            found = out.read_bytes()
            old, new, bad = old + (found == b"old"), new + (found == whole), bad + (found not in (b"old", whole))
        left = len(os.listdir(folder)) - 1
    print(f"killed {arguments.kills} writers: {old} left the old file, {new} the new one, {bad} another; "
          f"{left} unfinished files beside it")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plumb")
    parser.add_argument("layer")
    parser.add_argument("seeds")
    parser.add_argument("--most", type=int, default=100000, help="of one kind of call")
    parser.add_argument("--kills", type=int, default=200)
    arguments = parser.parse_args()
    bad = sum(try_all(arguments, command) for command in COMMANDS) + kill_writers(arguments)
    sys.exit(bad > 0)


main()
