"""Write random cases of the family without towers; as in random_cases.py. Not a program."""
import torch
from safetensors.torch import save_file

import hf
import random_inputs
from random_cases import Dice, describe, draw_text_config, write_as_published

# What gemma4's text model has and this family's has not.
NOT_HERE = ("hidden_size_per_layer_input", "vocab_size_per_layer_input", "enable_moe_block", "num_experts",
            "top_k_experts", "moe_intermediate_size")


def unified_case(folder, seed):
    """Write a case; say what it is, and how many tokens it generates, 0 for a forward pass."""
    dice = Dice(seed)
    deal, draw = dice.deal, dice.draw
    media = deal(("image",), ("image", "video", "audio"), ("audio",), (), ("video", "audio"), ("image", "audio"), None)
    max_new_tokens = deal(0, 0, 0, 3, 0, draw(2, 5))

    text_config = draw_unified_text_config(dice)
    tied, own_head = draw(True, True, False), draw(False, False, False, True)
    outer = dict(tie_word_embeddings=tied and not own_head)
    if media is None:
        config = hf.make_text_only_config(text_config, hf.Gemma4UnifiedTextConfig, **outer)
    else:
        vision = {"image", "video"} & set(media) or draw(True, False)
        audio = "audio" in media or draw(True, False)
        config = hf.make_unified_config(text_config, draw_vision_config(dice) if vision else None,
                                        dict(audio_embed_dim=draw(8, 20, 33)) if audio else None, **outer)
    inputs = draw_inputs(dice, config, media or (), max_new_tokens)
    model = hf.make_model(config, inputs, seed)
    model.config.tie_word_embeddings = tied             # a head of its own in the file beats what config.json says

    dtype, shards = draw(torch.bfloat16, torch.float32, torch.float16), draw(False, False, True)
    as_saved = draw(False, True)                        # the modules' names for keys, not the Hub's
    hf.save_model(model, folder / "model", dtype, vision_only=False, save_original_format=not as_saved,
                  **(dict(max_shard_size="20KB") if shards else {}))
    save_file(inputs, folder / "inputs.safetensors")
    if published := not shards and draw(False, True):
        write_as_published(folder / "model", text_config)

    names = {"pixel_values": "images", "pixel_values_videos": "videos", "input_features": "clips"}
    kind = "+".join(said for name, said in names.items() if name in inputs)
    kind = kind or ("text" if media is None else "multimodal")
    described = f"{kind} {describe(text_config, config, inputs)} {dtype}"
    for name, value in dict(untied=not tied, own_head=own_head, shards=shards, as_saved=as_saved,
                            published=published).items():
        described += f" {name}" * value
    described += f" +{max_new_tokens}" * (max_new_tokens > 0)
    return described.replace("torch.", "").replace("gelu_pytorch_tanh", "tanh"), max_new_tokens


def draw_unified_text_config(dice):
    config = {name: value for name, value in draw_text_config(dice).items() if name not in NOT_HERE}
    layer_types = config["layer_types"]
    shared = [n for n in range(len(layer_types)) if n == 0 or set(layer_types[:-n]) == set(layer_types)]
    return config | dict(num_kv_shared_layers=dice.draw(0, 0, shared[-1]),
                         use_bidirectional_attention=dice.deal("vision", "vision", "vision", None, "vision", "all"),
                         sliding_window=dice.between(2, 9))


def draw_vision_config(dice):
    mm_embed_dim = dice.draw(12, 24, 31)
    return dict(patch_size=dice.draw(2, 3, 4), pooling_kernel_size=dice.draw(1, 2, 3), mm_embed_dim=mm_embed_dim,
                output_proj_dims=mm_embed_dim, mm_posemb_size=12, rms_norm_eps=dice.draw(1e-6, 1e-3))


def draw_inputs(dice, config, media, max_new_tokens):
    """One to three rows of text, images, videos and sound, padded or not, with positions or without."""
    draw, between = dice.draw, dice.between
    attention_mask = draw(True, True, False) or bool(media)
    same_length = between(1, 24)
    rows, images, videos, clips = [], [], [], []
    for index in range(between(1, 3)):
        row = [between(1, 24) if attention_mask else same_length]
        for kind in draw(media, media, ()) if index else media:
            if kind == "image":
                images.append((between(1, 4), between(1, 3)))
                row += ["begin", ("image", images[-1][0] * images[-1][1]), "end"]
            elif kind == "video":
                videos.append([(between(1, 3), between(1, 2))] * between(1, 3))
                for columns, lines in videos[-1]:
                    row += ["begin", ("video", columns * lines), "end", between(1, 2)]
            else:
                clips.append(between(4, 28) / 4)
                row += ["begin audio", ("audio", -(-int(4 * clips[-1]) // 4)), "end audio"]
            row.append(between(1, 5))
        rows.append(row)
    padding = "left" if max_new_tokens else draw("left", "right")
    inputs = random_inputs.make_prompts(rows, config, dice.seed, padding, attention_mask)

    frames = [frame for video in videos for frame in video]
    patch_size = random_inputs.patch_size(config)
    if images:
        inputs |= random_inputs.make_inputs(images, longest(images) + draw(0, 0, 3), patch_size, dice.seed,
                                            [draw(1, 1, 0.1) for _ in images])
    if videos:
        inputs |= random_inputs.make_video_inputs(frames, longest(frames) + draw(0, 0, 3), patch_size, dice.seed,
                                                  [len(video) for video in videos])
    if clips:
        inputs |= random_inputs.make_audio_inputs(clips, config.audio_config.audio_embed_dim, dice.seed)
    if "mm_token_type_ids" in inputs and draw(False, False, False, True):
        del inputs["mm_token_type_ids"]
    if draw(False, False, True):
        mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
        inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0) + draw(0, 3)
    return inputs


def longest(grids):
    return max(columns * lines for columns, lines in grids)
