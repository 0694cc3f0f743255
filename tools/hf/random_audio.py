"""Write random cases with sound for the family with towers: sound alone, and whole models with all media; as in
random_cases.py. Not a program."""
import torch
from safetensors.torch import save_file

import hf
import hf_audio
import random_inputs
from random_cases import Dice, describe, draw_text_config, draw_vision_config


def draw_audio_config(dice):
    deal, draw, between = dice.deal, dice.draw, dice.between
    heads = deal(2, 1, 3, 4)
    return dict(
        hidden_size=heads * deal(16, 8, 12, 6, 20, 32),
        num_hidden_layers=draw(1, 2, 3),
        num_attention_heads=heads,
        hidden_act=deal("silu", "silu", "gelu_pytorch_tanh", "silu", "gelu", "silu", "quick_gelu"),
        subsampling_conv_channels=[deal(32, 16, 24, 18, 64), draw(4, 8, 12)],
        conv_kernel_size=deal(5, 3, 7, 1, 4),
        residual_weight=draw(0.5, 0.5, 1.0, 0.3),
        attention_chunk_size=deal(12, 4, 1, 7, 3),
        attention_context_left=deal(13, 5, 2, 9, 8, 1),
        attention_context_right=deal(0, 0, 3, 1, 0, 2),
        attention_logit_cap=draw(50.0, 50.0, 3.3, 0.7),
        attention_invalid_logits_value=draw(-1e9, -1e9, -3.0),
        use_clipped_linears=draw(True, True, False),
        rms_norm_eps=draw(1e-6, 1e-6, 1e-5, 1e-3),
        gradient_clipping=draw(1e10, 1e10, 1.7),
        output_proj_dims=between(8, 60))


def draw_clips(dice, config, count):
    """Frames of `count` clips: some end inside a chunk, some are no longer than one soft token."""
    longest = 4 * 3 * (config.attention_chunk_size + config.attention_context_left)
    return [dice.draw(dice.between(1, longest), dice.between(1, longest), dice.between(1, 6)) for _ in range(count)]


def audio_case(folder, seed):
    """Write a case, and say what it is."""
    dice = Dice(seed)
    draw = dice.draw
    config = hf.make_config(None, dice.between(8, 80), draw_audio_config(dice))
    a = config.audio_config
    frames = draw_clips(dice, a, draw(1, 2, 3))
    inputs = hf_audio.make_mel_inputs(frames, hf_audio.bins(a) - draw(0, 0, 1, 3), seed,
                                      max(frames) + draw(0, 0, 1, 6, 50))
    model = hf.make_model(config, inputs, seed)
    dtype = draw(torch.bfloat16, torch.float32, torch.float16)
    shards, bare = draw(False, False, True), draw(False, False, True)   # bare: keys without the leading "model."
    hf.save_model(model.model if bare else model, folder / "model", dtype,
                  **(dict(max_shard_size="20KB") if shards else {}))
    save_file(inputs, folder / "inputs.safetensors")
    length = inputs["input_features"].shape[1]
    return (f"{a.hidden_size}/{a.num_attention_heads}h {a.num_hidden_layers}L"
            f" {a.attention_chunk_size}+{a.attention_context_left}+{a.attention_context_right} k{a.conv_kernel_size}"
            f" c{a.subsampling_conv_channels} {frames} of {length} cap{a.attention_logit_cap:g}"
            f" {a.hidden_act.replace('gelu_pytorch_tanh', 'tanh')} {str(dtype).removeprefix('torch.')}"
            f"{' clip' * a.use_clipped_linears}{' shards' * shards}{' bare' * bare}")


# ---------------------------------------------------------------- whole models

def media_case(folder, seed):
    """Write a case with images, videos and sound; say what it is, and how many tokens it generates."""
    dice = Dice(seed)
    draw, between = dice.draw, dice.between
    max_new_tokens = dice.deal(3, 0, 0, 5)
    text_config = draw_text_config(dice)
    config = hf.make_multimodal_config(text_config, draw_vision_config(draw),
                                       draw_audio_config(dice) | dict(num_hidden_layers=draw(1, 2)))
    pooling = config.vision_config.pooling_kernel_size
    rows, images, videos, clips = [], [], [], []
    for index in range(between(1, 2)):
        row = [between(1, 5)]
        for kind in ("audio", "image", "video") if index == 0 else draw(("audio",), ("image", "audio"), ()):
            if kind == "audio":
                clips += draw_clips(dice, config.audio_config, 1)
                row += ["begin audio", ("audio", (clips[-1] + 3) // 4), "end audio"]
            else:
                grids = images if kind == "image" else videos
                grids.append((between(1, 3) * pooling, between(1, 2) * pooling))
                row += ["begin", (kind, random_inputs.soft_tokens(grids[-1], pooling)), "end"]
            row.append(between(1, 4))
        rows.append(row)
    inputs = random_inputs.make_prompts(rows, config, seed, "left" if max_new_tokens else draw("left", "right"))
    longest = max(columns * lines for columns, lines in images + videos)
    patch_size = config.vision_config.patch_size
    inputs |= random_inputs.make_inputs(images, longest, patch_size, seed)
    inputs |= random_inputs.make_video_inputs(videos, longest, patch_size, seed, [len(videos)])
    inputs |= hf_audio.make_mel_inputs(clips, hf_audio.bins(config.audio_config), seed, max(clips) + draw(0, 0, 7))
    dtype = draw(torch.bfloat16, torch.float32, torch.float16)
    hf.save_model(hf.make_model(config, inputs, seed), folder / "model", dtype, vision_only=False)
    save_file(inputs, folder / "inputs.safetensors")
    return (f"images+videos+sound {describe(text_config, config, inputs)} {clips} {str(dtype).removeprefix('torch.')}"
            f"{f' +{max_new_tokens}' * (max_new_tokens > 0)}".replace("gelu_pytorch_tanh", "tanh"), max_new_tokens)
