"""Time published sizes against the machine, sgemm and Hugging Face, in one run; prints Markdown tables.

    python tools/bench/bench.py BUILD [--only PART ..] [--rounds N] [--quick]

Random weights in bfloat16, computing in float32. Machines are noisy, so all that a table compares takes turns, round by
round; cells are medians of the rounds' own ratios, where they matter with the lowest and the highest. One thread is
timed by the processor's time that it takes, several by the clock on the wall. OPENBLAS_CORETYPE is unset: some
environments set it to Haswell, which halves OpenBLAS on AVX-512 machines. --quick leaves out other engines, the 31B
sizes, 10,080 patches and the checkpoint of full depth.
"""
import argparse
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from turns import ENVIRONMENT, Answering, in_turn, median, percent, spread

TOOLS = Path(__file__).parent
# size, how much it sees, rounds, Hugging Face's attentions
TOWERS = [("e2b", ("--patches", 2520), 5, ("sdpa", "eager")), ("31b", ("--patches", 2520), 3, ("sdpa", "eager")),
          ("e2b", ("--patches", 10080), 1, ()),
          ("e2b-audio", ("--seconds", 30), 7, ("eager",)), ("e2b-audio", ("--seconds", 20), 1, ()),
          ("e2b-audio", ("--seconds", 10), 1, ())]
LAYERS = [("e2b-layer", 7), ("31b-layer", 5)]                                 # size, rounds
VARIANTS = [("sdpa", "float32"), ("eager", "float32"), ("sdpa", "bfloat16")]  # of Hugging Face's layer
PREFILL, PROMPT, RATE = 512, 300, 16000
ENGINES = {"torch.compile": "torch-compile", "OpenVINO": "openvino", "ONNX Runtime": "onnxruntime"}  # recipes/


def checkpoint(args, size, *options):
    """The folder of a checkpoint, which is written if it is not there yet."""
    folder = args.build / "bench" / "-".join([size, *map(str, options[1:])])
    if not folder.exists():
        print(f"writing {folder}", file=sys.stderr)
        unfinished = folder.with_name(folder.name + ".unfinished")
        words = [sys.executable, TOOLS.parent / "fixtures" / "make_checkpoint.py", size, *options, unfinished]
        subprocess.run([str(word) for word in words], check=True)
        unfinished.rename(folder)
    return folder


def hugging_face(what, path, *options):
    return [sys.executable, TOOLS / "bench_hf.py", what, path, *options]


def rounds_of(args, usual):
    return args.rounds or usual


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def table(*columns):
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def ratios(answers, peer, key="seconds"):
    """How many times as long as plumb a peer takes, in each round"""
    return [answer[peer][key] / answer["plumb"][key] for answer in answers if peer in answer]


def spread_or_none(values):
    return spread(values) if values else "-"


def bench_towers(args):
    print("Towers, one thread: median, in brackets the lowest and the highest round.\n")
    table("tower", "sees", "plumb s", "GFLOP/s", "share of sgemm", "share of FMA peak", "anonymous MB",
          "HF sdpa / plumb", "HF eager / plumb")
    for size, sees, rounds, attentions in TOWERS[3:] if args.only == ["audio"] else TOWERS:
        if args.quick and (size, *sees) not in (("e2b", "--patches", 2520), ("e2b-audio", "--seconds", 30)):
            continue
        case = checkpoint(args, size, *sees)
        peers = {attn: hugging_face("tower", case, "--attn", attn) for attn in attentions if not args.quick}
        first, answers = in_turn({"plumb": [args.build / "tower-bench", case, 1]} | peers, rounds_of(args, rounds))
        ours = [answer["plumb"] for answer in answers]
        row(size, f"{sees[1]} {sees[0][2:]}", median(each["seconds"] for each in ours),
            median((each["flop"] / each["seconds"] / 1e9 for each in ours), 0),
            percent(each["sgemm_seconds"] / each["seconds"] for each in ours),
            percent(each["flop"] / each["seconds"] / each["fma_flops"] for each in ours),
            f"{first['plumb']['anonymous_mb']:.0f}", spread_or_none(ratios(answers, "sdpa")),
            spread_or_none(ratios(answers, "eager")))


