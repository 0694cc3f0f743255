"""A case's rows as vLLM's engine takes them behind its own processor: the case's tokens and the case's pixels"""
import sys


def runs_of(ids, token):
    """[(place, length)] of runs of a token"""
    places = [i for i, id_ in enumerate(ids) if id_ == token]
    starts = [i for i in places if i == 0 or ids[i - 1] != token]
    return [(start, next(i for i in range(start, len(ids) + 1) if i == len(ids) or ids[i] != token) - start)
            for start in starts]


def image_places(ids, config, soft_tokens):
    """[(place, length)] of pictures: a run of placeholders may be of several that follow each other"""
    places = []
    for start, length in runs_of(ids, config["image_token_id"]):
        while length > 0:
            count = soft_tokens.pop(0)
            places.append((start, count))
            start, length = start + count, length - count
    return places


def with_images(ids, places, pixels, positions, name):
    from transformers import BatchFeature
    from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems, PlaceholderRange
    field = MultiModalFieldConfig.batched("image")
    items = MultiModalKwargsItems.from_hf_inputs(
        BatchFeature({"pixel_values": pixels, "pixel_position_ids": positions}),
        {"pixel_values": field, "pixel_position_ids": field})
    return {"type": "multimodal", "prompt_token_ids": ids, "mm_kwargs": items,
            "mm_hashes": {"image": [f"{name}-{i}" for i in range(len(places))]},
            "mm_placeholders": {"image": [PlaceholderRange(offset=at, length=length) for at, length in places]}}


def prompts_of(inputs, config):
    for name in ("pixel_values_videos", "input_features"):
        if name in inputs:
            print(f"found {name} in the case's inputs, expected text and pictures alone")
            sys.exit(77)
    soft_tokens, positions = [], inputs.get("image_position_ids")
    if positions is not None:
        patches = 1 if config["model_type"] == "gemma4_unified" else config["vision_config"]["pooling_kernel_size"] ** 2
        soft_tokens = ((positions != -1).all(-1).sum(1) // patches).tolist()
    prompts, image = [], 0
    for row, (ids, mask) in enumerate(zip(inputs["input_ids"], inputs["attention_mask"])):
        ids = ids[mask.bool()].tolist()
        places = image_places(ids, config, soft_tokens) if positions is not None else []
        end = image + len(places)
        prompts.append(with_images(ids, places, inputs["pixel_values"][image:end], positions[image:end], f"row-{row}")
                       if places else {"type": "token", "prompt_token_ids": ids})
        image = end
    return prompts
