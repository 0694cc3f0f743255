"""Products as other backends compute them, in Hugging Face's model: legal ones must pass `plumb grade`. Not a program.

A TorchFunctionMode takes the place of every product of the model; all else stays Hugging Face's.
"""
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from graded_case import END_MEASURES, MEASURES, first_bent


def in_blocks(size):
    """Sums of so many products each, added up one after the other; None: two halves."""
    def product(a, b):
        step = size or -(-a.shape[-1] // 2)
        return sum(a[..., k : k + step] @ b[..., k : k + step, :] for k in range(0, a.shape[-1], step))
    return product


def reversed_sums(a, b):
    return a.flip(-1) @ b.flip(-2)


def in_float32(product):
    """Narrow factors, one rounding of the result."""
    return lambda a, b: product(a.float(), b.float()).to(a.dtype)


def narrow_halves(a, b):
    """Split-K where the partial sums are rounded to the narrow dtype as well."""
    half = -(-a.shape[-1] // 2)
    return a[..., :half] @ b[..., :half, :] + a[..., half:] @ b[..., half:, :]


def unfused(a, b):
    """Three roundings of the result where Hugging Face has one."""
    return a @ b * 1.5 / 1.5


def cut(values, bits, nearest):
    """float32 with so many explicit mantissa bits; to the nearest, or towards zero."""
    lost = 23 - bits
    whole = values.contiguous().view(torch.int32)
    if nearest:
        whole = whole + (1 << (lost - 1)) - 1 + ((whole >> lost) & 1)
    return ((whole >> lost) << lost).view(torch.float32)


def tf32(nearest):
    """Factors with 10 bits, as tensor cores read them."""
    return lambda a, b: cut(a, 10, nearest) @ cut(b, 10, nearest)


def truncated(a, b):
    return cut(a.float() @ b.float(), 7, nearest=False).to(a.dtype)


# Name, class, dtype of the model, product, and whether it is legal in that class.
VARIANTS = [
    ("reversed sums", "fp32", torch.float32, reversed_sums, True),
    ("split-K", "fp32", torch.float32, in_blocks(None), True),
    ("blocks of 16", "fp32", torch.float32, in_blocks(16), True),
    ("a plain sum", "fp32", torch.float32, in_blocks(1), True),
    ("a plain sum", "bf16", torch.bfloat16, in_float32(in_blocks(1)), True),
    ("narrow split-K", "bf16", torch.bfloat16, narrow_halves, True),
    ("narrow split-K", "fp16", torch.float16, narrow_halves, True),
    ("three roundings", "bf16", torch.bfloat16, unfused, True),
    ("three roundings", "fp16", torch.float16, unfused, True),
    ("tf32 to nearest", "tf32", torch.float32, tf32(True), True),
    ("tf32 towards zero", "tf32", torch.float32, tf32(False), True),
    ("tf32 to nearest", "fp32", torch.float32, tf32(True), False),
    ("products towards zero", "bf16", torch.bfloat16, truncated, False),
]


class Products(TorchFunctionMode):
    def __init__(self, product):
        super().__init__()
        self.product = product

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is functional.linear:
            x, weight = args[:2]
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            with torch._C.DisableTorchFunction():
                y = self.product(x.reshape(-1, x.shape[-1]), weight.mT).reshape(*x.shape[:-1], -1)
                return y if bias is None else y + bias
        # Attention's; that of the rotary tables, of one factor and one position, is in float32 whatever the dtype.
        if function in (torch.matmul, torch.Tensor.matmul) and args[0].shape[-1] > 1:
            with torch._C.DisableTorchFunction():
                return self.product(*args[:2])
        return function(*args, **kwargs)


LARGEST = {}            # name and class of a legal one -> each measure's largest, over all cases


def check(case):
    """Legal products pass with every tap and with layer outputs only; others do not, with every tap."""
    for name, label, dtype, product, legal in VARIANTS:
        model = case.load(dtype)
        with Products(product):
            dump = case.run(model)
        steps, ends = [], []
        found = [first_bent(case, dump, label, layers, steps=steps, ends=ends) for layers in (False, True)]
        if legal:
            largest = LARGEST.setdefault((name, label), dict.fromkeys(MEASURES | END_MEASURES, 0.0))
            for measure, key in MEASURES.items():
                largest[measure] = max([largest[measure]] + [abs(step[key]) for step in steps])
            for measure, key in END_MEASURES.items():
                largest[measure] = max([largest[measure]] + [end[key] for end in ends if key in end])
        passed = found == [None, None] if legal else found[0] is not None
        print(f"{case.folder.name:11} {name:22} as {label}: {'legal' if legal else 'not legal':10} "
              f"first bent {found[0]}, in layer outputs {found[1]}  {'ok' if passed else 'FAIL'}", flush=True)
        yield passed


def print_largest():
    if LARGEST:
        print(f"legal products: the largest {', '.join(MEASURES | END_MEASURES)} on all fixtures")
    for (name, label), largest in LARGEST.items():
        print(f"{name:22} as {label} " + " ".join(f"{value:6.2f}" for value in largest.values()))