def peers_of(args, case, threads):
    """{name: command} of the engines that are there; says which are not"""
    commands = {f"HF {attn}": hugging_face("tower", case, "--attn", attn, "--threads", threads)
                for attn in ("sdpa", "eager")}
    for name, engine in ENGINES.items():
        python = args.engines or next(args.build.glob(f"ports/{engine}*/venv/bin/python"), None)
        if engine == "torch-compile":
            python = sys.executable
        if python:
            commands[name] = [python, TOOLS / "bench_peers.py", engine, case, "--threads", threads]
        else:
            print(f"{name}: not installed; `make check-ports PORT={engine}` does it.\n")
    print("llama.cpp: not in this run: what encodes an image there has no Python package that computes in float32.\n")
    return commands


def bench_peers(args):
    """The towers of pictures by every engine that is there, in turn"""
    for size in [] if args.quick else args.sizes:
        bench_peers_of(args, size)


def bench_peers_of(args, size):
    """Each engine in pairs with plumb, and no two engines at once: their copies of the weights may not fit."""
    threads = args.threads or 1
    case = checkpoint(args, size, "--patches", 2520)
    print(f"\nThe {size} tower, 2520 patches, float32, {threads} thread(s): {clock_of(threads)}.\n")
    peers = peers_of(args, case, threads)
    table("engine", "version", "seconds", "engine / plumb")
    ours = []
    for name, command in peers.items():
        commands = {"plumb": [args.build / "tower-bench", case, threads], name: command}
        try:
            first, answers = in_turn(commands, rounds_of(args, 5))
        except EOFError as error:  # it may have been killed for its memory
            print(error, file=sys.stderr)
            row(name, "", "-", "none: it ended")
            continue
        ours += [answer["plumb"] for answer in answers]
        versions = " ".join(f"{key} {value}" for key, value in first[name].items())
        row(name, versions, median(answer[name]["seconds"] for answer in answers), spread(ratios(answers, name)))
    row("plumb", f"kernel {first['plumb']['kernel']}", spread(each["seconds"] for each in ours), "")
    shares = percent(each["flop"] / each["seconds"] / each["fma_flops"] for each in ours)
    print(f"\nplumb: {shares} of the FMA peak of {threads} thread(s), "
          f"{percent(each['sgemm_seconds'] / each['seconds'] for each in ours)} of sgemm.\n")


def clock_of(threads):
    return "the processor's time" if threads == 1 else "the clock on the wall"


def bench_layers(args):
    print(f"\nOne decoder layer, one thread: a prefill of {PREFILL}, and the decode step behind it.\n")
    table("layer", "prefill ms", "share of sgemm", "share of FMA peak", "HF sdpa / plumb", "HF eager / plumb",
          "HF in bf16 / plumb", "decode ms", "share of bandwidth", "read GB/s", "HF decode / plumb")
    for size, rounds in LAYERS[:1] if args.quick else LAYERS:
        folder = checkpoint(args, size)
        peers = {}
        for attn, dtype in [] if args.quick else VARIANTS:
            words = "--tokens", PREFILL, "--attn", attn, "--dtype", dtype
            peers[f"{attn} {dtype}"] = hugging_face("layer", folder, *words)
        commands = {"plumb": [args.build / "layer-bench", folder, PREFILL, 1]} | peers
        _, answers = in_turn(commands, rounds_of(args, rounds))
        ours = [answer["plumb"] for answer in answers]
        decode = [min(answer[peer]["decode"] for peer in peers) / answer["plumb"]["decode"]
                  for answer in answers if peers]
        row(size, median((1e3 * each["prefill"] for each in ours), 0),
            percent(each["sgemm_seconds"] / each["prefill"] for each in ours),
            percent(each["flop"] / each["prefill"] / each["fma_flops"] for each in ours),
            *[spread_or_none(ratios(answers, f"{attn} {dtype}", "prefill")) for attn, dtype in VARIANTS],
            median(1e3 * each["decode"] for each in ours),
            percent(each["weight_bytes"] / each["decode"] / each["read_bytes_per_second"] for each in ours),
            median((each["read_bytes_per_second"] / 1e9 for each in ours), 1), spread_or_none(decode))


