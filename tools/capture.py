"""Write a dump that `plumb grade` reads, from your own backend. Copy this file; it needs nothing else of this project.

A PyTorch module, Hugging Face's or one with Hugging Face's module names (needs safetensors and torch):

    from capture import capture
    with capture(model, "dump.safetensors"):
        model(**inputs)             # or model.generate(**inputs, do_sample=False), or model.get_image_features(...)

Anything that turns into a NumPy array, JAX for one (needs safetensors and numpy); cast MLX's bfloat16 to float32 first:

    from capture import record, save
    record("model.vision_tower.encoder.layers.0", hidden_states)        # wherever the value is at hand
    save("dump.safetensors")

A tap is named by its module's path in Hugging Face; a value that no module outputs is `<path>#<local name>`. A module
that runs again in the same capture gets "@1", "@2", ... behind its name: in generation, "@k" is decode step k.
"""
import os
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase

import numpy as np

# What the outputs of a module that returns several are called, and which is which; of any other such module only the
# first is kept.
OUTPUTS = {"rotary_emb": {"#cos": 0, "#sin": 1}, "router": {"": 0, "#top_k_index": 2, "#top_k_weights": 1}}

# Methods that return what no module outputs, and what to call it.
METHODS = {"_position_embeddings": {"#position_embeddings": 0}, "_avg_pool_by_positions": {"#mask": 1},
           "project_per_layer_inputs": {"#per_layer_inputs": 0}}


