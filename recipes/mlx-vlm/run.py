"""run.py CASE OUT [--dtype bf16|fp16|fp32]: mlx-vlm's Gemma 4 on a case of one prompt or of pictures alone, MLX's names

Every module is wrapped by a class of its own that records what the module returns, so that nothing of the package is
changed.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

DTYPES = {"bf16": mx.bfloat16, "fp16": mx.float16, "fp32": mx.float32}
taps = {}


def record(name, value):
    if isinstance(value, mx.array):
        taps.setdefault(name, value)


def published(model):
    """A checkpoint folder whose config.json has the keys that mlx-vlm reads."""
    config = json.loads((model / "config.json").read_text())
    text = config.get("text_config", config)
    for layer, own in text.get("per_layer_config", {}).items():
        if text["layer_types"][int(layer)] == "full_attention":
            text["global_head_dim"] = own.get("head_dim", text["head_dim"])
            text["num_global_key_value_heads"] = own.get("num_key_value_heads", text["num_key_value_heads"])
    text.setdefault("num_global_key_value_heads", None)
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").symlink_to((model / "model.safetensors").resolve())
    return folder, config


def load(case):
    folder, config = published(case / "model")
    if "language_model" in str(sorted(mx.load(str(folder / "model.safetensors")))):
        from mlx_vlm.utils import load_model
        return load_model(folder)
    import mlx_vlm.models.gemma4 as gemma4                    # a case without a text model: the loader wants all weights
    settings = gemma4.ModelConfig.from_dict(config)
    settings.text_config = gemma4.TextConfig.from_dict(config["text_config"])
    settings.vision_config = gemma4.VisionConfig.from_dict(config["vision_config"])
    model = gemma4.Model(settings)
    weights = model.sanitize(mx.load(str(folder / "model.safetensors")))
    model.load_weights(list(weights.items()), strict=False)
    return model


def replace_method(object_, method, name, pick=lambda output: output):
    """The object's class becomes one whose method records what it returns."""
    base = type(object_)
    own = getattr(base, method)

    def call(self, *arguments, **named):
        output = own(self, *arguments, **named)
        record(name, pick(output))
        return output
    object_.__class__ = type(base.__name__, (base,), {method: call})


def first(output):
    return getattr(output, "logits", output[0] if isinstance(output, tuple) else output)


def hook(model):
    for name, module in list(model.named_modules()):
        if name and isinstance(module, nn.Module):
            replace_method(module, "__call__", name, first)
        if hasattr(module, "_v_norm"):
            replace_method(module._v_norm, "__call__", f"{name}._v_norm")
    if hasattr(model, "vision_tower"):
        replace_method(model.vision_tower.patch_embedder, "embed_patches", "vision_tower.patch_embedder")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    arguments = parser.parse_args()
    model = load(arguments.case)
    dtype = DTYPES[arguments.dtype]
    model.update(tree_map(lambda a: a.astype(dtype) if mx.issubdtype(a.dtype, mx.floating) else a, model.parameters()))
    hook(model)
    inputs = mx.load(str(arguments.case / "inputs.safetensors"))
    if "input_ids" not in inputs:
        model.encode_image(inputs["pixel_values"], inputs["image_position_ids"])
    elif inputs["input_ids"].shape[0] > 1:
        sys.exit(f"{arguments.case}: found several prompts, expected one: mlx-vlm has no padding")
    else:
        given = {name: inputs[name] for name in ("pixel_values", "image_position_ids", "mm_token_type_ids")
                 if name in inputs}
        embedded = model.get_input_embeddings(input_ids=inputs["input_ids"], **given)   # as its generate does
        record("inputs_embeds", embedded.inputs_embeds)
        output = model.language_model(inputs["input_ids"], inputs_embeds=embedded.inputs_embeds,
                                      per_layer_inputs=embedded.per_layer_inputs,
                                      mm_token_type_ids=inputs.get("mm_token_type_ids"))
        record("logits", output.logits)
    mx.eval(list(taps.values()))
    mx.save_safetensors(arguments.out, taps)


if __name__ == "__main__":
    main()
