"""run.py CASE OUT [--dtype fp32|bf16] [--portable]: the vision tower lowered to ExecuTorch's XNNPACK backend, and run

Each layer's output is an output of the program, in the order of the export; the arrays have the names of
recipes/transformers/tower.py. --portable leaves out XNNPACK: the kernels are ExecuTorch's own.
"""
import argparse
import pathlib
import sys

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
from tower import by_name, tower_of


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--portable", action="store_true")
    arguments = parser.parse_args()
    tower, given = tower_of(arguments.case, arguments.dtype)
    partitioner = [] if arguments.portable else [XnnpackPartitioner()]
    lowered = to_edge_transform_and_lower(torch.export.export(tower, given), partitioner=partitioner)
    program = Runtime.get().load_program(lowered.to_executorch().buffer)
    outputs = [output.clone() for output in program.load_method("forward").execute(list(given))]
    save_file(by_name(tower.names(), outputs), arguments.out)


if __name__ == "__main__":
    main()
