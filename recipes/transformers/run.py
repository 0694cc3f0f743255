"""run.py CASE OUT [--dtype bf16|fp16|fp32] [--attention eager|sdpa]: what Hugging Face's own model computes of a case"""
import argparse
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from capture import capture

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
CLASSES = {"gemma4": "Gemma4ForConditionalGeneration", "gemma4_text": "Gemma4ForCausalLM",
           "gemma4_unified": "Gemma4UnifiedForConditionalGeneration"}


def load(case, dtype, attention="eager"):
    config = json.loads((case / "model/config.json").read_text())
    model = getattr(transformers, CLASSES[config["model_type"]])
    return model.from_pretrained(case / "model", dtype=DTYPES[dtype], attn_implementation=attention).eval()


def call(model, inputs):
    """The towers alone where there is no prompt, else a forward pass."""
    return model(**inputs) if "input_ids" in inputs else model.get_image_features(**inputs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--attention", default="eager")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load(arguments.case, arguments.dtype, arguments.attention)
    with torch.inference_mode(), capture(model, arguments.out):
        call(model, load_file(arguments.case / "inputs.safetensors"))


if __name__ == "__main__":
    main()
