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
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

import fixture_cases
import fixture_cases_unified
import hf
import random_inputs
from bugs_unified import google_masks

CASES = fixture_cases.CASES + fixture_cases_unified.CASES
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
VISION_TEXT_HIDDEN_SIZE = 96            # of the cases of the vision path alone

# HF's own bf16 run must stay this close to its fp32 run at the end, relative L2, or the model is no test.
WELL_CONDITIONED = 0.05

# So long greedy runs must be, and so far ahead of the second token the first one, to be the same on every machine.
GREEDY_STEPS, GREEDY_GAP = 64, 1e-3

# How far --check lets the activations of two machines drift apart, relative L2: a few roundings of each dtype.
DRIFT = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2, torch.bool: 0.0, torch.int64: 0.0}

# Class, dtype, attention and threads of the honest dumps: of the vision path alone, of the whole model.
HONEST_VISION = [("fp32", torch.float32, "sdpa", 1),
                 ("fp16", torch.float16, "eager", 1), ("fp16", torch.float16, "sdpa", 1),
                 ("bf16", torch.bfloat16, "eager", 1), ("bf16", torch.bfloat16, "sdpa", 1)]
HONEST_TEXT = [("fp32", torch.float32, "sdpa", 2),
               ("fp16", torch.float16, "eager", 1), ("fp16", torch.float16, "sdpa", 2),
               ("bf16", torch.bfloat16, "eager", 1), ("bf16", torch.bfloat16, "sdpa", 2)]

DTYPES = {label: dtype for label, dtype, *_ in HONEST_TEXT}

FEATURES = {"image_token_id": "pixel_values", "video_token_id": "pixel_values_videos",
            "audio_token_id": "input_features"}

# What a backend dumps that records whole layers only.
LAYER_OUTPUTS = ["model.vision_tower.patch_embedder", "model.vision_tower.encoder.layers.?", "model.vision_tower",
                 "model.embed_vision", "model.embed_audio", "*.embed_tokens", "*.embed_tokens_per_layer",
                 "model.layers.?", "model.language_model.layers.?", "model.norm", "model.language_model.norm", "logits"]


# ---------------------------------------------------------------- writing

def make_config(text_config=None, vision_config=None, audio_config=None):
    if text_config is None:
        return hf.make_config(vision_config, VISION_TEXT_HIDDEN_SIZE)
    if audio_config or "mm_embed_dim" in (vision_config or {}):
        return hf.make_unified_config(text_config, vision_config, audio_config)
    if vision_config is None:
        return hf.make_text_only_config(text_config)
    return hf.make_multimodal_config(text_config, vision_config)


def make_inputs(config, seed, rows=None, grids=None, num_patches=None, brightness=None, video_grids=None, frames=None,
                clips=None):
    inputs = {}
    patch_size = random_inputs.patch_size(config)
    if grids:
        inputs |= random_inputs.make_inputs(grids, num_patches, patch_size, seed, brightness)
    if video_grids:
        inputs |= random_inputs.make_video_inputs(video_grids, num_patches, patch_size, seed, frames)
    if clips:
        inputs |= random_inputs.make_audio_inputs(clips, config.audio_config.audio_embed_dim, seed)
    return inputs if rows is None else inputs | random_inputs.make_prompts(rows, config, seed)


def add_unused_kv(folder, config, seed):
    """k_proj, v_proj and k_norm of the layers that share keys and values, as published checkpoints have them."""
    path, rng = folder / "model.safetensors", np.random.default_rng([seed, 3])
    tensors, first = load_file(path), config.num_hidden_layers - config.num_kv_shared_layers
    for layer in range(first, config.num_hidden_layers):
        donor = max(other for other in range(first) if config.layer_types[other] == config.layer_types[layer])
        for module in ("k_proj", "v_proj", "k_norm"):
            name = f"model.layers.{layer}.self_attn.{module}.weight"
            tensors[name] = hf.random_weight(name, tensors[name.replace(f".{layer}.", f".{donor}.")].shape, rng)
    save_file(tensors, path, metadata={"format": "pt"})


