"""Tunix's Gemma 4 text model on a case's tokens, loaded by its own loader; the dump has Tunix's module paths

Calls of modules are recorded, and of the functions that attention and the router call; nothing of the package is
changed. The model is called eagerly: under jit modules would return tracers, which have no values.
"""
import argparse
import json
import os
import pathlib
import tempfile
from fnmatch import fnmatchcase

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp

jax.config.update("jax_default_matmul_precision", "highest")
from flax import nnx
from safetensors.flax import load_file, save_file
from tunix.models.gemma4 import model as gemma4, params_safetensors

DTYPES = {"bf16": jnp.bfloat16, "fp32": jnp.float32}
MODULES = [gemma4.RMSNorm, gemma4.Einsum, gemma4.FeedForward, gemma4.DecoderLayer, gemma4.Attention, nnx.Linear,
           gemma4.moe.MoERagged]
taps = {}
inside = []                                                         # paths of the modules that run, outermost first


def text_config(model):
    config = json.loads((model / "config.json").read_text())
    return config.get("text_config", config)


def settings(text, dtype):
    """Tunix has a function for each published variant, and reads no config.json."""
    types = gemma4.AttentionType
    return gemma4.ModelConfig(
        num_layers=text["num_hidden_layers"], num_embed=text["vocab_size"], embed_dim=text["hidden_size"],
        hidden_dim=text["intermediate_size"], num_heads=text["num_attention_heads"], head_dim=text["head_dim"],
        num_kv_heads=text["num_key_value_heads"], num_global_kv_heads=text["num_global_key_value_heads"],
        global_key_size=text["global_head_dim"], sliding_window_size=text["sliding_window"],
        final_logit_softcap=text["final_logit_softcapping"],
        per_layer_input_dim=text["hidden_size_per_layer_input"] or 0,
        frac_shared_layers=text["num_kv_shared_layers"] / text["num_hidden_layers"],
        attention_pattern=tuple(types.GLOBAL if kind == "full_attention" else types.LOCAL_SLIDING
                                for kind in text["layer_types"]),
        k_eq_v_global=text["attention_k_eq_v"],
        override_kv_shared_ffw_hidden=2 * text["intermediate_size"] if text["use_double_wide_mlp"] else None,
        enable_moe=text["enable_moe_block"], num_experts=text["num_experts"],
        num_experts_per_tok=text["top_k_experts"], expert_dim=text["moe_intermediate_size"],
        moe_dense_hidden_dim=text["intermediate_size"], param_dtype=dtype, dtype=dtype)


def load(model, dtype):
    """By Tunix's loader, which wants published names: they begin with model.language_model."""
    weights = load_file(model / "model.safetensors")
    if "model.norm.weight" in weights:                                  # of text alone
        weights = {name.replace("model.", "model.language_model.", 1): value for name, value in weights.items()}
    with tempfile.TemporaryDirectory() as folder:
        save_file(weights, f"{folder}/model.safetensors")
        return params_safetensors.create_model_from_safe_tensors(folder, settings(text_config(model), dtype),
                                                                 dtype=dtype)


def record_call(kind, paths, method="__call__"):
    call = getattr(kind, method)

    def recorded(self, *arguments, **named):
        path = paths.get(id(self), "")
        inside.append(path)
        output = call(self, *arguments, **named)
        inside.pop()
        if path.endswith("attn_vec_einsum"):
            taps[f"{path}.input"] = arguments[0]
        if isinstance(self, gemma4.Attention):
            taps[f"{path}.value"] = output[2][1]
        value = output[1] if isinstance(output, tuple) else output  # a layer and its attention give a cache first
        taps[f"{path}.{method}" if method != "__call__" else path] = value
        return output
    setattr(kind, method, recorded)


def record_rope(rope):
    def recorded(*arguments, **named):
        output = rope(*arguments, **named)
        which = "key" if f"{inside[-1]}.query" in taps else "query"
        taps[f"{inside[-1]}.{which}"] = output
        return output
    gemma4.apply_rope = recorded


def record_softmax(softmax, dtype):
    """Attention's is cast before it is used, and the router's is not."""
    def recorded(x, *arguments, **named):
        output = softmax(x, *arguments, **named)
        taps[f"{inside[-1]}.softmax"] = output.astype(dtype) if x.ndim == 4 else output
        return output
    jax.nn.softmax = recorded


def record_choices(router, paths):
    def recorded(self, logits):
        weights, choices = router(self, logits)
        taps[f"{paths[id(self)]}.choices"] = choices
        return weights, choices
    gemma4.moe.MoERagged._router = recorded


def hook(model, dtype):
    paths = {id(module): ".".join(map(str, path)) for path, module in nnx.iter_modules(model)}
    for kind in MODULES:
        record_call(kind, paths)
    record_call(gemma4.Embedder, paths, "encode")
    record_call(gemma4.Embedder, paths, "encode_per_layer_input")
    record_rope(gemma4.apply_rope)
    record_softmax(jax.nn.softmax, dtype)
    record_choices(gemma4.moe.MoERagged._router, paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--inputs", type=pathlib.Path, help="tokens of another file than the case's")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="GLOB", help="keep arrays of these names alone")
    arguments = parser.parse_args()
    dtype = DTYPES[arguments.dtype]
    model = load(arguments.case / "model", dtype)
    hook(model, dtype)
    inputs = load_file(arguments.inputs or arguments.case / "inputs.safetensors")
    ids = inputs["input_ids"].astype("int32")
    may_look = jnp.tril(jnp.ones((ids.shape[1],) * 2, bool))[None] & (inputs["attention_mask"] != 0)[:, None]
    taps["logits"] = model(ids, attention_mask=may_look)[0]           # positions as Hugging Face's forward: 0, 1, ..
    save_file({name: value for name, value in taps.items()
               if any(fnmatchcase(name, glob) for glob in arguments.only)}, arguments.out)


if __name__ == "__main__":
    main()
