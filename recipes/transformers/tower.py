"""The vision tower as exporters take it: one module whose outputs are all that a graph shows. Not a program."""
import torch

from run import DTYPES, load
from safetensors.torch import load_file


class Tower(torch.nn.Module):
    """Gemma4VisionModel.forward and embed_vision, with every layer as an output, and padding rows left in"""

    def __init__(self, model):
        super().__init__()
        self.tower, self.embed_vision = model.model.vision_tower, model.model.embed_vision

    def forward(self, pixel_values, image_position_ids):
        tower, encoder = self.tower, self.tower.encoder
        padding = (image_position_ids == -1).all(dim=-1)
        hidden = tower.patch_embedder(pixel_values, image_position_ids, padding)
        mask = torch.zeros(padding.shape, dtype=hidden.dtype).masked_fill(padding, torch.finfo(hidden.dtype).min)
        mask = mask[:, None, None, :].expand(-1, 1, hidden.shape[1], -1)
        rotary = encoder.rotary_emb(hidden, image_position_ids)
        outputs = [hidden]
        for layer in encoder.layers:
            hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary, position_ids=image_position_ids)
            outputs.append(hidden)
        length = pixel_values.shape[-2] // tower.config.pooling_kernel_size ** 2
        pooled, valid = tower.pooler(hidden_states=hidden, pixel_position_ids=image_position_ids,
                                     padding_positions=padding, output_length=length)
        outputs.append(pooled)
        if tower.config.standardize:
            pooled = (pooled - tower.std_bias.float()) * tower.std_scale.float()
        pooled = pooled.to(outputs[0].dtype)
        return (*outputs, pooled, self.embed_vision(inputs_embeds=pooled), valid)

    def names(self):
        layers = [f"layer_{i}" for i in range(len(self.tower.encoder.layers))]
        return ["patches", *layers, "pooled", "tower", "soft_tokens", "valid"]


def tower_of(case, dtype):
    """The tower of a case, and its arguments: pixels and position ids."""
    torch.set_num_threads(1)
    tower = Tower(load(case, dtype)).requires_grad_(False).eval()
    inputs = load_file(case / "inputs.safetensors")
    return tower, (inputs["pixel_values"].to(DTYPES[dtype]), inputs["image_position_ids"])


def by_name(names, outputs):
    """What goes into a dump: without the rows that the pooler makes of padding."""
    arrays = dict(zip(names, outputs, strict=True))
    valid = arrays.pop("valid").astype(bool) if hasattr(arrays["valid"], "astype") else arrays.pop("valid").bool()
    return arrays | {name: arrays[name][valid] for name in ("tower", "soft_tokens")}
