"""Compare the C reference with Hugging Face, live, on random configurations and on the fixtures.

    python tools/check_hf.py build/plumb          (`make check-hf`)

Every tap must be in both. Hugging Face in float64 is the answer; Hugging Face's own float32 error says how far a
correct float32 program may be from it. Each dump of Hugging Face in fp32, bf16 and fp16 must pass `plumb grade`; a
dump with one bent tap must fail there, and at that tap; the buggy dumps of the fixtures where case.json says.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma4VisionConfig
from transformers.activations import ACT2FN
from transformers.models.gemma4.modeling_gemma4 import Gemma4VisionRotaryEmbedding

import hf
from make_fixtures import FIXTURES

SEEDS = range(1, 31)

# plumb in float32 may differ from HF in float32 by a few times what HF's rounding is (two roundings, other orders of
# summation); the floor is a few units of float32 for taps where HF happens to be nearly exact.
FP32_RATIO, FP32_FLOOR = 5, 3e-7

# plumb in float64 must be nearer to HF in float64 than HF in float32 is: the same formula, or it shows.
FP64_RATIO = 1 / 5

# What `plumb grade` is told for a backend that dumps whole layers only.
LAYER_OUTPUTS = ["--only", "model.vision_tower.patch_embedder", "--only", "model.vision_tower.encoder.layers.?",
                 "--only", "model.vision_tower", "--only", "model.embed_vision"]

# A tap times this is plainly wrong in bf16, whose rounding is 0.2 %; every BENT_STEP-th tap is tried.
BENT, BENT_STEP = 1.05, 12


def plumb(*arguments):
    return subprocess.run([PLUMB, *map(str, arguments)], capture_output=True, text=True)


# ---------------------------------------------------------------- random cases

def random_case(folder, seed):
    """Write a case, and say what it is; sizes of kernels are dealt in turn, so that each is met, the rest is drawn."""
    rng = np.random.default_rng(seed)

    def deal(*values):
        return values[seed % len(values)]

    def draw(*values):
        return values[rng.integers(len(values))]

    pooling = deal(3, 2, 4)
    num_key_value_heads = draw(1, 2, 3)
    vision_config = dict(
        hidden_size=int(rng.integers(8, 100)),
        intermediate_size=int(rng.integers(8, 120)),
        num_hidden_layers=draw(1, 2, 3),
        num_attention_heads=num_key_value_heads * draw(1, 1, 2, 3, 4),
        num_key_value_heads=num_key_value_heads,
        head_dim=deal(4, 8, 12, 16, 20, 32, 64, 72, 128, 160),
        hidden_activation=deal("gelu_pytorch_tanh", "gelu", "gelu_pytorch_tanh", "silu", "gelu_pytorch_tanh", "relu",
                               "quick_gelu"),
        rms_norm_eps=draw(1e-6, 1e-6, 1e-5, 1e-3),
        rope_parameters={"rope_type": "axial", "rope_theta": draw(100.0, 100.0, 10000.0, 37.5)},
        patch_size=deal(16, 2, 14, 3, 8, 4, 6, 12, 5),
        pooling_kernel_size=pooling,
        position_embedding_size=int(rng.integers(12, 40)),
        use_clipped_linears=draw(False, True),
        standardize=draw(False, True))

    grids = [tuple(int(bins) * pooling for bins in rng.integers(1, 4, size=2)) for _ in range(draw(1, 2, 3))]
    if draw(False, False, True):
        grids[-1] = (pooling, pooling)                                  # the smallest image: one soft token
    num_patches = max(columns * rows for columns, rows in grids) + draw(0, 0, 1, 3) * pooling**2

    config = hf.make_config(vision_config, text_hidden_size=int(rng.integers(8, 80)))
    inputs = hf.make_inputs(grids, num_patches, config.vision_config.patch_size, seed)
    model = hf.make_model(config, inputs, seed)
    dtype = draw(torch.bfloat16, torch.float32, torch.float16)
    shards, bare = draw(False, False, True), draw(False, False, True)   # bare: keys without the leading "model."
    hf.save_model(model.model if bare else model, folder / "model", dtype,
                  **(dict(max_shard_size="20KB") if shards else {}))
    save_file(inputs, folder / "inputs.safetensors")

    v = config.vision_config
    padded = int((inputs["image_position_ids"] == -1).all(-1).sum())
    return (f"d{v.head_dim} {v.num_attention_heads}/{v.num_key_value_heads}h {v.num_hidden_layers}L k{pooling}"
            f" p{v.patch_size} {len(grids)}x{num_patches}-{padded}"
            f" {v.hidden_activation.replace('gelu_pytorch_tanh', 'tanh')} {str(dtype).removeprefix('torch.')}"
            f" {v.rope_parameters['rope_theta']:g} {v.rms_norm_eps:g}"
            f"{' clip' * v.use_clipped_linears}{' std' * v.standardize}{' shards' * shards}{' bare' * bare}")


# ---------------------------------------------------------------- one case

def rounded_inv_freq(vision_config):
    """HF's formula with every float32 step correctly rounded, as the reference has it on every machine.

    torch's vectorised pow is an ulp off in a few entries on some machines, mostly for head_dim above 128.
    """
    spatial_dim = vision_config.head_dim // 2
    exponent = np.arange(0, spatial_dim, 2, dtype=np.float32) / np.float32(spatial_dim)
    power = np.power(vision_config.rope_parameters["rope_theta"], exponent.astype(np.float64)).astype(np.float32)
    return torch.from_numpy(np.float32(1) / power)


def load(folder, dtype=torch.float32, attn_implementation="eager"):
    """HF's model with inv_freq correctly rounded, and how many of its entries were not."""
    model = hf.load_model(folder / "model", dtype, attn_implementation)
    inv_freq = model.model.vision_tower.encoder.rotary_emb.inv_freq
    rounded = rounded_inv_freq(model.config.vision_config)
    changed = int((inv_freq != rounded).sum())
    inv_freq.copy_(rounded)
    return model, changed


