"""Write fixtures/ with Hugging Face: model, inputs, every tap, and what honest and buggy backends would dump.

    python tools/make_fixtures.py              writes fixtures/ (`make fixtures`)
    python tools/make_fixtures.py --check      makes them anew elsewhere and compares

Models and inputs follow from the seeds bit for bit. Activations do so only up to rounding, as kernels differ between
machines. fixtures/README.md says what the files hold.
"""
import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.gemma4.modeling_gemma4 import Gemma4ClippableLinear

import hf

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
TEXT_HIDDEN_SIZE = 96

# HF's own bf16 run must stay this close to its fp32 run at model.embed_vision, relative L2, or the model is no test.
WELL_CONDITIONED = 0.05

# How far --check lets the activations of two machines drift apart, relative L2: a few roundings of each dtype.
DRIFT = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2, torch.bool: 0.0}

HONEST = [("fp32", torch.float32, "sdpa"),
          ("fp16", torch.float16, "eager"), ("fp16", torch.float16, "sdpa"),
          ("bf16", torch.bfloat16, "eager"), ("bf16", torch.bfloat16, "sdpa")]


# ---------------------------------------------------------------- bugs that ports had, switched on in HF's model

def norm_after_projection(model):
    """Linear, then RMSNorm without weight over the text width."""
    embedder = model.model.embed_vision
    norm, projection = embedder.embedding_pre_projection_norm, embedder.embedding_projection
    embedder.forward = lambda inputs_embeds: norm(projection(inputs_embeds))


def clip_omitted(model):
    """ClippableLinear as a plain linear."""
    for module in model.modules():
        if isinstance(module, Gemma4ClippableLinear):
            module.use_clipped_linears = False


def std_not_loaded(model):
    """std_bias and std_scale as they are initialised: the step does nothing."""
    model.model.vision_tower.std_bias.zero_()
    model.model.vision_tower.std_scale.fill_(1)


def padding_not_zeroed(model):
    """Padding rows, whose positions clamp to (0, 0), are averaged into the first soft token."""
    def nothing_is_padding(module, args, kwargs):
        return args, dict(kwargs, padding_positions=torch.zeros_like(kwargs["padding_positions"]))
    model.model.vision_tower.pooler.register_forward_pre_hook(nothing_is_padding, with_kwargs=True)


# Per bug: its id, how to switch it on, taps that such a backend does not have, and a public port that had it.
E2B_BUGS = [
    ("projector-norm-after-projection", norm_after_projection, "model.embed_vision.",
     "https://github.com/vllm-project/vllm/pull/40411"),
    ("vision-clip-omitted", clip_omitted, None, "https://github.com/AI-Hypercomputer/maxtext/pull/4790"),
]
BIG_BUGS = [
    ("std-not-loaded", std_not_loaded, None, "https://github.com/baidu/vLLM-Kunlun/pull/379"),
    ("pool-padding-not-zeroed", padding_not_zeroed, None, "https://github.com/Blaizzy/mlx-vlm/pull/906"),
]

CASES = [
    dict(
        name="e2b-vision", seed=20260401, bugs=E2B_BUGS,
        covers=["vision tower and projector as in E2B and E4B: clipped linears, head_dim 64",
                "finite clip bounds, asymmetric, different for each projection, cutting about 1 % of the values",
                "two images of different shape in a batch, the second padded",
                "pooling over 3 x 3 patches"],
        vision_config=dict(hidden_size=128, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
                           num_key_value_heads=2, head_dim=64, use_clipped_linears=True, position_embedding_size=32),
        grids=[(6, 3), (3, 3)], num_patches=18),
    dict(
        name="31b-vision", seed=20260402, bugs=BIG_BUGS,
        covers=["vision tower and projector as in 26B-A4B and 31B: standardize, plain linears, head_dim 72",
                "std_bias and std_scale away from 0 and 1",
                "one padded image",
                "pooling over 3 x 3 patches into two rows of soft tokens"],
        vision_config=dict(hidden_size=144, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
                           num_key_value_heads=2, head_dim=72, standardize=True, position_embedding_size=32),
        grids=[(6, 6)], num_patches=45),
]


# ---------------------------------------------------------------- writing