def make_case(folder, name, seed, bugs, covers, max_new_tokens=0, scales={}, vision_scales={}, keep=[], always=[],
              unused_kv=False, readings=(), text_config=None, vision_config=None, audio_config=None, **inputs):
    print(name, file=sys.stderr)
    model_folder, dumps = folder / "model", folder / "dumps"
    dumps.mkdir(parents=True, exist_ok=True)

    config = make_config(text_config, vision_config, audio_config)
    inputs = make_inputs(config, seed, **inputs)
    vision_only = text_config is None
    hf.save_model(hf.make_model(config, inputs, seed, scales, vision_scales), model_folder, vision_only=vision_only)
    if unused_kv:
        add_unused_kv(model_folder, config.get_text_config(), seed)
    save_file(inputs, folder / "inputs.safetensors")

    expected = hf.run_case(hf.load_model(model_folder), inputs, max_new_tokens)
    save_file(expected, folder / "expected.safetensors")

    honest = {}
    for label, dtype, attention, threads in HONEST_VISION if vision_only else HONEST_TEXT:
        torch.set_num_threads(threads)
        model = hf.load_model(model_folder, dtype, attention)
        taps = honest[label, attention] = hf.run_case(model, inputs, max_new_tokens)
        torch.set_num_threads(1)
        taps = kept_taps(taps, always + keep * ((label, attention) == ("bf16", "eager")))
        suffix = f"-{threads}threads" if threads > 1 else ""
        save_file(without_repeats(taps), dumps / f"honest-{label}-{attention}{suffix}.safetensors")

    rounding = end_error(expected, honest["bf16", "eager"], inputs)
    print(f"  bf16 is {rounding:.4f} from fp32 at the end (relative L2)", file=sys.stderr)
    assert rounding <= WELL_CONDITIONED, f"{name}: rounding is amplified too much"

    read = {(label, attention): read_otherwise(model_folder, inputs, max_new_tokens, label, attention)
            for label, attention in readings}
    for (label, attention), taps in read.items():
        save_file(without_repeats(kept_taps(taps, [])), dumps / f"google-masks-{label}-{attention}.safetensors")

    exposes = []
    for bug in bugs:
        taps = run_buggy(model_folder, inputs, max_new_tokens, **bug)
        exact, right = expected, honest["bf16", "eager"]
        if "vision_mask" in bug:
            exact, right = read["fp32", "sdpa"], read["bf16", "eager"]
        exposes.append(expose(folder, bug, always, taps, inputs, exact, right))

    files = sorted(folder.rglob("*.safetensors")) + [model_folder / "config.json"]
    (folder / "case.json").write_text(json.dumps({
        "name": name,
        "covers": covers,
        "exposes": exposes,
        **({"readings": [{"vision_mask": "google", "dump": f"dumps/google-masks-{label}-{attention}.safetensors",
                          "class": label} for label, attention in readings]} if readings else {}),
        **({"generate": {"max_new_tokens": max_new_tokens}} if max_new_tokens else {}),
        **({} if vision_only else {"greedy": greedy(model_folder, inputs)}),
        "seed": seed,
        "attn_implementation": "eager",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "sha256": {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }, indent=2) + "\n")


def expose(folder, bug, always, taps, inputs, exact, right):
    """Write the dump of a bf16 backend with that bug, and say how it differs from the right one's and from fp32."""
    taps = {tap: value for tap, value in taps.items() if not fnmatchcase(tap, bug.get("absent", ""))}
    dump = f"dumps/buggy-{bug['id']}-bf16.safetensors"
    kept = kept_taps(taps, always + bug["keep"]) if "keep" in bug else taps
    save_file(without_repeats(kept), folder / dump)
    bent = [tap for tap in kept if not torch.equal(kept[tap], right[tap])]
    entry = {"id": bug["id"], "dump": dump, "class": "bf16", "first_bent": bent[0],
             "first_bent_in_layer_outputs":
             None if bug.get("below_layers") else next(filter(is_layer_output, bent))}
    if "vision_mask" in bug:
        entry["vision_mask"] = bug["vision_mask"]
    if "logits" in exact:
        entry["logits_error"] = {"honest": end_error(exact, right, inputs), "buggy": end_error(exact, taps, inputs)}
        print(f"  {bug['id']:30} {entry['logits_error']['buggy']:.4f}  {entry['first_bent']}", file=sys.stderr)
    return entry | {"source": bug["source"]}


def read_otherwise(model_folder, inputs, max_new_tokens, label, attention):
    """What a backend with Google's reading of the masks computes."""
    with google_masks():
        return hf.run_case(hf.load_model(model_folder, DTYPES[label], attention), inputs, max_new_tokens)


def run_buggy(model_folder, inputs, max_new_tokens, switch_on=None, layers=None, edit=None, vision_mask=None, **_):
    """What a bf16 backend with that bug computes; `edit` is for one that gets its inputs wrong."""
    model = hf.load_model(model_folder, torch.bfloat16)
    if switch_on:
        switch_on(model, *[layers] if layers else [])
    if edit:
        inputs = edit(inputs, model.config)
    with torch.inference_mode(), google_masks() if vision_mask == "google" else nullcontext():
        return hf.run_case(model, inputs, max_new_tokens)


def greedy(model_folder, inputs):
    """The tokens of each row that greedy generation gives in float32 if nothing ends it."""
    model = hf.load_model(model_folder)
    taps, tokens = hf.run_generate(model, inputs, GREEDY_STEPS)
    assert tokens.shape[1] == GREEDY_STEPS
    logits = torch.stack([taps[f"logits@{step}" if step else "logits"][:, -1] for step in range(GREEDY_STEPS)], 1)
    best = logits.topk(2).values
    gap = (best[..., 0] - best[..., 1]).min().item()
    print(f"  the smallest gap between the first two of {GREEDY_STEPS} steps is {gap:.4f}", file=sys.stderr)
    assert gap > GREEDY_GAP, "a near-tie: take another seed"
    placeholders = [getattr(model.config, key) for key, features in FEATURES.items() if features in inputs]
    assert not torch.isin(tokens, torch.tensor(placeholders)).any(), "a placeholder was generated: take another seed"
    return tokens.tolist()


def end_error(expected, taps, inputs):
    """How far the end of the model is from what is expected: logits, of all steps and without padding; or features."""
    if "logits" not in expected:
        return hf.rel_l2(expected["model.embed_vision"], taps["model.embed_vision"])
    real = inputs["attention_mask"].bool() if expected["logits"].shape[1] > 1 else slice(None)
    names = [name for name in expected if name.partition("@")[0] == "logits"]
    for name in expected:                               # logits of other tokens are not comparable
        assert not name.startswith("input_ids") or torch.equal(expected[name], taps[name]), f"{name} differs"

    def end(taps):
        return torch.cat([(taps[name][real] if name == "logits" else taps[name]).flatten() for name in names])
    return hf.rel_l2(end(expected), end(taps))


def kept_taps(taps, globs):
    """Layer outputs, choices, and what one of the globs matches."""
    def kept(name):
        name = name.partition("@")[0]
        return name == "input_ids" or is_layer_output(name) or any(fnmatchcase(name, glob) for glob in globs)
    return {name: value for name, value in taps.items() if kept(name)}


def without_repeats(taps):
    """Leave out a tap that repeats the one before it, as self_attn repeats o_proj; but keep layer outputs."""
    kept, before = {}, torch.empty(0)
    for name, value in taps.items():
        if not torch.equal(value, before) or is_layer_output(name):
            kept[name] = value
        before = value
    return kept


def is_layer_output(tap):
    return any(fnmatchcase(tap.partition("@")[0], glob) for glob in LAYER_OUTPUTS)


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
