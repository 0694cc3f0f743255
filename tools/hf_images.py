"""Hugging Face's image and video processors, for the scripts beside this file. Not a program.

transformers resizes with torchvision, whose wheel expects another build of torch: its compiled operators do not load,
and its import fails on the first of them that it wants to register something for. Its resizing is plain torch and does
not need them. So it is installed beside the main environment, and those operators are declared before the import.
"""
import subprocess
import sys
import warnings
from pathlib import Path

import torch

TORCHVISION, FOLDER = "0.28.0", Path("build/torchvision")
OPERATORS = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
             "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def import_torchvision():
    if not (FOLDER / f"torchvision-{TORCHVISION}.dist-info").exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", FOLDER,
                        f"torchvision=={TORCHVISION}"], check=True)
    sys.path.append(str(FOLDER))
    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        library.define(operator)
    import torchvision                                  # before transformers looks whether it is there
    return library                                      # what it declares lasts as long as it does


LIBRARY = import_torchvision()
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
from transformers.models.gemma4_unified.image_processing_gemma4_unified import Gemma4UnifiedImageProcessor  # noqa: E402
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


def make_processor():
    """Gemma4Processor with a tokenizer of few words, which writes times as "00", ":", "01"."""
    vocabulary = {word: index for index, word in enumerate([*WORDS, *SPECIAL.values(), "<|video|>"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>",
                                        extra_special_tokens=SPECIAL)
    return Gemma4Processor(Gemma4AudioFeatureExtractor(), Gemma4ImageProcessor(), tokenizer, Gemma4VideoProcessor())