def count_inv_freq():
    total = wrong = 0
    for head_dim in range(4, 260, 4):
        for theta in (100.0, 10000.0, 37.5):
            config = Gemma4VisionConfig(head_dim=head_dim,
                                        rope_parameters={"rope_type": "axial", "rope_theta": theta})
            inv_freq, _ = Gemma4VisionRotaryEmbedding.compute_axial_rope_parameters(config)
            total, wrong = total + len(inv_freq), wrong + int((inv_freq != rounded_inv_freq(config)).sum())
    print(f"inv_freq for head_dim 4 to 256: {wrong} of {total} entries are not correctly rounded in torch here")


def check_case(folder):
    """(worst ratio to each bound and where, whether each grade came out right, what failed, a line each)"""
    inputs = load_file(folder / "inputs.safetensors")
    model, changed = load(folder)
    hf32, hf64 = hf.run_vision(model, inputs), hf.run_vision(hf.as_double(model), inputs)
    if changed:
        print(f"  {changed} entries of inv_freq are not correctly rounded in torch; HF's runs below use those that are")
    failures, worst = [], {}

    for precision in ("fp32", "fp64"):
        out = folder / f"{precision}.safetensors"
        done = plumb("run", folder, "--out", out, "--precision", precision, "--quiet")
        if done.returncode != 0:
            failures.append(f"run --precision {precision} exits {done.returncode}: {done.stderr.strip()}")
            continue
        ours = load_file(out)
        failures += [f"{tap}: not in plumb's {precision} run" for tap in hf32 if tap not in ours]
        failures += [f"{tap}: only in plumb's {precision} run" for tap in ours if tap not in hf32]
        worst[precision] = (0.0, "-")
        for tap in [tap for tap in hf32 if tap in ours]:
            if ours[tap].shape != hf32[tap].shape:
                failures.append(f"{tap}: {list(ours[tap].shape)}, in HF {list(hf32[tap].shape)}")
                continue
            rounding = hf.rel_l2(hf64[tap], hf32[tap])
            if precision == "fp32":
                error, limit = hf.rel_l2(hf32[tap], ours[tap]), FP32_RATIO * rounding + FP32_FLOOR
            else:
                error, limit = hf.rel_l2(hf64[tap], ours[tap]), FP64_RATIO * rounding
            if not error <= limit:
                failures.append(f"{tap}: {precision} {error:.2e} from HF, {limit:.2e} allowed")
            if error > 0:
                worst[precision] = max(worst[precision], (error / limit if limit > 0 else np.inf, tap))

    grades = []
    for label, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        for attention in ("eager", "sdpa"):
            dump = hf.run_vision(load(folder, dtype, attention)[0], inputs)
            for only in ([], LAYER_OUTPUTS):
                found = first_bent(folder, dump, label, only, honest=True)
                grades.append(found is None)
                if found is not None:
                    failures.append(f"HF's own {label} {attention} dump{' of layers' * bool(only)} fails: {found}")
            if (label, attention) == ("bf16", "eager"):
                for tap in [tap for tap, value in dump.items() if value.is_floating_point()][::BENT_STEP]:
                    found = first_bent(folder, dump | {tap: dump[tap] * BENT}, label)
                    grades.append(found == tap)
                    if found != tap:
                        failures.append(f"{tap} times {BENT} in bf16: first bent is {found}")
    return worst, grades, failures


