"""Compare `plumb preprocess --audio` with Hugging Face's processor, live: every bit of features, masks and token ids.

    python tools/check_hf/check_sounds.py build/plumb          (`make check-sounds`)

120 WAV files in 50 batches, from 1 sample to minutes; settings; prompts with images, videos and sounds; broken files.
"""
import json
import sys
import tempfile
from pathlib import Path

import check_images as common
import hf_images as hf
import numpy as np
import pngs
import torch
import wavs
from check_images import IMAGES, PROMPT, VIDEOS, preprocess, report, same
from PIL import Image
from transformers.audio_utils import load_audio

import prompt as prompt_py

SEED, BATCHES, MINUTES = 7, 50, 3
SOUNDS = ("input_features", "input_features_mask")
FRAME = 640

SETTINGS = [{}, {"padding_side": "left"}, {"padding_value": 0.3}, {"audio_samples_per_token": 400, "feature_size": 80},
            {"padding_side": "left", "padding_value": -1.5, "audio_samples_per_token": 1}, {"sampling_rate": 16000},
            {"return_attention_mask": False}]
REFUSED = [{"padding_value": None}, {"padding_side": "middle"}, {"padding_side": None}, {"feature_size": 1},
           {"audio_samples_per_token": 0}, {"audio_samples_per_token": None}]


def load(path):
    return load_audio(str(path), sampling_rate=16000, backend="soundfile")


