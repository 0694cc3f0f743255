"""Bugs that ports of Gemma 4's family without towers had, and its other reading of the masks, switched on in Hugging
Face's eager model. Not a program.

As in bugs.py. What a preprocessor did wrong changes the inputs: `edit(inputs, config)` gives those such a port has.
"""
from contextlib import contextmanager
from unittest.mock import patch

import torch
from transformers.models.gemma4_unified import modeling_gemma4_unified as modeling

import bugs


# ---------------------------------------------------------------- vision

def with_embedder_inputs(model, change):
    """pixel_values, image_position_ids = change(pixel_values, image_position_ids), for the embedder alone."""
    model.model.embed_vision.register_forward_pre_hook(lambda module, args: change(*args))


def posemb_flat_index(model):
    """Both tables are looked up at one index, x * rows of this image + y."""
    def change(pixel_values, position_ids):
        x, y = position_ids.unbind(-1)
        flat = (x * (y.amax(-1, keepdim=True) + 1) + y).clamp(max=len(model.model.embed_vision.pos_embedding) - 1)
        return pixel_values, torch.where(position_ids == -1, -1, flat[..., None])
    with_embedder_inputs(model, change)


def merge_pad_first(model):
    """Patches are padded, then sorted by kernel: padding, whose keys are negative, comes before the image."""
    def change(pixel_values, position_ids):
        padding = (position_ids == -1).all(-1).sum(-1).tolist()
        return torch.stack([image.roll(shift, 0) for image, shift in zip(pixel_values, padding)]), position_ids
    with_embedder_inputs(model, change)


def layernorm_eps(model):
    """The epsilon of the model's RMSNorms in its LayerNorms, in place of torch's default of 1e-5."""
    embedder = model.model.embed_vision
    for norm in (embedder.patch_ln1, embedder.patch_ln2, embedder.pos_norm):
        norm.eps = 1e-6


def projector_norm_missing(model):
    """Features are projected as they come, without RMSNorm."""
    embed_audio, embed_vision = model.model.embed_audio, model.model.embed_vision
    for embedder in filter(None, (embed_audio, getattr(embed_vision, "multimodal_embedder", None))):
        embedder.embedding_pre_projection_norm.forward = lambda hidden_states: hidden_states


def dense_in_float32(model):
    """No bug, but the mending of one: in float16 patch_dense overflows, so it and the norm after it are float32."""
    embedder = model.model.embed_vision
    for module in (embedder.patch_dense, embedder.patch_ln2):
        module.float()
    embedder.patch_dense.register_forward_pre_hook(lambda module, args: (args[0].float(),))
    # The embedder asks patch_dense's weight what to cast the pixels to.
    embedder.patch_ln1.register_forward_pre_hook(lambda module, args: (args[0].to(module.weight.dtype),))
    embedder.patch_ln2.register_forward_hook(lambda module, args, output: output.to(embedder.patch_ln1.weight.dtype))


# ---------------------------------------------------------------- audio

def audio_count(inputs, config):
    """Placeholders are counted as for the mel spectrogram and its convolutions: a last frame of a quarter or less of
    its samples gets none, and is lost. Rows are padded on the left."""
    inputs = {name: value.clone() for name, value in inputs.items()}
    lost = []
    for clip, (features, mask) in enumerate(zip(inputs["input_features"], inputs["input_features_mask"])):
        last = int(mask.sum()) - 1
        if features[last, -(-features.shape[1] // 4):].eq(0).all():
            mask[last] = False
            lost.append(clip)
    clip = 0
    for row, ids in enumerate(inputs["input_ids"].tolist()):
        ends = [end for end, token in enumerate(ids) if token == config.audio_token_id
                and ids[end + 1] != config.audio_token_id]
        for end in ends:
            if clip in lost:
                for name in ("input_ids", "attention_mask", "mm_token_type_ids"):
                    values = inputs[name][row]
                    values[1 : end + 1] = values[:end].clone()          # over the clip's last placeholder
                    values[0] = config.get_text_config().pad_token_id if name == "input_ids" else 0
            clip += 1
    return inputs


# ---------------------------------------------------------------- what a model can show

def of(model, inputs):
    """The bugs that this model shows on these inputs, each as switch_on and its arguments."""
    if "unified" not in model.config.model_type:
        return []
    positions = [inputs[name] for name in ("image_position_ids", "video_position_ids") if name in inputs]
    padded = any((ids == -1).any() for ids in positions)
    oblong = any((ids > 0).all(-1).any() for ids in positions)          # a patch neither in the first row nor column
    blocks = inputs.get("mm_token_type_ids", torch.zeros(1, 1))
    block = (blocks[:, 1:] == blocks[:, :-1]) & ((blocks[:, 1:] == 1) | (blocks[:, 1:] == 2))
    last = len(bugs.text_model(model).layers) - 1
    bidirectional = model.config.get_text_config().use_bidirectional_attention == "vision"
    shown = [
        (posemb_flat_index,) if oblong else None,
        (merge_pad_first,) if padded else None,
        (layernorm_eps,) if positions else None,
        (projector_norm_missing,) if positions or "input_features" in inputs else None,
        (bugs.bidir_missing, [last]) if bidirectional and block.any() else None,
    ]
    return [bug for bug in shown if bug is not None]


# ---------------------------------------------------------------- the masks' other reading

@contextmanager
def google_masks():
    """Full layers causal, blocks cut by the window: gemma4's function, which the module has and does not call."""
    with patch.object(modeling, "create_masks_for_generate", modeling.create_masks_for_vision_model):
        yield
