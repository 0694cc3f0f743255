"""Compare the log-mel features of `plumb preprocess --audio` with Hugging Face's Gemma4AudioFeatureExtractor, live.

    python tools/check_hf/check_mel.py build/plumb          (part of `make check-sounds`)

200 WAV files in batches, from 1 sample to 31 seconds; settings; prompts through Gemma4Processor; the time of 30 s.
Masks and soft tokens are equal always. Features are within one float32 step, and what is not equal is counted: none on
machines whose numpy multiplies and adds in one rounding (x86 with FMA).
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import check_images as common
import check_sounds
import hf_images as hf
import numpy as np
import torch
import wavs
from check_images import PROMPT, preprocess, report, same
from check_sounds import SOUNDS, load

import prompt as prompt_py

SEED, FILES, SECONDS, RATE = 16, 200, 31, 16000
CORNERS = [1, 128, 129, 160, 161, 256, 257, 320, 321, 480000, 480001, SECONDS * RATE]
SETTINGS = [{}, {"padding_side": "left", "padding_value": 0.3}, {"preemphasis": 0.97},
            {"preemphasis": 0.97, "preemphasis_htk_flavor": False}, {"fft_overdrive": True},
            {"input_scale_factor": 3.7},
            {"feature_size": 80, "min_frequency": 125.0, "max_frequency": 7600.0}, {"mel_floor": 1e-5},
            {"frame_length_ms": 32.0}, {"frame_length_ms": 25.0, "hop_length_ms": 7.0},
            {"feature_size": 4, "per_bin_mean": [1.0, -2, 3, 0.1], "per_bin_stddev": [0.3, 2, 1, 7]},
            {"frame_length": 7, "hop_length": 9, "fft_length": 3, "return_attention_mask": False}]
REFUSED = [{"feature_size": 1}, {"padding_side": "middle"}, {"padding_value": None}, {"sampling_rate": 0},
           {"hop_length_ms": 0}, {"per_bin_mean": [1.0]}, {"preemphasis": None}, {"min_frequency": 9000.0}]
REFUSED_HERE = [{"dither": 1e-4}, {"mel_floor": 0.0}]
values = different = 0


def same_features(ours, theirs):
    """Counts the values, and those whose bits differ: masks must be equal, features within one float32 step."""
    global values, different
    found, expected = (each["input_features"].numpy() for each in (ours, theirs))
    if found.shape != expected.shape or not same(ours, theirs, SOUNDS[1:]):
        return False
    unequal = found.view(np.int32) != expected.view(np.int32)
    values, different = values + found.size, different + int(unequal.sum())
    return not unequal.any() or bool((np.abs(found - expected)[unequal] <= np.spacing(np.abs(expected[unequal]))).all())


def tensors(features):
    return {name: torch.from_numpy(np.stack(features[name])) for name in SOUNDS}


def soft_tokens(mask):
    return mask[:, ::2][:, ::2].sum(-1).tolist()


def sound(rng, count, index):
    """Noise, tones, silence and clipped by wavs; DC and full scale besides."""
    if index % 7 < 2:
        level = 32767 if index % 7 else int(rng.integers(-32768, 32768))
        square = np.where(np.arange(count) // 20 % 2, -level, level) if index % 7 else np.full(count, level)
        return wavs.wav_bytes(square.astype(np.int32), "pcm16")
    return wavs.random_wav(rng, count)


def clips(rng, folder, first, count):
    paths = []
    for index in range(first, first + count):
        some = int(np.exp(rng.uniform(0, np.log(SECONDS * RATE))))
        paths.append(folder / f"{index}.wav")
        paths[-1].write_bytes(sound(rng, CORNERS[index] if index < len(CORNERS) else some, index))
    return paths


def check_batches(folder, model):
    rng, first = np.random.default_rng(SEED), 0
    while first < FILES:
        count = 1 if first < len(CORNERS) else min(FILES - first, int(rng.integers(1, 5)))
        paths = clips(rng, folder, first, count)
        first += count
        theirs = tensors(hf.Gemma4AudioFeatureExtractor()([load(path) for path in paths]))
        ours, text = preprocess(model, "--audio", *paths)
        tokens = [int(line.split()[-3]) for line in text.splitlines()] if ours else []
        ok = ours and same_features(ours, theirs) and tokens == soft_tokens(theirs["input_features_mask"])
        report(ok, f"clips {[path.name for path in paths]}: {'differs' if ours else text}")
    print(f"{first} WAV files, {values} values, {different} of other bits")


def check_settings(folder, model):
    rng = np.random.default_rng(SEED)
    paths = clips(rng, folder, 50, 3)
    for settings in SETTINGS + REFUSED + REFUSED_HERE:
        (model / "preprocessor_config.json").write_text(json.dumps(settings))
        try:
            theirs = hf.Gemma4AudioFeatureExtractor.from_pretrained(model)([load(path) for path in paths])
        except (ValueError, TypeError, ZeroDivisionError, OverflowError, IndexError):
            theirs = None
        ours, text = preprocess(model, "--audio", *paths)
        if settings in SETTINGS:
            report(ours and theirs and same_features(ours, tensors(theirs)), f"settings {settings}: {text}")
        else:
            report(ours is None and any(key in text for key in settings), f"settings {settings}: {text}")
            report((theirs is None) == (settings in REFUSED), f"Hugging Face and {settings}")
    (model / "preprocessor_config.json").unlink()


def check_prompts(folder, model, count=12):
    processor, rng = hf.make_processor("gemma4"), np.random.default_rng(SEED)
    check_sounds.write_model(model, "gemma4", processor.tokenizer)
    for index in range(count):
        paths = clips(rng, folder, 100 + 3 * index, int(rng.integers(1, 4)))
        text = "a " + " b ".join(["<|audio|>"] * len(paths)) + " c"
        theirs = processor(text=text, audio=[load(path) for path in paths], return_tensors="pt")
        ids = processor.tokenizer(text)["input_ids"]
        ours, printed = preprocess(model, "--audio", *paths, "--prompt-ids", " ".join(map(str, ids)))
        report(ours and same(ours, theirs, PROMPT) and same_features(ours, theirs), f"prompt {text}: {printed}")
        twin = prompt_py.add_prompt({name: theirs[name].numpy() for name in SOUNDS}, ids, model)
        report(same({name: torch.from_numpy(twin[name]) for name in PROMPT}, theirs, PROMPT), f"tools/prompt.py {text}")


def check_time(folder, model, times=15):
    """Prints both times, and fails for neither: machines are noisy. Ours is the whole program with its files; theirs is
    the call alone, without what imports take."""
    path = folder / "long.wav"
    path.write_bytes(wavs.random_wav(np.random.default_rng(SEED), 30 * RATE))
    command = [common.PLUMB, "preprocess", "--model", model, "--audio", path, "--out", folder / "long.safetensors"]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}      # else its idle threads take longer than the features
    extractor, waveform, best = hf.Gemma4AudioFeatureExtractor(), load(path), [np.inf, np.inf]
    for _ in range(times):
        for who, work in enumerate((lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=alone),
                                   lambda: extractor([waveform]))):
            begin = time.perf_counter()
            work()
            best[who] = min(best[who], time.perf_counter() - begin)
    print(f"30 s of sound: plumb {best[0] * 1e3:.0f} ms, Hugging Face's extractor {best[1] * 1e3:.0f} ms, ratio "
          f"{best[0] / best[1]:.2f}")


def main():
    common.PLUMB = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = folder / "model"
        model.mkdir()
        (model / "config.json").write_text(json.dumps({"model_type": "gemma4", "audio_config": {}}))
        check_batches(folder, model)
        check_settings(folder, model)
        check_prompts(folder, model)
        check_time(folder, model)
    print(f"{common.passed} passed, {common.failed} failed")
    return common.failed > 0


if __name__ == "__main__":
    sys.exit(main())
