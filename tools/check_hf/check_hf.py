"""Compare the C reference with Hugging Face, live, on random configurations and on the fixtures.

    python tools/check_hf/check_hf.py build/plumb [--vision SEEDS] [--audio SEEDS] [--media SEEDS]
        [--text SEEDS] [--unified SEEDS] [--share KofN]
        (`make check-hf`)

Every tap must be in both. Hugging Face in float64 is the answer; Hugging Face's own float32 error says how far a
correct float32 program may be from it. Each dump of Hugging Face in fp32, bf16 and fp16 must pass `plumb grade`; a
dump with one bent tap must fail there, and at that tap; a dump of a model with a known bug where the bug is; the buggy
dumps of the fixtures where case.json says; one whose products are summed up in another legal way must pass. SEEDS is
FIRST-LAST or 0 for none; the fixtures are checked where none is given. --share takes every Nth of all of them, from
the Kth on.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Gemma4TextConfig, Gemma4VisionConfig
from transformers.activations import ACT2FN
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gemma4.modeling_gemma4 import Gemma4TextRotaryEmbedding, Gemma4VisionRotaryEmbedding

import graded_case
import hf
import random_inputs
import variants
from check_generate import SAME, check_generate, check_greedy
from check_masks import check_google, check_reading, check_static_cache, has_readings
from check_overflow import check_overflow
from check_parity import allowances, check_parity, in_order_of_experts
from graded_case import Case, check_grades, first_bent, plumb, print_honest, short
from make_fixtures import FIXTURES
from random_audio import audio_case, media_case
from random_cases import FULL, SLIDING, text_case, vision_case
from random_unified import unified_case

WRITERS = {"vision": vision_case, "audio": audio_case, "media": media_case, "text": text_case, "unified": unified_case}
VISION_SEEDS, AUDIO_SEEDS, MEDIA_SEEDS, TEXT_SEEDS, UNIFIED_SEEDS = "1-30", "1-30", "1-8", "150-199", "1-28"


# ---------------------------------------------------------------- parity

def count_inv_freq():
    """How often torch here is an ulp off; hf.load_model gives every model the correctly rounded ones."""
    total = wrong = 0

    def compare(inv_freq, rounded):
        nonlocal total, wrong
        total, wrong = total + len(inv_freq), wrong + int((inv_freq != rounded).sum())

    for head_dim in range(4, 260, 4):
        for theta in (100.0, 10000.0, 37.5):
            config = Gemma4VisionConfig(head_dim=head_dim,
                                        rope_parameters={"rope_type": "axial", "rope_theta": theta})
            compare(Gemma4VisionRotaryEmbedding.compute_axial_rope_parameters(config)[0],
                    hf.rounded_vision_inv_freq(config))
    for head_dim in range(4, 516, 4):
        rope = {SLIDING: {"rope_type": "default", "rope_theta": 10000.0},
                FULL: {"rope_type": "proportional", "rope_theta": 1000000.0, "partial_rotary_factor": 0.5,
                       "factor": 3.0}}
        config = Gemma4TextConfig(head_dim=head_dim, global_head_dim=head_dim, num_hidden_layers=2,
                                  layer_types=[SLIDING, FULL], rope_parameters=rope)
        default = Gemma4TextRotaryEmbedding.compute_default_rope_parameters
        for layer_type, function in (SLIDING, default), (FULL, ROPE_INIT_FUNCTIONS["proportional"]):
            compare(function(config.per_layer_config[layer_type], layer_type=layer_type)[0],
                    hf.rounded_text_inv_freq(config, layer_type))
    print(f"inv_freq: {wrong} of {total} entries are not correctly rounded in torch here")


def report_case(name, description, folder, max_new_tokens=0, seed=0):
    case = Case(folder, max_new_tokens)
    model = case.load()
    hf32, hf64 = (in_order_of_experts(case.run(model)) for model in (model, hf.as_double(model)))
    allowed = allowances(hf32, hf64)
    worst, failures = check_parity(case, hf32, hf64, allowed)
    if max_new_tokens:
        failures += check_generate(case, hf32, allowed["fp32"])
    if has_readings(case):
        failures += check_google(case)
    grades, wrong = check_grades(case, seed)
    ratios = "  ".join(f"{precision} {ratio:7.1e} {short(tap):42}" for precision, (ratio, tap) in worst.items())
    failures += wrong
    print(f"{name:11} {description:76} {ratios}  grades {sum(grades)}/{len(grades)}  {'FAIL' if failures else 'ok'}",
          flush=True)
    for failure in failures:
        print(f"  {failure}")
    return not failures


# ---------------------------------------------------------------- the fixtures' buggy dumps

def check_bugs(case, bugs):
    for bug in bugs:
        dump = case.folder / bug["dump"]
        found, found_in_layers = (first_bent(case, dump, bug["class"], layers) for layers in (False, True))
        passed = (found, found_in_layers) == (bug["first_bent"], bug["first_bent_in_layer_outputs"])
        errors = "end {buggy:.4f}, honest {honest:.4f}".format(**bug["logits_error"]) if "logits_error" in bug else ""
        print(f"{case.folder.name:11} {bug['id']:34} {errors:41} first bent {found}, in layer outputs {found_in_layers}"
              f"  {'ok' if passed else 'FAIL'}")
        yield passed


# ---------------------------------------------------------------- pooling_kernel_size 1

def check_pooling_1():
    """HF then keeps the padding rows, and raises unless as many patches are padding as are not. plumb must follow."""
    with tempfile.TemporaryDirectory() as folder:
        yield from check_pooling_1_in(Path(folder))


def check_pooling_1_in(folder):
    vision_config = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=1, head_dim=8, patch_size=4, pooling_kernel_size=1,
                         position_embedding_size=8, standardize=True)
    config = hf.make_config(vision_config, text_hidden_size=16)
    inputs = random_inputs.make_inputs([(3, 2)], 12, 4, seed=0)
    hf.save_model(hf.make_model(config, inputs, seed=0), folder / "model")
    save_file(inputs, folder / "inputs.safetensors")
    yield report_case("pooling 1", "half of the patches are padding", folder)

    inputs = random_inputs.make_inputs([(3, 2)], 9, 4, seed=0)
    save_file(inputs, folder / "inputs.safetensors")
    try:
        hf.run_tower(hf.load_model(folder / "model"), inputs)
        print("pooling 1   a third is padding: HF no longer raises                    FAIL")
        yield False
    except RuntimeError:
        done = plumb("run", folder, "--out", folder / "out.safetensors", "--quiet")
        refuses = done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
        print(f"pooling 1   a third is padding: HF raises, plumb exits {done.returncode} with one line of reason"
              f"   {'ok' if refuses else 'FAIL'}")
        yield refuses


# ---------------------------------------------------------------- activations

def nn_filter(function, x):
    program = Path(graded_case.PLUMB).parent / "nn-filter"
    done = subprocess.run([program, function], input=x.tobytes(), capture_output=True)
    return np.frombuffer(done.stdout, np.float32)


def check_activations():
    """Maximum absolute error on [-12, 12] no larger than torch's; exp within 2 ulp wherever it is finite and normal."""
    x = np.linspace(-12, 12, 2_000_001, dtype=np.float32)
    for name in ("gelu_pytorch_tanh", "gelu", "silu"):
        exact = ACT2FN[name](torch.from_numpy(x).double()).numpy()
        torchs = np.abs(ACT2FN[name](torch.from_numpy(x)).numpy() - exact).max()
        y = nn_filter(name, x)
        ours = np.abs(y - exact).max() if y.shape == x.shape else np.nan
        passed = bool(ours <= torchs)
        print(f"{name:18} max error {ours:.2e}, torch {torchs:.2e}   {'ok' if passed else 'FAIL'}")
        yield passed

    x = np.linspace(-87, 88, 2_000_001, dtype=np.float32)
    exact, y = np.exp(x.astype(np.float64)), nn_filter("exp", x)
    ulps = (np.abs(y - exact) / np.spacing(exact.astype(np.float32))).max() if y.shape == x.shape else np.nan
    passed = bool(ulps <= 2)
    print(f"{'exp':18} max error {ulps:.2f} ulp, 2 allowed   {'ok' if passed else 'FAIL'}")
    yield passed


