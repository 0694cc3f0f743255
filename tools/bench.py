"""Time the published towers against sgemm and against Hugging Face, in one run; prints a Markdown table.

    python tools/bench.py BUILD/plumb-bench [--quick]

One thread everywhere. Ours runs in rounds of tower and sgemm alone; then Hugging Face as installed, sdpa and eager.
Machines are noisy, so ratios within the run are what counts. OPENBLAS_CORETYPE is unset: some environments set it to
Haswell, which halves OpenBLAS on AVX-512 machines. --quick leaves out Hugging Face, the 31B tower and 10,080 patches.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parent
CASES = [("e2b", 2520, 5, 3), ("31b", 2520, 3, 2), ("e2b", 10080, 1, 0)]      # tower, patches, rounds, runs of HF


def run(*command):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    words = [str(word) for word in command]
    result = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout) if result.stdout else None


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path, metavar="BUILD/plumb-bench")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()

    rows = []
    for size, patches, rounds, runs in CASES[:1] if args.quick else CASES:
        case = args.bench.parent / "bench" / f"{size}-{patches}"
        if not (case / "inputs.safetensors").exists():
            print(f"writing {case}", file=sys.stderr)
            run(sys.executable, TOOLS / "make_checkpoint.py", size, "--patches", patches, case)
        ours = run(args.bench, case, rounds)
        hf = {}
        for attn in () if args.quick or runs == 0 else ("sdpa", "eager"):
            print(f"Hugging Face {attn} on {case}", file=sys.stderr)
            hf[attn] = run(sys.executable, TOOLS / "bench_hf.py", case, "--attn", attn, "--runs", runs)["median"]
        rows.append((size, patches, ours, hf))

    print(f"{processor()}, one thread, OpenBLAS kernel {rows[0][2]['kernel']}; medians.\n")
    print("| tower | patches | plumb s | sgemm alone s | share of sgemm | GFLOP/s | anonymous MB "
          "| HF sdpa s | HF eager s | sdpa / plumb | eager / plumb |")
    print("|" + "---|" * 11)
    for size, patches, ours, hf in rows:
        seconds = [f"{hf[attn]:.2f}" if attn in hf else "-" for attn in ("sdpa", "eager")]
        ratios = [f"{hf[attn] / ours['seconds']:.2f}" if attn in hf else "-" for attn in ("sdpa", "eager")]
        print(f"| {size} | {patches} | {ours['seconds']:.2f} | {ours['sgemm_seconds']:.2f} | "
              f"{100 * ours['share_of_sgemm']:.0f} % | {ours['gflops']:.0f} | {ours['anonymous_mb']:.0f} | "
              + " | ".join(seconds + ratios) + " |")


if __name__ == "__main__":
    main()
