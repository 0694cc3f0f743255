"""keras-hub's Gemma 4 on a case, loaded by its own from_preset; the dump has keras-hub's names

Every layer's call is recorded under the layer's path, so that nothing of the package is changed. The model is called
eagerly: under jit layers would return tracers, which have no values.
"""
import argparse
import os
import pathlib
import re
from collections import Counter
from fnmatch import fnmatchcase

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax

jax.config.update("jax_default_matmul_precision", "highest")
import keras
import keras_hub
import numpy as np
from keras import ops
from keras_hub.src.models.gemma4.gemma4_attention import Gemma4TextAttention, Gemma4VisionAttention
from keras_hub.src.models.gemma4.gemma4_decoder_block import Gemma4TextDecoderBlock
from keras_hub.src.models.gemma4.gemma4_moe import Gemma4Router
from safetensors.flax import save_file
from safetensors.numpy import load_file

DTYPES = {"bf16": "bfloat16", "fp32": "float32"}
VISION = "gemma4_vision_encoder/"
taps = {}
runs = Counter()
paths = {}
pictures = []  # which slots of the vision encoder hold one: a row of a batch may have fewer than another


def record(name, value):
    """A module that runs again has @1, @2, .. behind its name."""
    again, runs[name] = runs[name], runs[name] + 1
    if name.startswith(VISION):
        slots = value if value.shape[0] == len(pictures) else value.reshape(-1, *value.shape[2:])
        value = slots[np.array(pictures)]
    taps[f"{name}@{again}" if again else name] = value


def name_layers(layer, path):
    paths[id(layer)] = path
    for child in getattr(layer, "_layers", []):
        if id(child) not in paths:
            name = re.sub(r"^softmax_\d+$", "softmax", child.name)           # numbered through the process
            name_layers(child, f"{path}/{name}")


def recorded_call(call):
    def recorded(self, *arguments, **named):
        if isinstance(self, Gemma4TextDecoderBlock) and paths[id(self)] == "decoder_block_0":
            record(f"{'interleave_embeddings' if pictures else 'token_embedding'}/scaled", arguments[0])
        output = call(self, *arguments, **named)
        value = output[0] if isinstance(output, tuple) else output
        if isinstance(self, keras.layers.Softmax):              # computed as float32, and cast before it is used
            value = ops.cast(value, arguments[0].dtype)
        if id(self) in paths and hasattr(value, "dtype"):
            record(paths[id(self)], value)
        return output
    return recorded


def recorded_rope(rope):
    def recorded(self, *arguments, **named):
        output = rope(self, *arguments, **named)
        which = "key" if f"{paths[id(self)]}/query_rope" in runs else "query"
        record(f"{paths[id(self)]}/{which}_rope", output)
        return output
    return recorded


def recorded_router(call):
    """What the router's softmax and top_k return, which are functions and no layers."""
    softmax, top_k = ops.softmax, ops.top_k

    def recorded(self, *arguments, **named):
        def recorded_softmax(*values, **options):
            record(f"{paths[id(self)]}/softmax", output := softmax(*values, **options))
            return output

        def recorded_top_k(*values, **options):
            output = top_k(*values, **options)
            record(f"{paths[id(self)]}/top_k", ops.cast(output[1], "int32"))
            return output
        ops.softmax, ops.top_k = recorded_softmax, recorded_top_k
        try:
            return call(self, *arguments, **named)
        finally:
            ops.softmax, ops.top_k = softmax, top_k
    return recorded


def hook(model):
    for layer in model.layers:
        name_layers(layer, layer.name)
    keras.layers.Layer.__call__ = recorded_call(keras.layers.Layer.__call__)
    Gemma4Router.call = recorded_router(Gemma4Router.call)
    for attention in (Gemma4TextAttention, Gemma4VisionAttention):
        attention._apply_rope = recorded_rope(attention._apply_rope)


def feed(model, inputs):
    """The backbone's inputs, as its preprocessor would make them of this prompt; positions as Hugging Face's forward."""
    ids = inputs["input_ids"]
    given = {"token_ids": ids, "padding_mask": inputs.get("attention_mask", np.ones_like(ids)),
             "position_ids": np.tile(np.arange(ids.shape[1]), (len(ids), 1))}
    if model.vision_encoder is not None:
        given.update(images(model.vision_encoder.pool_size ** 2, inputs))
    return {name: ops.convert_to_tensor(a.astype("float32" if a.dtype.kind == "f" else "int32"))
            for name, a in given.items()}


def images(pooled, inputs):
    """Each row of a batch has as many images as the richest, the rest all padding; an index of 0 belongs to no token."""
    is_image = inputs["mm_token_type_ids"] == 1
    pixels, positions = inputs["pixel_values"], inputs["image_position_ids"]
    counts = (positions[..., 0] >= 0).sum(1) // pooled
    soft, owners, image = pixels.shape[1] // pooled, [], 0
    for row in is_image:
        first, left = image, row.sum()
        while left > 0:
            left, image = left - counts[image], image + 1
        owners.append(range(first, image))
    most = max(map(len, owners))
    given = {"pixel_values": np.zeros((len(owners), most, *pixels.shape[1:]), "float32"),
             "pixel_position_ids": np.full((len(owners), most, *positions.shape[1:]), -1),
             "vision_indices": np.zeros((len(owners), most * soft)), "vision_mask": is_image}
    for row, own in enumerate(owners):
        places = np.flatnonzero(is_image[row])
        pictures.extend(slot < len(own) for slot in range(most))
        for slot, image in enumerate(own):
            given["pixel_values"][row, slot], given["pixel_position_ids"][row, slot] = pixels[image], positions[image]
            count = counts[image]
            given["vision_indices"][row, slot * soft:slot * soft + count] = places[:count]
            places = places[count:]
    return given


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="GLOB", help="keep arrays of these names alone")
    arguments = parser.parse_args()
    keras.config.set_dtype_policy(DTYPES[arguments.dtype])      # from_preset(dtype=) does not reach the vision encoder
    model = keras_hub.models.Gemma4Backbone.from_preset(str(arguments.case / "model"))
    hook(model)
    output = model(feed(model, load_file(arguments.case / "inputs.safetensors")))
    record("logits", model.token_embedding(output, reverse=True))
    save_file({name: value for name, value in taps.items()
               if any(fnmatchcase(name, glob) for glob in arguments.only)}, arguments.out)


if __name__ == "__main__":
    main()
