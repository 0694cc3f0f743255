"""Time other engines on the tower of pictures that `make bench` times, in float32; answers rounds (turns.py).

    python tools/bench/bench_peers.py torch-compile|openvino|onnxruntime CASE [--threads 1]

Each is given Hugging Face's tower and projector as its recipe exports them (recipes/), but for outputs of layers: the
soft tokens alone. One thread is timed by the processor's time that it takes, several by the clock on the wall.
"""
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes" / "transformers"))
from tower import tower_of


class SoftTokens(torch.nn.Module):
    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, pixel_values, image_position_ids):
        return self.tower(pixel_values, image_position_ids)[-2]


def torch_compile(tower, given, threads):
    """-> (versions, a function that runs it once)"""
    compiled = torch.compile(tower)
    return {"torch": torch.__version__}, lambda: compiled(*given)


def openvino(tower, given, threads):
    import openvino as engine
    model = engine.convert_model(tower, example_input=given)
    compiled = engine.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": engine.Type.f32,
                                                          "INFERENCE_NUM_THREADS": threads})
    feed = [array.numpy() for array in given]
    return {"openvino": engine.__version__}, lambda: compiled(feed)


def onnxruntime(tower, given, threads):
    import onnxruntime as engine
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/tower.onnx"
        torch.onnx.export(tower, given, path, dynamo=True, input_names=["pixel_values", "image_position_ids"],
                          opset_version=20, optimize=False, verbose=False)
        options = engine.SessionOptions()
        options.intra_op_num_threads = threads
        session = engine.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {value.name: array.numpy() for value, array in zip(session.get_inputs(), given)}
    return {"onnxruntime": engine.__version__}, lambda: session.run(None, feed)


ENGINES = {"torch-compile": torch_compile, "openvino": openvino, "onnxruntime": onnxruntime}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("case", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr        # exporters print
    tower, given = tower_of(args.case, "fp32")
    tower.tower.set_attn_implementation("sdpa")
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.threads == 1 else time.perf_counter
    with torch.inference_mode(args.engine == "torch-compile"):
        versions, run = ENGINES[args.engine](SoftTokens(tower), given, args.threads)
        run()                                           # the first compiles, or touches its memory
        print(json.dumps(versions), file=answers, flush=True)
        for _ in sys.stdin:
            start = clock()
            run()
            print(json.dumps({"seconds": clock() - start}), file=answers, flush=True)


if __name__ == "__main__":
    main()
