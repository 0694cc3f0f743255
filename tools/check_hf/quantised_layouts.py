"""Random tensors in the layouts of MLX, bitsandbytes, GPTQ, AWQ and FP4, for check_quantised.py.

Each function gives (tensors of the file, config.json, {name: the weight that they stand for})."""
import numpy as np
import torch

TENSORS = 20


def extreme_scales(shape, dtype, signed=False):
    """Powers of two over the whole range of the dtype, times 1 to 2, so that a product of 8 bits more stays finite"""
    least, most = {torch.float32: (-140, 110), torch.bfloat16: (-120, 110), torch.float16: (-22, 7)}[dtype]
    exponents = torch.randint(least, most, shape).double()
    scales = (torch.exp2(exponents) * (1 + torch.rand(shape).double())).to(dtype)
    return torch.where(torch.rand(shape) < 0.5, -scales, scales) if signed else scales


# ---------------------------------------------------------------- fp4 and MLX


def fp4(kind):
    """compressed-tensors' and modelopt's layouts, against code * scale in float64: the libraries multiply by a scale
    that they have divided and rounded before"""
    values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)
    values = torch.cat([values, -values])
    tensors, expected, group = {}, {}, 32 if kind == "mxfp4" else 16
    for i in range(TENSORS):
        rows, columns = int(torch.randint(1, 40, ())), group * int(torch.randint(1, 6, ()))
        codes = torch.randint(0, 16, (rows, columns)).to(torch.uint8)
        packed = codes[:, 0::2] | codes[:, 1::2] << 4
        shape = (rows, columns // group)
        name = f"model.m{i}."
        if kind == "mxfp4":
            scales = torch.randint(0, 250, shape).to(torch.uint8)
            wide = torch.exp2(scales.double() - 127)
            tensors |= {name + "weight_packed": packed, name + "weight_scale": scales}
        else:
            scales = torch.randint(0, 127, shape).to(torch.uint8).view(torch.float8_e4m3fn)
            factor = torch.exp2(torch.randint(-60, 60, ()).double()).float()
            wide = scales.double() * factor.double()
            if kind == "nvfp4":
                tensors |= {name + "weight_packed": packed, name + "weight_scale": scales,
                            name + "weight_global_scale": (1 / factor).reshape(1)}
            else:
                tensors |= {name + "weight": packed, name + "weight_scale": scales, name + "weight_scale_2": factor}
        wide = values[codes.long()].reshape(rows, -1, group) * wide[..., None]
        expected[name + "weight"] = wide.reshape(rows, columns).float()
    strategy = "group" if kind == "mxfp4" else "tensor_group"
    args = {"num_bits": 4, "type": "float", "strategy": strategy, "group_size": group}
    config = {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"], "weights": args}}}
    if kind == "modelopt":
        config = {"quant_method": "modelopt", "quant_algo": "NVFP4"}
    return tensors, {"quantization_config": config}, expected


def mlx(mode, bits, group):
    import mlx.core as mx

    tensors, expected = {}, {}
    for i in range(TENSORS):
        rows, columns = int(torch.randint(1, 40, ())), group * int(torch.randint(1, 6, ()))
        columns += -columns % 32
        columns = -(-columns // max(group, 32)) * max(group, 32)
        words = torch.randint(-2**31, 2**31, (rows, columns * bits // 32)).to(torch.int32)
        shape = (rows, columns // group)
        parts = [mx.array(words.numpy()).view(mx.uint32)]
        name = f"model.m{i}."
        if mode == "affine":
            # of 8 bits, so that MLX's product is exact in float32 and its sum is the only rounding
            scales, biases = (extreme_scales(shape, torch.float16, signed=True).bfloat16().float() for _ in "sb")
            tensors |= {name + "scales": scales, name + "biases": biases}
            parts += [mx.array(scales.numpy()), mx.array(biases.numpy())]
        else:
            scales = torch.randint(0, 250 if mode == "mxfp4" else 127, shape).to(torch.uint8)
            if mode == "mxfp4":
                scales = scales.clamp(20, 230)
            tensors[name + "scales"] = scales
            parts.append(mx.array(scales.numpy()))
        tensors[name + "weight"] = words.view(torch.uint32)
        values = mx.dequantize(*parts, group_size=group, bits=bits, mode=mode)
        dtype = torch.float32 if values.dtype == mx.float32 else torch.bfloat16
        expected[name + "weight"] = torch.from_numpy(np.array(values.astype(mx.float32))).to(dtype)
    return tensors, {"quantization_config": {"group_size": group, "bits": bits, "mode": mode}}, expected


# ---------------------------------------------------------------- bitsandbytes


def bitsandbytes(kind, nested):
    from bitsandbytes import functional
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    tensors, expected = {}, {}
    for i in range(TENSORS):
        # Its kernel for a CPU reads past the end where rows are no whole blocks; the generic code does not.
        rows, columns = int(torch.randint(1, 40, ())), 64 * int(torch.randint(1, 4, ())) - i % 2 * 22
        weight = torch.randn(rows, columns) * torch.exp2(torch.randint(-20, 20, (rows, 1)).float())
        codes, state = functional.quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=nested)
        name = f"model.m{i}.weight"
        tensors[name] = codes
        tensors |= {f"{name}.{key}": value.contiguous() for key, value in state.as_dict(packed=True).items()}
        if i % 2:
            scales = state.absmax
            if nested:
                scales = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
            expected[name] = _dequantize_4bit_compute(codes.reshape(-1), scales, state.code, 64, weight.shape,
                                                      torch.float32)
        else:
            expected[name] = functional.dequantize_4bit(codes, state)
    return tensors, {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, expected


# ---------------------------------------------------------------- torchao


def torchao(kind, dtype):
    """Its own tensors, whose codes and scales are replaced, flattened by itself and dequantised by itself"""
    import torchao.quantization as tq
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict

    config = {"int8": tq.Int8WeightOnlyConfig(), "float8": tq.Float8WeightOnlyConfig(),
              "int4": tq.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=tq.PerGroup(32))}[kind]
    tensors, expected = {}, {}
    for i in range(TENSORS):
        rows, columns = int(torch.randint(1, 40, ())), 32 * int(torch.randint(1, 6, ()))
        linear = torch.nn.Linear(columns, rows, bias=False, dtype=dtype)
        tq.quantize_(linear, config)
        weight = linear.weight
        if kind == "float8":
            codes = torch.randint(0, 127, (rows, columns)) | torch.randint(0, 2, (rows, columns)) << 7
            weight.qdata.copy_(codes.to(torch.uint8).view(torch.float8_e4m3fn))
        else:
            half = 8 if kind == "int4" else 128
            weight.qdata.copy_(torch.randint(-half, half, (rows, columns)))
            if kind == "int4":
                weight.zero_point.copy_(torch.randint(-half, half, weight.zero_point.shape))
        weight.scale.copy_(extreme_scales(weight.scale.shape, weight.scale.dtype))
        flat, _ = flatten_tensor_state_dict({f"model.m{i}.weight": weight.data})
        tensors |= {name: part.contiguous() for name, part in flat.items()}
        expected[f"model.m{i}.weight"] = weight.dequantize()
    names = {"int8": "Int8WeightOnlyConfig", "float8": "Float8WeightOnlyConfig", "int4": "IntxWeightOnlyConfig"}
    quantised = {"quant_method": "torchao", "quant_type": {"default": {"_type": names[kind]}}}
    return tensors, {"quantization_config": quantised}, expected


# ---------------------------------------------------------------- GPTQ and AWQ: no library that runs on a CPU wheel


def transposed(method, bits, group, version="gptq"):
    """Packed here as AutoGPTQ's and AutoAWQ's pack() do, against (code - zero) * scale in float64"""
    per_word, order = 32 // bits, [0, 2, 4, 6, 1, 3, 5, 7]
    tensors, expected = {}, {}

    def pack(codes):  # along the last dimension
        words = codes.reshape(*codes.shape[:-1], -1, per_word)
        places = order if method == "awq" else range(per_word)
        return sum(words[..., place].long() << bits * at for at, place in enumerate(places)).to(torch.int32)

    for i in range(TENSORS):
        rows, columns = per_word * int(torch.randint(1, 9, ())), group * int(torch.randint(1, 5, ()))
        codes = torch.randint(0, 2**bits, (columns, rows))
        zeros = torch.randint(1, 2**bits, (columns // group, rows))
        scales = extreme_scales(zeros.shape, torch.float16)
        index = torch.arange(columns) // group
        if method == "gptq" and i % 2:
            index = index[torch.randperm(columns)]
        name = f"model.m{i}."
        stored = zeros - 1 if version == "gptq" and method == "gptq" else zeros
        tensors |= {name + "qweight": pack(codes).contiguous() if method == "awq" else pack(codes.T).T.contiguous(),
                    name + "qzeros": pack(stored).contiguous(), name + "scales": scales}
        if method == "gptq":
            tensors[name + "g_idx"] = index.to(torch.int32)
        wide = (codes - zeros[index]).double() * scales[index].double()
        expected[name + "weight"] = wide.T.contiguous().float()
    config = {"quant_method": method, "bits": bits, "group_size": group, "checkpoint_format": version}
    return tensors, {"quantization_config": config}, expected


def more_schemes():
    for kind in ("nvfp4", "mxfp4", "modelopt"):
        yield f"{kind} (by its definition)", lambda: fp4(kind)
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            yield f"mlx affine {bits} bits, groups of {group}", lambda: mlx("affine", bits, group)
    yield "mlx mxfp4", lambda: mlx("mxfp4", 4, 32)
    yield "mlx nvfp4", lambda: mlx("nvfp4", 4, 16)
    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            yield f"bitsandbytes {kind}{', scales quantised' if nested else ''}", lambda: bitsandbytes(kind, nested)
    for kind in ("int8", "int4", "float8"):
        for dtype in (torch.float32, torch.bfloat16):
            yield f"torchao {kind} {str(dtype)[6:]}", lambda: torchao(kind, dtype)
    for bits in (2, 4, 8):
        for version in ("gptq", "gptq_v2"):
            yield f"{version} int{bits} (by its definition)", lambda: transposed("gptq", bits, 32, version)
    yield "awq int4 (by its definition)", lambda: transposed("awq", 4, 32)
