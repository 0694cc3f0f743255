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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
from tower import by_name, tower_of


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    arguments = parser.parse_args()
    tower, given = tower_of(arguments.case, "fp32")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/tower.onnx"
        torch.onnx.export(tower, given, path, dynamo=True, input_names=["pixel_values", "image_position_ids"],
                          output_names=tower.names(), opset_version=20, optimize=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {value.name: array.numpy() for value, array in zip(session.get_inputs(), given)}
        outputs = session.run(None, feed)
    save_file(by_name(tower.names(), outputs), arguments.out)


if __name__ == "__main__":
    main()
