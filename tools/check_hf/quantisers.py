"""Quantisers, honest and buggy, for check_quantiser.py: a weight [rows, columns] to the tensors of a file.

One function gives codes, scales and zeros, another puts them into a file's layout. A bug is done between the two, or to
the layout, so that everything else stays honest."""
import numpy as np
import torch

GROUP = 32


def grouped(values):
    return values.reshape(values.shape[0], -1, GROUP)


def round_to_nearest(weight, most=7.5):
    """Symmetric int4 in groups: -8 .. 7"""
    groups = grouped(weight)
    scales = (groups.abs().amax(-1, keepdim=True) / most).bfloat16().float()
    return (groups / scales).round().clamp(-8, 7).reshape(weight.shape), scales[..., 0]


def searched(weight):
    """The scale of least squared error, of 40"""
    best = None
    for most in np.linspace(6.5, 9.5, 40):
        codes, scales = round_to_nearest(weight, float(most))
        error = ((grouped(codes) * scales[..., None] - grouped(weight))**2).sum(-1)
        if best is None:
            best = [codes, scales, error]
            continue
        better = error < best[2]
        grouped(best[0])[better] = grouped(codes)[better]
        best[1][better], best[2][better] = scales[better], error[better]
    return best[0], best[1]


def compensated(weight):
    """GPTQ: what rounding a column takes away, the columns behind it make up for, where inputs go together."""
    weight, columns = weight.clone().double(), weight.shape[1]
    inputs = torch.randn(4 * columns, columns, dtype=torch.float64) @ torch.randn(columns, columns, dtype=torch.float64)
    hessian = inputs.T @ inputs
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(columns)
    inverse = torch.linalg.cholesky(torch.linalg.inv(hessian), upper=True)
    codes, scales = torch.zeros_like(weight), []
    for column in range(columns):
        if column % GROUP == 0:
            block = weight[:, column:column + GROUP]
            scales.append((block.abs().amax(1) / 7.5).bfloat16().double())
        scale = scales[-1]
        codes[:, column] = (weight[:, column] / scale).round().clamp(-8, 7)
        error = (weight[:, column] - codes[:, column] * scale) / inverse[column, column]
        weight[:, column + 1:] -= error[:, None] * inverse[column, column + 1:]
    return codes.float(), torch.stack(scales, 1).float()


def with_zeros(weight):
    """Asymmetric int4 in groups: codes and zeros -8 .. 7"""
    groups = grouped(weight)
    low, high = groups.amin(-1, keepdim=True).clamp(max=0), groups.amax(-1, keepdim=True).clamp(min=0)
    scales = ((high - low) / 15).bfloat16().float()
    zeros = (-8 - low / scales).round().clamp(-8, 7)
    codes = (groups / scales + zeros).round().clamp(-8, 7)
    return codes.reshape(weight.shape), scales[..., 0], zeros[..., 0]


def packed_words(codes):
    """[rows, columns] of -8 .. 7 to eight a word, the first lowest, as compressed-tensors packs them"""
    wide = (codes.to(torch.int64) + 8).numpy().astype(np.uint32)
    padded = np.pad(wide, ((0, 0), (0, -wide.shape[1] % 8))).reshape(len(wide), -1, 8)
    words = (padded << (4 * np.arange(8, dtype=np.uint32))).sum(-1).astype(np.uint32)
    return torch.from_numpy(words.view(np.int32).copy())


def int4_file(codes, scales, zeros=None):
    parts = {"weight_packed": packed_words(codes), "weight_scale": scales.bfloat16().contiguous(),
             "weight_shape": torch.tensor(codes.shape)}
    if zeros is not None:
        parts["weight_zero_point"] = packed_words(zeros.T).T.contiguous()
    return parts


