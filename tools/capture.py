"""Write a dump that `plumb grade` reads, from your own backend. Copy this file; it needs nothing else of this project.

A PyTorch module, Hugging Face's or one with Hugging Face's module names (needs safetensors and torch):

    from capture import capture
    with capture(model, "dump.safetensors"):
        model(**inputs)             # or model.generate(**inputs, do_sample=False), or model.get_image_features(...)

Arrays of NumPy, JAX, MLX and PyTorch, wherever the values are at hand (needs safetensors and numpy):

    from capture import recording
    with recording("dump.safetensors") as record:
        record("model.vision_tower.encoder.layers.0", hidden_states)

or without a block of code around them: record(name, array) of this module, and at the end save("dump.safetensors").

A tap is named by its module's path in Hugging Face; a value that no module outputs is `<path>#<local name>`. A module
that runs again in the same capture gets "@1", "@2", ... behind its name: in generation, "@k" is decode step k. A tower
that an engine calls for each picture has a run for each; a map of names puts them together ("concat").
"""
import itertools
import os
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any, Callable, Iterable, Iterator, Union

import numpy as np

Path = Union[str, "os.PathLike[str]"]

# What the outputs of a module that returns several are called, and which is which; of any other such module only the
# first is kept.
OUTPUTS = {"rotary_emb": {"#cos": 0, "#sin": 1}, "router": {"": 0, "#top_k_index": 2, "#top_k_weights": 1},
           "subsample_conv_projection": {"": 0, "#mask": 1}}
CONFORMER_ATTENTION = {"": 0, "#attn_weights": 1}

# Methods that return what no module outputs, and what to call it, by turns.
METHODS = {"_position_embeddings": [{"#position_embeddings": 0}], "_avg_pool_by_positions": [{"#mask": 1}],
           "project_per_layer_inputs": [{"#per_layer_inputs": 0}],
           "_convert_to_block": [{"#query_states": 0}], "_rel_shift": [{"#matrix_bd": 0}],
           "_extract_block_context": [{"#key_states": 0}, {"#value_states": 0}],
           "embed_input_ids": [{"#embed_input_ids": 0}], "compute_logits": [{"#logits": 0}]}    # vLLM's


def may_look(mask, taken_for_bool=False):
    """Where a query may look, of a mask that is a bool, or what is added to attention logits"""
    if mask is None or str(mask.dtype) == "torch.bool":
        return mask
    return mask != 0 if taken_for_bool else mask == 0


def before_5_20():
    """Whether transformers is one whose audio tower takes any mask for a bool"""
    version = getattr(sys.modules.get("transformers"), "__version__", "5.20")
    return tuple(map(int, version.split(".")[:2])) < (5, 20)


