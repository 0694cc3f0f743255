"""check_quantiser.py PLUMB GGML: plumb quantiser on files of honest quantisers and of buggy ones.

Honest: real ones of MLX, bitsandbytes, gguf-py and ggml (whose library is GGML), and rounding to nearest, searched
scales and GPTQ, written here, in the layouts of compressed-tensors and GPTQ. No tensor of them may fail. Buggy: each
bug must fail, and be named where weights are rounded to nearest; where GPTQ chose the codes it must fail."""
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

import ggml_quantisers
import quantisers

CASES = ("fixtures/e2b-text", "fixtures/31b", "fixtures/e2b")
GGUF_TYPES = ("Q4_0", "Q5_0", "Q8_0")


def is_quantised(name, weight):
    return name.endswith("_proj.weight") and weight.dim() == 2 and not any(n % 64 for n in weight.shape)


def graded(plumb, case, quantised):
    answer = subprocess.run([plumb, "quantiser", case, quantised, "--json", "-"], capture_output=True)
    assert answer.returncode in (0, 1), answer.stderr.decode()
    return json.loads(answer.stdout)


def write_checkpoint(case, folder, quantise, config):
    """-> the names of the modules that are quantised"""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    tensors, modules = {}, []
    for name, weight in load_file(f"{case}/model/model.safetensors").items():
        if not is_quantised(name, weight):
            tensors[name] = weight
            continue
        module = name.removesuffix("weight")
        modules.append(module)
        for part, value in quantise(weight.float()).items():
            tensors[module + part] = value.contiguous()
    save_file(tensors, f"{folder}/model.safetensors")
    with open(f"{case}/model/config.json") as file:
        settings = json.load(file)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(settings | {"quantization_config": config}, file)
    return modules


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.lines = collections.OrderedDict()

    def count(self, good, what):
        self.passed += good
        self.failed += not good
        if not good:
            print("FAILED:", what, flush=True)

    def note(self, scheme, report):
        line = self.lines.setdefault(scheme, [])
        line += [(t["rms"], t["worst_group"]["rms"], t["largest"]) for t in report["tensors"] if t["quantised"]]


def check_honest(plumb, folder, tally):
    for scheme, (quantise, config) in quantisers.HONEST.items():
        for case in CASES:
            modules = write_checkpoint(case, folder, quantise, config)
            report = graded(plumb, case, folder)
            coded = sum(t["quantised"] for t in report["tensors"])
            bad = [t["name"] for t in report["tensors"] if t["verdict"] != "pass"]
            tally.count(not bad and coded == len(modules) > 0, f"{scheme} of {case}: {bad}")
            tally.note(scheme, report)


