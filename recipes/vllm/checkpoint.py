"""A case's checkpoint as an older transformers, too, can read it"""
import json
import pathlib
import shutil
import tempfile


def loadable(model):
    """A copy of the folder `model`, and its configuration. The tower's rotary embedding was of the type "default" before
    it was called "axial"; newer versions read both."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vllm-"))
    for file in model.iterdir():
        shutil.copy(file, folder)
    config = json.loads((model / "config.json").read_text())
    if rope := config.get("vision_config", {}).get("rope_parameters"):
        rope["rope_type"] = "default"
        (folder / "config.json").write_text(json.dumps(config))
    return folder, config