def compressed(num_bits, kind="int", **more):
    args = {"num_bits": num_bits, "type": kind, "symmetric": True, **more}
    return {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"], "weights": args}}}


INT4 = compressed(4, strategy="group", group_size=GROUP)
INT4_ZEROS = compressed(4, strategy="group", group_size=GROUP, symmetric=False)
INT8 = compressed(8, strategy="channel")
FP8 = compressed(8, "float", strategy="channel")
NVFP4 = compressed(4, "float", strategy="tensor_group", group_size=16)


def int8(weight):
    scales = (weight.abs().amax(1, keepdim=True) / 127.5).bfloat16()
    return {"weight": (weight / scales.float()).round().clamp(-128, 127).to(torch.int8), "weight_scale": scales}


def fp8(weight):
    scales = (weight.abs().amax(1, keepdim=True) / 448).bfloat16()
    return {"weight": (weight / scales.float()).to(torch.float8_e4m3fn), "weight_scale": scales}


E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def nvfp4(weight, stored=lambda factor: factor):
    """stored: what is written of the global scale, by which weights are divided twice"""
    groups = weight.reshape(len(weight), -1, 16)
    factor = 448 * 6 / weight.abs().max()
    scales = (groups.abs().amax(-1) * factor / 6).to(torch.float8_e4m3fn)
    values = groups * factor / scales.float()[..., None]
    codes = (values.abs()[..., None] - E2M1).abs().argmin(-1) | (values < 0).long() << 3
    codes = codes.reshape(weight.shape).to(torch.uint8)
    return {"weight_packed": codes[:, 0::2] | codes[:, 1::2] << 4, "weight_scale": scales,
            "weight_global_scale": stored(factor).reshape(1)}


def mlx(bits, group):
    def quantise(weight):
        import mlx.core as mx
        words, scales, biases = mx.quantize(mx.array(weight.numpy()), group_size=group, bits=bits)
        return {"weight": torch.from_numpy(np.array(words.view(mx.int32))).view(torch.uint32),
                "scales": torch.from_numpy(np.array(scales)), "biases": torch.from_numpy(np.array(biases))}
    return quantise, {"group_size": group, "bits": bits, "mode": "affine"}


def nf4(weight):
    from bitsandbytes import functional
    codes, state = functional.quantize_4bit(weight.contiguous(), blocksize=64, quant_type="nf4")
    parts = {"weight": codes}
    return parts | {f"weight.{key}": value.contiguous() for key, value in state.as_dict(packed=True).items()}


def gptq_file(codes, scales):
    """[in / 8, out], the codes of a word are inputs; zeros are stored less one: 8 - 1"""
    return {"qweight": packed_words(codes).T.contiguous(), "scales": scales.T.half().contiguous(),
            "qzeros": torch.full((scales.shape[1], codes.shape[0] // 8), 0x77777777, dtype=torch.int32),
            "g_idx": torch.arange(codes.shape[1], dtype=torch.int32) // GROUP}


def awq(weight):
    """[in, out / 8], outputs of a word in the order 0 2 4 6 1 3 5 7, of weights whose inputs were multiplied before"""
    codes, scales = round_to_nearest(weight * (1 + torch.rand(weight.shape[1])))
    words = packed_words(codes.T.reshape(codes.shape[1], -1, 8)[..., [0, 2, 4, 6, 1, 3, 5, 7]].flatten(1))
    return {"qweight": words, "scales": scales.T.half().contiguous(),
            "qzeros": torch.full((scales.shape[1], codes.shape[0] // 8), -0x77777778, dtype=torch.int32)}


AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP}

HONEST = {
    "int4, to nearest": (lambda w: int4_file(*round_to_nearest(w)), INT4),
    "int4, absmax / 8": (lambda w: int4_file(*round_to_nearest(w, 8)), INT4),
    "int4, scales searched": (lambda w: int4_file(*searched(w)), INT4),
    "int4, by GPTQ": (lambda w: int4_file(*compensated(w)), INT4),
    "int4 with zeros": (lambda w: int4_file(*with_zeros(w)), INT4_ZEROS),
    "int8 per channel": (int8, INT8),
    "fp8 per channel": (fp8, FP8),
    "nvfp4": (nvfp4, NVFP4),
    "mlx, 4 bits": mlx(4, 32),
    "mlx, 8 bits": mlx(8, 64),
    "nf4": (nf4, {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "gptq's layout, to nearest": (lambda w: gptq_file(*round_to_nearest(w)), GPTQ),
    "gptq's layout, by GPTQ": (lambda w: gptq_file(*compensated(w)), GPTQ),
}


# ---------------------------------------------------------------- bugs


def exchanged(codes, mask):
    return codes[:, torch.arange(codes.shape[1]) ^ mask]


def one_group(codes, scales):
    scales = scales.clone()
    scales[1, 0] *= 4
    return codes, scales


def first_scale(weight):
    scales = round_to_nearest(weight)[1][:, :1].expand(-1, weight.shape[1] // GROUP)
    codes = (grouped(weight) / scales[..., None]).round().clamp(-8, 7).reshape(weight.shape)
    return int4_file(codes, round_to_nearest(weight)[1])


def of_int4(change, quantise=round_to_nearest, store=int4_file):
    return lambda weight: store(*change(*quantise(weight)))


def less_one(codes, scales, zeros):
    return codes, scales, (zeros - 1).clamp(min=-8)


CHANGES = {
    "nibbles-exchanged": lambda c, s: (exchanged(c, 1), s),
    "words-reversed": lambda c, s: (exchanged(c, 7), s),
    "sign-bit": lambda c, s: ((c.to(torch.int64) + 16) % 16 - 8, s),
    "scale-behind": lambda c, s: (c, s.reshape(-1).roll(1).reshape(s.shape)),
    "scale-before": lambda c, s: (c, s.reshape(-1).roll(-1).reshape(s.shape)),
    "next-row-scale": lambda c, s: (c, s.roll(1, 0)),
    "scales-transposed": lambda c, s: (c, s.T.reshape(s.shape)),
    "constant-factor": lambda c, s: (c, s / 16),
}

# id, scheme: what makes the file, and how it says that it is made
BUGGY = [(bug, "int4", of_int4(change), INT4) for bug, change in CHANGES.items()]
BUGGY += [(bug, "gptq's layout", of_int4(change, store=gptq_file), GPTQ)
          for bug, change in CHANGES.items() if bug != "sign-bit"]
BUGGY += [
    ("first-scale", "int4", first_scale, INT4),
    ("one group", "int4", of_int4(one_group), INT4),
    ("zero-off-by-one", "int4 with zeros", lambda w: int4_file(*less_one(*with_zeros(w))),
     INT4_ZEROS),
    ("zero-off-by-one", "gptq's layout", lambda w: gptq_file(*round_to_nearest(w)) |
     {"qzeros": torch.full((w.shape[1] // GROUP, len(w) // 8), -0x77777778, dtype=torch.int32)}, GPTQ),
    ("constant-factor", "nvfp4, its reciprocal", lambda w: nvfp4(w, lambda factor: 1 / factor), NVFP4),
    ("constant-factor", "nvfp4, none", lambda w: nvfp4(w, torch.ones_like), NVFP4),
]
BUGGY_GPTQ = [(bug, "int4, by GPTQ", of_int4(change, compensated), INT4) for bug, change in CHANGES.items()]