@contextmanager
def capture(model, path=None, only=("*",), prefix=None):
    """Record every tap of `model` while the body runs, then write them to `path`; gives the dict of taps as well.

    only     globs; a tap is kept if one of them matches its name
    prefix   the path of `model` itself in Gemma4ForConditionalGeneration, "" for the whole; guessed when None
    """
    prefix = guess_prefix(model) if prefix is None else prefix
    paths = {module: ".".join(filter(None, [prefix, name])) for name, module in model.named_modules()}
    masked = {layer: f"{text}#causal_mask_mapping.{layer_type}" for (text, layer_type), layer in first_layers(paths)}
    taps, runs = {}, Counter()

    def add(name, value):
        if not any(fnmatchcase(name, glob) for glob in only):
            return
        again, runs[name] = runs[name], runs[name] + 1                  # counted also where there is no value
        if name == "input_ids" and again == 0 or not hasattr(value, "detach"):
            return                                                      # the prompt is an input; None, not a tensor
        # A copy: later steps may change the tensor in place.
        taps[f"{name}@{again}" if again else name] = value.detach().to("cpu", copy=True).contiguous()

    def add_outputs(path, suffixes, output):
        if path.endswith("embed_vision"):
            output = getattr(output, "pooler_output", output)           # what goes on from there
        output = getattr(output, "last_hidden_state", output)           # of Hugging Face's ModelOutput
        values = output if isinstance(output, (tuple, list)) else [output]
        for suffix, index in suffixes.items():
            add(path + suffix, values[index] if index < len(values) else None)

    def after_forward(module, args, kwargs, output):
        path = paths[module]
        name = path.rpartition(".")[2]
        suffixes = OUTPUTS.get(name, {"": 0})
        if name == "rotary_emb" and (layer_type := argument("layer_type", 2, args, kwargs)):
            suffixes = {f"#{layer_type}_cos": 0, f"#{layer_type}_sin": 1}
        if path == "":
            add("logits", getattr(output, "logits", None))
        elif not path.endswith("experts.act_fn"):                       # which runs once for each expert that is hit
            add_outputs(path, suffixes, output)

    def before_forward(module, args, kwargs):
        path = paths[module]
        parent, _, name = path.rpartition(".")
        if path == "":
            add("input_ids", argument("input_ids", 0, args, kwargs))
        if name == "patch_embedder":
            add(parent + "#padding_positions", argument("padding_positions", 2, args, kwargs))
        if name == "language_model":
            add(parent + "#inputs_embeds", kwargs.get("inputs_embeds"))
        if name == "o_proj":
            add(parent + "#attn_output", args[0])
        if module in masked:
            mask = kwargs.get("attention_mask")                         # a bool, or what is added to attention logits
            add(masked[module], mask if mask is None or str(mask.dtype) == "torch.bool" else mask == 0)

    def recorded_method(module, method, suffixes):
        def call(*args, **kwargs):
            output = method(*args, **kwargs)
            add_outputs(paths[module], suffixes, output)
            return output
        return call

    def recorded_sum(module, name):
        """A forward with one sum that no module outputs: the position embeddings of both axes."""
        import torch                                                    # loaded already, as the model is there
        forward = module.forward

        class Sum(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, function, types, args=(), kwargs=None):
                output = function(*args, **(kwargs or {}))
                if function is torch.Tensor.sum:
                    add(paths[module] + name, output)
                return output

        def call(*args, **kwargs):
            with Sum():
                return forward(*args, **kwargs)
        return call

    def recorded_interface(get_interface):
        def get(*args, **kwargs):
            attention = get_interface(*args, **kwargs)

            def call(module, query, key, value, *args, **kwargs):
                output = attention(module, query, key, value, *args, **kwargs)
                if module in paths:
                    add(paths[module] + "#query_states", query)
                    add(paths[module] + "#key_states", key)
                    add(paths[module] + "#value_states", value)
                    add(paths[module] + "#attn_weights", output[1])     # None where the kernel does not give them
                return output
            return call
        return get

    with ExitStack() as undo:
        for module in paths:
            undo.callback(module.register_forward_pre_hook(before_forward, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(after_forward, with_kwargs=True).remove)
            for name, suffixes in METHODS.items():
                if hasattr(module, name):
                    setattr(module, name, recorded_method(module, getattr(module, name), suffixes))
                    undo.callback(delattr, module, name)                # the class has the method still
            if hasattr(module, "pos_embedding"):
                own = vars(module).get("forward")
                module.forward = recorded_sum(module, "#pos_embs")
                undo.callback(setattr, module, "forward", own) if own else undo.callback(delattr, module, "forward")
        if modeling_utils := sys.modules.get("transformers.modeling_utils"):
            functions = modeling_utils.ALL_ATTENTION_FUNCTIONS
            functions.get_interface = recorded_interface(functions.get_interface)
            undo.callback(delattr, functions, "get_interface")
        yield taps

    if path is not None:                                                # not reached if the body raised
        from safetensors.torch import save_file
        _write(save_file, taps, path)


def guess_prefix(model):
    """Where `model` sits in Gemma4ForConditionalGeneration or Gemma4ForCausalLM, by what it holds."""
    if hasattr(model, "model"):
        return ""
    if hasattr(model, "patch_embedder"):
        return "model.vision_tower"
    return "model"                                                      # of a text model alone: Gemma4ForCausalLM's


def first_layers(paths):
    """((text model's path, layer type), layer) of the first layer of each type, which gets the whole of its mask."""
    first = {}
    for module, path in paths.items():
        if layer_type := getattr(getattr(module, "self_attn", None), "layer_type", None):
            first.setdefault((path.rpartition(".layers.")[0], layer_type), module)
    return first.items()


def argument(name, index, args, kwargs):
    """An argument that may come by name or by position; None if it came as neither."""
    return kwargs.get(name, args[index] if index < len(args) else None)


_recorded = {}


def record(name, array):
    """Keep a copy of `array` as the tap `name`."""
    if name in _recorded:
        raise ValueError(f"{name} is recorded already; write @1, @2, ... behind the name when a module runs again")
    _recorded[name] = np.array(array, order="C")


def save(path):
    """Write what was recorded to `path`, and forget it."""
    from safetensors.numpy import save_file
    _write(save_file, _recorded, path)
    _recorded.clear()


def _write(save_file, taps, path):
    """Write through a temporary name, so that `path` is whole or not there."""
    if not taps:
        raise ValueError(f"{path}: no tap was recorded")
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        save_file(taps, temporary)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
