"""run.py CASE OUT [--dtype bf16|fp16|fp32] [--direct]: mlx-vlm's Gemma 4 on a case of one prompt or of pictures alone

The dump has MLX's names. --direct calls the model itself, and not its two parts as mlx-vlm's generate does.

Every module is wrapped by a class of its own that records what the module returns, so that nothing of the package is
changed.
"""
import argparse
import json
import pathlib
import sys

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

DTYPES = {"bf16": mx.bfloat16, "fp16": mx.float16, "fp32": mx.float32}
taps = {}


def record(name, value):
    if isinstance(value, mx.array):
        taps.setdefault(name, value)


def load(folder):
    weights = mx.load(str(folder / "model.safetensors"))
    if any("language_model" in name for name in weights):
        from mlx_vlm.utils import load_model
        return load_model(folder)
    import mlx_vlm.models.gemma4 as gemma4              # a case without a text model: the loader wants all weights
    config = json.loads((folder / "config.json").read_text())
    settings = gemma4.ModelConfig.from_dict(config)
    settings.text_config = gemma4.TextConfig.from_dict(config["text_config"])
    settings.vision_config = gemma4.VisionConfig.from_dict(config["vision_config"])
    model = gemma4.Model(settings)
    model.load_weights(list(model.sanitize(weights).items()), strict=False)
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


def call_parts(model, input_ids, given):
    embedded = model.get_input_embeddings(input_ids=input_ids, **given)
    record("inputs_embeds", embedded.inputs_embeds)
    return model.language_model(input_ids, inputs_embeds=embedded.inputs_embeds,
                                per_layer_inputs=embedded.per_layer_inputs,
                                mm_token_type_ids=given.get("mm_token_type_ids"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--direct", action="store_true")
    arguments = parser.parse_args()
    model = load(arguments.case / "model")
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
        if arguments.direct:
            record("logits", model(inputs["input_ids"], **given).logits)
        else:
            record("logits", call_parts(model, inputs["input_ids"], given).logits)
    mx.eval(list(taps.values()))
    mx.save_safetensors(arguments.out, taps)


if __name__ == "__main__":
    main()
