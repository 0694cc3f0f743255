"""Dumps that arrays are recorded into, with the package installed, and NumPy, JAX and MLX: pytest test_capture.py"""
import functools
import pathlib

import jax
import jax.numpy
import mlx.core
import numpy
import pytest
from safetensors.numpy import load_file

from plumbline import grade, record, recording, save

CASE = pathlib.Path("fixtures/e2b-text").resolve()
TAPS = load_file(CASE / "expected.safetensors")
HALVES = numpy.array([[1.5, -2.25], [0.0, 96.0]], numpy.float32)  # numbers of bfloat16, too
MAKERS = {
    "numpy": (numpy.asarray, numpy.float16),
    "jax": (jax.numpy.asarray, jax.numpy.bfloat16),
    "mlx": (mlx.core.array, mlx.core.bfloat16),
}


@pytest.fixture(params=MAKERS)
def maker(request):
    return MAKERS[request.param]


def test_recorded_arrays_pass(maker, tmp_path):
    array, _ = maker
    with recording(tmp_path / "dump.safetensors") as put:
        for name, value in TAPS.items():
            if name.startswith("model.layers.") and value.dtype == numpy.float32:
                put(name, array(value))
    report = grade(CASE, tmp_path / "dump.safetensors", arithmetic="fp32")
    assert report and len(report.steps) > 50, str(report)


def test_narrow_values_stay(maker, tmp_path):
    array, narrow = maker
    with recording(tmp_path / "dump.safetensors") as put:
        put("model.norm", array(HALVES).astype(narrow))
    written = load_file(tmp_path / "dump.safetensors")["model.norm"]
    assert numpy.array_equal(written.astype(numpy.float32), HALVES)


def test_a_name_once(tmp_path):
    with pytest.raises(ValueError, match="model.norm is recorded already"):
        with recording(tmp_path / "dump.safetensors") as put:
            put("model.norm", HALVES)
            put("model.norm", HALVES)
    assert not (tmp_path / "dump.safetensors").exists()


def test_two_recordings_do_not_meet(tmp_path):
    record("model.norm", HALVES)
    with recording(tmp_path / "a.safetensors") as put:
        put("logits", HALVES)
    save(tmp_path / "b.safetensors")
    assert [*load_file(tmp_path / "a.safetensors"), *load_file(tmp_path / "b.safetensors")] == ["logits", "model.norm"]


def test_nothing_is_no_dump(tmp_path):
    with pytest.raises(ValueError, match="no tap was recorded"):
        with recording(tmp_path / "dump.safetensors"):
            pass


def test_what_jit_traces_is_refused_with_advice(tmp_path):
    def doubled(x, put):
        put("model.norm", 2 * x)
        return x

    with pytest.raises(TypeError, match=r"^model.norm: found a value that jit traces, .*jax.debug.callback"):
        jax.jit(functools.partial(doubled, put=record))(jax.numpy.ones(2))
    with recording(tmp_path / "dump.safetensors") as put:
        as_advised = functools.partial(jax.debug.callback, functools.partial(put, "model.norm"))
        jax.jit(lambda x: as_advised(2 * x))(jax.numpy.asarray(HALVES))
        jax.effects_barrier()
    assert (load_file(tmp_path / "dump.safetensors")["model.norm"] == 2 * HALVES).all()
