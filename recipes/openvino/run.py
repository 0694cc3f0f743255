"""run.py CASE OUT [--dtype fp32|bf16]: the vision tower converted to OpenVINO and run by its CPU plugin

--dtype is the plugin's inference precision; the model is converted in float32. Each layer's output is a result of the
graph, in the order of the export; the arrays have the names of recipes/transformers/tower.py.
"""
import argparse
import pathlib
import sys

import openvino
from safetensors.numpy import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
from tower import by_name, tower_of

CANNOT_RUN_HERE = 77
PRECISIONS = {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="fp32", choices=PRECISIONS)
    arguments = parser.parse_args()
    tower, given = tower_of(arguments.case, "fp32")
    model = openvino.convert_model(tower, example_input=given)
    compiled = openvino.Core().compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": PRECISIONS[arguments.dtype], "INFERENCE_NUM_THREADS": 1})
    found = compiled.get_property("INFERENCE_PRECISION_HINT")
    if found != PRECISIONS[arguments.dtype]:
        print(f"OpenVINO computes in {found} on this processor, expected {PRECISIONS[arguments.dtype]}")
        sys.exit(CANNOT_RUN_HERE)
    results = compiled([array.numpy() for array in given])
    outputs = [results[i].copy() for i in range(len(compiled.outputs))]
    save_file(by_name(tower.names(), outputs), arguments.out)


if __name__ == "__main__":
    main()
