"""Extract log-mel features rightly and wrongly, as ports do, and let `plumb grade` and `plumb diagnose` judge them.

    python tools/check_hf/check_features.py build/plumb                            (part of `make check-sounds`)

Right ones by Hugging Face and by float32 front ends: nothing may be named there. Wrong ones must fail and be named.
Prints the largest ratios of right ones, beside which the limits of docs/sound.md stand.
"""
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import hf
import hf_audio
import numpy as np
import torch
import wavs
from safetensors.torch import save_file
from transformers.audio_utils import mel_filter_bank
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor

SEED, RATE, HOP, FLOOR, BINS = 21, 16000, 160, 1e-3, 128


# ---------------------------------------------------------------- sounds

def voice(rng, count):
    time = np.arange(count) / RATE
    pitch = np.cumsum(120 + 40 * np.sin(2 * np.pi * time)) / RATE
    tones = sum(np.sin(2 * np.pi * n * pitch) / n for n in range(1, 20))
    return 0.2 * tones * (np.sin(7 * time) > -0.5) + 0.001 * rng.normal(size=count)


def make_batches():
    """Name -> waveforms, from 2,000 samples to ten seconds; most of two lengths, because that is what masks are for"""
    rng, tone = np.random.default_rng(SEED), lambda count, hertz: np.sin(2 * np.pi * hertz * np.arange(count) / RATE)
    return {"voices": [voice(rng, 50003), voice(rng, 30720)], "long voice": [voice(rng, 160000)],
            "tones": [0.99 * tone(24000, 440), 0.5 * tone(9999, 7000)], "noise": [rng.uniform(-1, 1, 20000)],
            "quiet": [rng.normal(0, 3e-4, 16000), 1e-3 * tone(8000, 300)],
            "clipped": [np.clip(3 * voice(rng, 25000), -1, 1), voice(rng, 2560)],
            "silence and DC": [np.zeros(6400), np.full(4000, 0.7)],
            "click": [np.eye(1, 12800, 6000)[0], tone(2000, 60)]}


# ---------------------------------------------------------------- a front end of one's own

def hann(length, how="periodic"):
    place = np.arange(length) + (0.5 if how == "half sample" else 0)
    return 0.5 - 0.5 * np.cos(2 * np.pi * place / (length - 1 if how == "symmetric" else length))


