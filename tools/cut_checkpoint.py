"""Cut a checkpoint to the first layers of its text model, to grade those alone: less to hold, less to compute.

    python tools/cut_checkpoint.py MODEL --layers N OUTDIR

MODEL is a folder with config.json and .safetensors, as Hugging Face publishes them. Everything but the text layers from
N on stays: embeddings, towers, the last norm. What the first N layers compute stays the same, so a dump of the whole
model is graded with the cut one. Layer N - 1 has to be one of full attention, because Hugging Face makes the last layer
of a model full whatever its configuration says. docs/few-layers.md shows how to go on.

torch and safetensors are needed.
"""
import argparse
import json
import re
import shutil
import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

TEXT_LAYER = re.compile(r"(?:^|\.)(?:language_model|model)\.layers\.(\d+)\.")
INDEX = "model.safetensors.index.json"


def cut_config(config, layers):
    """The configuration of the first layers, and how many there were and how wide a layer's own embedding is."""
    config = json.loads(json.dumps(config))
    text = config.get("text_config") or config
    count = text["num_hidden_layers"]
    types = text.get("layer_types") or ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(count)]
    full = [i + 1 for i, kind in enumerate(types) if kind == "full_attention"]
    if layers not in full:
        sys.exit(f"cut_checkpoint: --layers: found {layers}, expected one of {', '.join(map(str, full))}: "
                 "the last layer has full attention")
    text["layer_types"] = types
    for key, value in text.items():
        if isinstance(value, list) and len(value) == count:
            text[key] = value[:layers]
    if text.get("per_layer_config"):
        text["per_layer_config"] = {i: of for i, of in text["per_layer_config"].items() if int(i) < layers}
    own = count - (text.get("num_kv_shared_layers") or 0)    # layers with keys and values of their own
    text["num_kv_shared_layers"] = max(0, layers - own)
    text["num_hidden_layers"] = layers
    return config, count, text.get("hidden_size_per_layer_input") or 0


def is_kept(name, layers):
    found = TEXT_LAYER.search(name)
    return not found or int(found[1]) < layers


def cut_tensor(name, tensor, width):
    """Embeddings of all layers lie side by side, `width` of them a layer."""
    if name.endswith("embed_tokens_per_layer.weight"):
        return tensor[:, :width].contiguous()
    if name.endswith("per_layer_model_projection.weight"):
        return tensor[:width].contiguous()
    return tensor


def cut_weights(folder, layers, width, out):
    """A file for each file of the checkpoint that holds something, and their index. -> bytes before, bytes now"""
    weight_map, before, now = {}, 0, 0
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        sys.exit(f"cut_checkpoint: {folder}: found no .safetensors in it, expected a checkpoint of Hugging Face")
    for path in files:
        before += path.stat().st_size
        with safe_open(path, "pt") as file:
            kept = {name: cut_tensor(name, file.get_tensor(name), width) for name in file.keys()
                    if is_kept(name, layers)}
        if not kept:
            continue
        save_file(kept, out / path.name, metadata={"format": "pt"})
        now += (out / path.name).stat().st_size
        weight_map.update(dict.fromkeys(kept, path.name))
    if len(set(weight_map.values())) > 1 or "model.safetensors" not in weight_map.values():
        (out / INDEX).write_text(json.dumps({"metadata": {"total_size": now}, "weight_map": weight_map}, indent=1))
    return before, now


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("out", type=Path, metavar="OUTDIR")
    parser.add_argument("--layers", type=int, required=True, metavar="N")
    args = parser.parse_args()
    if not (args.model / "config.json").is_file():
        sys.exit(f"cut_checkpoint: {args.model}: found no config.json in it, expected a checkpoint of Hugging Face")
    if args.out.exists():
        sys.exit(f"cut_checkpoint: {args.out}: found it there already, expected a new folder")
    config, count, per_layer = cut_config(json.loads((args.model / "config.json").read_text()), args.layers)
    args.out.mkdir(parents=True)
    for path in args.model.iterdir():               # tokenizer and processor
        if path.is_file() and path.suffix in (".json", ".model", ".jinja") and path.name not in (INDEX, "config.json"):
            shutil.copyfile(path, args.out / path.name)
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    before, now = cut_weights(args.model, args.layers, args.layers * per_layer, args.out)
    print(f"{args.out}: {args.layers} of {count} layers, {100 * now / before:.0f} % of the bytes")


if __name__ == "__main__":
    main()
