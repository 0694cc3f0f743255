"""Google DeepMind's gemma on a case: its vision encoder where there is no prompt, else its text model

The library reads checkpoints of Orbax alone, so weights are put where its modules look for them. The dump has the paths
of flax's intermediates; the vision encoder's layers are scanned, and its arrays have a layer in front.
"""
import argparse
import json
import os
import pathlib
from fnmatch import fnmatchcase

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp

jax.config.update("jax_default_matmul_precision", "highest")
from flax import linen as nn
from safetensors.flax import load_file, save_file

from standins import stand_in

stand_in()
from gemma.gm.nn.gemma4 import _config, _modules, _transformer
from gemma.gm.nn.gemma4.vision import _encoder, _modules as vision_modules
from weights import text_parameters, vision_parameters

DTYPES = {"bf16": jnp.bfloat16, "fp32": jnp.float32}
scan, qkv = nn.scan, vision_modules.Attention._qkv


def recorded_scan(target, *, variable_axes, **named):
    return scan(target, variable_axes={**variable_axes, "intermediates": 0}, **named)


def recorded_qkv(self, *, v, **named):
    """The weights pass through the module that the text model has for them, and the vision encoder has and forgets."""
    softmax = nn.softmax
    nn.softmax = lambda x, axis: self.attention_weights(softmax(x, axis=axis).astype(v.dtype))
    try:
        return qkv(self, v=v, **named)
    finally:
        nn.softmax = softmax


def flattened(intermediates, path=""):
    """{path: what the module there returned}"""
    for name, inner in intermediates.items():
        if name == "__call__":
            output = inner[0]
            while isinstance(output, tuple):            # a layer gives its cache and its output, the exit gives lengths
                output = output[1] if isinstance(output[0], dict) else output[0]
            yield path, output
        elif isinstance(inner, dict):
            yield from flattened(inner, f"{path}.{name}" if path else name)


def applied(module, parameters, *arguments, **named):
    output, state = module.apply({"params": parameters}, *arguments, **named, capture_intermediates=True,
                                 mutable=["intermediates"])
    return output, dict(flattened(state["intermediates"]))


def run_vision(config, weights, inputs, dtype):
    nn.scan, vision_modules.Attention._qkv = recorded_scan, recorded_qkv
    vision, pixels = config["vision_config"], inputs["pixel_values"].astype(dtype)
    encoder = _encoder.VisionEncoder(
        d_model=vision["hidden_size"], num_layers=vision["num_hidden_layers"], num_heads=vision["num_attention_heads"],
        ffw_hidden=vision["intermediate_size"], patch_size=vision["patch_size"],
        output_length=pixels.shape[1] // vision["pooling_kernel_size"] ** 2,
        pos_emb_shape_yx=(vision["position_embedding_size"], 2), pooling_kernel_size=vision["pooling_kernel_size"],
        use_clipped_linears=vision["use_clipped_linears"], standardize_embeddings=vision["standardize"])
    positions = inputs["image_position_ids"].astype("int32")
    output, taps = applied(encoder, vision_parameters(vision, weights), pixels, positions)
    soft_tokens = jnp.concatenate(_encoder.extract_soft_tokens(output))
    projection = weights["model.embed_vision.embedding_projection.weight"].T
    embedder = _modules.Embedder(1, projection.shape[1], vision_proj_dim=projection.shape[0])
    _, projected = applied(embedder, {"input_embedding": projection[:1], "mm_input_projection": {"w": projection}},
                           soft_tokens, method="encode_vision")
    taps.pop("", None)
    return {"soft_tokens": soft_tokens, **{f"vision_encoder.{name}": value for name, value in taps.items()},
            **{f"embedder.{name}": value for name, value in projected.items() if name}}


def text_settings(text):
    kinds, layers = _modules.AttentionType, text["num_hidden_layers"]
    shared, rope = text["num_kv_shared_layers"], text["rope_parameters"]
    return _config.TransformerConfig(
        num_embed=text["vocab_size"], embed_dim=text["hidden_size"], hidden_dim=text["intermediate_size"],
        num_heads=text["num_attention_heads"], head_dim=text["head_dim"], num_kv_heads=text["num_key_value_heads"],
        num_global_kv_heads=text["num_global_key_value_heads"], global_key_size=text["global_head_dim"],
        final_logit_softcap=text["final_logit_softcapping"], use_post_attn_norm=True, use_post_ffw_norm=True,
        attention_types=tuple(kinds.GLOBAL if kind == "full_attention" else kinds.LOCAL_SLIDING
                              for kind in text["layer_types"]),
        sliding_window_size=text["sliding_window"], k_eq_v_global=text["attention_k_eq_v"],
        local_rope_proportion=1.0, local_base_frequency=int(rope["sliding_attention"]["rope_theta"]),
        global_rope_proportion=rope["full_attention"]["partial_rotary_factor"],
        global_base_frequency=int(rope["full_attention"]["rope_theta"]),
        per_layer_input_dim=text["hidden_size_per_layer_input"] or 0,
        kv_cache_sharing_config=_config.KVCacheSharingConfig(shared / layers, True, True) if shared else None,
        override_kv_shared_ffw_hidden=2 * text["intermediate_size"] if text["use_double_wide_mlp"] else None,
        enable_moe=text["enable_moe_block"], num_experts=text["num_experts"] or 0,
        expert_dim=text["moe_intermediate_size"] or 0, top_k_experts=text["top_k_experts"] or 0,
        moe_dense_hidden_dim=text["intermediate_size"])


def run_text(config, weights, inputs, dtype):
    text = config.get("text_config", config)
    ids = inputs["input_ids"].astype("int32")
    length = ids.shape[1]
    may_look = jnp.tril(jnp.ones((length, length), bool))[None] & (inputs["attention_mask"] != 0)[:, None]
    model = _transformer.Transformer(config=text_settings(text), tokens="batch.tokens", dtype=dtype)
    output, taps = applied(model, text_parameters(text, weights), ids, attention_mask=may_look,
                           positions=jnp.tile(jnp.arange(length)[None], (len(ids), 1)))   # as Hugging Face's forward
    taps.pop("", None)
    return {**taps, "logits": output.logits}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--inputs", type=pathlib.Path, help="tokens of another file than the case's")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="GLOB", help="keep arrays of these names alone")
    arguments = parser.parse_args()
    dtype = DTYPES[arguments.dtype]
    config = json.loads((arguments.case / "model/config.json").read_text())
    weights = {name: value.astype(dtype)
               for name, value in load_file(arguments.case / "model/model.safetensors").items()}
    inputs = load_file(arguments.inputs or arguments.case / "inputs.safetensors")
    run = run_text if "input_ids" in inputs else run_vision
    taps = run(config, weights, inputs, dtype)
    save_file({name: value for name, value in taps.items()
               if any(fnmatchcase(name, glob) for glob in arguments.only)}, arguments.out)


if __name__ == "__main__":
    main()
