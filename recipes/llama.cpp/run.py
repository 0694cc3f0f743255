"""run.py CASE OUT [--type TYPE | --model FILE] [--flash] [--gelu] [--keep NAME ..]: llama.cpp on a case, its graph's names

The case's model is converted by llama.cpp's own converter, its text or, where it has no prompt, its tower; dump.cpp
writes what the graph computes. A sequence or a picture is one run: they are put side by side here, with zeros where the
batch has padding. Kept are the values that names/llama.cpp-*.json knows, or those of --keep. Types that the converter
does not write (q4_0) gguf-py writes, of matrices whose rows are whole blocks.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

BUILT = pathlib.Path(sys.prefix).parent                 # by install.sh: llama.cpp, dump
CONVERTER = BUILT / "llama.cpp/convert_hf_to_gguf.py"
BY_GGUF_PY, BLOCK = ("q4_0", "q5_0"), 32
PER_SOFT_TOKEN = ("std_scaled", "projected")            # rows of all pictures in Hugging Face, without padding


def command(*words):
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{words[0]}: exit status {done.returncode}\n{done.stderr[-2000:]}")


def kept_names(part, only):
    """A pattern for the arrays that are kept: the map's names, or those that the user wants."""
    names = only or [name for name in json.loads(pathlib.Path(f"names/llama.cpp-{part}.json").read_text())
                     if not name.startswith("$")]
    return re.compile("|".join(re.escape(name).replace(r"\{\}", r"\d+").replace(r"\*", r"[^.]+") for name in names))


def rewrite(path, out, gelu=False, quantise=None):
    """The file with a key that the converter does not write, clip.use_gelu, or with its matrices in another type"""
    sys.path.insert(0, str(BUILT / "llama.cpp/gguf-py"))
    import gguf
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(out, arch=reader.fields[gguf.Keys.General.ARCHITECTURE].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != gguf.Keys.General.ARCHITECTURE:
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    if gelu:
        writer.add_bool("clip.use_gelu", True)
    for tensor in reader.tensors:
        is_matrix = tensor.data.ndim == 2 and tensor.data.shape[1] % BLOCK == 0
        if quantise and is_matrix and tensor.tensor_type == gguf.GGMLQuantizationType.F32:
            kind = gguf.GGMLQuantizationType[quantise.upper()]
            writer.add_tensor(tensor.name, gguf.quants.quantize(tensor.data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_shape=tensor.data.shape, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def convert(folder, model, part, options):
    """The case's model as a GGUF file"""
    kind = "f32" if options.type in BY_GGUF_PY else options.type
    command(sys.executable, CONVERTER, folder, "--outfile", model, "--outtype", kind, *["--mmproj"] * (part == "vision"))
    if options.gelu or options.type in BY_GGUF_PY:
        model = rewrite(model, f"{model}.rewritten", options.gelu, options.type if options.type in BY_GGUF_PY else None)
    return model


def run(kept, *arguments):
    """One run of dump.cpp: {name: array without the dimensions of 1 in front, down to two}."""
    with tempfile.TemporaryDirectory() as folder:
        mode, model, *rest = arguments
        command(BUILT / "dump", mode, model, folder, *rest)
        arrays = {}
        for path in sorted(pathlib.Path(folder).glob("*.npy")):
            if kept.fullmatch(path.stem):
                array = np.load(path)
                while array.ndim > 2 and array.shape[0] == 1:
                    array = array[0]
                arrays[path.stem] = array
    return arrays


def padded(array, front, length):
    return np.pad(array, [(front, length - front - len(array))] + [(0, 0)] * (array.ndim - 1))


def text_rows(model, inputs, kept, options):
    """A run for each row of input_ids, without its padding."""
    ids = inputs["input_ids"]
    mask = inputs.get("attention_mask", np.ones_like(ids)).astype(bool)
    for row, real in zip(ids, mask):
        count, front = int(real.sum()), int(real.argmax())
        arrays = run(kept, "text", model, int(options.flash), "f16" if options.type == "f16" else "f32", *row[real])
        for name, array in arrays.items():
            if name.startswith("kq_soft_max"):          # heads, queries, cells of the cache
                array = array.reshape(-1, *array.shape[-2:])
                weights = np.zeros((len(array), len(row), len(row)), np.float32)
                weights[:, front : front + count, front : front + count] = array[:, :, :count]
                arrays[name] = weights
            else:
                arrays[name] = padded(array, front, len(row))
        yield arrays


def picture(patches, positions):
    """Pixels of a picture [height, width, 3], of which patches are cut."""
    (columns, rows), side = positions.max(0) + 1, int((patches.shape[1] // 3) ** 0.5)
    pixels = np.zeros((rows * side, columns * side, 3), np.float32)
    for (x, y), patch in zip(positions, patches):
        pixels[y * side : (y + 1) * side, x * side : (x + 1) * side] = patch.reshape(side, side, 3)
    return pixels


def pictures(model, inputs, kept, options):
    """A run for each picture, without its padding."""
    for patches, positions in zip(inputs["pixel_values"], inputs["image_position_ids"]):
        real = positions[:, 0] >= 0
        with tempfile.NamedTemporaryFile() as file:
            pixels = picture(patches[real], positions[real])
            file.write(pixels.tobytes())
            file.flush()
            arrays = run(kept, "vision", model, int(options.flash), pixels.shape[1], pixels.shape[0], file.name)
        share = int(real.sum()) // len(arrays["projected"])             # patches that are pooled to a soft token
        for name, array in arrays.items():
            if name not in PER_SOFT_TOKEN:
                arrays[name] = padded(array, 0, len(real) // (share if name == "pooled" else 1))
        yield arrays


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--type", choices=("f32", "f16", "bf16", "q8_0", *BY_GGUF_PY), default="f32",
                        help="of the weights in the GGUF file")
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF file to run, instead of the case's own")
    parser.add_argument("--flash", action="store_true", help="flash attention")
    parser.add_argument("--gelu", action="store_true", help="add the key clip.use_gelu to the tower's file")
    parser.add_argument("--keep", action="append", metavar="NAME", help="a name of names/llama.cpp-*.json")
    options = parser.parse_args()
    inputs = load_file(options.case / "inputs.safetensors")
    part = "text" if "input_ids" in inputs else "vision"
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or convert(options.case / "model", pathlib.Path(folder) / f"{part}.gguf", part, options)
        runs = [*(text_rows if part == "text" else pictures)(model, inputs, kept_names(part, options.keep), options)]
    join = {name: np.concatenate if name in PER_SOFT_TOKEN else np.stack for name in runs[0]}
    save_file({name: np.ascontiguousarray(join[name]([arrays[name] for arrays in runs])) for name in runs[0]},
              options.out)


if __name__ == "__main__":
    main()