def mel_filters(fft, low=0.0, high=8000.0, scale="htk", norm=None):
    return mel_filter_bank(fft // 2 + 1, BINS, low, high, RATE, norm=norm, mel_scale=scale)


def torch_fft(frames, fft):
    return torch.fft.rfft(frames, n=fft).abs()


def numpy_fft(frames, fft):
    return torch.from_numpy(np.abs(np.fft.rfft(frames.numpy(), n=fft).astype(np.complex64)))


def product(frames, fft):
    """The transform as a product with sines and cosines, as ports without an FFT have it"""
    angle = 2 * np.pi * (np.outer(np.arange(frames.shape[-1]), np.arange(fft // 2 + 1)) % fft) / fft
    real, imaginary = (frames @ torch.from_numpy(table).to(frames.dtype) for table in (np.cos(angle), np.sin(angle)))
    return (real * real + imaginary * imaginary).sqrt()


def extract(waveforms, dtype=torch.float32, spectrum=torch_fft, window="periodic", frame=320, fft=512, pad=160, tail=1,
            preemphasis=0.0, power=False, filters=(), log=lambda mel: torch.log(mel + FLOOR), scale=1.0,
            mask="last sample", padding_kept=False):
    length = -(-max(map(len, waveforms)) // 128) * 128
    filters = torch.from_numpy(mel_filters(fft, **dict(filters))).to(dtype)
    features, masks = [], []
    for waveform in waveforms:
        samples = np.pad(waveform * np.float32(scale), (pad, length - len(waveform)))
        frames = np.lib.stride_tricks.sliding_window_view(samples, frame + tail)[::HOP][:, :frame].copy()
        if preemphasis:
            first = frames[:, :1] * np.float32(1 - preemphasis)
            frames = np.concatenate([first, frames[:, 1:] - np.float32(preemphasis) * frames[:, :-1]], 1)
        frames = torch.from_numpy(frames).to(dtype) * torch.from_numpy(hann(frame, window)).to(dtype)
        magnitudes = spectrum(frames, fft)
        mel = log((magnitudes ** 2 if power else magnitudes) @ filters)
        last = np.arange(len(frames)) * HOP + (pad if mask == "strided" else frame + tail - 1)
        valid = torch.from_numpy((last >= pad) & (last < pad + len(waveform)))
        features.append((mel if padding_kept else mel * valid[:, None]).float())
        masks.append(valid)
    return {"input_features": torch.stack(features).contiguous(), "input_features_mask": torch.stack(masks)}


HONEST = {"torch": {}, "numpy": dict(spectrum=numpy_fft), "a product": dict(spectrum=product),
          "float64": dict(dtype=torch.float64)}
GEMMA3N = dict(frame=512, fft=1024, pad=0, preemphasis=0.97, filters=dict(low=125.0, high=7600.0), mask="strided",
               padding_kept=True, log=lambda mel: torch.log(mel.clamp(min=1e-5)))
WRONG = {"audio-int16-unscaled": dict(scale=32768.0), "mel-no-left-pad": dict(pad=0),
         "mel-preemphasis": dict(preemphasis=0.97), "mel-hann-half-sample": dict(window="half sample"),
         "mel-hann-symmetric": dict(window="symmetric"), "mel-fft-1024": dict(fft=1024),
         "mel-unfold-320": dict(tail=0), "mel-power": dict(power=True),
         "mel-slaney-scale": dict(filters=dict(scale="slaney")), "mel-slaney-norm": dict(filters=dict(norm="slaney")),
         "mel-log-hard-floor": dict(log=lambda mel: torch.log(mel.clamp(min=FLOOR))),
         "mel-log10": dict(log=lambda mel: torch.log10(mel + FLOOR)), "mel-gemma3n-extractor": GEMMA3N,
         "mel-mask-strided": dict(mask="strided"), "mel-padding-nonzero": dict(padding_kept=True)}
UNKNOWN = {"a 25 ms window": dict(frame=400), "a floor of 0.01": dict(log=lambda mel: torch.log(mel + 1e-2)),
           "samples over 32767": dict(scale=32768 / 32767), "Kaldi's range": dict(filters=dict(low=20.0))}


# ---------------------------------------------------------------- the checks

class Checker:
    def __init__(self, plumb, folder):
        self.plumb, self.folder, self.passed, self.failed, self.most = plumb, folder, 0, 0, {}
        tower = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, output_proj_dims=8,
                     subsampling_conv_channels=[BINS, 4])
        config = hf.make_config(None, 16, tower)
        model = hf.make_model(config, hf_audio.make_mel_inputs([40], BINS, SEED), SEED)
        hf.save_model(model, folder / "model", torch.float32)

    def judge(self, command, features, *paths):
        dump, report = self.folder / "dump.safetensors", self.folder / "report.json"
        save_file(features, dump)
        arguments = ["--model", self.folder / "model", "--as", "fp32", "--quiet", "--json", report, dump, "--audio"]
        run = subprocess.run([self.plumb, command, *arguments, *paths], capture_output=True, text=True)
        if run.returncode not in (0, 1):
            raise SystemExit(f"plumb {command}: {run.stderr}")
        return json.loads(report.read_text())

    def report(self, ok, line):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok:
            print(f"FAIL {line}", flush=True)

    def honest(self, what, name, features, paths):
        step = self.judge("grade", features, *paths)["steps"][0]
        most = self.most.setdefault(what, [0.0, 0.0])
        self.most[what] = [max(most[0], step["ratio"]), max(most[1], step["worst_row_ratio"])]
        written = self.judge("diagnose", features, *paths)
        self.report(written["verdict"] == "pass" and not written["all_named"],
                    f"{what} of {name}: {written['verdict']}, ratio {step['ratio']:.3g}, row "
                    f"{step['worst_row_ratio']:.3g}, named {written['all_named']}")

    def check(self, name, waveforms):
        paths = [self.folder / f"{index}.wav" for index in range(len(waveforms))]
        samples = [np.clip(np.rint(waveform * 32768), -32768, 32767).astype(int) for waveform in waveforms]
        for path, whole in zip(paths, samples):
            path.write_bytes(wavs.wav_bytes(whole, "pcm16"))
        waveforms = [(whole / 32768).astype(np.float32) for whole in samples]
        theirs = Gemma4AudioFeatureExtractor()(waveforms)
        theirs = {key: torch.from_numpy(np.stack(theirs[key])) for key in ("input_features", "input_features_mask")}
        self.honest("Hugging Face", name, theirs, paths)
        for what, how in HONEST.items():
            self.honest(what, name, extract(waveforms, **how), paths)
        exposed = {one["id"] for one in self.judge("diagnose", theirs, *paths)["candidates"]}
        for bug, how in WRONG.items():
            if bug in exposed:
                written = self.judge("diagnose", extract(waveforms, **how), *paths)
                names = {*written["all_named"], *written["cannot_tell_from"]}
                self.report(written["verdict"] == "fail" and bug in names and len(names) <= 2,
                            f"{bug} in {name}: {written['verdict']}, named {sorted(names)}")
        if name.endswith("voices"):
            for what, how in UNKNOWN.items():
                written = self.judge("diagnose", extract(waveforms, **how), *paths)
                self.report(written["verdict"] == "fail" and not written["all_named"],
                            f"{what} in {name}: {written['verdict']}, named {written['all_named']}")
        print(f"{name:16} does not expose {', '.join(sorted({*WRONG} - exposed)) or 'nothing'}", flush=True)


def main():
    warnings.simplefilter("ignore")                     # of mel filters between two bins, which are empty
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(Path(sys.argv[1]).resolve(), Path(folder))
        for name, waveforms in make_batches().items():
            checker.check(name, waveforms)
    print("\nlargest ratio of input_features, and of a frame")
    for what, (ratio, row) in checker.most.items():
        print(f"{what:16} {ratio:6.2f} {row:6.2f}")
    print(f"{checker.passed} passed, {checker.failed} failed")
    return checker.failed > 0


if __name__ == "__main__":
    sys.exit(main())
