"""Write build/exercise.safetensors: the dump of a buggy backend, for a lesson's exercise, without the bug's name on it.

    python tools/lessons/exercise.py LESSON

Do not read on if you mean to find the bugs yourself.
"""
import pathlib
import shutil
import subprocess
import sys

from gguf_blocks import blocks

ROOT = pathlib.Path()  # run from the root of the tree
# lesson: case, and a dump of its folder or the id of a bug that the reference is made to have
EXERCISES = {
    1: ("e2b", "dumps/buggy-merge-embed-scale-on-features-bf16.safetensors"),
    2: ("e2b-text", "text-rmsnorm-one-plus-weight"),
    3: ("e2b-text", "dumps/buggy-rope-partial-prefix-bf16.safetensors"),
    4: ("e2b", "dumps/buggy-attn-scale-rsqrt-bf16.safetensors"),
    5: ("31b", "dumps/buggy-bidir-crosses-window-bf16.safetensors"),
    6: ("e2b", "dumps/buggy-ple-placeholder-id-bf16.safetensors"),
    7: ("e2b-shared", "dumps/buggy-kv-shared-wrong-donor-bf16.safetensors"),
    8: ("26b-a4b", "dumps/buggy-per-expert-scale-missing-bf16.safetensors"),
    10: ("31b-vision", "dumps/buggy-pool-padding-not-zeroed-bf16.safetensors"),
    11: ("e4b-audio-vision", "dumps/buggy-audio-conv-norms-swapped-bf16.safetensors"),
    12: ("12b-image", "dumps/buggy-posemb-flat-index-bf16.safetensors"),
    13: ("31b", "dumps/buggy-softcap-missing-bf16.safetensors"),
    14: ("31b-extremes", "dumps/buggy-v-norm-f16-overflow-bf16.safetensors"),
    15: ("e2b-text", "qk-norms-swapped"),
    16: ("26b-a4b", "dumps/buggy-experts-silu-bf16.safetensors"),
    17: ("31b", "dumps/buggy-kv-tied-after-norm-bf16.safetensors"),
    19: ("e2b-vision", "dumps/buggy-projector-norm-after-projection-bf16.safetensors"),
}
FILE = "build/exercise.safetensors"


def write_pixels():
    """Lesson 9 has patches, not taps."""
    subprocess.run([ROOT / "build/plumb", "preprocess", ROOT / "fixtures/e2b-vision", "--image",
                    ROOT / "fixtures/image/plumb.png", "--max-soft-tokens", "70", "--bug", "patch-feature-order",
                    "--out", FILE], check=True, stdout=subprocess.DEVNULL)


def write_codes():
    """Lesson 18 has a GGUF file whose scales are not all its own."""
    right, wrong = ROOT / "fixtures/quantised/e2b-text-q8_0.gguf", pathlib.Path("build/exercise.gguf")
    shutil.copyfile(right, wrong)
    tensors = blocks(wrong, "r+")
    for layer in range(4):
        up = tensors[f"blk.{layer}.ffn_up.weight"]
        up["d"] = tensors[f"blk.{layer}.ffn_gate.weight"]["d"]
        up.flush()
    subprocess.run([ROOT / "build/plumb", "run", ROOT / "fixtures/e2b-text", "--weights", wrong, "--activations",
                    "q8_0", "--out", FILE], check=True)
    wrong.unlink()


def main():
    lesson = int(sys.argv[1]) if len(sys.argv) == 2 and sys.argv[1].isdigit() else 0
    if lesson == 9:
        write_pixels()
        print(f"{FILE}: patches of fixtures/image/plumb.png")
        return 0
    if lesson == 18:
        write_codes()
        print(f"{FILE}: a dump of fixtures/e2b-text, computed in float32 from quantised weights")
        return 0
    if lesson not in EXERCISES:
        sys.exit(__doc__)
    case, what = EXERCISES[lesson]
    if what.startswith("dumps/"):
        shutil.copyfile(ROOT / "fixtures" / case / what, FILE)
    else:
        subprocess.run([ROOT / "build/plumb", "run", ROOT / "fixtures" / case, "--bug", what, "--precision", "bf16",
                        "--out", FILE], check=True)
    print(f"{FILE}: a dump of fixtures/{case}, computed in bfloat16")
    return 0


if __name__ == "__main__":
    sys.exit(main())
