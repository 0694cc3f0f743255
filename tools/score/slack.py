"""What passes at worst: dumps whose errors are each below their gates and all point one way.

    python tools/score/slack.py build/plumb [--cases CASE ..] [--classes bf16 fp32] [--starts N] [--keep FILE]

The honest values of a case are disturbed at every tap, in the direction in which the next token's distribution moves
most: the gradient of KL, by Hugging Face's own model in float64, in units of each step's noise. The sizes are moved up
to the gates, and the whole is then scaled until all of it passes. A line for each start says how far off the logits
are, in honest units, of the worst dump that is straight in every step, and of the worst that passes. The last line has
the largest of the latter: the judge's slack. It fails if that is above the limit of the class. --keep writes the worst
straight dump of the last start: `fixtures/e2b-text/dumps/aligned-bf16.safetensors` is one.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import hf

ITERATIONS, POLISHED, HALVINGS = 8, 4, 5
BELOW = 0.97                          # of a limit is aimed at
LAYER_OUTPUTS = ("embed_tokens", "embed_tokens_per_layer", "norm")
MEASURES = {"ratio": "ratio", "row": "worst_row_ratio", "channel": "worst_channel_ratio",
            "element": "worst_element_ratio", "bias": "bias"}


def is_output(name):
    """Of a layer, an embedding, the last norm or the head, in the text."""
    last = name.rsplit(".", 1)[-1]
    return last == "logits" or ("vision" not in name and (last.isdigit() or
                                                          (last in LAYER_OUTPUTS and ".layers." not in name)))


class Judge:
    """`plumb grade` on the taps of a case, of which it keeps the worst that were straight and that passed."""

    def __init__(self, plumb, folder, label, layers):
        self.command = [plumb, "grade", str(folder), "{dump}", "--as", label, "--quiet", "--json", "{report}"]
        self.command += ["--layers"] * layers
        self.straight = self.passed = (0.0, 0.0, 0)
        self.worst = None

    def __call__(self, taps):
        with tempfile.TemporaryDirectory() as folder:
            dump, report = Path(folder) / "dump.safetensors", Path(folder) / "report.json"
            save(taps, dump)
            command = [part.format(dump=dump, report=report) for part in self.command]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode > 1:
                sys.exit(done.stderr.strip())
            graded = json.loads(report.read_text())
        self.limit = max(graded["end_limits"]["ratio"], graded["end_limits"]["root_kl_ratio"])
        logits = next(end for end in graded["ends"] if end["tap"] == "logits")
        found = (max(logits["ratio"], logits["root_kl_ratio"]), logits["total"], logits["flipped"])
        if graded["first_bent"] is None and found > self.straight:
            self.straight, self.worst = found, taps
        if graded["outcome"] == "pass":
            self.passed = max(self.passed, found)
        return graded


def save(taps, path):
    save_file({name: (tap.float() if tap.is_floating_point() else tap).contiguous() for name, tap in taps.items()},
              path)


class Disturbed:
    """Hugging Face's model in float64, with something added to what its modules return."""

    def __init__(self, folder, layers):
        self.model = hf.as_double(hf.load_model(folder / "model"))
        self.inputs = load_file(folder / "inputs.safetensors")
        mask = self.inputs.get("attention_mask", torch.ones_like(self.inputs["input_ids"]))
        self.rows, self.layers = mask.bool(), layers
        self.added, self.values = {}, {}
        for name, module in self.model.named_modules():
            module.requires_grad_(False)
            if name and self.is_disturbed(name):
                module.register_forward_hook(self.hook(name))
        with torch.no_grad():
            self.expected = torch.log_softmax(self.logits(), -1)[self.rows]
        self.honest = dict(self.values)

    def is_disturbed(self, name):
        if "vision_tower" in name or "embed_vision" in name:
            return False
        if self.layers:
            return is_output(name)
        return not any(part in name for part in ("rotary", "router", "experts.act_fn"))

    def hook(self, name):
        def add(module, arguments, output):
            if not torch.is_tensor(output) or not output.is_floating_point():
                return output
            self.values[name] = output.detach()
            return output + self.added[name] if name in self.added else output
        return add

    def logits(self):
        inputs = {name: value.double() if value.is_floating_point() else value for name, value in self.inputs.items()}
        with hf.double():
            return self.model(**inputs).logits

    def taps(self):
        taps = hf.run_case(self.model, self.inputs)
        return {name: tap.clone() for name, tap in taps.items() if not self.layers or is_output(name)}

    def gradients(self):
        for added in self.added.values():
            added.requires_grad_(True)
        found = torch.log_softmax(self.logits(), -1)[self.rows]
        divergence = (self.expected.exp() * (self.expected - found)).sum(-1).mean()
        gradients = torch.autograd.grad(divergence, list(self.added.values()), allow_unused=True)
        self.added = {name: added.detach() for name, added in self.added.items()}
        return dict(zip(self.added, gradients))


