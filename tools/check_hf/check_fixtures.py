"""Load each fixture as a published model is loaded: configuration, tokenizer, processor, by Auto classes, offline.

    python tools/check_hf/check_fixtures.py          (part of `make check-hf`)

What is loaded has to be what the case was made of, and fit the model: each id in its vocabulary, patches as wide as its
tower takes them, as many placeholders as soft tokens.
"""
import json
import sys
from pathlib import Path

import hf_images                                    # before transformers: it finds torchvision for it
import numpy as np
from PIL import Image
from transformers import AutoConfig, AutoProcessor, AutoTokenizer, GenerationConfig

import make_fixtures
from published_files import MEDIA, NAMED

FIXTURES, TEXT = Path("fixtures"), "the rain\nin 1987: on a train."
MADE = {case["name"]: case for case in make_fixtures.CASES}
WRITTEN_OTHERWISE = {"transformers_version", "architectures", "dtype", "rope_type", "_name_or_path"}


def differences(made, loaded, at=""):
    """Where what is loaded has not what the case was made of."""
    for key, value in made.items():
        if isinstance(value, dict):
            yield from differences(value, loaded.get(key) or {}, f"{at}{key}.")
        elif key not in WRITTEN_OTHERWISE and loaded.get(key) != value:
            yield f"config.json: {at}{key} is {loaded.get(key)}, made of {value}"


def check_config(name, folder):
    case = MADE[name]
    made = make_fixtures.make_config(*(case.get(part) for part in ("text_config", "vision_config", "audio_config")))
    loaded = AutoConfig.from_pretrained(folder, local_files_only=True)
    yield from differences(json.loads(made.to_json_string(use_diff=False)),
                           json.loads(loaded.to_json_string(use_diff=False)))
    ends = GenerationConfig.from_pretrained(folder, local_files_only=True)
    if ends.eos_token_id != loaded.get_text_config().eos_token_id or ends.do_sample:
        yield "generation_config.json: another end than config.json's, or not greedy"


def check_tokenizer(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    config = json.loads((folder / "config.json").read_text())
    text = config.get("text_config", config)
    if len(tokenizer) != text["vocab_size"]:
        yield f"tokenizer.json: {len(tokenizer)} tokens, {text['vocab_size']} in config.json"
    for name, word in (NAMED | MEDIA).items():
        expected = text.get(f"{name}_id", config.get(f"{name}_id", tokenizer.convert_tokens_to_ids(word)))
        if tokenizer.convert_tokens_to_ids(word) != expected:
            yield f"tokenizer.json: {word} is {tokenizer.convert_tokens_to_ids(word)}, {expected} in config.json"
    ids = tokenizer(TEXT)["input_ids"]
    if ids[0] != text["bos_token_id"] or tokenizer.decode(ids[1:]) != TEXT or len(ids) > len(TEXT):
        yield f"tokenizer.json: {TEXT!r} becomes {tokenizer.convert_ids_to_tokens(ids)}"


def check_processor(folder):
    config = json.loads((folder / "config.json").read_text())
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    family = "Gemma4Unified" if config["model_type"] == "gemma4_unified" else "Gemma4"
    if type(processor).__name__ != f"{family}Processor":
        yield f"processor_config.json: loaded as {type(processor).__name__}"
    picture = Image.fromarray(np.zeros((90, 120, 3), np.uint8))
    inputs = processor(text=f"a{processor.image_token}b", images=picture, return_tensors="np")
    placeholders = (inputs["input_ids"] == config["image_token_id"]).sum()
    if vision := config.get("vision_config"):
        side = vision["patch_size"] * (vision["pooling_kernel_size"] if family == "Gemma4Unified" else 1)
        patches = (inputs["image_position_ids"][0, :, 0] >= 0).sum()
        soft_tokens = patches // (1 if family == "Gemma4Unified" else vision["pooling_kernel_size"] ** 2)
        if inputs["pixel_values"].shape[-1] != 3 * side**2 or placeholders != soft_tokens:
            yield (f"processor_config.json: patches of {inputs['pixel_values'].shape[-1]} values, {placeholders} "
                   f"placeholders; expected {3 * side**2}, {soft_tokens}")


def main():
    failed = 0
    for folder in sorted(path.parent / "model" for path in FIXTURES.glob("*/case.json")):
        wrong = [*check_config(folder.parent.name, folder), *check_tokenizer(folder)]
        if (folder / "processor_config.json").exists():
            wrong += check_processor(folder)
        print("\n".join(f"FAIL {folder}/{line}" for line in wrong) or f"{folder}: as published ones are loaded")
        failed += bool(wrong)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