def check_gguf(plumb, folder, tally):
    """The names are those of a file of llama.cpp's; the values are the original's nearest to its."""
    import gguf

    case, path = "fixtures/e2b-text", f"{folder}.gguf"
    originals = [w.float().numpy() for w in load_file(f"{case}/model/model.safetensors").values()]
    for kind in GGUF_TYPES:
        quantised = gguf.GGMLQuantizationType[kind]
        writer = gguf.GGUFWriter(path, "gemma4")
        for tensor in gguf.GGUFReader("fixtures/quantised/e2b-text-q8_0.gguf").tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0:
                values = min((w for w in originals if w.shape == values.shape), key=lambda w: abs(w - values).sum())
                writer.add_tensor(tensor.name, gguf.quants.quantize(values, quantised), raw_dtype=quantised)
            else:
                writer.add_tensor(tensor.name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        report = graded(plumb, case, path)
        bad = [t["name"] for t in report["tensors"] if t["verdict"] != "pass"]
        tally.count(not bad, f"{kind}: {bad}")
        tally.note(f"GGUF {kind}", report)
    os.remove(path)


def check_ggml(plumb, folder, ggml, tally):
    """With and without what llama.cpp's imatrix says. A bug is named in most tensors."""
    path = f"{folder}.gguf"
    for spread in ggml_quantisers.SPREADS:
        shutil.rmtree(folder, ignore_errors=True)
        weights = ggml_quantisers.write_original(folder, spread)
        for kind in ggml_quantisers.TYPES:
            for important in (False, True):
                coded = ggml_quantisers.write_gguf(path, weights, ggml, kind, important)
                report = graded(plumb, folder, path)
                bad = [t["name"] for t in report["tensors"] if t["verdict"] != "pass"]
                passed = not bad and coded == sum(t["quantised"] for t in report["tensors"])
                tally.count(passed, f"ggml {kind} of {spread}: {bad}")
                tally.note(f"ggml {kind}{' by importance' if important else ''}", report)
        for bug, kind, change in ggml_quantisers.BUGGY:
            ggml_quantisers.write_gguf(path, weights, ggml, kind, bug=change)
            report = graded(plumb, folder, path)
            ids = [t.get("explained_by", {}).get("id") for t in report["tensors"] if t["quantised"]]
            print(f"{bug:20} ggml {kind:17} {spread:20} {sum(i is not None for i in ids):3} of {len(ids)} are named",
                  flush=True)
            named = report["outcome"] == "fail" and 2 * ids.count(bug) > len(ids)
            tally.count(named, f"{bug}, {kind}, {spread}: {ids}")
    os.remove(path)


def check_awq(plumb, folder, tally):
    """Weights that were multiplied before they were rounded are another model's: nothing is said of them."""
    modules = write_checkpoint(CASES[0], folder, quantisers.awq, quantisers.AWQ)
    report = graded(plumb, CASES[0], folder)
    verdicts = collections.Counter(t["verdict"] for t in report["tensors"] if t["quantised"])
    tally.count(report["outcome"] == "pass" and verdicts == {"not bounded": len(modules)}, f"AWQ: {dict(verdicts)}")


def check_buggy(plumb, folder, tally):
    """A tensor of one group a row, or of rows alike, may not show a bug of scales; the file must."""
    for bug, scheme, quantise, config in quantisers.BUGGY + quantisers.BUGGY_GPTQ:
        for case in CASES[:2]:
            write_checkpoint(case, folder, quantise, config)
            report = graded(plumb, case, folder)
            coded = [t for t in report["tensors"] if t["quantised"]]
            failed = [t for t in coded if t["verdict"] == "fail"]
            ids = collections.Counter(t.get("explained_by", {}).get("id") for t in failed)
            least = min((max(t["rms"], t["worst_group"]["rms"] / 2) for t in failed), default=0)
            named = ids and ids.most_common(1)[0][0] == bug
            must_name = "GPTQ" not in scheme and bug != "one group"
            print(f"{bug:20} {scheme:22} {case:20} {len(failed):3} of {len(coded)} fail, least {least:6.3g}, "
                  f"named {dict(ids)}", flush=True)
            tally.count(bool(failed) and report["outcome"] == "fail" and (named or not must_name),
                        f"{bug}, {scheme}, {case}")


def main():
    plumb, ggml = os.path.abspath(sys.argv[1]), ggml_quantisers.Ggml(os.path.abspath(sys.argv[2]))
    torch.manual_seed(0)
    tally = Tally()
    with tempfile.TemporaryDirectory() as parent:
        folder = f"{parent}/model"
        check_honest(plumb, folder, tally)
        check_gguf(plumb, folder, tally)
        check_ggml(plumb, folder, ggml, tally)
        check_awq(plumb, folder, tally)
        print(f"{'scheme':28} tensors  rms: least, most   worst group   largest")
        for scheme, of_tensors in tally.lines.items():
            rms, group, largest = zip(*of_tensors)
            print(f"{scheme:28} {len(rms):7}  {min(rms):9.3f} {max(rms):6.3f} {max(group):13.3f} {max(largest):9.3f}")
        check_buggy(plumb, folder, tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return tally.failed > 0


if __name__ == "__main__":
    sys.exit(main())