def make_case(folder, name, seed, bugs, covers, vision_config, grids, num_patches):
    print(name, file=sys.stderr)
    model_folder, dumps = folder / "model", folder / "dumps"
    dumps.mkdir(parents=True, exist_ok=True)

    config = hf.make_config(vision_config, TEXT_HIDDEN_SIZE)
    inputs = hf.make_inputs(grids, num_patches, config.vision_config.patch_size, seed)
    hf.save_model(hf.make_model(config, inputs, seed), model_folder)
    save_file(inputs, folder / "inputs.safetensors")

    expected = hf.run_vision(hf.load_model(model_folder), inputs)
    save_file(expected, folder / "expected.safetensors")

    honest = {}
    for label, dtype, attention in HONEST:
        taps = honest[label, attention] = hf.run_vision(hf.load_model(model_folder, dtype, attention), inputs)
        save_file(without_repeats(taps), dumps / f"honest-{label}-{attention}.safetensors")

    rounding = hf.rel_l2(expected["model.embed_vision"], honest["bf16", "eager"]["model.embed_vision"])
    print(f"  bf16 is {rounding:.4f} from fp32 at model.embed_vision (relative L2)", file=sys.stderr)
    assert rounding <= WELL_CONDITIONED, f"{name}: rounding is amplified too much"

    exposes = []
    for bug, switch_on, absent, source in bugs:
        model = hf.load_model(model_folder, torch.bfloat16)
        switch_on(model)
        taps = hf.run_vision(model, inputs)
        taps = {tap: value for tap, value in taps.items() if absent is None or not tap.startswith(absent)}
        dump = f"dumps/buggy-{bug}-bf16.safetensors"
        save_file(without_repeats(taps), folder / dump)
        bent = [tap for tap in taps if not torch.equal(taps[tap], honest["bf16", "eager"][tap])]
        exposes.append({"id": bug, "dump": dump, "class": "bf16", "first_bent": bent[0],
                        "first_bent_in_layer_outputs": next(filter(is_layer_output, bent)), "source": source})

    files = sorted(folder.rglob("*.safetensors")) + [model_folder / "config.json"]
    (folder / "case.json").write_text(json.dumps({
        "name": name,
        "covers": covers,
        "exposes": exposes,
        "seed": seed,
        "attn_implementation": "eager",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "sha256": {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }, indent=2) + "\n")


def without_repeats(taps):
    """Leave out a tap that repeats the one before it, as self_attn repeats o_proj; but keep the end of the path."""
    kept, before = {}, torch.empty(0)
    for name, value in taps.items():
        if not torch.equal(value, before) or name == "model.embed_vision":
            kept[name] = value
        before = value
    return kept


def is_layer_output(tap):
    """What a backend dumps that records whole layers only."""
    return tap in ("model.vision_tower.patch_embedder", "model.vision_tower", "model.embed_vision") \
        or tap.rpartition(".")[0] == "model.vision_tower.encoder.layers"


# ---------------------------------------------------------------- checking

def differences(folder, again):
    """What keeps two makings of a case from being the same, a line each."""
    names = {str(path.relative_to(root)) for root in (folder, again) for path in root.rglob("*.*") if path.is_file()}
    for name in sorted(names - {"case.json"}):                          # which holds hashes of activations
        if not (folder / name).exists() or not (again / name).exists():
            yield f"{name}: only in one of the two"
        elif name.startswith("model") or name == "inputs.safetensors":
            if (folder / name).read_bytes() != (again / name).read_bytes():
                yield f"{name}: not the same bytes"
        else:
            old, new = load_file(folder / name), load_file(again / name)
            if old.keys() != new.keys():
                yield f"{name}: not the same taps: {sorted(old.keys() ^ new.keys())}"
            for tap in old.keys() & new.keys():
                error, limit = hf.rel_l2(old[tap], new[tap]), DRIFT[old[tap].dtype]
                if not error <= limit or old[tap].dtype != new[tap].dtype:
                    yield f"{name}: {tap}: {error:.2e} apart, {limit:.0e} allowed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with what is in fixtures/, write nothing there")
    if not parser.parse_args().check:
        for case in CASES:
            make_case(FIXTURES / case["name"], **case)
        return 0

    failed = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as temporary:
            make_case(Path(temporary), **case)
            found = list(differences(FIXTURES / case["name"], Path(temporary)))
        print("\n".join(f"{case['name']}/{line}" for line in found) or f"{case['name']}: the same")
        failed += bool(found)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