# ---------------------------------------------------------------- all of it

def check_fixture(folder):
    described = json.loads((folder / "case.json").read_text())
    steps = described.get("generate", {}).get("max_new_tokens", 0)
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("model", "inputs.safetensors"):
            (Path(scratch) / name).symlink_to(folder / name)
        yield report_case(folder.name, "fixture", Path(scratch), steps)
    case = Case(folder, steps)
    if "greedy" in described:
        said = check_greedy(case, described["greedy"])
        passed = said.startswith(SAME)
        print(f"{folder.name:11} greedy, {len(described['greedy'][0])} steps: {said}  {'ok' if passed else 'FAIL'}")
        yield passed
    yield from check_bugs(case, described["exposes"])
    yield from variants.check(case)
    if "readings" in described:
        yield report(folder, "dumps with Google's masks, and a static cache",
                     check_readings(case, described["readings"]))
        yield report(folder, "patch_dense overflows in float16", check_overflow(folder))


def check_readings(case, readings):
    """What failed: dumps of the other reading of the masks, and generation with it."""
    for reading in readings:
        yield from check_reading(case, case.folder / reading["dump"], reading["class"])
    yield from check_static_cache(case)


def report(folder, what, failures):
    failures = list(failures)
    print(f"{folder.name:11} {what}  {'FAIL' if failures else 'ok'}")
    for failure in failures:
        print(f"  {failure}")
    return not failures


