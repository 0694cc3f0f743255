"""check_quantised.py WEIGHT-FILTER [SCHEME..]: quantised tensors as the reference reads them, bit for bit as the
libraries that write them do.

Each scheme has 20 random tensors: random codes, and scales from the smallest to the largest that its dtype holds. The
reference gives float64; rounded to the library's own dtype, each bit must be the library's."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file

from quantised_layouts import TENSORS, extreme_scales, more_schemes

def reference(weight_filter, folder, names, more=()):
    answer = subprocess.run([weight_filter, folder, *more], input=("\n".join(names) + "\n").encode(),
                            stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(answer, dtype=np.float64)


def compare(scheme, found, expected):
    """expected: {name: tensor} in the order of the names -> elements that differ in a bit"""
    at = differing = elements = 0
    for tensor in expected.values():
        own = torch.from_numpy(found[at:at + tensor.numel()].copy()).reshape(tensor.shape)
        at += tensor.numel()
        own = own.to(torch.float32).to(tensor.dtype)
        same = (own == tensor) | (own.isnan() & tensor.isnan())
        differing += int((~same).sum())
        elements += tensor.numel()
    assert at == found.size, f"{scheme}: {found.size} elements, expected {at}"
    print(f"{scheme:44s} {len(expected):3d} tensors {elements:8d} elements, {differing} differ", flush=True)
    return differing


# ---------------------------------------------------------------- compressed-tensors


def compressed_tensors(name, args, compressor, scale_dtype):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    arguments = QuantizationArgs(**args)
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
    library = BaseCompressor.get_value_from_registry(compressor)
    tensors, expected = {}, {}
    for i in range(TENSORS):
        rows, columns = int(torch.randint(9, 40, ())), 32 * int(torch.randint(1, 6, ()))
        if args.get("strategy") == "block":
            columns += int(torch.randint(0, 32, ()))
        groups = {"group": (rows, columns // args.get("group_size", 1)), "channel": (rows, 1), "tensor": (1,),
                  "block": (-(-rows // 16), -(-columns // 16))}[args["strategy"]]
        parts = {"weight_scale": extreme_scales(groups, scale_dtype)}
        if args["type"] == "float":
            codes = torch.randint(0, 256, (rows, columns)).to(torch.uint8)
            codes[(codes & 127) == 127] = 0
            parts["weight"] = codes.view(torch.float8_e4m3fn)
        else:
            half = 2 ** (args["num_bits"] - 1)
            codes = torch.randint(-half, half, (rows, columns)).to(torch.int8)
            zeros = None if args.get("symmetric", True) else torch.randint(-half, half, groups).to(torch.int8)
            if compressor == "pack-quantized":
                from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
                parts |= {"weight_packed": pack_to_int32(codes, args["num_bits"]),
                          "weight_shape": torch.tensor([rows, columns])}
                if zeros is not None:
                    parts["weight_zero_point"] = pack_to_int32(zeros, args["num_bits"], packed_dim=0).contiguous()
            else:
                parts["weight"] = codes
                if zeros is not None:
                    parts["weight_zero_point"] = zeros
        expected[f"model.m{i}.weight"] = library.decompress(dict(parts), scheme)["weight"]
        tensors |= {f"model.m{i}.{key}": value for key, value in parts.items()}
    config = {"quant_method": "compressed-tensors", "format": compressor,
              "config_groups": {"group_0": {"targets": ["Linear"], "weights": args}}}
    return tensors, {"quantization_config": config}, expected


def compressed_tensors_schemes():
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        of = str(dtype)[6:]
        for symmetric in (True, False):
            for bits in (4, 8):
                for strategy in ("group", "channel"):
                    args = {"num_bits": bits, "type": "int", "symmetric": symmetric, "strategy": strategy}
                    if strategy == "group":
                        args["group_size"] = 32
                    kinds = ["pack-quantized"] + (["int-quantized"] if bits == 8 else [])
                    for kind in kinds:
                        name = f"{kind} int{bits} {strategy} {'sym' if symmetric else 'asym'} {of}"
                        yield name, args, kind, dtype
        for strategy in ("channel", "tensor", "block"):
            args = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy}
            if strategy == "block":
                args["block_structure"] = [16, 16]
            yield f"float-quantized fp8 {strategy} {of}", args, "float-quantized", dtype


# ---------------------------------------------------------------- GGUF


def gguf_file(name, path):
    import gguf

    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    halves = {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}.get(name, (0,))
    writer = gguf.GGUFWriter(path, "gemma4")
    expected = {}
    for i in range(TENSORS):
        rows, blocks = int(torch.randint(1, 30, ())), int(torch.randint(1, 4, ()))
        if block == 1:
            blocks *= 19
        data = np.random.randint(0, 256, (rows, blocks, size)).astype(np.uint8)
        for at in halves:
            numbers = extreme_scales((rows, blocks), torch.float16, signed=True).numpy()
            data[:, :, at:at + 2] = numbers.view(np.uint8).reshape(rows, blocks, 2)
        if name == "BF16":
            data[:, :, 1] &= 0xBF  # no infinity
        if name == "F32":
            data[:, :, 3] &= 0xBF
        data = data.reshape(rows, blocks * size)
        plain = {"F16": np.float16, "F32": np.float32}.get(name)
        writer.add_tensor(f"t{i}", data.view(plain) if plain else data, raw_dtype=kind)
        values = data.view(plain).astype(np.float32) if plain else gguf.quants.dequantize(data, kind)
        expected[f"t{i}"] = torch.from_numpy(np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


GGUF_TYPES = ("F32", "F16", "BF16", "Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q5_K", "Q6_K")


def main():
    weight_filter, *only = sys.argv[1:]
    torch.manual_seed(0)
    np.random.seed(0)
    differing = schemes = 0

    def wanted(name):
        return not only or any(word in name for word in only)

    with tempfile.TemporaryDirectory() as folder:
        def run(name, tensors, config, expected):
            save_file(tensors, os.path.join(folder, "model.safetensors"))
            with open(os.path.join(folder, "config.json"), "w") as file:
                json.dump(config, file)
            return compare(name, reference(weight_filter, folder, expected), expected)

        for name, *arguments in compressed_tensors_schemes():
            if wanted(name):
                differing += run(name, *compressed_tensors(name, *arguments))
                schemes += 1
        for name, make in more_schemes():
            if wanted(name):
                differing += run(name, *make())
                schemes += 1
        for name in GGUF_TYPES:
            if wanted("gguf " + name):
                path = os.path.join(folder, "weights.gguf")
                expected = gguf_file(name, path)
                differing += compare("gguf " + name, reference(weight_filter, folder, expected, [path]), expected)
                schemes += 1
    print(f"{schemes} schemes of {TENSORS} tensors: {differing} elements differ")
    return 1 if differing or not schemes else 0


if __name__ == "__main__":
    sys.exit(main())