def room(step):
    """How many times as large the step's error may be."""
    return min(BELOW * step["limits"][gate] / max(abs(step[measure] or 0), 1e-9) for gate, measure in MEASURES.items())


def attack(plumb, folder, label, layers, seed):
    disturbed, judge = Disturbed(folder, layers), Judge(plumb, folder, label, layers)
    generator = torch.Generator().manual_seed(seed)
    steps = {step["tap"]: step for step in judge(disturbed.taps())["steps"]}
    honest = {name: values for name, values in disturbed.honest.items() if name in steps and values.any()}
    size = {name: steps[name]["honest"] * values.norm() for name, values in honest.items()}
    noise = {name: steps[name]["honest"] * values.abs().clamp(min=0.7 * float(values.pow(2).mean().sqrt()))
             for name, values in honest.items()}
    times = dict.fromkeys(honest, 1.5)

    def turned(name, direction):
        """As large as the tap may be disturbed, and no element by much more than others."""
        added = direction.nan_to_num()
        for _ in range(4 * bool(added.any())):
            added = added * (size[name] * times[name] / added.norm())
            added = added.clamp(-2 * noise[name] * times[name], 2 * noise[name] * times[name])
        return added

    def judged():
        return {step["tap"]: step for step in judge(disturbed.taps())["steps"]}

    for name, values in honest.items():
        start = torch.randn(values.shape, generator=generator, dtype=torch.float64)
        disturbed.added[name] = turned(name, start * noise[name])
    for _ in range(ITERATIONS):
        for name, gradient in disturbed.gradients().items():
            if gradient is not None and gradient.any():
                disturbed.added[name] = turned(name, gradient * noise[name] ** 2)
        steps = judged()
        for name in times:
            times[name] *= min(max(room(steps[name]), 0.3), 1.6)
    for _ in range(POLISHED):
        for name, added in disturbed.added.items():
            disturbed.added[name] = added * min(1, room(steps[name]))
        steps = judged()

    whole, low, high = dict(disturbed.added), 0.0, min(1, 1.4 * judge.limit / max(judge.straight[0], judge.limit))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        disturbed.added = {name: added * middle for name, added in whole.items()}
        passes = judge(disturbed.taps())["outcome"] == "pass"
        low, high = (middle, high) if passes else (low, middle)
    return judge


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plumb", metavar="build/plumb")
    parser.add_argument("--cases", nargs="+", type=Path, default=[Path("fixtures/e2b-text"), Path("fixtures/31b")])
    parser.add_argument("--classes", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--taps", nargs="+", default=["full", "layers"])
    parser.add_argument("--keep", type=Path, metavar="FILE")
    args = parser.parse_args()

    slack, passes = 0.0, True
    print(f"{'case':12} class taps    start  straight: units   error  flipped   passes: units   error  flipped")
    for folder in args.cases:
        for label in args.classes:
            for taps in args.taps:
                for seed in range(args.starts):
                    judge = attack(args.plumb, folder, label, taps == "layers", seed)
                    straight, passed = ("{:15.2f} {:7.1e} {:8}".format(*found)
                                        for found in (judge.straight, judge.passed))
                    print(f"{folder.name:12} {label:5} {taps:7} {seed:5} {straight} {passed}",
                          flush=True)
                    slack = max(slack, judge.passed[0])
                    passes &= 0 < judge.passed[0] <= judge.limit
    if args.keep:
        save(judge.worst, args.keep)
    print(f"the judge's slack: {slack:.2f} honest units at the logits")
    return not passes


if __name__ == "__main__":
    sys.exit(main())
