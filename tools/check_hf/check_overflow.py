"""patch_dense of gemma4_unified beyond float16's range, for check_hf.py. Not a program.

Hugging Face in float16 has the bug unified-dense-f16-overflow, so that no fixture can be honest in float16 and show it.
"""
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import hf
from bugs_unified import dense_in_float32
from graded_case import Case, first_bent, plumb

BUG = "unified-dense-f16-overflow"
DENSE = "model.embed_vision.patch_dense"
FACTOR = 2.0**16                                        # puts some of the fixture's outputs beyond 65504, and not all


def check_overflow(fixture):
    """What failed: grades of Hugging Face's float16 dump, broken and mended, and which elements the bug loses."""
    with tempfile.TemporaryDirectory() as folder:
        model = hf.load_model(fixture / "model")
        for parameter in model.model.embed_vision.patch_dense.parameters():
            parameter.data *= FACTOR
        hf.save_model(model, Path(folder) / "model", vision_only=False)
        (Path(folder) / "inputs.safetensors").symlink_to(fixture / "inputs.safetensors")
        case = Case(Path(folder))
        yield from check_grades(case)
        yield from check_bug(case)


def check_grades(case):
    broken = case.run(case.load(torch.float16))
    if (found := first_bent(case, broken, "fp16")) != DENSE:
        yield f"HF's own fp16 dump: first bent is {found}, expected {DENSE}"
    if f"matches known bug {BUG}\n" not in (said := diagnosis(case, broken)):
        yield f"HF's own fp16 dump: expected {BUG}, found {said}"
    mended = case.load(torch.float16)
    with torch.inference_mode():
        dense_in_float32(mended)
    if (found := first_bent(case, case.run(mended), "fp16")) is not None:
        yield f"HF's fp16 dump with patch_dense in float32: first bent is {found}, expected none"


def diagnosis(case, dump):
    save_file(dump, case.folder / "dump.safetensors")
    return plumb("diagnose", case.folder, case.folder / "dump.safetensors", "--as", "fp16", "--quiet").stdout


def check_bug(case):
    out = case.folder / "bug.safetensors"
    done = plumb("run", case.folder, "--bug", BUG, "--only", DENSE, "--out", out, "--quiet")
    if done.returncode != 0:
        yield f"run --bug {BUG} exits {done.returncode}: {done.stderr.strip()}"
        return
    ours, theirs = load_file(out)[DENSE].isinf(), case.run(case.load(torch.float16))[DENSE].isinf()
    if not (torch.equal(ours, theirs) and 0 < ours.sum() < ours.numel()):
        yield f"{BUG}: {ours.sum()} elements are infinite, in HF's fp16 {theirs.sum()}"
