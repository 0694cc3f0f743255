"""Bugs of who sees whom that ports of Gemma 4 had, switched on in Hugging Face's eager model: chunks of a prefill,
blocks, images of a batch. Not a program.

As in bugs.py. `chunk` is the length of a prefill's chunks, prefill_chunk_size of a case's inputs.
"""
from unittest.mock import patch

import torch
from torch.nn.functional import one_hot

from bugs import modeling_of, text_model, with_image_mask, with_mask, with_rotation


# ---------------------------------------------------------------- masks

def sliding(model):
    return [i for i, layer in enumerate(text_model(model).layers) if layer.self_attn.is_sliding]


def full(model):
    return [i for i, layer in enumerate(text_model(model).layers) if not layer.self_attn.is_sliding]


def places(distance):
    """Of queries and of keys, [queries, 1] and [keys]; there is no cache."""
    return torch.arange(distance.shape[0])[:, None], torch.arange(distance.shape[1])


def real_keys(allowed):
    """Keys that are no padding: those that see themselves."""
    return allowed.diagonal(dim1=-2, dim2=-1)[..., None, :]


def window_on_global(model):
    window = text_model(model).config.sliding_window
    with_mask(model, full(model), lambda allowed, distance: allowed & (distance < window))


def chunk_drops_window(model, chunk):
    """After the first chunk sliding layers see all that their cache holds: W - 1 keys before the chunk."""
    def change(allowed, distance):
        (query, key), window = places(distance), text_model(model).config.sliding_window
        begin = query // chunk * chunk
        return allowed | (begin > 0) & (distance >= 0) & (key > begin - window) & real_keys(allowed)
    with_mask(model, sliding(model), change)


