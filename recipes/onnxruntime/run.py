"""run.py CASE OUT: the vision tower exported to ONNX and run by ONNX Runtime in float32, under the graph's own names

Each layer's output is an output of the graph: ONNX Runtime shows no others. What the pooler makes of padding is cut off
by the mask that the graph returns as well; the arrays keep the names that the graph gives them.
"""
import argparse
import pathlib
import sys
import tempfile

import onnxruntime
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
from run import load


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
        return (*outputs, pooled, self.embed_vision(inputs_embeds=pooled), valid)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tower = Tower(load(arguments.case, "fp32")).requires_grad_(False).eval()
    inputs = load_file(arguments.case / "inputs.safetensors")
    given = (inputs["pixel_values"].float(), inputs["image_position_ids"])
    layers = len(tower.tower.encoder.layers)
    names = ["patches", *(f"layer_{i}" for i in range(layers)), "pooled", "tower", "soft_tokens", "valid"]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/tower.onnx"
        torch.onnx.export(tower, given, path, dynamo=True, input_names=["pixel_values", "image_position_ids"],
                          output_names=names, opset_version=20, optimize=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {value.name: array.numpy() for value, array in zip(session.get_inputs(), given)}
        arrays = dict(zip(names, session.run(None, feed)))
    valid = arrays.pop("valid").astype(bool)
    for name in ("tower", "soft_tokens"):
        arrays[name] = arrays[name][valid]
    save_file(arrays, arguments.out)


if __name__ == "__main__":
    main()
