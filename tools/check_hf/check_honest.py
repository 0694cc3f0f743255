"""Count false alarms: Hugging Face itself is the backend, so each of its dumps must pass.

    python tools/check_hf/check_honest.py build/plumb [--vision SEEDS] [--text SEEDS]          (part of `make check-hf`)

On each random configuration Hugging Face runs in fp32, bf16 and fp16, with eager and sdpa attention, on one thread and
on two. Each dump is graded; one of the twelve, another for each seed, is diagnosed too, where no bug may be named.
"""
import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

import graded_case
from graded_case import Case, first_bent, plumb, print_honest
from random_cases import text_case, vision_case

VISION_SEEDS, TEXT_SEEDS = "301-308", "301-316"
CLASSES = [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
RUNS = list(itertools.product(CLASSES, ("eager", "sdpa"), (1, 2)))


def named(case, dump, label):
    """The bugs that `plumb diagnose` names in the dump, or what else it says."""
    with tempfile.TemporaryDirectory() as folder:
        path, report = Path(folder) / "dump.safetensors", Path(folder) / "report.json"
        save_file(dump, path)
        options = ["--ignore-eos"] * (case.max_new_tokens > 0)
        done = plumb("diagnose", case.folder, path, "--as", label, "--json", report, "--quiet", *options)
        if done.returncode not in (0, 1):
            return f"exit {done.returncode}: {done.stderr.strip()}"
        return json.loads(report.read_text())["named"]


def alarms(case, seed):
    """What is wrong with each honest run: None, or a line."""
    for number, ((label, dtype), attention, threads) in enumerate(RUNS):
        torch.set_num_threads(threads)
        dump = case.run(case.load(dtype, attention))
        torch.set_num_threads(1)
        bent = first_bent(case, dump, label, honest=True)
        bugs = named(case, dump, label) if number == seed % len(RUNS) else None
        wrong = [f"first bent is {bent}"] * bool(bent) + [f"named is {bugs}"] * bool(bugs)
        yield f"{label} {attention}, {threads} threads: {'; '.join(wrong)}" if wrong else None


def seeds(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1) if last else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plumb", metavar="build/plumb")
    parser.add_argument("--vision", metavar="SEEDS", type=seeds, default=VISION_SEEDS)
    parser.add_argument("--text", metavar="SEEDS", type=seeds, default=TEXT_SEEDS)
    args = parser.parse_args()
    graded_case.PLUMB = args.plumb

    runs, configurations = [], [("vision", seed) for seed in args.vision] + [("text", seed) for seed in args.text]
    for kind, seed in configurations:
        with tempfile.TemporaryDirectory() as folder:
            folder, max_new_tokens = Path(folder), 0
            if kind == "vision":
                vision_case(folder, seed)
            else:
                max_new_tokens = text_case(folder, seed)[1]
            lines = list(alarms(Case(folder, max_new_tokens), seed))
        runs += lines
        print(f"{kind} {seed}: {len(lines)} honest runs, {sum(map(bool, lines))} false alarms", flush=True)
        print("".join(f"  {line}\n" for line in lines if line), end="")
    print_honest()
    wrong = sum(map(bool, runs))
    print(f"{len(runs)} honest runs, {wrong} false alarms; {len(configurations)} of them diagnosed too")
    print(f"{len(runs) - wrong} passed, {wrong} failed")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