# Class, and full or layers -> for each honest step its ratio and its worst row's: what the limits in
# conformance/verdict.c rest on.
HONEST = {}


def first_bent(case, dump, label, only=(), honest=False):
    """The tap where `plumb grade` says that the dump is bent; None if it passes; anything else it says, as it is."""
    with tempfile.TemporaryDirectory() as folder:
        if not isinstance(dump, Path):
            save_file(dump, Path(folder) / "dump.safetensors")
            dump = Path(folder) / "dump.safetensors"
        report = Path(folder) / "report.json"
        done = plumb("grade", case, dump, "--as", label, "--json", report, "--quiet", *only)
        if done.returncode in (0, 1):
            graded = json.loads(report.read_text())
            if honest:
                HONEST.setdefault((label, "layers" if only else "full"), []).extend(
                    (step["ratio"], step["worst_row_ratio"], step["tap"]) for step in graded["steps"])
            return graded["first_bent"]
        return f"exit {done.returncode}: {done.stderr.strip()}"


def print_honest():
    print("ratios of honest dumps: class, taps, steps; ratio and worst row, each at 50 %, 99 %, 99.9 % and the largest")
    for (label, taps), steps in HONEST.items():
        line = f"{label:5} {taps:7} {len(steps):6}"
        for column in (0, 1):
            values = np.array([step[column] for step in steps])
            largest = max(steps, key=lambda step: step[column])
            line += "   " + " ".join(f"{q:5.2f}" for q in np.quantile(values, (0.5, 0.99, 0.999, 1)))
            line += f" {short(largest[2]):34}"
        print(line)


def short(tap):
    return tap.removeprefix("model.").replace("vision_tower.encoder.layers.", "")


def report_case(name, description, folder):
    worst, grades, failures = check_case(folder)
    ratios = "  ".join(f"{precision} {ratio:7.1e} {short(tap):42}" for precision, (ratio, tap) in worst.items())
    print(f"{name:11} {description:76} {ratios}  grades {sum(grades)}/{len(grades)}  {'FAIL' if failures else 'ok'}",
          flush=True)
    for failure in failures:
        print(f"  {failure}")
    return not failures


def check_bugs(case):
    for bug in json.loads((case / "case.json").read_text())["exposes"]:
        found = first_bent(case, case / bug["dump"], bug["class"])
        found_in_layers = first_bent(case, case / bug["dump"], bug["class"], LAYER_OUTPUTS)
        passed = (found, found_in_layers) == (bug["first_bent"], bug["first_bent_in_layer_outputs"])
        print(f"{case.name:11} {bug['id']:76} first bent {found}, in layer outputs {found_in_layers}"
              f"  {'ok' if passed else 'FAIL'}")
        yield passed


# ---------------------------------------------------------------- pooling_kernel_size 1

def check_pooling_1(folder):
    """HF then keeps the padding rows, and raises unless as many patches are padding as are not. plumb must follow."""
    vision_config = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=1, head_dim=8, patch_size=4, pooling_kernel_size=1,
                         position_embedding_size=8, standardize=True)
    config = hf.make_config(vision_config, text_hidden_size=16)
    inputs = hf.make_inputs([(3, 2)], 12, 4, seed=0)
    hf.save_model(hf.make_model(config, inputs, seed=0), folder / "model")
    save_file(inputs, folder / "inputs.safetensors")
    yield report_case("pooling 1", "half of the patches are padding", folder)

    inputs = hf.make_inputs([(3, 2)], 9, 4, seed=0)
    save_file(inputs, folder / "inputs.safetensors")
    try:
        hf.run_vision(hf.load_model(folder / "model"), inputs)
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
    done = subprocess.run([Path(PLUMB).parent / "nn-filter", function], input=x.tobytes(), capture_output=True)
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


def main():
    passes = []
    count_inv_freq()
    print("a line: head_dim, heads/kv heads, layers, pooling, patch size, images x patches - padding, activation, dtype"
          " of the file,\nrope_theta, eps; then the worst error as a share of what is allowed, and its tap")
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            description = random_case(Path(folder), seed)
            passes.append(report_case(f"seed {seed}", description, Path(folder)))
    for case in sorted(path.parent for path in FIXTURES.glob("*/case.json")):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("model", "inputs.safetensors"):
                (Path(folder) / name).symlink_to(case / name)
            passes.append(report_case(case.name, "fixture", Path(folder)))
        passes += check_bugs(case)
    with tempfile.TemporaryDirectory() as folder:
        passes += check_pooling_1(Path(folder))
    passes += check_activations()
    print_honest()
    print(f"{sum(passes)} passed, {len(passes) - sum(passes)} failed")
    return not all(passes)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PLUMB = sys.argv[1]
    sys.exit(main())
