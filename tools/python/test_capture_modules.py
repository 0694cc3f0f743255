"""Modules as engines have them, captured: pytest test_capture_modules.py, where torch is"""
import pytest
import torch
from torch import nn

from plumbline import capture


class Turn(nn.Module):
    """A rotary embedding of vLLM's kind: it turns what it is given, and knows no layer type."""
    def forward(self, positions, query, key):
        return query + positions, key


class Attention(nn.Module):
    def forward(self, query, key, value):
        return query


class Layer(nn.Module):
    def __init__(self, act_fn):
        super().__init__()
        self.rotary_emb, self.attn, self.act_fn = Turn(), Attention(), act_fn

    def forward(self, x):
        query, key = self.rotary_emb(torch.ones(1), x, x)
        return self.act_fn(self.attn(query, key, 3 * x))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        act_fn = nn.ReLU()                                              # one object in all layers
        self.layers = nn.ModuleList(Layer(act_fn) for _ in range(3))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def compute_logits(self, x):
        return 2 * x


@pytest.fixture()
def taps():
    model = Decoder()
    with capture(model, prefix="model") as taps:
        for _ in range(2):                                              # a prefill and a decode step
            model.compute_logits(model(torch.ones(2)))
    return taps


def test_a_shared_module_runs_once_in_each_layer(taps):
    names = sorted(name for name in taps if name.endswith("act_fn"))
    assert names == [f"model.layers.{i}.act_fn" for i in range(3)]
    assert [taps[name][0].item() for name in names] == [2, 3, 4]
    assert taps["model.layers.2.act_fn@1"][0].item() == 4 and "model.layers.0.act_fn@2" not in taps


def test_an_engines_attention_gets_its_states(taps):
    assert taps["model.layers.1#query_states"][0].item() == 3
    assert taps["model.layers.1#key_states"][0].item() == 2
    assert taps["model.layers.1#value_states"][0].item() == 6
    assert "model.layers.1#query_states@1" in taps
    assert "model.layers.1#key_states@1" not in taps                    # the cache has the other keys
    assert not any("rotary_emb" in name for name in taps)


def test_keys_without_queries_are_those_of_the_prefill():
    model = Decoder()
    with capture(model, only=["*#key_states"], prefix="model") as taps:
        for _ in range(2):
            model(torch.ones(2))
    assert sorted(taps) == [f"model.layers.{i}#key_states" for i in range(3)]


def test_layers_that_share_keys_get_none_of_their_own():
    model = Decoder()
    model.layers[2].attn.kv_sharing_target_layer_name = "layers.0.attn"
    with capture(model, prefix="model") as taps:
        model(torch.ones(2))
    assert "model.layers.2#query_states" in taps and "model.layers.2#key_states" not in taps


def test_methods_of_vllm_are_recorded(taps):
    assert taps["model#logits"].tolist() == [8, 8] and "model#logits@1" in taps


def test_a_module_that_runs_for_each_picture_has_a_run_for_each():
    tower = nn.Sequential(nn.Identity())
    with capture(tower, prefix="model.vision_tower") as taps:
        for width in (2, 3):
            tower(torch.ones(1, width))
    assert taps["model.vision_tower.0"].shape == (1, 2) and taps["model.vision_tower.0@1"].shape == (1, 3)


def test_compiled_modules_are_refused():
    in_place, vllm = nn.Sequential(nn.Identity()), Decoder()
    in_place[0].compile()
    vllm.do_not_compile = False
    for model, name in ((in_place, "0"), (torch.compile(nn.Identity()), "OptimizedModule"), (vllm, "Decoder")):
        with pytest.raises(ValueError, match=rf"^{name}: found a compiled module, expected .*enforce_eager=True"):
            with capture(model):
                pass