def chunk_splits_block(model, chunk):
    """Nobody sees a key of a later chunk."""
    def change(allowed, distance):
        query, key = places(distance)
        return allowed & (key < query // chunk * chunk + chunk)
    with_mask(model, range(len(text_model(model).layers)), change)


def prefill_evicts_keys(model, chunk=None):
    """Of each chunk the last W keys survive, and its queries come after that."""
    def change(allowed, distance):
        (query, key), length = places(distance), chunk or distance.shape[0]
        end = (query // length * length + length).clamp(max=distance.shape[0])
        return allowed & (key >= end - text_model(model).config.sliding_window)
    with_mask(model, sliding(model), change)


def bidir_region_shifted(model, chunk):
    """Images of later chunks are not found where they are, so that their tokens see what is before them only."""
    def change(allowed, distance):
        query, _ = places(distance)
        return allowed & ((distance >= 0) | (query < chunk))
    with_mask(model, sliding(model), change)


# ---------------------------------------------------------------- rotation

def rope_dim_half(model):
    """Sliding layers turn the first half of a head, as a head half as wide."""
    def rotate(x, cos, sin, right, call):
        half = x.shape[-1] // 2
        every_other = [table[..., 0:half:2].repeat(*[1] * (table.ndim - 1), 2) for table in (cos, sin)]
        return torch.cat([right(x[..., :half], *every_other), x[..., half:]], -1)
    with_rotation(model, sliding(model), rotate)


def rope_shared_q_late(model):
    """Layers that share keys turn queries by an offset that the run's tokens have moved."""
    rotary_emb = text_model(model).rotary_emb
    shared = [i for i, layer in enumerate(text_model(model).layers) if layer.self_attn.is_kv_shared_layer]

    def rotate(x, cos, sin, right, call):
        ids = call["position_ids"]
        cos, sin = rotary_emb.forward(x, ids + ids.shape[1], call["attention"].layer_type)
        return right(x, cos, sin)
    with_rotation(model, shared, rotate)


# ---------------------------------------------------------------- embeddings

def embed_scale_unrounded(model):
    """sqrt(hidden_size) in float32."""
    table = text_model(model).embed_tokens
    table.forward = lambda input_ids: (torch.nn.functional.embedding(input_ids, table.weight).float()
                                       * table.scalar_embed_scale).to(table.weight.dtype)


def merge_seq_major(model):
    """The n-th feature goes to the n-th placeholder of all rows, counted column by column."""
    def change(args, kwargs, is_image, input_ids):
        embeds = kwargs["inputs_embeds"].clone()
        features = embeds[is_image]
        rows, columns = is_image.T.nonzero().flip(1).T
        embeds[rows, columns] = features
        return args, dict(kwargs, inputs_embeds=embeds)
    with_image_mask(model, model.model.language_model, change)


def rmsnorm_bf16_variance(model):
    """The mean square of the norms of the hidden state in bfloat16."""
    def held(norm):
        def forward(hidden_states):
            x = hidden_states.float()
            variance = x.square().mean(-1, keepdim=True).bfloat16().float()
            return (x * (variance + norm.eps) ** -0.5 * norm.weight.float()).type_as(hidden_states)
        return forward
    text = text_model(model)
    norms = [norm for layer in text.layers for name, norm in layer.named_children()
             if "layernorm" in name or name == "post_per_layer_input_norm"]
    for norm in [*norms, text.norm]:
        norm.forward = held(norm)


# ---------------------------------------------------------------- images of a batch

def pool_width_of_batch(model):
    """Bins of every image counted with the widest one's columns."""
    pooler = model.model.vision_tower.pooler

    def pool(hidden_states, pixel_position_ids, length):
        k = int((hidden_states.shape[1] // length) ** 0.5)
        x, y = (pixel_position_ids.clamp(min=0) // k).unbind(-1)
        columns = (pixel_position_ids[..., 0].max() + 1) // k
        weights = one_hot((x + columns * y).clamp(max=length - 1), length).float() / k ** 2
        weights[(x + columns * y) >= length] = 0
        _, mask = type(pooler)._avg_pool_by_positions(pooler, hidden_states, pixel_position_ids, length)
        return (weights.transpose(1, 2) @ hidden_states.float()).to(hidden_states.dtype), mask
    pooler._avg_pool_by_positions = pool


def vision_attends_across_images(model):
    """Patches of all images are one sequence. Weights, which no array of the right shape holds, stay as they were."""
    modeling = modeling_of(model)
    right = modeling.eager_attention_forward

    def wrong(module, query, key, value, mask, **kwargs):
        output, weights = right(module, query, key, value, mask, **kwargs)
        if type(module).__name__ != "Gemma4VisionAttention" or len(query) < 2:
            return output, weights
        images, heads, patches, head_dim = query.shape
        as_one = [x.transpose(0, 1).reshape(1, x.shape[1], images * patches, head_dim) for x in (query, key, value)]
        if mask is not None:
            seen = (mask[:, :, :1] if mask.shape[0] == images else mask[:, :, :1].expand(images, -1, -1, -1))
            mask = seen.transpose(0, 1).reshape(1, -1, 1, images * patches)
        output, _ = right(module, *as_one, mask, **kwargs)
        return output.reshape(images, patches, *output.shape[2:]), weights
    for layer in model.model.vision_tower.encoder.layers:
        forward = layer.self_attn.forward

        def patched(*args, forward=forward, **kwargs):
            with patch.object(modeling, "eager_attention_forward", wrong):
                return forward(*args, **kwargs)
        layer.self_attn.forward = patched


# ---------------------------------------------------------------- what a model can show

def of(model, inputs, max_new_tokens):
    """The bugs that this model shows on these inputs, each as switch_on."""
    shown = []
    if "pixel_values" in inputs and hasattr(model.model, "vision_tower") and len(inputs["pixel_values"]) > 1:
        shown += [vision_attends_across_images]
        shown += [pool_width_of_batch] if has_other_bins(inputs, model.config.vision_config.pooling_kernel_size) else []
    if "input_ids" not in inputs:
        return [(bug,) for bug in shown]
    config, width = model.config.get_text_config(), inputs["input_ids"].shape[1]
    lengths = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).sum(-1)
    if max_new_tokens == 0 and config.use_bidirectional_attention != "all" and lengths.max() > config.sliding_window:
        shown += [prefill_evicts_keys] if sliding(model) else []
        shown += [window_on_global] if full(model) else []
    shown += [rmsnorm_bf16_variance]
    shown += [rope_dim_half] if sliding(model) and lengths.max() > 1 else []
    shown += [rope_shared_q_late] if max_new_tokens == 0 and any(
        layer.self_attn.is_kv_shared_layer for layer in text_model(model).layers) else []
    chunk = inputs.get("prefill_chunk_size")
    if chunk is not None and chunk < width:
        shown += [partial_named(chunk_drops_window, chunk.item())]
    return [(bug,) for bug in shown]


def partial_named(bug, chunk):
    def switch_on(model):
        bug(model, chunk)
    switch_on.__name__ = bug.__name__
    return switch_on


def has_other_bins(inputs, k):
    """Whether an image narrower than the widest has more than one row of soft tokens."""
    columns, rows = (inputs["image_position_ids"].amax(1) + 1).unbind(-1)
    return bool(((columns // k < columns.max() // k) & (rows > k)).any())