def bench_threads(args):
    """One thread against all processors"""
    threads = args.threads or os.cpu_count()
    print(f"\n{threads} threads by the clock on the wall, against one by the processor's time.\n")
    table("what", "one s", f"{threads} s", "speedup")

    def scale(names, program, *words):
        """`names`: a key of the program's answers to what its row is called"""
        commands = {count: [args.build / program, *words, count] for count in (1, threads)}
        _, answers = in_turn(commands, rounds_of(args, 5))
        for key, name in names.items():
            one, several = [[answer[count][key] for answer in answers] for count in (1, threads)]
            row(name, median(one, 3), median(several, 3), spread(a / b for a, b in zip(one, several)))

    scale({"seconds": "e2b tower"}, "tower-bench", checkpoint(args, "e2b", "--patches", 2520))
    scale({"seconds": "e2b-audio tower"}, "tower-bench", checkpoint(args, "e2b-audio", "--seconds", 30))
    scale({"prefill": "e2b-layer, prefill", "decode": "e2b-layer, decode"}, "layer-bench",
          checkpoint(args, "e2b-layer"), PREFILL)


def processor_seconds_of(*command):
    """Of a command, from its start to its end"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def write_sound(path, seconds):
    """A chord that fades in and out over noise"""
    time_ = np.arange(seconds * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * time_) for pitch in (220, 277.2, 329.6)) * (1 + np.sin(3 * time_)) / 8
    samples = np.clip(chord + np.random.default_rng(1).normal(0, 0.02, time_.shape), -1, 1)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", None))
        sound.writeframes((samples * 32767).astype("<i2").tobytes())


def bench_extractor(args):
    """The command, from starting to writing the file, against Hugging Face's extractor alone, in memory"""
    print("\n30 s of a WAV file to input_features, processor's time.\n")
    table("`plumb preprocess --audio` ms", "HF's extractor ms", "HF / plumb")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_sound(folder / "a.wav", 30)
        (folder / "config.json").write_text('{"model_type": "gemma4", "vision_config": null, "audio_config": {}}')
        command = [args.build / "plumb", "preprocess", "--model", folder, "--audio", folder / "a.wav", "--out",
                   folder / "inputs.safetensors"]
        with Answering(*hugging_face("extractor", folder / "a.wav")) as theirs:
            processor_seconds_of(*command)
            pairs = [(processor_seconds_of(*command), theirs.round()["seconds"]) for _ in range(rounds_of(args, 15))]
    row(median((1e3 * a for a, _ in pairs), 0), median((1e3 * b for _, b in pairs), 0), spread(b / a for a, b in pairs))


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


def bench_weights(args):
    print("\nA product with a weight of 16,384 rows and 4,096 columns, one thread: its time over that with bfloat16, "
          "and what it reads, against what the memory gives in the same round.\n")
    table("weight", "bytes each", "one row ms", "one row / bf16", "read GB/s", "share of bandwidth", "512 rows / bf16")
    commands = {count: [args.build / "weight-bench", count] for count in (1, 512)}
    first, answers = in_turn(commands, rounds_of(args, 9))
    sizes = {name: size for name, size in first[1].items() if name != "kernel"}
    for name, size in sizes.items():
        one = [answer[1] for answer in answers]
        row(name, f"{size / (16384 * 4096):.2f}", median(1e3 * each[name] for each in one),
            spread(each[name] / each["bf16"] for each in one), median((size / each[name] / 1e9 for each in one), 1),
            percent(size / each[name] / each["read_bytes_per_second"] for each in one),
            spread(answer[512][name] / answer[512]["bf16"] for answer in answers))


PARTS = {"towers": bench_towers, "peers": bench_peers, "audio": bench_towers, "layers": bench_layers,
         "threads": bench_threads, "weights": bench_weights, "extractor": bench_extractor, "depth": bench_depth}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, metavar="BUILD")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS) + "; audio is the "
                        "towers of sound alone (default: all)")
    parser.add_argument("--rounds", type=int, help="of all parts")
    parser.add_argument("--threads", type=int, help="of the part `threads` (default: as many as processors), and of "
                        "`peers` (default: 1)")
    parser.add_argument("--sizes", nargs="+", choices=["e2b", "31b"], default=["e2b", "31b"], help="of `peers`")
    parser.add_argument("--engines", metavar="PYTHON", help="that has the peers' packages, instead of those of "
                        "check-ports")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    version = subprocess.check_output([str(args.build / "plumb"), "--version"], env=ENVIRONMENT, text=True)
    print(f"{processor()}; {version.splitlines()[1]}.\n")
    for part in args.only or [part for part in PARTS if part != "audio"]:
        try:
            PARTS[part](args)
        except EOFError as error:
            sys.exit(error)


if __name__ == "__main__":
    main()
