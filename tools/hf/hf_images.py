"""Hugging Face's processors of images, videos and sound, for the scripts beside this file. Not a program.

transformers resizes with torchvision, whose wheel expects another build of torch: its compiled operators do not load,
and its import fails on the first of them that it wants to register something for. Its resizing is plain torch and does
not need them. So it is installed beside the main environment, and those operators are declared before the import.
soundfile and soxr, with which transformers reads sound, are installed there too: they bring their own libsndfile.
"""
import subprocess
import sys
import warnings
from pathlib import Path

import torch

TORCHVISION, FOLDER = "torchvision==0.28.0", Path("build/torchvision")
SOUND, SOUND_FOLDER = ("soundfile==0.14.0", "soxr==1.1.0", "cffi==2.1.1", "pycparser==3.12"), Path("build/soundfile")
OPERATORS = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
             "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def install(folder, *packages):
    """Puts the packages, at their versions, into a folder of their own and on the path."""
    if not all((folder / f"{package.replace('==', '-')}.dist-info").exists() for package in packages):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", folder,
                        *packages], check=True)
    sys.path.append(str(folder))


def import_torchvision():
    install(FOLDER, TORCHVISION)
    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        library.define(operator)
    import torchvision                                  # before transformers looks whether it is there
    return library                                      # what it declares lasts as long as it does


LIBRARY = import_torchvision()
install(SOUND_FOLDER, *SOUND)
torch.set_num_threads(1)
warnings.simplefilter("ignore")                         # Pillow's, of palettes with transparency

import transformers                                     # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers            # noqa: E402
from transformers import PreTrainedTokenizerFast        # noqa: E402
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor    # noqa: E402
from transformers.models.gemma4.image_processing_gemma4 import Gemma4ImageProcessor             # noqa: E402
from transformers.models.gemma4.image_processing_gemma4 import get_aspect_ratio_preserving_size     # noqa: E402,F401
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil      # noqa: E402
from transformers.models.gemma4.processing_gemma4 import Gemma4Processor    # noqa: E402
from transformers.models.gemma4.video_processing_gemma4 import Gemma4VideoProcessor             # noqa: E402
from transformers.models.gemma4_unified.feature_extraction_gemma4_unified import (                  # noqa: E402
    Gemma4UnifiedAudioFeatureExtractor)
from transformers.models.gemma4_unified.image_processing_gemma4_unified import Gemma4UnifiedImageProcessor  # noqa: E402
from transformers.models.gemma4_unified.processing_gemma4_unified import Gemma4UnifiedProcessor     # noqa: E402
from transformers.models.gemma4_unified.video_processing_gemma4_unified import Gemma4UnifiedVideoProcessor  # noqa: E402

transformers.logging.set_verbosity_error()

PROCESSORS = {"torchvision": Gemma4ImageProcessor, "pil": Gemma4ImageProcessorPil}
# By model_type: how its classes are called, its image processors and its video processor
FAMILIES = {"gemma4": ("Gemma4", PROCESSORS, Gemma4VideoProcessor),
            "gemma4_unified": ("Gemma4Unified", {"torchvision": Gemma4UnifiedImageProcessor},
                               Gemma4UnifiedVideoProcessor)}
SPECIAL = {"boi_token": "<|image>", "eoi_token": "<image|>", "image_token": "<|image|>", "audio_token": "<|audio|>",
           "boa_token": "<|audio>", "eoa_token": "<audio|>"}
WORDS = ["<pad>", "<eos>", "<bos>", "<unk>", ":", *(f"{number:02d}" for number in range(60)), *"abcdefgh"]


def make_processor(family="gemma4"):
    """The processor of a family with a tokenizer of few words, which writes times as "00", ":", "01"."""
    vocabulary = {word: index for index, word in enumerate([*WORDS, *SPECIAL.values(), "<|video|>"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>",
                                        extra_special_tokens=SPECIAL)
    _, processors, video_processor = FAMILIES[family]
    extractor, processor = {"gemma4": (Gemma4AudioFeatureExtractor, Gemma4Processor),
                            "gemma4_unified": (Gemma4UnifiedAudioFeatureExtractor, Gemma4UnifiedProcessor)}[family]
    return processor(extractor(), processors["torchvision"](), tokenizer, video_processor())
