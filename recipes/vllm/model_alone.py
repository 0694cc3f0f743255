"""vLLM's model class without the engine: what a checkpoint needs that has no text model"""
import tempfile

import torch
from safetensors.torch import load_file


def model_alone(folder, dtype):
    from vllm.config import set_current_vllm_config
    from vllm.distributed import init_distributed_environment, initialize_model_parallel
    from vllm.engine.arg_utils import EngineArgs
    from vllm.model_executor.model_loader.utils import process_weights_after_loading
    from vllm.model_executor.models.gemma4_mm import Gemma4ForConditionalGeneration
    from vllm.utils.torch_utils import set_default_torch_dtype
    config = EngineArgs(model=str(folder), dtype=dtype, enforce_eager=True, max_model_len=256).create_engine_config()
    with tempfile.TemporaryDirectory() as meeting, set_current_vllm_config(config), set_default_torch_dtype(dtype):
        init_distributed_environment(1, 0, f"file://{meeting}/ranks", 0, "gloo")
        initialize_model_parallel(1, 1)
        model = Gemma4ForConditionalGeneration(vllm_config=config)
        model.load_weights(load_file(folder / "model.safetensors").items())
        process_weights_after_loading(model, config.model_config, torch.device("cpu"))
    return model


def encode_images(model, inputs):
    """As the engine does it; a worker would have said how much memory there is."""
    torch.accelerator.get_memory_info = lambda *device: (1 << 30, 1 << 30)
    with torch.inference_mode():
        model._process_image_input({"type": "pixel_values", "pixel_values": inputs["pixel_values"],
                                    "pixel_position_ids": inputs["image_position_ids"]})
