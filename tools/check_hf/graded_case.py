"""One case of check_hf.py: Hugging Face on it, and what `plumb grade` says of Hugging Face's dumps. Not a program."""
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import bugs
import bugs_audio
import bugs_places
import bugs_text
import bugs_unified
import hf

PLUMB = "build/plumb"

# What `plumb grade` is told for a backend that dumps whole layers only.
TOWER_LAYERS = ["--only", "model.vision_tower.patch_embedder", "--only", "model.vision_tower.encoder.layers.?",
                "--only", "model.vision_tower", "--only", "model.embed_vision",
                "--only", "model.audio_tower.subsample_conv_projection", "--only", "model.audio_tower.layers.?",
                "--only", "model.audio_tower", "--only", "model.embed_audio", "--partial"]
TEXT_LAYERS = ["--layers"]

# A tap times this is plainly wrong in bf16, whose rounding is 0.2 %, or, in a decode step, whose taps have few rows and
# wider limits for it; so many taps of each dump are tried.
BENT, BENT_DECODING, BENT_TAPS = 1.05, 1.2, 6


def plumb(*arguments):
    return subprocess.run([PLUMB, *map(str, arguments)], capture_output=True, text=True)


class Case:
    """A folder with model/ and inputs.safetensors, and Hugging Face on it."""

    def __init__(self, folder, max_new_tokens=0):
        self.folder, self.max_new_tokens = folder, max_new_tokens
        self.inputs = load_file(folder / "inputs.safetensors")
        self.is_text = "input_ids" in self.inputs
        self.batch = len(self.inputs[next(name for name in ("input_ids", "pixel_values", "input_features")
                                          if name in self.inputs)])
        self.layers = TEXT_LAYERS if self.is_text else TOWER_LAYERS

    def load(self, dtype=torch.float32, attn_implementation="eager"):
        return hf.load_model(self.folder / "model", dtype, attn_implementation)

    def run(self, model):
        with torch.inference_mode():
            return hf.run_case(model, self.inputs, self.max_new_tokens)

    def run_buggy(self, switch_on, *layers):
        model = self.load()
        with torch.inference_mode():
            switch_on(model, *layers)
        return self.run(model)


def is_changed(tap, buggy, honest, inputs, config):
    """Whether a bug shows in a tap: nobody grades the embeddings of placeholders, whose places features take."""
    if "input_ids" in inputs and tap.endswith(("embed_tokens", "embed_tokens_per_layer")):
        placeholders = [getattr(config, f"{kind}_token_id", -1) for kind in ("image", "video", "audio")]
        text = ~torch.isin(inputs["input_ids"], torch.tensor([id for id in placeholders if id is not None]))
        buggy, honest = buggy[text], honest[text]
    return not torch.equal(buggy, honest)


def check_grades(case, seed):
    """Whether each grade came out right, and what failed."""
    grades, failures = [], []

    def expect(what, found, expected):
        grades.append(found == expected)
        if found != expected:
            failures.append(f"{what}: first bent is {found}, expected {expected}")

    for label, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        for attention in ("eager", "sdpa"):
            dump = case.run(case.load(dtype, attention))
            for layers in (False, True):
                found = first_bent(case, dump, label, layers, honest=True)
                expect(f"HF's own {label} {attention} dump{' of layers' * layers}", found, None)
            if (label, attention) == ("bf16", "eager"):
                taps = sorted(tap for tap, value in dump.items() if value.is_floating_point() and value.any())
                step = -(-len(taps) // BENT_TAPS)
                for tap in taps[seed % step :: step]:
                    factor = BENT_DECODING if "@" in tap else BENT
                    found = first_bent(case, dump | {tap: dump[tap] * factor}, label)
                    expect(f"{tap} times {factor} in bf16", found, tap)
            if (label, attention) == ("fp32", "eager"):
                known = bugs.of(case.load(), case.inputs, case.max_new_tokens)
                known += bugs_text.of(case.load(), case.inputs) + bugs_unified.of(case.load(), case.inputs)
                known += bugs_audio.of(case.load(), case.inputs)
                known += bugs_places.of(case.load(), case.inputs, case.max_new_tokens)
                config = case.load().config
                for bug in known[seed % 2 :: 2]:                        # in float32, where nothing hides them
                    buggy = case.run_buggy(*bug)
                    bent = [tap for tap in buggy if is_changed(tap, buggy[tap], dump[tap], case.inputs, config)]
                    expect(bug[0].__name__, first_bent(case, buggy, label), bent[0] if bent else None)
    return grades, failures


# Class, and full or layers -> the honest steps: what the limits in conformance/grade/verdict.c rest on.
HONEST = {}
HONEST_ENDS = {}        # likewise, what they are off by in all where a part ends: conformance/lockstep/ends.h
MEASURES = {"ratio": "ratio", "row": "worst_row_ratio", "channel": "worst_channel_ratio",
            "element": "worst_element_ratio", "bias": "bias"}
END_MEASURES = {"end": "ratio", "end row": "worst_row_ratio", "end KL": "root_kl_ratio"}


def first_bent(case, dump, label, layers=False, honest=False, steps=None, ends=None):
    """The tap where `plumb grade` says that the dump is bent, or too far off in all; None if it passes; anything else
    it says, as it is. `steps` and `ends`, lists, are extended by what it says of each."""
    with tempfile.TemporaryDirectory() as folder:
        if not isinstance(dump, Path):
            save_file(dump, Path(folder) / "dump.safetensors")
            dump = Path(folder) / "dump.safetensors"
        report = Path(folder) / "report.json"
        options = (case.layers if layers else []) + ["--ignore-eos"] * (case.max_new_tokens > 0)
        done = plumb("grade", case.folder, dump, "--as", label, "--json", report, "--quiet", *options)
        if done.returncode in (0, 1):
            graded = json.loads(report.read_text())
            if honest:
                HONEST_ENDS.setdefault((label, "layers" if layers else "full"), []).extend(graded["ends"])
                steps = HONEST.setdefault((label, "layers" if layers else "full"), [])
            if steps is not None:
                steps.extend(step for step in graded["steps"] if step["graded_rows"] > 0)
            if ends is not None:
                ends.extend(graded["ends"])
            if honest and graded["computes_wider"]:
                return f"noted as computed in a wider dtype, {graded['rounded_once']}, {graded['unrounded']}"
            return graded["first_bent"] or graded["first_far"]
        return f"exit {done.returncode}: {done.stderr.strip()}"


def print_honest():
    print("honest dumps: class, taps, steps; measure, at 50 %, 99 %, 99.9 % and the largest; its tap and rows")
    for (label, taps), steps in HONEST.items():
        for name, measure in MEASURES.items():
            print_spread(f"{label:5} {taps:7}", steps, name, measure)
        for name, measure in END_MEASURES.items():
            ends = [end for end in HONEST_ENDS[label, taps] if measure in end]
            print_spread(f"{label:5} {taps:7}", ends, name, measure)


def print_spread(head, steps, name, measure):
    if not steps:
        return
    values = np.abs([step[measure] for step in steps])
    largest = steps[values.argmax()]
    print(f"{head} {len(steps):6}  {name:8}" +
          " ".join(f"{q:6.2f}" for q in np.quantile(values, (0.5, 0.99, 0.999, 1))) +
          f"  {short(largest['tap'])} {largest.get('graded_rows', largest['rows'])}")


def short(tap):
    return tap.removeprefix("model.").removeprefix("language_model.").replace("vision_tower.encoder.layers.", "v.") \
        .removeprefix("layers.")
