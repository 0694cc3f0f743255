"""Google's reading of gemma4_unified's masks, for check_hf.py: the C reference and its judge against Hugging Face with
that reading. Not a program."""
import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import hf
from bugs_unified import google_masks
from check_generate import generated
from check_parity import allowances, check_parity
from graded_case import plumb

OPTION = "--vision-mask", "google"


def has_readings(case):
    """Whether the two readings differ: somebody in an image sees a later token, or one before the window."""
    config = case.load().config
    types = case.inputs.get("mm_token_type_ids", torch.zeros(1, 1))
    blocks = (types[:, 1:] == types[:, :-1]) & ((types[:, 1:] == 1) | (types[:, 1:] == 2))
    return (config.model_type == "gemma4_unified" and bool(blocks.any())
            and config.text_config.use_bidirectional_attention == "vision")


def check_google(case):
    """What failed: every tap of a run, and the grade of Hugging Face's dumps."""
    with google_masks():
        model = case.load()
        hf32, hf64 = case.run(model), case.run(hf.as_double(model))
        dumps = {"fp32": hf32, "bf16": case.run(case.load(torch.bfloat16))}
    yield from check_parity(case, hf32, hf64, allowances(hf32, hf64), OPTION)[1]
    for label, dump in dumps.items():
        with tempfile.TemporaryDirectory() as folder:
            save_file(dump, Path(folder) / "dump.safetensors")
            yield from check_reading(case, Path(folder) / "dump.safetensors", label)


def check_reading(case, dump, label):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = plumb("grade", case.folder, dump, "--as", label, "--json", report, "--quiet",
                     *["--ignore-eos"] * (case.max_new_tokens > 0))
        found = json.loads(report.read_text()) if done.returncode in (0, 1) else done.stderr.strip()
    if done.returncode != 0 or found["vision_mask"] != "google":
        yield f"{label} dump with Google's masks: exit {done.returncode}, {found['vision_mask'] if found else ''}"


def check_static_cache(case, steps=8):
    """Hugging Face's generate has Google's reading where its cache can be compiled; then so has plumb."""
    with tempfile.TemporaryDirectory() as folder:
        logits = Path(folder) / "logits.safetensors"
        found = generated(case, steps, "--ignore-eos", "--logits", logits, *OPTION)
        ours = load_file(logits)["logits"] if logits.exists() else torch.empty(0)
    model = case.load()
    model.generation_config.cache_implementation = "static"
    taps, tokens = hf.run_generate(model, case.inputs, steps)
    if found != tokens.tolist():
        yield f"plumb generate {' '.join(OPTION)}: {found}, in HF with a static cache {tokens.tolist()}"
        return
    dynamic = hf.run_generate(case.load(), case.inputs, 1)[0]["logits"]
    near, far = hf.rel_l2(taps["logits"], ours), hf.rel_l2(dynamic, ours)
    if not near < 1e-5 < far:
        yield f"plumb generate {' '.join(OPTION)}: logits {near:.1e} from HF's with a static cache, {far:.1e} without"
