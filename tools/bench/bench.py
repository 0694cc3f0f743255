"""Time published sizes against sgemm, memory bandwidth and Hugging Face, in one run; prints Markdown tables.

    python tools/bench/bench.py BUILD [--quick]

One thread everywhere, random weights in bfloat16, computing in float32. Machines are noisy, so ratios within the run
are what counts. OPENBLAS_CORETYPE is unset: some environments set it to Haswell, which halves OpenBLAS on AVX-512
machines. --quick leaves out Hugging Face, the 31B sizes, 10,080 patches and the checkpoint of full depth.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

TOOLS = Path(__file__).parent
TOWERS = [("e2b", 2520, 5, 3), ("31b", 2520, 3, 2), ("e2b", 10080, 1, 0)]     # size, patches, rounds, runs of HF
LAYERS = [("e2b-layer", 7, 5), ("31b-layer", 5, 3)]                           # size, rounds, runs of HF
PREFILL, PROMPT = 512, 300

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}


def run(*command):
    words = [str(word) for word in command]
    result = subprocess.run(words, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout) if result.stdout else None


def checkpoint(args, size, *options, folder=None):
    """The folder of a checkpoint, which is written if it is not there yet."""
    folder = args.build / "bench" / (folder or size)
    if not folder.exists():
        print(f"writing {folder}", file=sys.stderr)
        unfinished = folder.with_name(folder.name + ".unfinished")
        run(sys.executable, TOOLS.parent / "fixtures" / "make_checkpoint.py", size, *options, unfinished)
        unfinished.rename(folder)
    return folder


def hugging_face(folder, runs, *options):
    print(f"Hugging Face {' '.join(options)} on {folder}", file=sys.stderr)
    return run(sys.executable, TOOLS / "bench_hf.py", folder, "--runs", runs, *options)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def table(*columns):
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def bench_towers(args):
    rows = []
    for size, patches, rounds, runs in TOWERS[:1] if args.quick else TOWERS:
        case = checkpoint(args, size, "--patches", patches, folder=f"{size}-{patches}")
        ours = run(args.build / "tower-bench", case, rounds)
        attentions = () if args.quick or runs == 0 else ("sdpa", "eager")
        hf = {attn: hugging_face(case, runs, "--attn", attn)["seconds"] for attn in attentions}
        rows.append((size, patches, ours, hf))

    print(f"{processor()}, one thread, OpenBLAS kernel {rows[0][2]['kernel']}; medians.\n")
    table("tower", "patches", "plumb s", "sgemm alone s", "share of sgemm", "GFLOP/s", "anonymous MB", "HF sdpa s",
          "HF eager s", "sdpa / plumb", "eager / plumb")
    for size, patches, ours, hf in rows:
        seconds = [f"{hf[attn]:.2f}" if attn in hf else "-" for attn in ("sdpa", "eager")]
        ratios = [f"{hf[attn] / ours['seconds']:.2f}" if attn in hf else "-" for attn in ("sdpa", "eager")]
        row(size, patches, f"{ours['seconds']:.2f}", f"{ours['sgemm_seconds']:.2f}",
            f"{100 * ours['share_of_sgemm']:.0f} %", f"{ours['gflops']:.0f}", f"{ours['anonymous_mb']:.0f}",
            *seconds, *ratios)


def bench_layers(args):
    rows = []
    for size, rounds, runs in LAYERS[:1] if args.quick else LAYERS:
        folder = checkpoint(args, size)
        ours = run(args.build / "layer-bench", folder, PREFILL, rounds)
        variants = [] if args.quick else [("sdpa", "float32"), ("eager", "float32"), ("sdpa", "bfloat16")]
        hf = {variant: hugging_face(folder, runs, "--layer", "--tokens", str(PREFILL), "--attn", variant[0], "--dtype",
                                    variant[1]) for variant in variants}
        rows.append((size, ours, hf))

    print(f"\nOne decoder layer: a prefill of {PREFILL}, and the decode step behind it.\n")
    table("layer", "prefill ms", "sgemm alone ms", "share of sgemm", "HF sdpa / plumb", "HF eager / plumb",
          "HF in bf16 / plumb", "decode ms", "share of bandwidth", "read GB/s", "HF decode / plumb")
    for size, ours, hf in rows:
        ratios = [f"{times['prefill'] / ours['prefill_seconds']:.2f}" for times in hf.values()] or ["-"] * 3
        best = min((times["decode"] for times in hf.values()), default=None)
        row(size, f"{1e3 * ours['prefill_seconds']:.0f}", f"{1e3 * ours['sgemm_seconds']:.0f}",
            f"{100 * ours['share_of_sgemm']:.0f} %", *ratios, f"{1e3 * ours['decode_seconds']:.2f}",
            f"{100 * ours['share_of_bandwidth']:.0f} %", f"{ours['read_gb_per_s']:.1f}",
            f"{best / ours['decode_seconds']:.2f}" if best else "-")


def peak_anonymous_megabytes(*command):
    """(seconds, the largest RssAnon of a process)"""
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen([str(word) for word in command], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        found = re.search(r"RssAnon:\s*(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) / 1024 if found else 0)
        time.sleep(0.02)
    assert process.returncode == 0, command
    return time.perf_counter() - start, peak


def bench_depth(args):
    if args.quick:
        return
    case = checkpoint(args, "e2b-text", "--tokens", PROMPT)
    print(f"\nE2B's text model at full depth (35 layers, vocabulary 262,144), a prompt of {PROMPT}.\n")
    table("command", "seconds", "anonymous MB")
    for words in (["generate", case, "--max-new-tokens", "8"], ["run", case, "--only", "logits"]):
        seconds, peak = peak_anonymous_megabytes(args.build / "plumb", *words, "--quiet")
        row(f"`plumb {words[0]} {' '.join(words[2:])}`", f"{seconds:.1f}", f"{peak:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, metavar="BUILD")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    bench_towers(args)
    bench_layers(args)
    bench_depth(args)


if __name__ == "__main__":
    main()
