"""Tokens and logits of `plumb generate` against Hugging Face's, for check_hf.py. Not a program."""
import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import hf
from graded_case import plumb

# Cached and uncached logits of a float32 run, relative L2: some roundings, for sums are of other lengths.
CACHED = 2e-5


def generated(case, steps, *options):
    """What `plumb generate` prints, a list a row; or why it does not."""
    done = plumb("generate", case.folder, "--max-new-tokens", steps, "--quiet", *options)
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    return [[int(token) for token in line.split()] for line in done.stdout.splitlines()]


def check_generate(case, hf32, allowed):
    """Greedy tokens are HF's, with and without an end; logits of each step are within the allowance."""
    steps, logits = case.max_new_tokens, case.folder / "logits.safetensors"
    tokens = hf.run_generate(case.load(), case.inputs, steps)[1].tolist()
    found = generated(case, steps, "--ignore-eos", "--logits", logits)
    if found != tokens:
        yield f"plumb generate: {found}, in HF {tokens}"
        return
    ours = load_file(logits)
    for tap in [tap for tap in hf32 if tap.partition("@")[0] == "logits"]:
        error = hf.rel_l2(hf32[tap], ours[tap])
        if not error <= allowed[tap]:
            yield f"plumb generate --logits, {tap}: {error:.2e} from HF, {allowed[tap]:.2e} allowed"

    # The first row's second token ends a row; HF pads those that end before the others, plumb prints up to the end.
    stop = tokens[0][1]
    stopped = hf.run_generate(case.load(), case.inputs, steps, [stop])[1].tolist()
    expected = [row[: row.index(stop) + 1] if stop in row else row for row in stopped]
    with tempfile.TemporaryDirectory() as folder:
        for file in (case.folder / "model").iterdir():
            (Path(folder) / file.name).symlink_to(file.resolve())
        ends = {"eos_token_id": [stop], "pad_token_id": case.load().config.get_text_config().pad_token_id}
        (Path(folder) / "generation_config.json").write_text(json.dumps(ends))
        found = generated(case, steps, "--model", folder)
    if found != expected:
        yield f"plumb generate, ended by {stop}: {found}, in HF {expected}"


SAME = "tokens are HF's"


def check_greedy(case, expected):
    """The fixture's long greedy run; and its logits are those of one forward pass over all of its tokens."""
    steps = len(expected[0])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        found = generated(case, steps, "--ignore-eos", "--logits", folder / "logits.safetensors")
        if found != expected:
            return f"{found}, expected {expected}"
        (folder / "model").symlink_to(case.folder / "model")
        save_file(extended(case.inputs, torch.tensor(expected)[:, :-1]), folder / "inputs.safetensors")
        done = plumb("run", folder, "--only", "logits", "--out", folder / "uncached.safetensors", "--quiet")
        if done.returncode != 0:
            return f"exit {done.returncode}: {done.stderr.strip()}"
        logits = load_file(folder / "logits.safetensors")
        uncached = load_file(folder / "uncached.safetensors")["logits"][:, -steps:]
    cached = torch.cat([logits[f"logits@{step}" if step else "logits"] for step in range(steps)], 1)
    apart = hf.rel_l2(uncached, cached)
    return f"{SAME}, cached logits {apart:.1e} from uncached" if apart <= CACHED else f"cached {apart:.2e} apart"


def extended(inputs, tokens):
    """Inputs of one forward pass over prompt and tokens, with the positions that generation has."""
    mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
    mask = torch.cat([mask, torch.ones_like(tokens)], 1)
    longer = dict(inputs, input_ids=torch.cat([inputs["input_ids"], tokens], 1), attention_mask=mask,
                  position_ids=(mask.cumsum(-1) - 1).clamp(min=0))
    if "position_ids" in inputs:
        further = inputs["position_ids"][:, -1:] + 1 + torch.arange(tokens.shape[1])
        longer["position_ids"] = torch.cat([inputs["position_ids"], further], 1)
    if "mm_token_type_ids" in inputs:
        longer["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(tokens)], 1)
    return longer