@contextmanager
def capture(model: Any, path: "Path | None" = None, only: Iterable[str] = ("*",), prefix: "str | None" = None
            ) -> "Iterator[dict[str, Any]]":
    """Record every tap of `model` while the body runs, then write them to `path`; gives the dict of taps as well.

    only     globs; a tap is kept if one of them matches its name
    prefix   the path of `model` itself in Gemma4ForConditionalGeneration, "" for the whole; guessed when None
    """
    refuse_compiled(model)
    prefix = guess_prefix(model) if prefix is None else prefix
    paths = {module: ".".join(filter(None, [prefix, name])) for name, module in model.named_modules()}
    shared = shared_children(model)
    masked = {layer: f"{text}#causal_mask_mapping.{layer_type}" for (text, layer_type), layer in first_layers(paths)}
    taps: "dict[str, Any]" = {}
    runs: "Counter[str]" = Counter()

    def add(name, value):
        again, runs[name] = runs[name], runs[name] + 1                  # counted also where nothing is kept
        if not any(fnmatchcase(name, glob) for glob in only):
            return
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

    def add_states(path, states):
        for name, value in zip(("#query_states", "#key_states", "#value_states"), states):
            add(path + name, value)

    def after_forward(module, args, kwargs, output):
        path = paths[module]
        name = path.rpartition(".")[2]
        suffixes = OUTPUTS.get(name, {"": 0})
        layer_type = argument("layer_type", 2, args, kwargs)
        if name == "rotary_emb" and isinstance(layer_type, str):
            suffixes = {f"#{layer_type}_cos": 0, f"#{layer_type}_sin": 1}
        elif name == "rotary_emb" and len(args) > 2:                    # vLLM's turns queries and keys, which attn gets
            suffixes = {}
        if hasattr(module, "relative_k_proj"):
            suffixes = CONFORMER_ATTENTION
        if path == "":
            add("logits", getattr(output, "logits", None))
        elif not path.endswith("experts.act_fn"):                       # which runs once for each expert that is hit
            add_outputs(path, suffixes, output)

    def before_forward(module, args, kwargs):
        path = paths[module]
        parent, _, name = path.rpartition(".")
        for child_name, child in shared.get(module, ()):
            paths[child] = f"{path}.{child_name}"                       # it runs as this one's, until another begins
        if path == "":
            add("input_ids", argument("input_ids", 0, args, kwargs))
        if name == "patch_embedder":
            add(parent + "#padding_positions", argument("padding_positions", 2, args, kwargs))
        if name == "language_model":
            add(parent + "#inputs_embeds", kwargs.get("inputs_embeds"))
        if name == "attn" and len(args) >= 3:                           # an engine's attention, with a cache of its own
            begins = runs[parent + "#query_states"] == 0                # later it gets the new keys alone
            shares = getattr(module, "kv_sharing_target_layer_name", None)
            add_states(parent, args[:3] if begins and not shares else args[:1])
        if name == "o_proj" or name == "post":
            add(parent + "#attn_output", args[0])
        if path.endswith("audio_tower.layers.0"):
            add(path.removesuffix(".layers.0") + "#attention_mask", may_look(kwargs["attention_mask"], before_5_20()))
        if module in masked:
            add(masked[module], may_look(kwargs.get("attention_mask")))

    def recorded_method(module, method, turns):
        turns = itertools.cycle(turns)

        def call(*args, **kwargs):
            output = method(*args, **kwargs)
            add_outputs(paths[module], next(turns), output)
            return output
        return call

    def recorded_function(module, functions, name):
        """A forward whose first call of one of these functions gives what no module outputs."""
        import torch                                                    # loaded already, as the model is there
        forward = module.forward

        class First(torch.overrides.TorchFunctionMode):
            def __init__(self):
                super().__init__()
                self.found = False

            def __torch_function__(self, function, types, args=(), kwargs=None):
                output = function(*args, **(kwargs or {}))
                if getattr(function, "__name__", "") in functions and not self.found:
                    self.found = True
                    add(paths[module] + name, output)
                return output

        def call(*args, **kwargs):
            with First():
                return forward(*args, **kwargs)
        return call

    def record_function(module, functions, name, undo):
        own = vars(module).get("forward")
        module.forward = recorded_function(module, functions, name)
        undo.callback(setattr, module, "forward", own) if own else undo.callback(delattr, module, "forward")

    def recorded_interface(get_interface):
        def get(*args, **kwargs):
            attention = get_interface(*args, **kwargs)

            def call(module, query, key, value, *args, **kwargs):
                output = attention(module, query, key, value, *args, **kwargs)
                if module in paths:
                    add_states(paths[module], (query, key, value))
                    add(paths[module] + "#attn_weights", output[1])     # None where the kernel does not give them
                return output
            return call
        return get

    with ExitStack() as undo:
        for module in paths:
            undo.callback(module.register_forward_pre_hook(before_forward, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(after_forward, with_kwargs=True).remove)
            for name, turns in METHODS.items():
                if hasattr(module, name):
                    setattr(module, name, recorded_method(module, getattr(module, name), turns))
                    undo.callback(delattr, module, name)                # the class has the method still
            if hasattr(module, "pos_embedding"):                        # the position embeddings of both axes, added up
                record_function(module, ["sum"], "#pos_embs", undo)
            if hasattr(module, "relative_k_proj"):
                record_function(module, ["matmul", "__matmul__"], "#matrix_ac", undo)
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
    if hasattr(model, "subsample_conv_projection"):
        return "model.audio_tower"
    return "model"                                                      # of a text model alone: Gemma4ForCausalLM's


def refuse_compiled(model):
    """Hooks do not fire inside a compiled graph, or break it."""
    for name, module in model.named_modules():
        compiled = hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        if compiled or not getattr(module, "do_not_compile", True):     # the last is vLLM's
            raise ValueError(f"{name or type(module).__name__}: found a compiled module, expected an eager one: "
                             "capture it before torch.compile, or make it with LLM(.., enforce_eager=True); or let "
                             "the graph return its taps, and record() them")


def shared_children(model):
    """{module: its children that other modules hold too}, as layers that share one rotary embedding do"""
    holders = {}
    for module in model.modules():
        for name, child in module.named_children():
            holders.setdefault(child, []).append((module, name))
    shared = {}
    for child, places in holders.items():
        if len({type(module) for module, _ in places}) < len(places):   # several of one class: layers
            for module, name in places:
                shared.setdefault(module, []).append((name, child))
    return shared


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


@contextmanager
def recording(path: Path) -> "Iterator[Callable[[str, Any], None]]":
    """Gives a function record(name, array), and writes what it got to `path` at the end, but not if the body raised."""
    taps: "dict[str, np.ndarray]" = {}

    def record_here(name: str, array: Any) -> None:
        _keep(taps, name, array)

    yield record_here
    from safetensors.numpy import save_file
    _write(save_file, taps, path)


_recorded: "dict[str, np.ndarray]" = {}


def record(name: str, array: Any) -> None:
    """Keep a copy of `array` as the tap `name`."""
    _keep(_recorded, name, array)


def save(path: Path) -> None:
    """Write what was recorded to `path`, and forget it."""
    from safetensors.numpy import save_file
    _write(save_file, _recorded, path)
    _recorded.clear()


def _keep(taps, name, array):
    if name in taps:
        raise ValueError(f"{name} is recorded already; write @1, @2, ... behind the name when a module runs again")
    _refuse_traced(name, array)
    taps[name] = np.array(_without_bfloat16(array), order="C")


def _refuse_traced(name, array):
    jax = sys.modules.get("jax")
    if jax and isinstance(array, jax.core.Tracer):
        raise TypeError(f"{name}: found a value that jit traces, expected numbers: call the function outside of jit "
                        "(with jax.disable_jit():), let it return the value, or record it while it runs: "
                        f"jax.debug.callback(functools.partial(record, {name!r}), array), and jax.effects_barrier() "
                        "before the dump is saved")


def _without_bfloat16(array):
    """PyTorch's and MLX's bfloat16 do not turn into NumPy's: as float32 the values are the same."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    dtype = str(getattr(array, "dtype", ""))
    if dtype == "torch.bfloat16":
        return array.float()
    if dtype == "mlx.core.bfloat16":
        import mlx.core                                                 # loaded already, as the array is there
        return array.astype(mlx.core.float32)
    return array


def _write(save_file, taps, path):
    if not taps:
        raise ValueError(f"{path}: no tap was recorded")
    write_whole(path, lambda name: save_file(taps, name))


def write_whole(path, write):
    """Let `write` write a file of a new name, and make it `path`: whole or not at all.

    A symbolic link stays, and the file that it points to is replaced. A device or a pipe stays too, and gets the bytes.
    """
    place = os.path.realpath(path)
    is_file = os.path.isfile(place) or not os.path.exists(place)
    handle, temporary = tempfile.mkstemp(prefix="plumb-", dir=os.path.dirname(place) if is_file else None)
    os.close(handle)
    try:
        write(temporary)
        if is_file:
            os.chmod(temporary, _mode_of(place))
            os.replace(temporary, place)
        else:
            with open(temporary, "rb") as source, open(place, "wb") as target:
                shutil.copyfileobj(source, target)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def _mode_of(place):
    if os.path.exists(place):
        return os.stat(place).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