def clip_length(rng, index):
    """The corners first; then any length, whole frames, and their neighbours."""
    corners = [1, FRAME - 1, FRAME, FRAME + 1, MINUTES * 60 * 16000, 2]
    some = int(np.exp(rng.uniform(0, np.log(20 * 16000))))
    near = max(1, some // FRAME * FRAME + int(rng.integers(-1, 2)))
    return corners[index] if index < len(corners) else int(rng.choice([some, near]))


def random_clips(rng, folder, first, count):
    paths = []
    for index in range(first, first + count):
        length = clip_length(rng, index)
        paths.append(folder / f"{index}-{length}.wav")
        paths[-1].write_bytes(wavs.random_wav(rng, length))
    return paths


def check_batches(folder, model):
    """Batches of one to four clips, some cut to a largest number of tokens."""
    rng, first = np.random.default_rng(SEED), 0
    for batch in range(BATCHES):
        paths = random_clips(rng, folder, first, 1 if batch < 5 else int(rng.integers(1, 5)))
        first += len(paths)
        most = int(rng.integers(1, 60)) if rng.random() < 0.2 else None
        waveforms = [load(path) for path in paths]
        theirs = hf.Gemma4UnifiedAudioFeatureExtractor()(waveforms, max_length=most, return_tensors="pt")
        options = ["--max-audio-tokens", str(most)] if most else []
        ours, text = preprocess(model, "--audio", *paths, *options)
        tokens = [int(line.split()[-3]) for line in text.splitlines()] if ours else []
        ok = ours and same(ours, theirs, SOUNDS) and tokens == theirs["input_features_mask"].sum(-1).tolist()
        report(ok, f"clips {[path.name for path in paths]} at most {most}: {'differs' if ours else text}")
        for path in paths:
            path.unlink()
    print(f"{first} WAV files in {BATCHES} batches")


def check_settings(folder, model):
    rng = np.random.default_rng(SEED)
    paths = random_clips(rng, folder, 10, 3)
    waveforms = [load(path) for path in paths]
    for index, settings in enumerate(SETTINGS + REFUSED):
        settings = settings | {"feature_extractor_type": "Gemma4UnifiedAudioFeatureExtractor"}
        for path in model.glob("*processor_config.json"):
            path.unlink()
        name = ("processor_config.json", "preprocessor_config.json")[index % 2]
        nested = {("feature_extractor", "audio_processor")[index // 2 % 2]: settings}
        (model / name).write_text(json.dumps(settings if index % 2 else nested))
        try:
            theirs = hf.Gemma4UnifiedAudioFeatureExtractor.from_pretrained(model)(waveforms, return_tensors="pt")
        except (ValueError, TypeError, ZeroDivisionError):
            theirs = None
        ours, text = preprocess(model, "--audio", *paths)
        wanted = settings.keys() - {"feature_extractor_type"} if theirs is None else ()
        report(ours is None and all(key in text for key in wanted) if theirs is None else ours and
               same(ours, theirs, SOUNDS), f"settings {settings}: {text}")
    for path in model.glob("*processor_config.json"):
        path.unlink()


# ---------------------------------------------------------------- prompts

def write_model(model, family, tokenizer):
    names = {"boi_token_id": "<|image>", "eoi_token_id": "<image|>", "image_token_id": "<|image|>",
             "video_token_id": "<|video|>", "audio_token_id": "<|audio|>", "boa_token_id": "<|audio>",
             "eoa_token_index": "<audio|>"}
    config = {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}
    config |= {"model_type": family, "vision_config": {}, "audio_config": {}}
    (model / "config.json").write_text(json.dumps(config))


def check_prompts(folder, model, count=12):
    """The whole of Gemma4UnifiedProcessor: images, a video and sounds in one prompt, in any order."""
    processor, rng = hf.make_processor("gemma4_unified"), np.random.default_rng(SEED)
    tokenizer = processor.tokenizer
    write_model(model, "gemma4_unified", tokenizer)
    frames = folder / "frames"
    frames.mkdir()
    for index in range(3):
        (frames / f"{index}.png").write_bytes(pngs.random_png(rng, 300, 200, pngs.RGB, 8, turned=False))
        (folder / f"image-{index}.png").write_bytes(pngs.random_png(rng, 50 * (index + 1), 90, pngs.GRAY, 8))
    for index in range(count):
        images = [folder / f"image-{number}.png" for number in rng.integers(0, 3, rng.integers(0, 3))]
        sounds = random_clips(rng, folder, 100 + 3 * index, int(rng.integers(1, 4)))
        words = ["<|image|>"] * len(images) + ["<|audio|>"] * len(sounds) + ["<|video|>"] * (index % 2)
        text = "a " + " b ".join(rng.permutation(words).tolist()) + " c"
        video = [Image.open(path).convert("RGB") for path in sorted(frames.iterdir())]
        options = {"images": [Image.open(path) for path in images]} if images else {}
        if index % 2:
            metadata = {"total_num_frames": 3, "fps": 1, "frames_indices": [0, 1, 2]}
            options |= {"videos": [video], "video_metadata": [metadata], "do_sample_frames": False}
        theirs = processor(text=text, audio=[load(path) for path in sounds], return_tensors="pt", **options)
        times = " ".join(f"00:0{second} <|image><|video|><image|>" for second in range(3))
        ids = tokenizer(text.replace("<|video|>", times))["input_ids"]
        arguments = (["--image", *images] if images else []) + (["--video", frames] if index % 2 else [])
        ours, printed = preprocess(model, *arguments, "--audio", *sounds, "--prompt-ids", " ".join(map(str, ids)))
        names = SOUNDS + PROMPT + (IMAGES if images else ()) + (VIDEOS if index % 2 else ())
        report(ours and same(ours, theirs, names), f"prompt {text}: {printed}")
        features = {name: array.numpy() for name, array in (ours or {}).items() if name not in PROMPT}
        twin = prompt_py.add_prompt(features, ids, model) if ours else {}
        twin = {name: torch.from_numpy(array) for name, array in twin.items()}
        report(same(twin, theirs, PROMPT), f"tools/prompt.py {text}")
    check_refused_prompts(processor, model, sounds)


def check_refused_prompts(processor, model, sounds):
    """Too many and too few placeholders"""
    waveforms = [load(path) for path in sounds]
    for text in ("a", "a " + "<|audio|> " * (len(sounds) + 1)):
        try:
            processor(text=text, audio=waveforms)
            report(False, f"{text}: Hugging Face does not refuse it")
        except ValueError:
            ids = " ".join(map(str, processor.tokenizer(text)["input_ids"]))
            ours, printed = preprocess(model, "--audio", *sounds, "--prompt-ids", ids)
            report(ours is None and "sound placeholders, expected" in printed, f"{text}: {printed}")


# ---------------------------------------------------------------- broken files

def broken_wavs():
    """Name, bytes, and whether soundfile refuses them too: it mends lengths, reads more kinds, and has NaN."""
    samples = wavs.random_samples(np.random.default_rng(SEED), 1000, "pcm16")
    whole, data = wavs.wav_bytes(samples, "pcm16"), wavs.sample_bytes(samples, "pcm16")
    kind, floats = wavs.format_chunk("pcm16"), np.zeros(8, np.float32)
    yield "empty", b"", True
    yield "text", b"not a WAV at all, but some text that is long enough", True
    yield "cut in the header", whole[:30], True
    yield "RIFF only", whole[:12], True
    yield "no fmt", wavs.riff(wavs.chunk(b"data", data)), True
    yield "no data", wavs.riff(kind), True
    yield "no channel", wavs.riff(wavs.format_chunk("pcm16", channels=0), wavs.chunk(b"data", data)), True
    yield "cut in the data", whole[:1000], False
    yield "data says more", wavs.riff(kind, wavs.chunk(b"data", data, len(data) + 100)), False
    yield "data says less", wavs.riff(kind, wavs.chunk(b"data", data, len(data) - 100)), False
    yield "data says nothing", wavs.riff(kind, wavs.chunk(b"data", data, 0)), False
    yield "as from a pipe", wavs.riff(kind, wavs.chunk(b"data", data, 0xffffffff), size=0xffffffff), False
    yield "RIFF says less", wavs.riff(kind, wavs.chunk(b"data", data), size=100), False
    yield "no samples", wavs.wav_bytes([], "pcm16"), False
    yield "half a sample", wavs.riff(kind, wavs.chunk(b"data", data[:-1])), False
    yield "stereo", wavs.riff(wavs.format_chunk("pcm16", channels=2), wavs.chunk(b"data", data)), False
    yield "44100 Hz", wavs.wav_bytes(samples, "pcm16", rate=44100), False
    for value in (np.nan, np.inf):
        yield str(value), wavs.wav_bytes(np.append(floats, np.float32(value)), "float"), False


def check_refusals(folder, model):
    for name, data, by_both in broken_wavs():
        path = folder / "broken.wav"
        path.write_bytes(data)
        try:
            load(path)
            report(not by_both, f"{name}: Hugging Face does not refuse it")
        except Exception:                               # whatever it is that soundfile raises
            report(by_both, f"{name}: Hugging Face refuses it")
        ours, text = preprocess(model, "--audio", path)
        report(ours is None and text.startswith(f"plumb: {path}: ") and ", expected " in text, f"{name}: {text}")


def main():
    common.PLUMB = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = folder / "model"
        model.mkdir()
        (model / "config.json").write_text(json.dumps({"model_type": "gemma4_unified"}))
        check_batches(folder, model)
        check_settings(folder, model)
        check_refusals(folder, model)
        check_prompts(folder, model)
    print(f"{common.passed} passed, {common.failed} failed")
    return common.failed > 0


if __name__ == "__main__":
    sys.exit(main())
