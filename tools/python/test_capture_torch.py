"""Hugging Face's own model, captured and judged by the package: pytest test_capture_torch.py, where transformers is"""
import pathlib

import pytest
import torch
from safetensors.numpy import load_file
from transformers import Gemma4ForCausalLM

from plumbline import capture, diagnose, recording

pytest_plugins = ["pytester"]
CASE = pathlib.Path("fixtures/e2b-text").resolve()


@pytest.fixture(scope="module")
def model():
    return Gemma4ForCausalLM.from_pretrained(CASE / "model", dtype=torch.bfloat16).eval()


def test_the_model_is_straight(model, assert_straight):
    with torch.inference_mode():
        report = assert_straight(CASE, model=model)
    assert report.json["class"] == "bf16" and len(report.steps) > 50


def test_a_bug_is_named(model, tmp_path):
    layer = model.model.layers[0].self_attn
    scaling, layer.scaling = layer.scaling, layer.head_dim ** -0.5
    inputs = {name: torch.from_numpy(value) for name, value in load_file(CASE / "inputs.safetensors").items()}
    with torch.inference_mode(), capture(model, tmp_path / "dump.safetensors"):
        model(**inputs)
    layer.scaling = scaling
    report = diagnose(CASE, tmp_path / "dump.safetensors")
    assert not report and report.named == ["attn-scale-rsqrt"], str(report)


def test_tensors_are_recorded(tmp_path):
    tensor = torch.tensor([1.5, -2.25], dtype=torch.bfloat16, requires_grad=True)
    with recording(tmp_path / "dump.safetensors") as record:
        record("model.norm", tensor)
    assert load_file(tmp_path / "dump.safetensors")["model.norm"].tolist() == [1.5, -2.25]
