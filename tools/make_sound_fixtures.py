"""Write fixtures/audio: a plucked string, small WAV files of every kind, and what Hugging Face makes of them.

    python tools/make_sound_fixtures.py             (`make fixtures`)

expected.json holds CRC-32s of the samples that a file holds, and of features and masks of batches.
"""
import json
import zlib
from pathlib import Path

import hf_images as hf
import numpy as np
import soundfile
import transformers
import wavs
from transformers.audio_utils import load_audio

FOLDER = Path("fixtures/audio")


def pluck(count=8000, period=73):
    """Noise that goes round in a delay line and loses its high tones on the way."""
    rng, string = np.random.default_rng(16), []
    for index in range(count):
        string.append(rng.uniform(-1, 1) if index < period else
                      0.498 * (string[index - period] + string[max(0, index - period - 1)]))
    return np.round(np.array(string) * 20000).astype(np.int32)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def features(names, **settings):
    waveforms = [load_audio(str(FOLDER / name), backend="soundfile") for name in names]
    max_length = settings.pop("max_length", None)
    extractor = hf.Gemma4UnifiedAudioFeatureExtractor(**settings)
    found = extractor(waveforms, max_length=max_length, return_tensors="np")
    return {"files": names, "shape": list(found["input_features"].shape),
            "settings": settings, "max_length": max_length or 0,
            "soft_tokens": found["input_features_mask"].sum(-1).tolist(),
            "input_features": crc(found["input_features"]), "input_features_mask": crc(found["input_features_mask"])}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(12)
    (FOLDER / "pluck.wav").write_bytes(wavs.wav_bytes(pluck(), "pcm16"))
    names = []
    for kind in wavs.KINDS:
        for extensible in (False, True):
            names.append(f"{kind}{'-extensible' if extensible else ''}.wav")
            samples = wavs.random_samples(rng, int(rng.integers(1, 1500)), kind)
            extra = [wavs.chunk(b"junk", bytes(7))] if extensible else []
            (FOLDER / names[-1]).write_bytes(wavs.wav_bytes(samples, kind, extensible=extensible, before=extra))
    expected = {"transformers": transformers.__version__, "soundfile": soundfile.__version__,
                "libsndfile": soundfile.__libsndfile_version__,
                "samples": [{"file": name, "count": len(samples), "samples": crc(samples)} for name in names
                            for samples in [load_audio(str(FOLDER / name), backend="soundfile")]],
                "features": [features(["pluck.wav"]), features(names), features(["pluck.wav", *names], max_length=2),
                             features(names[:3], padding_side="left", padding_value=0.3),
                             features(names[2:5], audio_samples_per_token=400)]}
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
