"""run.py CASE OUT [--type TYPE | --model FILE] [--flash] [--gelu] [--keep NAME ..]: llama.cpp on a case

The dump has the names of llama.cpp's graphs. The case's model is converted by llama.cpp's own converter, its text, its
tower, or both where the case has both; dump.cpp writes what the graphs compute. A sequence or a picture is one run:
they are put side by side here, with zeros where the batch has padding. Where there are both, names of the tower begin
with "clip.", and soft tokens come to the text model as libmtmd hands them over: text, picture, text. Kept are values
that names/llama.cpp-*.json knows, or those of --keep. Types that the converter does not write (q4_0) gguf-py writes, of
matrices whose rows are whole blocks.
"""
import argparse
import itertools
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


def missing_keys(folder, gelu):
    """Keys of the tower that the converter does not write: of the GELU, and of the pooler if it has not the 3 that
    clip.cpp takes for granted (docs/upstream)."""
    kernel = json.loads((folder / "config.json").read_text())["vision_config"]["pooling_kernel_size"]
    keys = {"clip.use_gelu": True} if gelu else {}
    return keys if kernel == 3 else keys | {"clip.vision.projector.scale_factor": kernel}


def rewrite(path, out, keys, quantise=None):
    """The file with more keys, or with its matrices in another type"""
    sys.path.insert(0, str(BUILT / "llama.cpp/gguf-py"))
    import gguf
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(out, arch=reader.fields[gguf.Keys.General.ARCHITECTURE].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != gguf.Keys.General.ARCHITECTURE:
            is_array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if is_array else None)
    for name, value in keys.items():
        (writer.add_bool if value is True else writer.add_uint32)(name, value)
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
    part_of = ["--mmproj"] if part == "vision" else []
    command(sys.executable, CONVERTER, folder, "--outfile", model, "--outtype", kind, *part_of)
    keys = missing_keys(folder, options.gelu) if part == "vision" else {}
    if keys or options.type in BY_GGUF_PY:
        model = rewrite(model, f"{model}.rewritten", keys, options.type if options.type in BY_GGUF_PY else None)
    return model


def arrays_in(folder, kept):
    """{name: array without the dimensions of 1 in front, down to two}"""
    arrays = {}
    for path in sorted(folder.glob("*.npy")):
        if kept.fullmatch(path.stem):
            array = np.load(path)
            while array.ndim > 2 and array.shape[0] == 1:
                array = array[0]
            arrays[path.stem] = array
    return arrays


def run(kept, mode, model, *rest):
    """The arrays of one run of dump.cpp: of a text, those of each chunk."""
    with tempfile.TemporaryDirectory() as folder:
        command(BUILT / "dump", mode, model, folder, *rest)
        if mode == "vision":
            return arrays_in(pathlib.Path(folder), kept)
        chunks = sorted(pathlib.Path(folder).iterdir(), key=lambda path: int(path.name))
        return [arrays_in(path, kept) for path in chunks]


def padded(array, front, length):
    return np.pad(array, [(front, length - front - len(array))] + [(0, 0)] * (array.ndim - 1))


def chunks_of(ids, config, soft_tokens, folder):
    """A prompt as libmtmd hands it over: its text, and the soft tokens of a picture where its placeholders stand.

    Whether they see each other libmtmd tells by the published models' widths, which a fixture has not.
    """
    picture, text = config.get("image_token_id"), config.get("text_config", config)
    kind = "image" if text.get("use_bidirectional_attention") == "vision" else "causal"
    for is_picture, group in itertools.groupby(ids, lambda token: token == picture):
        group = [int(token) for token in group]
        if is_picture:
            path = folder / f"{len(list(folder.iterdir()))}.f32"
            path.write_bytes(np.ascontiguousarray(next(soft_tokens), np.float32).tobytes())
            yield f"{kind}={path}"
        else:
            yield "tokens=" + ",".join(map(str, group))


def joined(chunks, count):
    """The chunks' arrays as those of one pass; attention weights have the cache's cells last, count of them used"""
    def whole(name):
        parts = [chunk[name] for chunk in chunks]
        if name.startswith("kq_soft_max"):          # heads, queries, cells
            return np.concatenate([part.reshape(-1, *part.shape[-2:])[:, :, :count] for part in parts], 1)
        full = max(parts, key=lambda part: part.ndim)   # of one token alone a dimension is missing
        return np.concatenate([part.reshape(-1, *full.shape[1:]) for part in parts])
    return {name: whole(name) for name in chunks[0] if all(name in chunk for chunk in chunks)}


def text_rows(model, case, inputs, options, soft_tokens=iter(())):
    """A run for each row of input_ids, without its padding."""
    ids, kept = inputs["input_ids"], kept_names("text", options.keep)
    config = json.loads((case / "model/config.json").read_text())
    mask = inputs.get("attention_mask", np.ones_like(ids)).astype(bool)
    for row, real in zip(ids, mask):
        count, front = int(real.sum()), int(real.argmax())
        with tempfile.TemporaryDirectory() as folder:
            chunks = [*chunks_of(row[real], config, soft_tokens, pathlib.Path(folder))]
            cache = "f16" if options.type == "f16" else "f32"
            arrays = joined(run(kept, "text", model, int(options.flash), cache, *chunks), count)
        for name, array in arrays.items():
            if name.startswith("kq_soft_max"):
                weights = np.zeros((len(array), len(row), len(row)), np.float32)
                weights[:, front : front + count, front : front + count] = array
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


def pictures(model, inputs, options):
    """A run for each picture, without its padding."""
    kept = kept_names("vision", options.keep)
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


def side_by_side(runs, prefix):
    """The arrays of a batch"""
    join = {name: np.concatenate if name in PER_SOFT_TOKEN else np.stack for name in (runs[0] if runs else ())}
    return {prefix + name: np.ascontiguousarray(join[name]([arrays[name] for arrays in runs])) for name in join}


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
    has_text, has_pictures = "input_ids" in inputs, "pixel_values" in inputs
    with tempfile.TemporaryDirectory() as folder:
        def model_of(part):
            out = pathlib.Path(folder) / f"{part}.gguf"
            return options.model or convert(options.case / "model", out, part, options)
        towers = [*pictures(model_of("vision"), inputs, options)] if has_pictures else []
        soft_tokens = [arrays["projected"] for arrays in towers] if has_text else []
        texts = [*text_rows(model_of("text"), options.case, inputs, options, iter(soft_tokens))] if has_text else []
    save_file(side_by_side(texts, "") | side_by_side(towers, "clip." if has_text else ""), options.out)


if __name__ == "__main__":
    main()
