"""check_input_codes.py NN-FILTER: inputs of products as the reference rounds them, bit for bit as the library
compressed-tensors' own fake quantisation does: 20 random tensors a rule, dtype and global scale."""
import subprocess
import sys

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp

TENSORS, ROWS = 20, 6
ARGUMENTS = {"fp4-group": dict(num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16,
                               dynamic="local", scale_dtype="torch.float8_e4m3fn"),
             "fp8-token": dict(num_bits=8, type="float", symmetric=True, strategy="token", dynamic=True)}


def reference(program, rule, scale, x):
    words = [program, rule, str(x.shape[-1]), repr(scale)]
    answer = subprocess.run(words, input=x.float().numpy().tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return torch.frombuffer(bytearray(answer), dtype=torch.float32).reshape(x.shape)


def random_input(width, dtype):
    """Rows and groups of many sizes, some of zeros, and values in the middle between two codes"""
    x = torch.randn(1, ROWS, width) * torch.exp2(torch.randint(-12, 12, (1, ROWS, 1)).float())
    x = x.unflatten(-1, (-1, 16)) * torch.exp2(torch.randint(-9, 9, (1, ROWS, width // 16, 1)).float())
    x[0, 0, 0], x[0, 1, 0] = 0, torch.arange(16) * 0.25 + 2.25
    return x.flatten(-2).to(dtype)


def differing(program, rule, dtype, has_scale):
    args, count = QuantizationArgs(**ARGUMENTS[rule]), 0
    for _ in range(TENSORS):
        x = random_input(16 * int(torch.randint(1, 12, ())), dtype)
        scale = (448 * 6 / x.abs().max().float()).reshape(1) if has_scale else None
        scales, zeros = compute_dynamic_scales_and_zp(x, args, torch.nn.Module(), global_scale=scale)
        theirs = fake_quantize(x, scales, zeros, args, global_scale=scale)
        name = rule + (":bf16" if dtype == torch.bfloat16 else "")
        ours = reference(program, name, scale.item() if has_scale else 0, x)
        count += int((ours != theirs.float()).sum())
    print(f"{rule:10} {str(dtype)[6:]:9} {'global scale' if has_scale else 'no global scale':16} {TENSORS} tensors, "
          f"{count} values differ", flush=True)
    return count


def main():
    torch.manual_seed(0)
    count = sum(differing(sys.argv[1], "fp4-group", dtype, has_scale)
                for dtype in (torch.float32, torch.bfloat16) for has_scale in (True, False))
    count += differing(sys.argv[1], "fp8-token", torch.float32, False)
    return count > 0


if __name__ == "__main__":
    sys.exit(main())
