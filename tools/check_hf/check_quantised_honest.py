"""check_quantised_honest.py PLUMB [SEEDS]: honest kernels on quantised weights, none of which may fail.

Cases as those of fixtures/quantised, of other weights and inputs, and dumps of each of their honest kernels. Then the
buggy dumps of fixtures/quantised, graded whole, where each must fail, and by outputs of layers alone. Prints for each
case and kernel how many dumps there were, and the median and the largest ratio of the quantised products."""
import collections
import copy
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.torch import save_file

from make_quantised import FOLDER, make_checkpoint, run
from quantised_cases import CASES

SEEDS = 5


def grade(plumb, folder, dump, label, *flags):
    """-> the exit status and the report"""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run([plumb, "grade", folder, dump, "--as", label, "-q", "--json", report.name, *flags],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1):
            sys.exit(done.stderr)
        return done.returncode, json.load(open(report.name))


def flags_of(case, kernel):
    """What a backend of that kernel declares"""
    if kernel == "largest":
        return ["--activations", "largest-of-experts"]
    return ["--kv-cache", kernel.split("-")[0]] if "cache_scales" in case else []


def is_of_codes(case, weights, tap):
    if "cache_scales" in case:
        return tap.endswith(".self_attn.o_proj")
    return tap in weights or f"{tap}.0.gate_proj" in weights


def check_honest(plumb, seeds):
    ratios, failed = collections.OrderedDict(), []
    for case in CASES:
        for seed in range(1, seeds + 1):
            other = copy.copy(case) | {"seed": case["seed"] + 100 * seed}
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                weights = make_checkpoint(other, folder)
                for kernel, label, runs in case["kernels"]:
                    save_file(run(other, folder, weights, runs, label), folder / "dump.safetensors")
                    flags = flags_of(case, kernel)
                    status, report = grade(plumb, folder, folder / "dump.safetensors", label, *flags)
                    if status:
                        failed.append(f"{case['name']} {kernel} {label}, seed {other['seed']}: {report['first_bent']}")
                    steps = [step["ratio"] for step in report["steps"]
                             if is_of_codes(case, weights, step["tap"]) and step["ratio"]]
                    ratios.setdefault((case["name"], kernel, label), []).append(steps)
    for (name, kernel, label), runs in ratios.items():
        steps = [ratio for run_steps in runs for ratio in run_steps]
        print(f"{name:16} {kernel:18} {label}  {len(runs)} dumps, {len(steps):4} products: median "
              f"{statistics.median(steps):.2f}, largest {max(steps):.2f}", flush=True)
    print(f"{sum(map(len, ratios.values()))} honest dumps, {len(failed)} failed")
    print(*failed, sep="\n", end="\n" * bool(failed))
    return len(failed)


def check_buggy(plumb):
    missed, cached = 0, {case["name"] for case in CASES if "cache_scales" in case}
    for path in sorted(FOLDER.glob("*/case.json")):
        for bug in json.loads(path.read_text())["exposes"]:
            dump = path.parent / bug["dump"]
            flags = ["--kv-cache", "fp8"] * (path.parent.name in cached)
            status, report = grade(plumb, path.parent, dump, bug["class"], *flags)
            layers, of_layers = grade(plumb, path.parent, dump, bug["class"], "--layers", *flags)
            missed += status == 0
            print(f"{path.parent.name:16} {bug['id']:28} {'FAIL' if status else 'pass'} {report['first_bent']}; layers "
                  f"alone: {'FAIL' if layers else 'pass'} {of_layers['first_bent'] or ''}", flush=True)
    return missed


def main():
    plumb, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS
    return check_honest(plumb, seeds) + check_buggy(plumb) > 0


if __name__ == "__main__":
    sys.exit(main())