def seeds(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1) if last else []


def share(text):
    k, _, n = text.partition("of")
    if not 1 <= int(k) <= int(n):
        raise ValueError(text)
    return slice(int(k) - 1, None, int(n))


def check_random(kind, write_case, seed):
    with tempfile.TemporaryDirectory() as folder:
        written = write_case(Path(folder), seed)
        description, max_new_tokens = written if isinstance(written, tuple) else (written, 0)
        yield report_case(f"{kind} {seed}", description, Path(folder), max_new_tokens, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plumb", metavar="build/plumb")
    parser.add_argument("--vision", metavar="SEEDS", type=seeds)
    parser.add_argument("--audio", metavar="SEEDS", type=seeds)
    parser.add_argument("--media", metavar="SEEDS", type=seeds)
    parser.add_argument("--text", metavar="SEEDS", type=seeds)
    parser.add_argument("--unified", metavar="SEEDS", type=seeds)
    parser.add_argument("--share", metavar="KofN", type=share, default="1of1")
    args = parser.parse_args()
    everything = args.vision is args.audio is args.media is args.text is args.unified is None
    if everything:
        args.vision, args.audio, args.media, args.text, args.unified = map(
            seeds, (VISION_SEEDS, AUDIO_SEEDS, MEDIA_SEEDS, TEXT_SEEDS, UNIFIED_SEEDS))
    graded_case.PLUMB = args.plumb

    checks = [partial(check_random, kind, write_case, seed)
              for kind, write_case in WRITERS.items() for seed in getattr(args, kind) or []]
    if everything:
        checks += [partial(check_fixture, path.parent) for path in sorted(FIXTURES.glob("*/case.json"))]
        checks += [check_pooling_1, check_activations]
    count_inv_freq()
    print("a line: what the model and inputs are; then the worst error as a share of what is allowed, and its tap")
    passes = [passed for check in checks[args.share] for passed in check()]
    print_honest()
    variants.print_largest()
    print(f"{sum(passes)} passed, {len(passes) - sum(passes)} failed")
    return not all(passes)


if __name__ == "__main__":
    sys.exit(main())
