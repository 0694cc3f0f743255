"""run.py CASE OUT [--dtype bf16|fp16|fp32] [--new-tokens N]: vLLM on a case, in this process; the dump has vLLM's names

A case with a text model runs in vLLM's engine, another one through the model's class alone. tools/capture.py records
what the modules return. Three values are no module's: what the tower hands to the projector, the experts chosen, and
the tokens chosen; they are recorded here.
"""
import argparse
import contextlib
import os
import json
import pathlib
import sys

os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_OMP_THREADS_BIND="nobind",
                  HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1", OMP_NUM_THREADS="1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from capture import capture
from model_alone import encode_images, model_alone
from prompts import prompts_of

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def engine(folder, dtype):
    from vllm import LLM
    return LLM(str(folder), dtype=dtype, enforce_eager=True, enable_prefix_caching=False, max_model_len=256,
               max_num_seqs=4, max_num_batched_tokens=4096, skip_mm_profiling=True, mm_processor_cache_gb=0)


def add(taps, name, value):
    again = sum(tap.partition("@")[0] == name for tap in taps)
    taps[f"{name}@{again}" if again else name] = value.detach().clone().contiguous()


def record_projector_inputs(model, taps):
    """Where vLLM calls the tower's parts, not the tower, what the tower would return is what the projector gets."""
    called = []

    def before(module, args, kwargs):
        if not called:
            add(taps, "model.vision_tower", kwargs.get("inputs_embeds", args[0] if args else None))
    model.vision_tower.register_forward_hook(lambda *_: called.append(True))
    model.embed_vision.register_forward_pre_hook(before, with_kwargs=True)


@contextlib.contextmanager
def recorded_routing(model, taps):
    """The function that chooses experts is no module's; its argument says whose router it is."""
    import vllm.model_executor.models.gemma4 as gemma4
    routers = {id(module.per_expert_scale): f"model.{name}" for name, module in model.named_modules()
               if hasattr(module, "per_expert_scale")}
    choose = gemma4.gemma4_routing_function_torch

    def recorded(logits, count, per_expert_scale):
        weights, experts = choose(logits, count, per_expert_scale)
        add(taps, routers[id(per_expert_scale)] + "#top_k_weights", weights)
        add(taps, routers[id(per_expert_scale)] + "#top_k_index", experts.long())
        return weights, experts

    gemma4.gemma4_routing_function_torch = recorded
    yield
    gemma4.gemma4_routing_function_torch = choose


def generate(llm, prompts, new_tokens):
    """Runs all prompts at once; [row, step] of chosen tokens"""
    from vllm import SamplingParams
    parameters = SamplingParams(max_tokens=new_tokens, temperature=0, ignore_eos=True, detokenize=False)
    for row, prompt in enumerate(prompts):
        llm.llm_engine.add_request(str(row), prompt, parameters)
    chosen = {}
    while llm.llm_engine.has_unfinished_requests():
        for output in llm.llm_engine.step():
            chosen[int(output.request_id.partition("-")[0])] = list(output.outputs[0].token_ids)
    return torch.tensor([chosen[row] for row in range(len(prompts))])


def run_engine(folder, config, inputs, dtype, new_tokens):
    llm = engine(folder, dtype)
    model = llm.llm_engine.model_executor.driver_worker.worker.model_runner.model
    with capture(model) as taps, recorded_routing(model, taps):
        if "image_token_id" in config and config["model_type"] == "gemma4":
            record_projector_inputs(model, taps)
        tokens = generate(llm, prompts_of(inputs, config), new_tokens)
    for step in range(1, new_tokens):
        taps[f"input_ids@{step}"] = tokens[:, step - 1:step].contiguous()
    return taps


def run_alone(folder, inputs, dtype):
    model = model_alone(folder, dtype)
    with capture(model) as taps:
        record_projector_inputs(model, taps)
        encode_images(model, inputs)
    return taps


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--dtype", default="bf16", choices=DTYPES)
    parser.add_argument("--new-tokens", type=int, default=1)
    arguments = parser.parse_args()
    dtype = DTYPES[arguments.dtype]
    inputs = load_file(arguments.case / "inputs.safetensors")
    model = arguments.case / "model"
    if "input_ids" in inputs:
        config = json.loads((model / "config.json").read_text())
        taps = run_engine(model, config, inputs, dtype, arguments.new_tokens)
    else:
        taps = run_alone(model, inputs, dtype)
    save_file(taps, arguments.out)


if __name__ == "__main__":
    main()
